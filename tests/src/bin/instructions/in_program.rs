//! Counting in the whole program, which is asked over its sockets: one request after the other, so that
//! each has a turn of the event loop for itself.
//!
//! The program has another key each time, and now and then a request comes before the turn of the one
//! before is over: the figures differ by some in a hundred, and no gate holds them.

use std::path::Path;
use std::time::Duration;

use wrtracker_tests::cross;
use wrtracker_tests::in_process::work;
use wrtracker_tests::in_process::workload::{PEERS, TORRENTS, WANTED};
use wrtracker_tests::load::{self, Config, Extent, Mix, Protocol};
use wrtracker_tests::server::Server;

use crate::counter::{Count, Counter};
use crate::per_request;
use crate::processor::Processor;

/// What the program is asked for.
#[derive(Clone, Copy)]
pub(crate) enum Asked {
    UdpConnect,
    UdpAnnounce,
    HttpAnnounce,
}

/// Requests of the shorter of two runs; the longer has so many more.
const REQUESTS: u64 = 3_000;

impl Asked {
    /// All of them, the order that tables have.
    pub(crate) const ALL: [Self; 3] = [Self::UdpConnect, Self::UdpAnnounce, Self::HttpAnnounce];

    /// For people.
    pub(crate) const fn description(self) -> &'static str {
        match self {
            Self::UdpConnect => "whole program: UDP connect",
            Self::UdpAnnounce => "whole program: UDP announce",
            Self::HttpAnnounce => "whole program: HTTP announce",
        }
    }
}

/// Builds the program for a processor, and counts the instructions per request of all sorts, in their
/// order.
///
/// # Errors
///
/// If it can't be built or run, or a reply is wrong.
pub(crate) fn count(counter: &mut Counter, processor: &Processor) -> Result<Vec<u64>, String> {
    let program = cross::build(processor.triple)?;
    let program = Program::start(counter, processor, &program)?;
    let asked = Asked::ALL.into_iter();
    let figures = asked.map(|asked| program.instructions(asked)).collect();
    program.end()?;
    figures
}

/// The whole program, filled with the same swarms as the workload.
struct Program {
    server: Server,
    count: Count,
    /// What fills it.
    load: Config,
}

impl Program {
    fn start(counter: &mut Counter, processor: &Processor, file: &Path) -> Result<Self, String> {
        let (mut command, count) = counter.command(processor, file)?;
        command.args(["-m", "16M", "-i", "127.0.0.1", "-p", "0", "-P", "0"]);
        let server = Server::try_start_command(command)
            .map_err(|exited| format!("the program ended: {exited:?}"))?;
        let load = Config {
            server: server.udp_v4(),
            protocol: Protocol::Udp,
            work: work(TORRENTS, PEERS),
            wanted: 0,
            mix: Mix {
                connect: 0,
                announce: 1,
                scrape: 0,
            },
            extent: Extent::Fill,
            warm_up: Duration::ZERO,
            window: 1,
            threads: 1,
            core: None,
            pid: None,
        };
        let this = Self {
            server,
            count,
            load,
        };
        this.ask(&this.load)?;
        Ok(this)
    }

    /// Instructions per request, system calls not counted.
    fn instructions(&self, asked: Asked) -> Result<u64, String> {
        let mut config = self.load.clone();
        config.wanted = WANTED.cast_signed();
        match asked {
            Asked::UdpConnect => (config.mix.connect, config.mix.announce) = (1, 0),
            Asked::UdpAnnounce => {}
            Asked::HttpAnnounce => {
                config.server = self.server.tcp_v4();
                config.protocol = Protocol::Http { keep_alive: true };
            }
        }
        let mut run = |requests| {
            config.extent = Extent::Replies(requests);
            let before = self.count.read()?;
            self.ask(&config)?;
            Ok::<_, String>(self.count.read()? - before)
        };
        let (few, many) = (run(REQUESTS)?, run(2 * REQUESTS)?);
        Ok(per_request(few, many, REQUESTS))
    }

    /// Asks until the end of the load, of which nothing may go wrong.
    fn ask(&self, config: &Config) -> Result<(), String> {
        let report = load::run(config).map_err(|error| error.to_string())?;
        let counts = &report.counts;
        let expected = match config.extent {
            Extent::Replies(requests) => requests,
            _ => config.work.len(),
        };
        let wanting = u64::from(config.wanted.unsigned_abs()) * counts.announces;
        if (counts.connects + counts.announces, counts.peers_listed) == (expected, wanting)
            && (counts.lost, counts.resent, counts.wrong) == (0, 0, 0)
        {
            Ok(())
        } else {
            Err(format!("{expected} requests came to {counts:?}"))
        }
    }

    fn end(self) -> Result<(), String> {
        let status = self.server.terminate();
        if status.success() {
            Ok(())
        } else {
            Err(format!("the program ended with {status}"))
        }
    }
}
