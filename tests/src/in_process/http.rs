//! Announces over HTTP, on connections that stay, without their sockets.

use std::net::SocketAddr;

use wrtracker_core::http::{BUFFER_BYTES, ConnectionId, Connections, LARGEST_REPLY, Next, Slot};

use super::{InProcess, NOW, source_of};
use crate::load::http::emit;
use crate::load::packets::Request;
use crate::load::replies::{Progress, check};
use crate::load::work::{Random, Work};

/// Memory for a connection of each source.
pub struct Memory {
    slots: Vec<Slot>,
    buffers: Vec<u8>,
}

/// A connection of each source.
pub struct OverHttp<'m> {
    connections: Connections<'m>,
    ids: Vec<ConnectionId>,
    out: Vec<u8>,
}

/// Announces, ready to be answered.
pub struct Requests {
    /// The source of each, by number, and its bytes.
    all: Vec<(usize, Vec<u8>)>,
}

impl Memory {
    /// As much as `work` needs.
    pub fn of(work: &Work) -> Self {
        Self {
            slots: vec![Slot::EMPTY; work.sources as usize],
            buffers: vec![0; BUFFER_BYTES],
        }
    }
}

impl<'m> OverHttp<'m> {
    /// Connections of all sources of the work that `memory` is for.
    pub fn new(memory: &'m mut Memory) -> Self {
        let sources = memory.slots.len();
        let mut connections = Connections::new(&mut memory.slots, &mut memory.buffers);
        let open = |source| connections.open(source_of(source), NOW).id;
        Self {
            ids: (0..).take(sources).map(open).collect(),
            connections,
            out: vec![0; LARGEST_REPLY],
        }
    }

    /// Answers all, and returns the bytes of the replies.
    pub fn answer_all(&mut self, tracker: &mut InProcess<'_>, requests: &Requests) -> usize {
        let each = requests.all.iter();
        each.map(|(source, request)| self.answer(tracker, *source, request).len())
            .sum()
    }

    /// Answers all, and hands the number of peers in each reply to `look`.
    ///
    /// # Errors
    ///
    /// What is wrong with the first reply that isn't right.
    pub fn check_all(
        &mut self,
        tracker: &mut InProcess<'_>,
        requests: &Requests,
        mut look: impl FnMut(u32),
    ) -> Result<(), String> {
        for (source, request) in &requests.all {
            let reply = self.answer(tracker, *source, request);
            match check(reply).map_err(|wrong| wrong.to_string())? {
                Progress::Done {
                    length,
                    peers,
                    refused: false,
                } if length == reply.len() => look(peers),
                other => return Err(format!("an announce was answered by {other:?}")),
            }
        }
        Ok(())
    }

    /// The reply, or as much of it as there is.
    fn answer(&mut self, tracker: &mut InProcess<'_>, source: usize, request: &[u8]) -> &[u8] {
        let id = self.ids[source];
        let tracker = tracker.tracker_mut();
        let turn = self
            .connections
            .receive(id, request, tracker, NOW, &mut self.out);
        if turn.next == Next::Read && turn.consumed == request.len() {
            &self.out[..turn.written]
        } else {
            &[]
        }
    }
}

impl InProcess<'_> {
    /// Announces of random peers over HTTP.
    pub fn http_announces(&self, count: usize, wanted: i32, seed: u64) -> Requests {
        let server = SocketAddr::from(([11, 0, 0, 1], 6969));
        let mut random = Random::new(seed);
        let request = |_| {
            let item = self.work.random(&mut random);
            let kind = Request::Announce(wanted);
            let bytes = emit(server, &self.work, kind, item, true);
            (self.work.source(item) as usize, bytes)
        };
        Requests {
            all: (0..count).map(request).collect(),
        }
    }
}
