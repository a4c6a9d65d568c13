//! A small table of connections with fewer buffers than slots: whatever happens to the others,
//! each connection gets all its replies in order, or is closed.
//!
//! Input: pairs of bytes. Of the first, bits 0 and 1 choose a connection and the rest what happens
//! to it; the second says how much.

use wrtracker_core::http::{BUFFER_BYTES, ConnectionId, Connections, LARGEST_REPLY, Next, Slot};
use wrtracker_core::time::Secs;
use wrtracker_core::tracker::Tracker;

use super::{Input, START, WORDS, ip, tracker};

const SLOTS: usize = 4;
const BUFFERS: usize = 2;

/// What every client sends, again and again, and what it gets for each.
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";
const REPLY: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\
                       Content-Length: 25\r\n\r\n<title>Not Found</title>\n";

/// Runs it.
pub fn run(data: &[u8]) {
    let mut memory = vec![0; WORDS];
    let mut slots = vec![Slot::EMPTY; SLOTS];
    let mut buffers = vec![0; BUFFERS * BUFFER_BYTES];
    let mut host = Host {
        tracker: tracker(&mut memory),
        core: Connections::new(&mut slots, &mut buffers),
        clients: [const { None }; SLOTS],
        now: START,
        out: vec![0; 2 * LARGEST_REPLY],
    };
    let mut input = Input(data);
    while let &[what, much] = input.bytes(2) {
        let (index, much) = (usize::from(what & 3), usize::from(much));
        match what >> 2 & 7 {
            0 => host.open(),
            1 | 2 => host.receive(index, much, true),
            3 => host.receive(index, much, false),
            4 | 5 => host.send(index, much),
            6 => host.close(index),
            _ => host.wait(much),
        }
        let open = host.clients.iter().flatten().count();
        assert_eq!(host.core.len(), open);
    }
    host.end();
}

/// A connection as its client sees it.
struct Client {
    id: ConnectionId,
    /// Bytes of the requests that the tracker took.
    taken: usize,
    /// Bytes of the replies that came.
    got: usize,
    /// The tracker has given it up.
    over: bool,
}

struct Host<'m> {
    tracker: Tracker<'m>,
    core: Connections<'m>,
    clients: [Option<Client>; SLOTS],
    now: Secs,
    out: Vec<u8>,
}

impl Host<'_> {
    fn open(&mut self) {
        let opened = self.core.open((ip("192.0.2.1"), 1).into(), self.now);
        let place = &mut self.clients[opened.id.index()];
        assert_eq!(place.is_some(), opened.replaced);
        *place = Some(Client {
            id: opened.id,
            taken: 0,
            got: 0,
            over: false,
        });
    }

    /// The client sends so many bytes; its socket takes the replies, or nothing.
    fn receive(&mut self, index: usize, count: usize, takes: bool) {
        let Some(client) = &mut self.clients[index] else {
            return;
        };
        let held = !self.core.unsent(client.id).is_empty();
        let stream: Vec<_> = REQUEST
            .iter()
            .cycle()
            .skip(client.taken % REQUEST.len())
            .take(count)
            .copied()
            .collect();
        let turn = self.core.receive(
            client.id,
            &stream,
            &mut self.tracker,
            self.now,
            &mut self.out,
        );
        client.over |= turn.next == Next::Close;
        if client.over {
            assert!(turn.next == Next::Close && turn.written == 0);
            return;
        }
        assert!(if held {
            turn.consumed == 0
        } else {
            turn.consumed == count
        });
        client.taken += turn.consumed;
        let written = &self.out[..turn.written];
        if takes {
            client.take(written);
        } else if !written.is_empty() {
            client.over |= self.core.hold(client.id, written, &[], self.now) == Next::Close;
            assert!(client.over || self.core.unsent(client.id) == written);
        }
        if !client.over && self.core.unsent(client.id).is_empty() {
            client.is_even();
        }
    }

    /// The client takes so many bytes of what is held for it.
    fn send(&mut self, index: usize, count: usize) {
        let Some(client) = &mut self.clients[index] else {
            return;
        };
        let unsent = self.core.unsent(client.id);
        let sent = unsent[..count.min(unsent.len())].to_vec();
        client.take(&sent);
        client.over |= self.core.sent(client.id, sent.len(), self.now) == Next::Close;
        if client.over || !self.core.unsent(client.id).is_empty() {
            return;
        }
        let turn = self
            .core
            .resume(client.id, &mut self.tracker, self.now, &mut self.out);
        assert_eq!(
            (turn.written, turn.next),
            (0, Next::Read),
            "nothing whole was held"
        );
        client.is_even();
    }

    fn close(&mut self, index: usize) {
        if let Some(client) = self.clients[index].take() {
            self.core.close(client.id);
        }
    }

    fn wait(&mut self, seconds: usize) {
        self.now = self.now.plus(u32::try_from(seconds / 4).expect("small"));
        while let Some(id) = self.core.expire(self.now) {
            assert!(self.clients[id.index()].take().is_some());
        }
    }

    /// When all are gone, everything that they held is there for others.
    fn end(mut self) {
        for index in 0..SLOTS {
            self.close(index);
        }
        assert!(self.core.is_empty());
        for _ in 0..BUFFERS {
            self.open();
        }
        for client in self.clients.iter().flatten() {
            assert_eq!(
                self.core.hold(client.id, b"reply", &[], self.now),
                Next::Read
            );
        }
        let held = self
            .clients
            .iter()
            .flatten()
            .map(|client| self.core.unsent(client.id));
        assert_eq!(held.collect::<Vec<_>>(), [b"reply"; BUFFERS]);
    }
}

impl Client {
    /// What came must go on where the last left off.
    fn take(&mut self, bytes: &[u8]) {
        let from = self.got % REPLY.len();
        assert!(
            REPLY
                .iter()
                .cycle()
                .skip(from)
                .zip(bytes)
                .all(|(a, b)| a == b)
        );
        self.got += bytes.len();
    }

    /// A reply has come for each whole request.
    fn is_even(&self) {
        assert_eq!(self.got, self.taken / REQUEST.len() * REPLY.len());
    }
}
