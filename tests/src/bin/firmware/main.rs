//! The tracker without an operating system, in QEMU: a Cortex-M3 with a network device, and nothing
//! in it but our core, a network stack and this firmware.
//!
//! `firmware` starts it and asks it all that a tracker is asked, by QEMU's own network and by frames
//! that this program makes; has it flooded; and has libtorrent download a file from a peer that it
//! learnt there. `firmware gate [--update]` holds the bytes of the image against its budget.
//! `firmware bench` holds its speed against an image that only echoes.

mod bench;
mod checks;
mod clients;
mod floods;
mod gate;
mod machine;

use std::env;
use std::process::ExitCode;

use wrtracker_tests::namespace::{Place, enter};

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        [] => all(),
        ["clients"] => clients::run(),
        ["gate"] => gate::run(false),
        ["gate", "--update"] => gate::run(true),
        ["bench"] => bench::run(),
        _ => {
            eprintln!("usage: firmware [gate [--update] | bench | clients]");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("FAIL {why}");
            ExitCode::FAILURE
        }
    }
}

fn all() -> Result<(), String> {
    // What runs in the namespace is this program again.
    if env::var_os("WRTRACKER_TESTS_INSIDE").is_some() {
        return clients::run();
    }
    let image = machine::build("wrtracker-firmware", "")?;
    checks::run(&image)?;
    floods::run(&image)?;
    match enter(&["clients"]) {
        Place::Inside => clients::run(),
        Place::Ran(status) if status.success() => Ok(()),
        Place::Ran(status) => Err(format!("clients: {status}")),
        Place::Impossible(why) => {
            println!("skip real clients: {why}");
            Ok(())
        }
    }
}
