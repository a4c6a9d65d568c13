//! A tracker without an operating system: this file, a driver for the network device, and
//! `wrtracker_core`. What it does is described in `wrtracker_core::bare`, by the same numbers.

#![no_std]
#![no_main]

mod config;
mod lan9118;
mod machine;

use cortex_m_rt::entry;
use static_cell::{ConstStaticCell, StaticCell};
use wrtracker_core::access::{Access, AccessList};
use wrtracker_core::bare::{Driver, Room, Sizes};
use wrtracker_core::store::Store;
use wrtracker_core::tracker::{Secrets, Tracker};
use wrtracker_core::wire::hash_line::HashLines;

use config::{Config, List};
use lan9118::Lan9118;
use machine::Machine;

/// Connections at the same time, handshakes included.
const CONNECTIONS: usize = 8;
const SIZES: Sizes = Sizes::DEFAULT;
/// Bytes for the swarms.
const SWARMS: usize = 128 << 10;
/// Info hashes in the list.
const LISTED: usize = 256;

// Step 1: a driver for the network device. Step 2: memory, all of it zero at the start.
static DEVICE: ConstStaticCell<Lan9118> = ConstStaticCell::new(Lan9118::new());
static SWARM_WORDS: ConstStaticCell<[u32; SWARMS / 4]> = ConstStaticCell::new([0; _]);
static WALK_WORDS: ConstStaticCell<[u32; 1024]> = ConstStaticCell::new([0; _]);
static LIST_WORDS: ConstStaticCell<[u64; AccessList::words(LISTED)]> = ConstStaticCell::new([0; _]);
static BYTES: ConstStaticCell<[u8; SIZES.bytes(CONNECTIONS)]> = ConstStaticCell::new([0; _]);
static ROOM: StaticCell<Room<'static, CONNECTIONS>> = StaticCell::new();
static CONFIG: StaticCell<Config> = StaticCell::new();
static TRACKER: StaticCell<Tracker<'static>> = StaticCell::new();
static DRIVER: StaticCell<Driver<'static>> = StaticCell::new();

#[entry]
fn main() -> ! {
    let machine = Machine::take().expect("there is one machine");
    say!("wrtracker {}", wrtracker_core::stats::VERSION);
    let (driver, device, tracker) = start(&machine);
    say!("ready");

    // Step 5: for ever.
    let (mut addresses, mut second, mut link) = (0, 0, true);
    loop {
        device.rearm();
        let rest = driver.poll(machine.now(), device, tracker);
        if driver.addresses().count() != addresses {
            addresses = driver.addresses().count();
            driver.addresses().for_each(|ip| say!("address {ip}"));
        }
        if machine.now().as_secs() != second {
            second = machine.now().as_secs();
            // Step 6: the link.
            let (before, now) = (link, device.link());
            link = now;
            if before != now {
                say!("link {}", if now { "up" } else { "down" });
                if now {
                    driver.link_up();
                }
            }
            driver.note("dropped by the device", device.dropped());
            driver.note("bytes of stack used", machine::stack().0 as u64);
            driver.note("bytes of stack", machine::stack().1 as u64);
        }
        if !rest.is_zero() {
            machine.sleep();
        }
    }
}

type Parts = (
    &'static mut Driver<'static>,
    &'static mut Lan9118,
    &'static mut Tracker<'static>,
);

fn start(machine: &Machine) -> Parts {
    let config = CONFIG.init_with(|| Config::DEFAULT);
    config.read(machine::config(), |line, name, wrong| {
        say!("configuration, line {line}: {name}: {wrong}");
    });
    // This machine has no random source: yours does.
    let random = config.random.unwrap_or_else(|| {
        say!("no device.random: connection ids can be guessed");
        [1; 40]
    });
    config.setup.seed = u64::from_be_bytes(*random.last_chunk().expect("there are 40 bytes"));
    let device = DEVICE.take();
    assert!(device.start(config.setup.mac), "there is no network device");
    let tracker = tracker(config, &random);
    (driver(config, device, machine), device, tracker)
}

// Step 3: a tracker. This and the next are apart, so that what they need on the stack is free again.
#[inline(never)]
fn tracker(config: &Config, random: &[u8; 40]) -> &'static mut Tracker<'static> {
    let secrets = Secrets::new(random);
    let words = &mut SWARM_WORDS.take()[..config.memory.min(SWARMS) / size_of::<u32>()];
    say!(
        "up to {} peers, port {}",
        Store::capacity(words.len()).peers,
        config.setup.port
    );
    let store = Store::new(words, &secrets.index, &config.policy).expect("there is memory");
    let tracker = TRACKER.init_with(|| Tracker::of(store, &secrets, config.policy.clone()));
    tracker.set_workspace(WALK_WORDS.take());
    tracker.set_access(access(config.list, random));
    tracker
}

// Step 4: a driver.
#[inline(never)]
fn driver(
    config: &Config,
    device: &mut Lan9118,
    machine: &Machine,
) -> &'static mut Driver<'static> {
    let (room, bytes) = (ROOM.init_with(Room::new), BYTES.take());
    let driver = Driver::new(&config.setup, room, bytes, SIZES, device, machine.now());
    DRIVER.init_with(|| driver.unwrap_or_else(|wrong| panic!("{wrong}")))
}

/// The list in flash, in the form of the file that the program for Linux takes.
fn access(list: List, random: &[u8; 40]) -> Access<'static> {
    let mut access = Access::default();
    if list == List::None {
        return access;
    }
    let key = random.last_chunk().expect("there are 40 bytes");
    let mut hashes = AccessList::new(LIST_WORDS.take(), key);
    let mut lines = HashLines::new();
    let mut lost = 0;
    let mut add = |hash| lost += u32::from(hashes.insert(&hash).is_err());
    lines.push(machine::list(), &mut add);
    lines.finish(&mut add);
    say!("{} info hashes listed, {lost} without room", hashes.len());
    match list {
        List::White => access.whitelist = Some(hashes),
        _ => access.blacklist = Some(hashes),
    }
    access
}
