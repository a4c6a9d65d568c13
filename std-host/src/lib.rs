//! The tracker for Linux: sockets and files on one side, [`wrtracker_core`] on the other.
//!
//! Layers, each knowing only those above it in this list:
//!
//! 1. [`sys`]: the system calls that need `unsafe`, each in a safe function; nothing else is
//!    unsafe.
//! 2. [`size`], [`duration`], [`address`]: how bytes, times and addresses are written. [`machine`]: how much memory
//!    there is.
//! 3. [`options`]: the table of everything that can be set. [`settings`], [`conf`]: the command
//!    line and the configuration files, read by it.
//! 4. [`plan`]: the memory limit, spent. [`listen`]: the sockets, bound. [`privileges`]: root's
//!    rights, given up, by way of [`users`]. [`lists`]: access lists, loaded. [`state`]: what
//!    outlives the program. [`sync`]: the sockets by which trackers tell each other of peers.
//!    [`interfaces`]: the LAN, found out.
//! 5. [`server`]: the event loop, with [`udp`] and [`tcp`] for what arrives, [`tls`] for what is
//!    secret. [`workers`]: threads
//!    for UDP beside it.
//! 6. [`check`]: what the settings mean, told and not done. [`program`]: all of it in order, from
//!    the command line to the exit code.
//!
//! [`client`] is beside all that: it asks trackers and is none.
//!
//! [`log`], with [`syslog`] and [`completed`], is for all of them; [`notify`] for the service
//! manager.
//!
//! The host knows nothing of the protocols: it moves bytes and tells the time. After
//! [`server::Server::new`] it allocates nothing.
#![deny(unsafe_code)]

pub mod address;
pub mod completed;
pub mod conf;
pub mod duration;
pub mod interfaces;
pub mod listen;
pub mod lists;
pub mod log;
pub mod machine;
pub mod notify;
pub mod options;
pub mod plan;
pub mod privileges;
pub mod program;
pub mod server;
pub mod settings;
pub mod size;
pub mod sys;
pub mod syslog;
pub mod tcp;
mod telling;
pub mod udp;
mod uptime;
pub mod users;

// What a build may leave out: the same names, and a word to who asks for it.
#[cfg(feature = "check")]
pub mod check;
#[cfg(not(feature = "check"))]
#[path = "absent/check.rs"]
pub mod check;
#[cfg(feature = "client")]
pub mod client;
#[cfg(not(feature = "client"))]
#[path = "absent/client.rs"]
pub mod client;
#[cfg(feature = "state")]
pub mod state;
#[cfg(not(feature = "state"))]
#[path = "absent/state.rs"]
pub mod state;
#[cfg(feature = "livesync")]
pub mod sync;
#[cfg(not(feature = "livesync"))]
#[path = "absent/sync.rs"]
pub mod sync;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(not(feature = "tls"))]
#[path = "absent/tls.rs"]
pub mod tls;
#[cfg(feature = "workers")]
pub mod workers;
#[cfg(not(feature = "workers"))]
#[path = "absent/workers.rs"]
pub mod workers;
