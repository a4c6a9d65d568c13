//! What the operator asked for: the command line and the configuration files, read but not yet
//! acted on.

mod command;
mod paths;
mod policy;
mod restart;

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};

use wrtracker_core::access::Mode;
use wrtracker_core::policy::{Policy, Right, StatsFor};

pub use self::command::{Command, UsageError};
pub(crate) use self::paths::resolve;
pub use self::policy::Conflict;
use crate::address::DEFAULT_PORT;
use crate::lists::{Entries, ListSettings};
pub use crate::log::{Destination as LogTo, Level as LogLevel};
use crate::options::{ANY, DEFAULT_API_PORT};
use crate::plan::Wanted;
use crate::size::Bytes;

/// What the operator asked for. What the core is to know of it is [`policy`](Self::policy).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Settings {
    /// The address of the `-p`, `-P` and `-s` that follow; `None` is any.
    pub address: Option<IpAddr>,
    /// Where to listen, in the order given.
    pub listen: Vec<Listen>,
    /// Threads for UDP, which this release doesn't have: 0 to 64.
    pub udp_workers: u8,
    /// The memory limit; `None` is a share of the machine's.
    pub memory: Option<Bytes>,
    /// The user to become if started as root; `None` is `nobody`.
    pub user: Option<String>,
    /// The folder to chroot or change to.
    pub rootdir: Option<PathBuf>,
    /// The file of the torrents that alone are served.
    pub whitelist: Option<PathBuf>,
    /// The file of the torrents that are not served.
    pub blacklist: Option<PathBuf>,
    /// The named pipe of hashes to add to the list.
    pub fifo_add: Option<PathBuf>,
    /// The named pipe of hashes to take away from the list.
    pub fifo_delete: Option<PathBuf>,
    /// Whether lists are read again when their files change.
    pub watch: bool,
    /// Most hashes in each list, at least 1; `None` depends on the files.
    pub access_entries: Option<u32>,
    /// The file of keys.
    pub keys: Option<PathBuf>,
    /// Most keys, at least 1; `None` depends on the file.
    pub key_entries: Option<u32>,
    /// Where the interface for programs is; nothing is its usual place.
    pub api_listen: Vec<Listen>,
    /// Most hashes that programs can list; `None` depends on the modes.
    pub api_whitelist_entries: Option<u32>,
    /// The file of certificates for TLS, PEM, ours before those that signed it.
    pub tls_certificate: Option<PathBuf>,
    /// The file of the key that belongs to it, PEM.
    pub tls_key: Option<PathBuf>,
    /// What is asked of announces where a place says nothing else; `None` depends on the whitelist
    /// and the signers.
    pub mode: Option<Mode>,
    /// The interface and the port of live sync; the port is not 0.
    pub live_sync: Option<SocketAddrV4>,
    /// Where messages go.
    pub log_to: LogTo,
    /// Which messages are told.
    pub log_level: LogLevel,
    /// Where torrents outlive the program.
    pub state_file: Option<PathBuf>,
    /// Seconds between two writes of it; 0 is only at the end.
    pub state_interval: u32,
    /// Where peers outlive the program.
    pub peers_file: Option<PathBuf>,
    /// Where what is granted outlives the program.
    pub grants_file: Option<PathBuf>,
    /// opentracker's dump of torrents to load at the start.
    pub load_file: Option<PathBuf>,
    /// What the host is to find out about the LAN.
    pub lan_auto: LanAuto,
    /// Whether a configuration file could not be read, which is also a warning.
    pub unread: bool,
    /// What was wrong with lines that don't matter, to be told: the first [`MOST_TOLD`].
    pub warnings: Vec<String>,
    /// What was wrong with lines that do matter: the program must not start. The first
    /// [`MOST_TOLD`].
    pub errors: Vec<String>,
    /// Whether paths are as they lead inside the root directory.
    pub(crate) entered: bool,
    /// What goes into the policy as it is. [`policy`](Self::policy) adds the fields below, whose
    /// defaults depend on others.
    pub(crate) draft: Policy,
    pub(crate) interval_jitter: Option<u32>,
    pub(crate) interval_most: Option<u32>,
    pub(crate) peer_timeout: Option<u32>,
    pub(crate) numwant: Option<u16>,
    pub(crate) numwant_most_udp6: Option<u16>,
    pub(crate) stats_for: Option<StatsFor>,
}

/// Most warnings that are told, and most errors: a file that is none of ours has one on each line.
/// That there are more is told too.
pub const MOST_TOLD: usize = 20;

