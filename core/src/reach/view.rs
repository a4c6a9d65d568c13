//! The peers of a reply, as the asker can reach them.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Scope;
use crate::policy::Lan;

/// Which scopes other than the world the stored peers have had. As long as there is none, nobody's
/// reply needs a look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Near(u8);

impl Near {
    /// Any of them: what to assume when the networks of the LAN have changed.
    pub(crate) const ANY: Self = Self(u8::MAX);

    /// Notes a peer that is stored at `ip`.
    pub(crate) fn note(&mut self, ip: IpAddr, lan: &Lan) {
        self.0 |= bit(Scope::of(ip, lan));
    }

    /// Whether there may be anything else than peers of the world.
    pub(crate) const fn is_any(self) -> bool {
        self.0 != 0
    }

    /// Whether there may be peers that `asker` isn't told of as they are stored.
    pub(crate) const fn matters_to(self, asker: Scope) -> bool {
        let others = match asker {
            Scope::World => bit(Scope::Lan) | bit(Scope::Link) | bit(Scope::Host),
            Scope::Lan => bit(Scope::Link) | bit(Scope::Host),
            Scope::Link => bit(Scope::Host),
            Scope::Host => 0,
        };
        self.0 & others != 0
    }
}

const fn bit(scope: Scope) -> u8 {
    match scope {
        Scope::World => 0,
        Scope::Lan => 1,
        Scope::Link => 2,
        Scope::Host => 4,
    }
}

/// Of what an asker is told of a peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Told {
    AsItIs,
    Public,
    OwnElsePublic,
    Nothing,
}

/// The table of the module's documentation.
pub(super) const fn told(peer: Scope, asker: Scope) -> Told {
    match (peer, asker) {
        (Scope::World, _) | (_, Scope::Host) => Told::AsItIs,
        (Scope::Lan, Scope::Lan | Scope::Link) | (Scope::Link, Scope::Link) => Told::AsItIs,
        (Scope::Host, Scope::Lan | Scope::Link) => Told::OwnElsePublic,
        (Scope::Lan | Scope::Host, Scope::World) => Told::Public,
        (Scope::Link, Scope::Lan | Scope::World) => Told::Nothing,
    }
}

/// Peers that are chosen at a time to take the places of those that had to be left out, and how
/// often.
const SPARE: usize = 64;
const ROUNDS: u32 = 4;

/// Bytes of the longest compact peer.
const LARGEST: usize = 18;

/// Puts into each of the compact peers that the first `used` bytes of `out` are the address at which
/// `asker` reaches it, and returns the bytes that are used then.
///
/// Those that the asker can't reach are left out, and those that look the same. If that leaves room
/// and there may be more peers, up to four times 64 more are taken from `choose`, which fills what it
/// is given with different peers at random, as many as fit and there are: a few left out of many are
/// no loss. Work: four choices, a look at each of these peers, and for those with the router's
/// address and those that were chosen later, a look at all before if one has a similar port.
pub(crate) fn adapt<A: Address>(
    lan: &Lan,
    asker: Scope,
    out: &mut [u8],
    used: usize,
    mut choose: impl FnMut(&mut [u8]) -> usize,
) -> usize {
    let size = A::BYTES.saturating_add(2);
    let most = out.len() / size;
    let chosen = used / size;
    let mut list = List::new(lan, asker, out);
    for nth in 0..chosen {
        // What is kept never reaches beyond what was read.
        let mut peer = [0; LARGEST];
        let start = nth.saturating_mul(size);
        let stored = list.out.get(start..start.saturating_add(size));
        let (Some(peer), Some(stored)) = (peer.get_mut(..size), stored) else {
            break;
        };
        peer.copy_from_slice(stored);
        list.add::<A>(peer);
    }
    let mut rounds = if chosen == most { ROUNDS } else { 0 };
    while list.count < most && rounds > 0 {
        rounds -= 1;
        list.again = true;
        let mut spare = [0; SPARE * LARGEST];
        let spare = spare.get_mut(..SPARE * size).unwrap_or_default();
        let used = choose(spare);
        if used < spare.len() {
            // These were all there are.
            rounds = 0;
        }
        for peer in spare
            .get_mut(..used)
            .unwrap_or_default()
            .chunks_exact_mut(size)
        {
            if list.count == most {
                break;
            }
            list.add::<A>(peer);
        }
    }
    list.count * size
}

