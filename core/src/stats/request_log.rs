//! HTTP requests as they came, for `mode=fulllog`.
//!
//! Whose requests are kept the operator says ([`Policy::log_requests`]). opentracker lets whoever
//! announces switch it on by `lognet=` for any network, which is no way to guard it; that parameter
//! means nothing here.

use core::fmt::Write;
use core::net::{IpAddr, Ipv6Addr};

use crate::policy::Policy;
use crate::store::Progress;
use crate::time::Secs;
use crate::wire::Out;

/// Requests in a fixed piece of memory. A new one takes the room of the oldest ones; each is shown
/// once. Without memory nothing is kept.
#[derive(Debug, Default)]
pub struct RequestLog<'m> {
    /// A ring of entries: a head of [`HEAD`] bytes and the request.
    ring: &'m mut [u8],
    /// Where the oldest begins.
    start: usize,
    /// Bytes of all entries.
    used: usize,
}

/// Most bytes of a request that are kept.
pub const MOST_LOGGED: usize = 1024;

/// More bytes than one request takes when it is shown: a buffer of this size always brings
/// [`RequestLog::drain`] on.
pub const LARGEST_ENTRY: usize = MOST_LOGGED + 64;

/// Bytes before a request in memory: its length, when, from where.
const HEAD: usize = 2 + 4 + 16;

impl<'m> RequestLog<'m> {
    /// An empty log in `memory`, whatever is in there.
    pub const fn new(memory: &'m mut [u8]) -> Self {
        Self {
            ring: memory,
            start: 0,
            used: 0,
        }
    }

    /// Whether there is nothing to show.
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Keeps the first 1,024 bytes of a request, if the policy wants those of `ip` kept: the
    /// address that it came from, whatever a proxy says. Work: looks at up to 8 networks, copies
    /// the request, and passes over as many old ones as have to go.
    pub fn note(&mut self, policy: &Policy, ip: IpAddr, now: Secs, request: &[u8]) {
        let mut networks = policy.log_requests.iter();
        if self.ring.is_empty() || !networks.any(|network| network.contains(ip)) {
            return;
        }
        let request = request.get(..MOST_LOGGED).unwrap_or(request);
        let size = HEAD.saturating_add(request.len());
        if size > self.ring.len() {
            return;
        }
        while self.ring.len().saturating_sub(self.used) < size {
            self.forget_oldest();
        }
        let length = u16::try_from(request.len()).unwrap_or(u16::MAX);
        let ip = match ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        self.append(&length.to_be_bytes());
        self.append(&now.0.to_be_bytes());
        self.append(&ip.octets());
        self.append(request);
    }

    /// Writes the oldest requests while `out` has room for them, and forgets them:
    /// `SECONDS: ADDRESS`, the request, and a line with a star between empty ones. The seconds are
    /// those of the tracker's clock, since it knows no other. A buffer of [`LARGEST_ENTRY`] bytes
    /// always brings it on.
    pub fn drain(&mut self, out: &mut Out<'_>) -> Progress {
        while let Some(oldest) = self.oldest() {
            let mut bytes = [0; 64];
            let mut head = Out::new(&mut bytes);
            // It has room for every address.
            let _ = writeln!(head, "{}: {}", oldest.now.0, oldest.ip);
            let size = head.len().saturating_add(oldest.length);
            if size.saturating_add(END.len()) > out.room().len() {
                return Progress::More;
            }
            out.put(head.written());
            let (first, second) = self.stored(HEAD, oldest.length);
            out.put(first);
            out.put(second);
            out.put(END);
            self.forget_oldest();
        }
        Progress::Done
    }

    fn oldest(&self) -> Option<Entry> {
        if self.used < HEAD {
            return None;
        }
        let (first, second) = self.stored(0, HEAD);
        let mut head = [0; HEAD];
        let bytes = first.iter().chain(second);
        head.iter_mut()
            .zip(bytes)
            .for_each(|(to, &from)| *to = from);
        let [l1, l2, t1, t2, t3, t4, ip @ ..] = head;
        Some(Entry {
            length: u16::from_be_bytes([l1, l2]).into(),
            now: Secs(u32::from_be_bytes([t1, t2, t3, t4])),
            ip: Ipv6Addr::from_octets(ip).to_canonical(),
        })
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.oldest() else {
            self.used = 0;
            return;
        };
        let size = HEAD.saturating_add(oldest.length);
        self.start = self.at(size);
        self.used = self.used.saturating_sub(size);
    }

    fn append(&mut self, bytes: &[u8]) {
        let at = self.at(self.used);
        let before_end = self.ring.len().saturating_sub(at).min(bytes.len());
        let (first, second) = bytes.split_at_checked(before_end).unwrap_or_default();
        for (at, part) in [(at, first), (0, second)] {
            let end = at.saturating_add(part.len());
            if let Some(to) = self.ring.get_mut(at..end) {
                to.copy_from_slice(part);
            }
        }
        self.used = self.used.saturating_add(bytes.len());
    }

    /// The `length` bytes that stand `from` bytes behind the oldest entry's beginning.
    fn stored(&self, from: usize, length: usize) -> (&[u8], &[u8]) {
        let at = self.at(from);
        let end = at.saturating_add(length);
        let behind = end.saturating_sub(self.ring.len());
        let first = self.ring.get(at..end.min(self.ring.len()));
        let second = self.ring.get(..behind);
        (first.unwrap_or_default(), second.unwrap_or_default())
    }

    /// Where a byte of the ring is, so many behind the oldest entry's beginning.
    fn at(&self, offset: usize) -> usize {
        let at = self.start.saturating_add(offset);
        at.checked_sub(self.ring.len()).unwrap_or(at)
    }
}

