//! The limit of what a tracker can reach: the program's own way through the sockets, with replies
//! of the right shape and nothing tracked. It says where it listens in the program's words and runs
//! until it is killed.
#![forbid(unsafe_code)]

use std::io;
use std::net::{Ipv4Addr, UdpSocket};

use rustix::event::{PollFd, PollFlags, poll};
use wrtracker::sys::mmsg::Batch;

/// Datagrams in one system call: what the program takes with 16 MiB and more.
const BATCH: usize = 64;
/// Batches between two looks for other events, as in the program.
const BATCHES: usize = 4;
/// Peers in the reply to an announce.
const PEERS: usize = 30;
const LARGEST_REPLY: usize = 20 + 6 * PEERS;

fn main() -> io::Result<()> {
    // The program sets no options on a UDP socket with an address of its own either.
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = socket.local_addr()?;
    let mut batch = Batch::new(BATCH, LARGEST_REPLY)?;
    batch.join_replies(&socket);
    eprintln!("wrtracker: listening on udp {address}\nwrtracker: ready");
    loop {
        poll(&mut [PollFd::new(&socket, PollFlags::IN)], None)?;
        for _ in 0..BATCHES {
            let received = batch.receive(&socket)?;
            for nth in 0..received {
                batch.reply(nth, |_, request, out| answer(request, out));
            }
            batch.send(&socket);
            if received < batch.capacity() {
                break;
            }
        }
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