/// One place to listen at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listen {
    /// On TCP.
    pub tcp: bool,
    /// On UDP.
    pub udp: bool,
    /// `None` is any address of either family.
    pub ip: Option<IpAddr>,
    /// 0 lets the kernel pick.
    pub port: u16,
    /// What is asked of announces here; `None` is [`Settings::mode`].
    pub mode: Option<Mode>,
    /// TCP carries TLS here.
    pub tls: bool,
}

impl Listen {
    /// Whether one socket would have to serve both.
    fn meets(&self, other: &Self) -> bool {
        let any = |ip: Option<IpAddr>| ip.is_none_or(|ip| ip.is_unspecified());
        let same_family = match (self.ip, other.ip) {
            (Some(one), Some(other)) => one.is_ipv4() == other.is_ipv4(),
            _ => true,
        };
        (self.tcp && other.tcp || self.udp && other.udp)
            && self.port == other.port
            && self.port != 0
            && same_family
            && (self.ip == other.ip || any(self.ip) || any(other.ip))
    }
}

/// What the operator says about state. The default is that there is none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StateSettings {
    /// The file of torrents.
    pub file: Option<PathBuf>,
    /// The file of peers.
    pub peers_file: Option<PathBuf>,
    /// opentracker's dump of torrents, only to be read.
    pub load_file: Option<PathBuf>,
    /// Seconds between two writes while the program runs; 0 is none.
    pub interval: u32,
}

/// What the host is to find out about the LAN, from its interfaces.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LanAuto {
    /// Its networks, in addition to those that were named.
    pub networks: bool,
    /// The public addresses, of each family for which none was named.
    pub public_address: bool,
}

impl Settings {
    /// Listens at the current address.
    pub(crate) fn listen_here(&mut self, tcp: bool, udp: bool, port: u16) {
        let ip = self.address.filter(|ip| *ip != ANY);
        let mode = None;
        self.listen.push(Listen {
            tcp,
            udp,
            ip,
            port,
            mode,
            tls: false,
        });
    }

    /// Where to listen: what was asked for, or TCP and UDP on opentracker's port if nothing was.
    pub fn listeners(&self) -> Vec<Listen> {
        if !self.listen.is_empty() {
            return self.listen.clone();
        }
        vec![Listen {
            tcp: true,
            udp: true,
            ip: self.address.filter(|ip| *ip != ANY),
            port: DEFAULT_PORT,
            mode: None,
            tls: false,
        }]
    }

    /// Where the interface for programs is; nowhere as long as nothing opens it.
    pub fn api_listeners(&self) -> Vec<Listen> {
        if cfg!(not(feature = "api")) || self.draft.api_tokens.is_empty() {
            return Vec::new();
        }
        if !self.api_listen.is_empty() {
            return self.api_listen.clone();
        }
        vec![Listen {
            tcp: true,
            udp: false,
            ip: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            port: DEFAULT_API_PORT,
            mode: None,
            tls: false,
        }]
    }

    /// Whether TCP carries TLS at one place at least.
    pub fn has_tls(&self) -> bool {
        let places = self.listeners().into_iter();
        places.chain(self.api_listeners()).any(|place| place.tls)
    }

    /// Most hashes that programs can list.
    fn listed_by_programs(&self) -> usize {
        if self.api_listeners().is_empty() {
            return 0;
        }
        let usual = if self.modes().any(Mode::has_list) {
            4096
        } else {
            0
        };
        let most = self.api_whitelist_entries.unwrap_or(usual);
        usize::try_from(most).unwrap_or(usize::MAX)
    }

    /// What is asked of announces where a place says nothing else.
    pub fn mode(&self) -> Mode {
        let listed = self.whitelist.is_some() || !self.draft.signers.is_empty();
        let usual = if listed { Mode::Listed } else { Mode::Public };
        self.mode.unwrap_or(usual)
    }

    /// What is asked of announces at each place.
    pub fn modes(&self) -> impl Iterator<Item = Mode> {
        let listeners = self.listeners().into_iter();
        listeners.map(|listen| listen.mode.unwrap_or(self.mode()))
    }

    /// Takes the paths as they lead inside [`rootdir`](Self::rootdir), now that it is the root
    /// directory.
    ///
    /// One that is written as seen from outside leads nowhere then, as with opentracker: if there
    /// is nothing at that place, it is taken for what was meant.
    pub fn enter_rootdir(&mut self) {
        self.entered = true;
        let Some(rootdir) = self.rootdir.clone() else {
            return;
        };
        for path in [
            &mut self.whitelist,
            &mut self.blacklist,
            &mut self.fifo_add,
            &mut self.fifo_delete,
            &mut self.keys,
            &mut self.tls_certificate,
            &mut self.tls_key,
            &mut self.state_file,
            &mut self.peers_file,
            &mut self.grants_file,
            &mut self.load_file,
        ]
        .into_iter()
        .flatten()
        {
            if let Ok(rest) = path.strip_prefix(&rootdir)
                && !path.exists()
            {
                *path = Path::new("/").join(rest);
            }
        }
    }

