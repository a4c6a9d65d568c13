//! Frames to the driver for machines without an operating system: whatever they are, it goes on
//! answering, from the address that was asked and to the neighbor that asked.
//!
//! Input: any number of `flags`, two bytes of length, so many bytes of a frame. Of the flags, the
//! lowest bit has the driver polled before the next frame, the next lets a second pass, the third
//! says that the link came back, and the rest lets up to 31 milliseconds pass. Checksums aren't
//! looked at, since no fuzzer would guess them.

use std::mem::ManuallyDrop;
use std::time::Duration;

use wrtracker_core::bare::{Driver, Ipv4, Ipv6, Room, Setup, Sizes};

use super::{Input, WORDS, tracker};
use crate::ether::{Cable, FAIR, FRAME, bad};

/// The driver's addresses.
pub const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
/// Given, though DHCP is at work too in half of the inputs.
pub const V4: [u8; 4] = [192, 0, 2, 1];

const CONNECTIONS: usize = 4;

/// Runs it.
pub fn run(data: &[u8]) {
    let mut memory = vec![0; WORDS];
    let mut tracker = tracker(&mut memory);
    let (cable, mut device, end) = Cable::new(FAIR, 1);
    cable.borrow_mut().trusting = true;
    let mut input = Input(data);
    let dhcp = input.byte().is_some_and(|byte| byte & 1 != 0);
    let setup = Setup {
        mac: MAC,
        port: 6969,
        name: "wrtracker",
        ipv4: if dhcp {
            Ipv4::Dhcp
        } else {
            Ipv4::Static {
                address: V4.into(),
                bits: 24,
                router: Some([192, 0, 2, 254].into()),
            }
        },
        ipv6: Ipv6::AUTOMATIC,
        seed: 1,
    };
    // What is in it borrows from it, which nothing that is dropped may.
    let mut room = ManuallyDrop::new(Room::<CONNECTIONS>::new());
    let sizes = Sizes {
        receive: 256,
        send: 512,
        held: 1,
    };
    let mut bytes = vec![0; sizes.bytes(CONNECTIONS)];
    let mut now = Duration::from_secs(1);
    let mut driver = Driver::new(&setup, &mut room, &mut bytes, sizes, &mut device, now).unwrap();
    while let (Some(flags), &[high, low]) = (input.byte(), input.bytes(2)) {
        let length = usize::from(u16::from_be_bytes([high, low])).min(2 * FRAME);
        let frame = input.bytes(length);
        end.send(frame, now);
        if flags & 1 != 0 {
            driver.poll(now, &mut device, &mut tracker);
        }
        if flags & 2 != 0 {
            now += Duration::from_secs(1);
        }
        if flags & 4 != 0 {
            driver.link_up();
        }
        now += Duration::from_millis((flags >> 3).into());
    }
    while driver.poll(now, &mut device, &mut tracker).is_zero() && cable.borrow().waiting(0) > 0 {}
    if dhcp {
        return;
    }
    // A client with an address of its own, that nobody else had.
    cable.borrow_mut().clear();
    let mac = [2, 0xee, 0xee, 0xee, 0xee, 0xee];
    let from = [198, 51, 100, 77];
    let frame = bad::connect(mac, MAC, from.into(), V4.into());
    end.send(&frame, now);
    driver.poll(now, &mut device, &mut tracker);
    let sent = cable.borrow().frames(1);
    let replies: Vec<_> = sent.iter().filter(|frame| frame[..6] == mac).collect();
    assert_eq!(replies.len(), 1, "{sent:?}");
    assert_eq!(
        (replies[0].len(), &replies[0][26..30]),
        (frame.len(), &V4[..])
    );
    assert_eq!(replies[0][30..34], from);
}
