//! Options of what outlives the program.

use super::{Action, Entry, PATH, Range};

pub(super) static ENTRIES: &[Entry] = &[
    Entry {
        directive: Some("state.file"),
        value: "file",
        default: "none",
        range: PATH,
        help: "torrents and their downloads, read at the start and written at the end",
        action: Action::Path(|settings| &mut settings.state_file),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("state.interval"),
        value: "time",
        default: "0",
        unit: "seconds",
        range: Range::Numbers(0, 4_000_000),
        help: "between two writes of it while the program runs; 0: none, which spares the flash",
        action: Action::Time(|settings, seconds| settings.state_interval = seconds),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("state.peers_file"),
        value: "file",
        default: "none",
        range: PATH,
        help: "the same for peers",
        action: Action::Path(|settings| &mut settings.peers_file),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("state.grants"),
        value: "file",
        default: "none",
        range: PATH,
        help: "keys and torrents that programs grant, written before they are told so",
        action: Action::Path(|settings| &mut settings.grants_file),
        ..Entry::BLANK
    },
    Entry {
        flag: Some('l'),
        value: "file",
        default: "none",
        range: PATH,
        help: "load torrents from this file, as mode=statedump writes it",
        action: Action::Path(|settings| &mut settings.load_file),
        ..Entry::BLANK
    },
];