    /// What the operator says about access lists and keys.
    pub fn lists(&self) -> ListSettings {
        ListSettings {
            whitelist: self.whitelist.clone(),
            blacklist: self.blacklist.clone(),
            fifo_add: self.fifo_add.clone(),
            fifo_delete: self.fifo_delete.clone(),
            watch: self.watch,
            keys: self.keys.clone(),
            grants: self.grants_file.clone(),
            key_entries: self.key_entries.and_then(|n| usize::try_from(n).ok()),
            needs_keys: cfg!(feature = "private") && self.modes().any(Mode::has_keys),
            entries: self.access_entries.and_then(|n| usize::try_from(n).ok()),
            granted: self.listed_by_programs(),
            has_api: !self.api_listeners().is_empty(),
        }
    }

    /// What the operator says about state.
    pub fn state(&self) -> StateSettings {
        StateSettings {
            file: self.state_file.clone(),
            peers_file: self.peers_file.clone(),
            load_file: self.load_file.clone(),
            interval: self.state_interval,
        }
    }

    /// What of the memory the operator wants for other things than swarms, where the lists have so
    /// much room.
    pub fn wanted(&self, entries: Entries) -> Wanted {
        Wanted {
            whitelist: entries.whitelist,
            blacklist: entries.blacklist,
            key_bytes: entries.key_bytes(),
            granted_bytes: entries.granted_bytes(),
            sync: self.live_sync.is_some(),
            tls: self.has_tls(),
            log_requests: !self.draft.log_requests.is_empty(),
            workers: if cfg!(feature = "workers") {
                self.udp_workers
            } else {
                0
            },
        }
    }

    /// Adds warnings about settings that do nothing without others.
    pub(crate) fn warn_of_idle(&mut self) {
        let lists = self.whitelist.is_some() || self.blacklist.is_some();
        let files = lists || self.keys.is_some();
        let keyed = self.modes().any(Mode::has_keys);
        let listed = self.modes().any(Mode::has_list);
        let keys = self.keys.is_some() || self.key_entries.is_some();
        let believed = [Right::Sync, Right::All];
        let mut grants = self.draft.grants.iter();
        let nodes = grants.any(|grant| believed.contains(&grant.right));
        let only_here = self.state_file.is_none() && self.peers_file.is_none();
        for (idle, problem) in [
            (
                self.udp_workers > 0 && cfg!(not(feature = "workers")),
                "listen.udp.workers does nothing: UDP workers are left out of this build",
            ),
            (
                self.watch && !files,
                "access.watch does nothing without a whitelist, blacklist or file of keys",
            ),
            (
                self.whitelist.is_some() && !listed,
                "access.whitelist does nothing: no mode is listed or private_listed",
            ),
            (
                !self.draft.signers.is_empty() && !listed,
                "access.signed_by does nothing: no mode is listed or private_listed",
            ),
            (
                keys && !keyed,
                "access.keys and access.key_entries do nothing: no mode is private or private_listed",
            ),
            (
                !self.api_listen.is_empty() && self.api_listeners().is_empty(),
                "api.listen and api.tls do nothing without an api.token",
            ),
            (
                self.grants_file.is_some() && self.api_listeners().is_empty(),
                "state.grants is only read: without an api.token nobody grants anything",
            ),
            (
                keyed && !keys && self.api_listeners().is_empty(),
                "nobody has a key: without access.keys no private announce is let in",
            ),
            (
                self.live_sync.is_some() && !nodes,
                "live sync believes nobody without a livesync.cluster.node_ip",
            ),
            (
                (self.tls_certificate.is_some() || self.tls_key.is_some()) && !self.has_tls(),
                "tls.certificate and tls.key do nothing without a listen.tls or api.tls",
            ),
            (
                self.state_interval > 0 && only_here,
                "state.interval does nothing without a state.file or state.peers_file",
            ),
        ] {
            if idle {
                self.warn(format_args!("{problem}"));
            }
        }
    }

    /// Adds to the warnings, unless there are too many.
    pub(crate) fn warn(&mut self, problem: fmt::Arguments<'_>) {
        tell(&mut self.warnings, problem);
    }

    /// Adds to the errors, unless there are too many.
    pub(crate) fn refuse(&mut self, problem: fmt::Arguments<'_>) {
        tell(&mut self.errors, problem);
    }
}

fn tell(problems: &mut Vec<String>, problem: fmt::Arguments<'_>) {
    if problems.len() < MOST_TOLD {
        problems.push(problem.to_string());
    } else if problems.len() == MOST_TOLD {
        problems.push("and more".into());
    }
}
