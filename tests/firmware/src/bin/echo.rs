//! The same machine and stack without a tracker: it sends each datagram back, so that there is
//! something to hold the tracker's speed against.

#![no_std]
#![no_main]

#[path = "../lan9118.rs"]
#[allow(dead_code)]
mod lan9118;
#[path = "../machine.rs"]
#[allow(dead_code)]
mod machine;

use cortex_m_rt::entry;
use smoltcp::iface::{Config, Interface, SocketSet, SocketStorage};
use smoltcp::socket::udp::{PacketBuffer, PacketMetadata, Socket};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};
use static_cell::ConstStaticCell;

use lan9118::Lan9118;
use machine::Machine;

static DEVICE: ConstStaticCell<Lan9118> = ConstStaticCell::new(Lan9118::new());
static IN: ConstStaticCell<[u8; 8192]> = ConstStaticCell::new([0; _]);
static OUT: ConstStaticCell<[u8; 8192]> = ConstStaticCell::new([0; _]);

#[entry]
fn main() -> ! {
    let machine = Machine::take().expect("there is one machine");
    let device = DEVICE.take();
    let mac = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
    assert!(device.start(mac), "there is no network device");
    let now = |machine: &Machine| Instant::from_millis(machine.now().as_millis() as i64);
    let config = Config::new(EthernetAddress(mac).into());
    let mut interface = Interface::new(config, device, now(&machine));
    interface.update_ip_addrs(|all| {
        let _ = all.push(IpCidr::new(IpAddress::v4(10, 0, 2, 15), 24));
    });
    let (mut metas, mut storage) = ([[PacketMetadata::EMPTY; 16]; 2], [SocketStorage::EMPTY; 1]);
    let [meta_in, meta_out] = &mut metas;
    let mut sockets = SocketSet::new(&mut storage[..]);
    let handle = sockets.add(Socket::new(
        PacketBuffer::new(&mut meta_in[..], &mut IN.take()[..]),
        PacketBuffer::new(&mut meta_out[..], &mut OUT.take()[..]),
    ));
    let bound = sockets.get_mut::<Socket<'_>>(handle).bind(6969);
    bound.expect("the port is free");
    say!("ready");
    let mut bytes = [0; 1472];
    loop {
        device.rearm();
        interface.poll(now(&machine), device, &mut sockets);
        let socket = sockets.get_mut::<Socket<'_>>(handle);
        let mut again = false;
        while socket.can_recv() && socket.can_send() {
            if let Ok((length, from)) = socket.recv_slice(&mut bytes) {
                again |= socket.send_slice(&bytes[..length], from).is_ok();
            }
        }
        if !again {
            machine.sleep();
        }
    }
}