/// What a family's compact peers begin with.
pub(crate) trait Address: Copy + PartialEq + Into<IpAddr> {
    /// Bytes of an address.
    const BYTES: usize;

    /// The address at the start of a compact peer.
    fn read(peer: &[u8]) -> Option<Self>;

    /// Puts it at the start of a compact peer.
    fn write(self, peer: &mut [u8]);

    /// The router's address in the world.
    fn public(lan: &Lan) -> Option<Self>;

    /// The router's address in the LAN.
    fn own(lan: &Lan) -> Option<Self>;
}

impl Address for Ipv4Addr {
    const BYTES: usize = 4;

    fn read(peer: &[u8]) -> Option<Self> {
        peer.first_chunk().map(|&octets: &[u8; 4]| octets.into())
    }

    fn write(self, peer: &mut [u8]) {
        if let Some(octets) = peer.first_chunk_mut() {
            *octets = self.octets();
        }
    }

    fn public(lan: &Lan) -> Option<Self> {
        lan.public_v4
    }

    fn own(lan: &Lan) -> Option<Self> {
        lan.own_v4
    }
}

impl Address for Ipv6Addr {
    const BYTES: usize = 16;

    fn read(peer: &[u8]) -> Option<Self> {
        peer.first_chunk().map(|&octets: &[u8; 16]| octets.into())
    }

    fn write(self, peer: &mut [u8]) {
        if let Some(octets) = peer.first_chunk_mut() {
            *octets = self.octets();
        }
    }

    fn public(lan: &Lan) -> Option<Self> {
        lan.public_v6
    }

    fn own(lan: &Lan) -> Option<Self> {
        lan.own_v6
    }
}

/// Words of the bits that say which ports may be in a list: 1024 bits, since a list has 200 peers.
const PORT_WORDS: usize = 32;

/// Compact peers on their way into a reply.
struct List<'a> {
    lan: &'a Lan,
    asker: Scope,
    out: &'a mut [u8],
    count: usize,
    /// A bit for the lower bits of each port that is in the list.
    ports: [u32; PORT_WORDS],
    /// Whether those that are added may be in the list already.
    again: bool,
}

impl<'a> List<'a> {
    const fn new(lan: &'a Lan, asker: Scope, out: &'a mut [u8]) -> Self {
        Self {
            lan,
            asker,
            out,
            count: 0,
            ports: [0; PORT_WORDS],
            again: false,
        }
    }

    /// Adds a peer as the asker reaches it, if it does, unless one that looks the same is there.
    fn add<A: Address>(&mut self, peer: &mut [u8]) {
        let (Some(stored), Some(&port)) = (A::read(peer), peer.last_chunk()) else {
            return;
        };
        let (public, own) = (A::public(self.lan), A::own(self.lan));
        let seen = match told(Scope::of(stored.into(), self.lan), self.asker) {
            Told::AsItIs => Some(stored),
            Told::Public => public,
            Told::OwnElsePublic => own.or(public),
            Told::Nothing => None,
        };
        let Some(ip) = seen else { return };
        ip.write(peer);
        let port = u16::from_be_bytes(port);
        let known = self.has_port(port);
        let shared = seen == public || seen == own;
        if known && (shared || self.again) && self.has(peer) {
            return;
        }
        let start = self.count * peer.len();
        if let Some(to) = self.out.get_mut(start..start.saturating_add(peer.len())) {
            to.copy_from_slice(peer);
            self.count += 1;
        }
    }

    fn has(&self, peer: &[u8]) -> bool {
        let peers = self.out.chunks_exact(peer.len()).take(self.count);
        peers.into_iter().any(|other| other == peer)
    }

    /// Whether the port may be in the list; from now on it may.
    fn has_port(&mut self, port: u16) -> bool {
        let word = self.ports.get_mut(usize::from(port >> 5) % PORT_WORDS);
        let bit = 1 << (port & 31);
        word.is_some_and(|word| {
            let known = *word & bit != 0;
            *word |= bit;
            known
        })
    }
}
