//! Somebody who announces over UDP, one request after the other, and notes how long each reply
//! takes.

use std::io;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use wrtracker_tests::load::packets::{self, Reply, Request};
use wrtracker_tests::load::work::{Random, Work, source_address};
use wrtracker_tests::process;

use crate::Failure;
use crate::trackers::{LOAD_CORE, Running};

/// How long a reply may take before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// Announces random peers of `work` until `over`, at least once, and says by `begun` when it begins.
/// Returns the seconds that each took, in order of size.
pub(super) fn announce(
    tracker: &Running,
    work: &Work,
    seed: u64,
    begun: Sender<()>,
    over: &AtomicBool,
) -> Result<Vec<f64>, Failure> {
    process::pin(LOAD_CORE);
    let mut random = Random::new(seed);
    let mut sockets = Vec::new();
    for source in 0..work.sources {
        let socket = UdpSocket::bind(source_address(tracker.udp, source))?;
        socket.connect(tracker.udp)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let Reply::Connected(id) = ask(&socket, Request::Connect, work, 0, &[0; 8])? else {
            return Err("no connection id".into());
        };
        sockets.push((socket, id));
    }
    let mut times = Vec::new();
    begun.send(())?;
    loop {
        let n = random.below(work.len());
        let (socket, id) = &sockets[work.source(work.nth(n)) as usize];
        let start = Instant::now();
        ask(socket, Request::Announce(5), work, n, id)?;
        times.push(start.elapsed().as_secs_f64());
        if over.load(Ordering::Relaxed) {
            times.sort_by(f64::total_cmp);
            return Ok(times);
        }
    }
}

/// One request about pair `n` of `work`, and its reply.
fn ask(
    socket: &UdpSocket,
    request: Request,
    work: &Work,
    n: u64,
    id: &[u8; 8],
) -> Result<Reply, Failure> {
    let mut bytes = [0; 2048];
    let length = packets::emit(request, work.nth(n), work, id, 7, &mut bytes);
    socket.send(&bytes[..length])?;
    let count = socket
        .recv(&mut bytes)
        .map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => "no reply".into(),
            _ => Failure::from(error),
        })?;
    match packets::check(request, 7, 6, &bytes[..count]) {
        Ok(Reply::Refused) => Err("refused".into()),
        Ok(reply) => Ok(reply),
        Err(wrong) => Err(wrong.to_string().into()),
    }
}
