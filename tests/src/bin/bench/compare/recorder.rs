//! Which torrents a load tool asks for, found out by answering it: a tracker that serves only what
//! is on its list must have them there.

use std::collections::HashSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// How long the tool may take to ask for all.
const PATIENCE: Duration = Duration::from_secs(60);

/// A tracker that knows nobody and notes what it's asked for.
pub(super) struct Recorder {
    socket: UdpSocket,
    seen: HashSet<[u8; 20]>,
    announces: u64,
}

impl Recorder {
    /// One that listens.
    pub(super) fn new() -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        // To look at the time also when nobody asks.
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        Ok(Self {
            socket,
            seen: HashSet::new(),
            announces: 0,
        })
    }

    /// Where.
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Answers until so many announces came, and returns the torrents that they named.
    ///
    /// # Errors
    ///
    /// If they don't come within a minute.
    pub(super) fn record(mut self, announces: u64) -> io::Result<Vec<[u8; 20]>> {
        let deadline = Instant::now() + PATIENCE;
        let mut request = [0; 2048];
        while self.announces < announces {
            if Instant::now() > deadline {
                let what = format!("{} of {announces} announces came", self.announces);
                return Err(io::Error::new(io::ErrorKind::TimedOut, what));
            }
            let Ok((length, from)) = self.socket.recv_from(&mut request) else {
                continue;
            };
            let reply = self.answer(&request[..length]);
            // Lost replies are the tool's to bear.
            let _ = self.socket.send_to(&reply, from);
        }
        Ok(self.seen.into_iter().collect())
    }

    /// The reply of a tracker without peers (BEP 15).
    fn answer(&mut self, request: &[u8]) -> Vec<u8> {
        let (Some(action), Some(transaction)) = (request.get(8..12), request.get(12..16)) else {
            return Vec::new();
        };
        let mut reply = [action, transaction].concat();
        match action {
            [0, 0, 0, 0] => reply.extend([1; 8]),
            [0, 0, 0, 1] => {
                self.announces += 1;
                if let Some(hash) = request.get(16..36) {
                    self.seen.extend(<[u8; 20]>::try_from(hash));
                }
                // An interval and nobody.
                reply.extend([0, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0]);
            }
            _ => {
                let torrents = request.len().saturating_sub(16) / 20;
                reply.resize(8 + 12 * torrents, 0);
            }
        }
        reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_announced_is_noted_once() {
        let mut recorder = Recorder::new().unwrap();
        let mut announce = [7; 98];
        announce[8..12].copy_from_slice(&[0, 0, 0, 1]);
        assert_eq!(recorder.answer(&announce).len(), 20);
        assert_eq!(recorder.answer(&announce)[..8], [0, 0, 0, 1, 7, 7, 7, 7]);
        assert_eq!((recorder.announces, recorder.seen.len()), (2, 1));
        assert!(recorder.seen.contains(&[7; 20]));
    }
}
