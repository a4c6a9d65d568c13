//! The package's service, run as OpenWrt runs it: the init script among stand-ins, and the program
//! that it starts.
#![forbid(unsafe_code)]

mod documents;
mod network;
mod options;
mod procd;
mod running;
mod values;

const HASH: &str = "0123456789abcdef0123456789ABCDEF01234567";

/// The root directory for the test of that name, or the end of it.
macro_rules! root {
    ($name:literal) => {
        match wrtracker_tests::openwrt::Root::new($name) {
            Some(root) => root,
            None => return,
        }
    };
}

pub(crate) use root;
