//! The real program, announced to by everybody once.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use wrtracker::sys::mmsg::Batch;
use wrtracker_tests::load::packets::{self, Reply, Request};
use wrtracker_tests::load::work::{Item, Work, source_address};
use wrtracker_tests::process;

use super::population::Population;
use crate::Failure;
use crate::in_process::work;
use crate::trackers::{Program, Running};

/// Announces on their way at once.
const BATCH: usize = 64;
/// How long a reply may take; then its request is sent again.
const PATIENCE: Duration = Duration::from_millis(200);
/// How often.
const TIMES: usize = 20;
/// Peers that an announce asks for: what they are is not looked at.
const WANTED: i32 = 50;

/// The anonymous memory of the program, in bytes, with a limit in bytes, after each peer announced.
pub(super) fn memory_after(limit: u64, population: &Population) -> Result<u64, Failure> {
    let tracker = Program::Wrtracker(limit >> 10).start(&work(1, 1))?;
    let work = population.work();
    let mut by_source: Vec<_> = (0..work.sources).map(|_| Vec::new()).collect();
    let mut sources = (0..work.sources)
        .map(|number| Source::open(&tracker, number))
        .collect::<Result<Vec<_>, _>>()?;
    let mut batch = Batch::new(BATCH, packets::LARGEST)?;
    for item in population.shuffled() {
        let number = work.source(item) as usize;
        by_source[number].push(item);
        if by_source[number].len() == BATCH {
            sources[number].announce(&by_source[number], &work, &mut batch)?;
            by_source[number].clear();
        }
    }
    for (source, items) in sources.iter_mut().zip(by_source) {
        source.announce(&items, &work, &mut batch)?;
    }
    Ok(process::anonymous_bytes(tracker.pid)?)
}

/// One address that peers announce from.
struct Source {
    socket: UdpSocket,
    connection: [u8; 8],
    since: Instant,
}

impl Source {
    fn open(tracker: &Running, number: u32) -> Result<Self, Failure> {
        let socket = UdpSocket::bind(source_address(tracker.udp, number))?;
        socket.connect(tracker.udp)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut source = Self {
            socket,
            connection: [0; 8],
            since: Instant::now(),
        };
        source.connect()?;
        Ok(source)
    }

    fn connect(&mut self) -> Result<(), Failure> {
        let any = Item {
            torrent: 0,
            peer: 0,
        };
        let mut request = [0; packets::LARGEST];
        let length = packets::emit(Request::Connect, any, &work(1, 1), &[0; 8], 7, &mut request);
        let mut reply = [0; 2048];
        for _ in 0..TIMES {
            self.socket.send(&request[..length])?;
            let received = self.socket.recv(&mut reply).unwrap_or(0);
            let reply = packets::check(Request::Connect, 7, 6, &reply[..received]);
            if let Ok(Reply::Connected(id)) = reply {
                self.connection = id;
                self.since = Instant::now();
                return Ok(());
            }
        }
        Err("the program doesn't answer a connect".into())
    }

    /// Has up to [`BATCH`] peers announce, each until it is answered.
    fn announce(&mut self, items: &[Item], work: &Work, batch: &mut Batch) -> Result<(), Failure> {
        // BEP 15 lets an id live for a minute.
        if self.since.elapsed() > Duration::from_secs(45) {
            self.connect()?;
        }
        let mut open: Vec<_> = (0_u32..).zip(items).collect();
        let mut reply = [0; 2048];
        for _ in 0..TIMES {
            for &(transaction, &item) in &open {
                let request = Request::Announce(WANTED);
                batch.push(|out| {
                    packets::emit(request, item, work, &self.connection, transaction, out)
                });
            }
            batch.send(&self.socket);
            while !open.is_empty() {
                let Ok(received) = self.socket.recv(&mut reply) else {
                    break;
                };
                let transaction = packets::transaction(&reply[..received]);
                open.retain(|(number, _)| Some(*number) != transaction);
            }
            if open.is_empty() {
                return Ok(());
            }
        }
        Err("the program doesn't answer an announce".into())
    }
}
