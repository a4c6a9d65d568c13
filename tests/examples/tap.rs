//! The tracker without an operating system, tried on one: at the end of a TAP device of Linux, with
//! a network stack of its own. What it does is described in `wrtracker_core::bare`, by the same
//! numbers.
//!
//! ```text
//! ip tuntap add tap0 mode tap
//! ip addr add 10.77.0.2/24 dev tap0
//! ip link set tap0 up
//! cargo tap tap0 10.77.0.1/24
//! curl http://10.77.0.1:6969/stats?mode=everything
//! ```

use std::env;
use std::error::Error;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsRawFd as _;
use std::time::Instant;

use wrtracker_core::bare::smoltcp::phy::{Medium, TunTapInterface, wait};
use wrtracker_core::bare::{Driver, Ipv4, Ipv6, Room, Setup, Sizes};
use wrtracker_core::policy::Policy;
use wrtracker_core::tracker::{Secrets, Tracker};

/// Connections at the same time, handshakes included.
const CONNECTIONS: usize = 32;
/// Bytes for the swarms.
const SWARMS: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let (name, address) = match &words[..] {
        [name, address] => (name, address),
        _ => return Err("usage: tap DEVICE dhcp|ADDRESS/BITS".into()),
    };

    // Step 1: a network device.
    let mut device = TunTapInterface::new(name, Medium::Ethernet)?;
    let descriptor = device.as_raw_fd();

    // Step 2: memory. A firmware has statics; here they are allocated, once.
    let swarms = vec![0; SWARMS / 4].leak();
    let room = Box::leak(Box::new(Room::<CONNECTIONS>::new()));
    let bytes = vec![0; Sizes::DEFAULT.bytes(CONNECTIONS)].leak();

    // Step 3: a tracker, with secrets that nobody can guess.
    let mut random = [0; 48];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    let (secrets, seed) = random.split_at(40);
    let secrets = Secrets::new(secrets.try_into()?);
    let mut tracker = Tracker::new(swarms, &secrets, Policy::DEFAULT)?;
    tracker.set_workspace(vec![0; 4096].leak());

    // Step 4: addresses, and a driver.
    let setup = Setup {
        mac: [2, 0x77, 0x72, 0x74, 0, 1],
        port: 6969,
        name: "wrtracker",
        ipv4: match address.split_once('/') {
            Some((address, bits)) => Ipv4::Static {
                address: address.parse()?,
                bits: bits.parse()?,
                router: None,
            },
            None => Ipv4::Dhcp,
        },
        ipv6: Ipv6::AUTOMATIC,
        seed: u64::from_be_bytes(seed.try_into()?),
    };
    let begun = Instant::now();
    let sizes = Sizes::DEFAULT;
    let mut driver = Driver::new(&setup, room, bytes, sizes, &mut device, begun.elapsed())?;

    // Step 5: for ever.
    let mut shown = 0;
    loop {
        let rest = driver.poll(begun.elapsed(), &mut device, &mut tracker);
        let count = driver.addresses().count();
        if count != shown {
            shown = count;
            driver.addresses().for_each(|ip| println!("address {ip}"));
        }
        wait(descriptor, Some(rest.into()))?;
    }
}
