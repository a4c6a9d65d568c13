//! After its start the server allocates nothing, whatever it is asked.
#![forbid(unsafe_code)]

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use wrtracker::lists::{Entries, ListSettings};
use wrtracker::sys::counting_alloc::CountingAllocator;
use wrtracker_core::access::Mode;
use wrtracker_tests::http_client::{announce_target, request, scrape_target};
use wrtracker_tests::udp_client::{Announce, MAGIC, head, scrape_packet};

use in_process::{Local, is_closed};

mod in_process;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

/// Allocations within turns of the server; the test itself may allocate as it likes.
static WITHIN_TURNS: AtomicUsize = AtomicUsize::new(0);

fn counted(turn: &mut dyn FnMut()) {
    let before = ALLOCATOR.allocations();
    turn();
    WITHIN_TURNS.fetch_add(ALLOCATOR.allocations() - before, Ordering::Relaxed);
}

fn hash(number: usize) -> [u8; 20] {
    let mut hash = [0xa5; 20];
    hash[..4].copy_from_slice(&(number as u32).to_be_bytes());
    hash
}

/// One test, since the counter is one for the process.
#[test]
fn nothing_is_allocated_after_the_start() {
    counted(&mut || drop(std::hint::black_box(vec![1u8; 100])));
    assert_eq!(
        WITHIN_TURNS.swap(0, Ordering::Relaxed),
        1,
        "the counter counts"
    );

    let slots = 16;
    let mut local = Local::start(1 << 20, slots);
    local.around_turn = counted;

    // Thousands of each kind over UDP, nonsense included.
    let udp = local.udp();
    let connected = local.ask(&udp, &head(MAGIC, 0, 1));
    let id = u64::from_be_bytes(connected[8..].try_into().expect("an id"));
    for number in 0..3000u32 {
        let announce = Announce::leecher(number as u16 | 1).with_hash(hash(number as usize % 300));
        let reply = local.ask(&udp, &announce.emit(id, number));
        assert_eq!(reply[..4], [0, 0, 0, 1], "{reply:?}");
        let reply = local.ask(
            &udp,
            &scrape_packet(id, number, &[hash(0), hash(1), hash(number as usize)]),
        );
        assert_eq!(reply[..4], [0, 0, 0, 2], "{reply:?}");
        udp.send(&[0xff; 1000][..number as usize % 1000])
            .expect("to send");
        let reply = local.ask(&udp, &head(MAGIC, 0, number));
        assert_eq!(reply.len(), 16);
    }

    // One HTTP connection: whole requests, pieces of one, several at once.
    let announce = request(&announce_target(&hash(1), 7000, 5, ""));
    let scrape = request(&scrape_target(&[hash(1), hash(2)]));
    let client = local.accepted();
    for _ in 0..2000 {
        local.exchange(&client, announce.as_bytes(), b"e");
        local.exchange(&client, scrape.as_bytes(), b"e");
    }
    for cut in 1..announce.len() {
        let (first, second) = announce.as_bytes().split_at(cut);
        (&client).write_all(first).expect("to send");
        local.turn();
        local.exchange(&client, second, b"e");
    }
    for _ in 0..200 {
        local.exchange(&client, announce.repeat(8).as_bytes(), b"e");
        local.turn();
        assert!(!in_process::receive(&client, &mut Vec::new()));
    }
    drop(client);

    // Connections that come and go, and more of them than there are slots.
    let closing = announce.replace("Host:", "Connection: close\r\nHost:");
    for _ in 0..2000 {
        let client = local.connect();
        (&client).write_all(closing.as_bytes()).expect("to send");
        let reply = local.rest(&client);
        assert!(
            reply.starts_with(b"HTTP/1.1 200"),
            "{}",
            reply.escape_ascii()
        );
    }
    let clients: Vec<_> = (0..10 * slots).map(|_| local.accepted()).collect();
    local.turn();
    assert_eq!(
        clients.iter().filter(|client| !is_closed(client)).count(),
        slots
    );

    // One that takes nothing until the server holds its replies, and errors that make the server
    // linger.
    let slow = local.accepted();
    for _ in 0..20_000 {
        if (&slow).write(scrape.as_bytes()).is_err() {
            break;
        }
        local.turn();
    }
    let mut replies = Vec::new();
    local.until(|| (in_process::receive(&slow, &mut replies) || !replies.is_empty()).then_some(()));
    let wrong = local.connect();
    (&wrong).write_all(&[b'x'; 10_000]).expect("to send");
    assert!(local.rest(&wrong).starts_with(b"HTTP/1.1 4"));
    drop(wrong);

    // Where keys are asked for: none, a wrong one, and who tries too many.
    local.server.set_mode(Mode::Private);
    let entries = Entries {
        keys: 100,
        ..Entries::default()
    };
    local
        .server
        .set_lists(ListSettings::default(), entries)
        .expect("memory");
    let client = local.accepted();
    for number in 0..300u32 {
        let key = format!("{number:032}");
        let more = format!("&passkey={key}");
        let announce = request(&announce_target(&hash(1), 7000, 5, &more));
        local.exchange(&client, announce.as_bytes(), b"e");
        local.exchange(&client, scrape.as_bytes(), b"e");
        let options = [&b"\x02\x2a/announce/"[..], key.as_bytes()].concat();
        let announce = Announce {
            options,
            ..Announce::leecher(1)
        };
        let reply = local.ask(&udp, &announce.emit(id, number));
        assert_eq!(reply[..4], [0, 0, 0, 3], "{reply:?}");
    }
    drop(client);

    // Time-outs and ticks.
    for _ in 0..100 {
        local.server.skip(50);
        local.turn();
    }
    assert_eq!(local.server.connections(), 0);

    assert_eq!(
        WITHIN_TURNS.load(Ordering::Relaxed),
        0,
        "allocations while serving"
    );
}
