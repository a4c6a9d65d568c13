//! The limit of what a tracker can reach: the program's own way through the sockets, with replies of the right shape
//! and nothing tracked. It prints where it listens and runs until it is killed.
#![forbid(unsafe_code)]

use std::io;
use std::net::UdpSocket;

use rustix::event::{PollFd, PollFlags, poll};
use wrtracker::sys::mmsg::Batch;

/// Datagrams in one system call, as in the program.
const BATCH: usize = 32;
/// Peers in the reply to an announce.
const PEERS: usize = 30;
const LARGEST_REPLY: usize = 20 + 6 * PEERS;

fn main() -> io::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    println!(
        "socket loop: listening on udp {}\nsocket loop: ready",
        socket.local_addr()?
    );
    let mut batch = Batch::new(BATCH, LARGEST_REPLY);
    loop {
        let received = batch.receive(&socket)?;
        if received == 0 {
            poll(&mut [PollFd::new(&socket, PollFlags::IN)], None)?;
            continue;
        }
        for nth in 0..received {
            batch.reply(nth, |_, request, out| answer(request, out));
        }
        batch.send(&socket);
    }
}

/// A reply as long as a tracker's, with the transaction id of the request.
fn answer(request: &[u8], out: &mut [u8]) -> usize {
    let Some(action) = request.get(8..12) else {
        return 0;
    };
    let length = match action {
        [0, 0, 0, 0] => 16,
        [0, 0, 0, 1] => LARGEST_REPLY,
        [0, 0, 0, 2] => 8 + 12 * ((request.len().saturating_sub(16)) / 20),
        _ => return 0,
    };
    let (Some(reply), Some(transaction)) = (out.get_mut(..length), request.get(12..16)) else {
        return 0;
    };
    reply.fill(1);
    reply[..4].copy_from_slice(action);
    reply[4..8].copy_from_slice(transaction);
    length
}