/// What stands before a request in memory.
struct Entry {
    length: usize,
    now: Secs,
    ip: IpAddr,
}

const END: &[u8] = b"\n*\n\n";
const _: () = assert!(MOST_LOGGED <= u16::MAX as usize);
// The longest number and the longest address.
const _: () = assert!(10 + 2 + 45 + 1 + END.len() <= LARGEST_ENTRY - MOST_LOGGED);

#[cfg(test)]
mod tests {
    use core::net::IpAddr;
    use std::collections::VecDeque;
    use std::string::String;
    use std::vec;
    use std::vec::Vec;

    use super::{HEAD, LARGEST_ENTRY, MOST_LOGGED, RequestLog};
    use crate::network::Network;
    use crate::policy::Policy;
    use crate::random::Random;
    use crate::store::Progress;
    use crate::time::Secs;
    use crate::wire::Out;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn policy(networks: &[(&str, u8)]) -> Policy {
        let mut policy = Policy::DEFAULT;
        for &(text, bits) in networks {
            let network = Network::new(ip(text), bits).unwrap();
            policy.log_requests.push(network).unwrap();
        }
        policy
    }

    /// Everything, through buffers of `room` bytes.
    fn drained(log: &mut RequestLog<'_>, room: usize) -> String {
        let mut all = Vec::new();
        loop {
            let mut bytes = vec![0; room];
            let mut out = Out::new(&mut bytes);
            let progress = log.drain(&mut out);
            assert!(!out.overflowed());
            all.extend_from_slice(out.written());
            match progress {
                Progress::Done => return String::from_utf8(all).unwrap(),
                Progress::More => assert!(!out.is_empty()),
            }
        }
    }

    #[test]
    fn requests_of_the_networks_are_shown_once() {
        let policy = policy(&[("192.0.2.0", 24), ("2001:db8::", 32)]);
        let mut memory = [7; 4096];
        let mut log = RequestLog::new(&mut memory);
        assert_eq!(drained(&mut log, LARGEST_ENTRY), "");
        log.note(&policy, ip("192.0.2.1"), Secs(5), b"GET / HTTP/1.0\r\n\r\n");
        log.note(&policy, ip("198.51.100.1"), Secs(6), b"GET /a\n\n");
        log.note(&policy, ip("2001:db8::1"), Secs(4_294_967_295), b"");
        log.note(&policy, ip("::ffff:192.0.2.2"), Secs(0), b"x");
        assert_eq!(
            drained(&mut log, LARGEST_ENTRY),
            "5: 192.0.2.1\nGET / HTTP/1.0\r\n\r\n\n*\n\n\
             4294967295: 2001:db8::1\n\n*\n\n\
             0: 192.0.2.2\nx\n*\n\n"
        );
        assert_eq!(drained(&mut log, LARGEST_ENTRY), "");
    }

    #[test]
    fn long_requests_are_cut() {
        let policy = policy(&[("0.0.0.0", 0)]);
        let mut memory = [0; 2 * (HEAD + MOST_LOGGED)];
        let mut log = RequestLog::new(&mut memory);
        for letter in [b'a', b'b', b'c'] {
            log.note(&policy, ip("10.0.0.1"), Secs(1), &[letter; 8192]);
        }
        let entry = |letter: &str| std::format!("1: 10.0.0.1\n{}\n*\n\n", letter.repeat(1024));
        assert_eq!(
            drained(&mut log, LARGEST_ENTRY),
            [entry("b"), entry("c")].concat()
        );
    }

    #[test]
    fn without_memory_or_networks_nothing_is_kept() {
        let everybody = policy(&[("0.0.0.0", 0)]);
        let mut log = RequestLog::default();
        log.note(&everybody, ip("10.0.0.1"), Secs(1), b"");
        assert_eq!(drained(&mut log, LARGEST_ENTRY), "");
        for size in [1, HEAD - 1, HEAD] {
            let mut memory = vec![0; size];
            let mut log = RequestLog::new(&mut memory);
            log.note(&everybody, ip("10.0.0.1"), Secs(1), b"x");
            assert_eq!(drained(&mut log, LARGEST_ENTRY), "");
        }
        let mut memory = [0; 1024];
        let mut log = RequestLog::new(&mut memory);
        log.note(&Policy::DEFAULT, ip("10.0.0.1"), Secs(1), b"x");
        assert_eq!(drained(&mut log, LARGEST_ENTRY), "");
    }

    #[test]
    fn the_newest_are_kept_whole_and_in_order_for_every_buffer() {
        let policy = policy(&[("::", 0)]);
        let mut random = Random::new(3);
        for size in [HEAD + 40, 200, 1_999, 5_000] {
            let mut memory = vec![0; size];
            let mut log = RequestLog::new(&mut memory);
            let mut reference = VecDeque::new();
            for number in 0..2_000 {
                let most = [3, 40, 700][random.below(3) as usize];
                let length = random.below(most) as usize;
                let text = std::format!("{number} ").repeat(length);
                let text = &text[..length];
                log.note(&policy, ip("fe80::1"), Secs(number), text.as_bytes());
                if HEAD + length <= size {
                    reference.push_back(std::format!("{number}: fe80::1\n{text}\n*\n\n"));
                }
                let overhead = "\n*\n\n".len();
                let bytes = |entry: &String| {
                    let (head, _) = entry.split_once('\n').unwrap();
                    entry.len() - head.len() - 1 - overhead + HEAD
                };
                while reference.iter().map(bytes).sum::<usize>() > size {
                    reference.pop_front();
                }
                if random.below(20) == 0 {
                    let room = LARGEST_ENTRY + random.below(3_000) as usize;
                    let expected: String = reference.drain(..).collect();
                    assert_eq!(drained(&mut log, room), expected);
                }
            }
        }
    }
}
