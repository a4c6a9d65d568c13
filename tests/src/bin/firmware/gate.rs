//! The gate: bytes of the image, by whose they are, against the budget.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SymbolKind};

use crate::machine::build;

/// The budget, as messages name it.
const NAME: &str = "tests/firmware/size-budget.txt";

/// How much more a line may be, in thousandths.
const TOLERANCE: u64 = 10;

/// Whose bytes, in the order of the table.
const PARTS: [&str; 8] = [
    "flash",
    "driver",
    "stack",
    "core",
    "firmware",
    "library",
    "constants",
    "ram",
];

pub(crate) fn run(update: bool) -> Result<(), String> {
    let image = build("wrtracker-firmware", "")?;
    let bytes = fs::read(&image).map_err(|error| format!("{}: {error}", image.display()))?;
    let (parts, statics) = measure(&bytes)?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware/size-budget.txt");
    let text = fs::read_to_string(&path).map_err(|error| format!("{NAME}: {error}"))?;
    let budget = parse(&text)?;
    println!("{:10} {:>8} {:>8}", "part", "bytes", "budget");
    let mut grown = Vec::new();
    for part in PARTS {
        let now = parts.get(part).copied().unwrap_or(0);
        let most = budget.get(part).copied().unwrap_or(0);
        let note = if now * 1000 > most * (1000 + TOLERANCE) {
            grown.push(part);
            "  GROWN"
        } else {
            ""
        };
        println!("{part:10} {now:>8} {most:>8}{note}");
    }
    println!("RAM:");
    for (name, bytes) in statics.iter().filter(|(_, bytes)| *bytes >= 256) {
        println!("  {bytes:>8} {name}");
    }
    if update {
        let comment = text.lines().filter(|line| line.starts_with('#'));
        let mut new: Vec<String> = comment.map(str::to_owned).collect();
        new.extend(PARTS.map(|part| format!("{part:10} {}", parts.get(part).unwrap_or(&0))));
        return fs::write(&path, new.join("\n") + "\n").map_err(|error| format!("{NAME}: {error}"));
    }
    if grown.is_empty() {
        return Ok(());
    }
    Err(format!(
        "the image has grown: {}. If that is worth it, cargo firmware-gate --update writes what \
         there is now into {NAME}.",
        grown.join(", ")
    ))
}

fn parse(text: &str) -> Result<BTreeMap<&str, u64>, String> {
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let mut words = line.split_whitespace();
            let part = words.next().filter(|part| PARTS.contains(part));
            let bytes = words.next().and_then(|bytes| bytes.parse().ok());
            part.zip(bytes).ok_or_else(|| format!("{NAME}: {line:?}"))
        })
        .collect()
}

type Statics = Vec<(String, u64)>;

/// Bytes by part, and the statics in memory with theirs, the largest first.
fn measure(image: &[u8]) -> Result<(BTreeMap<&'static str, u64>, Statics), String> {
    let file = object::File::parse(image).map_err(|error| error.to_string())?;
    let mut parts: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut add = |part, bytes| *parts.entry(part).or_default() += bytes;
    let size = |name| {
        file.section_by_name(name)
            .map_or(0, |section| section.size())
    };
    let (text, rodata) = (size(".text"), size(".rodata"));
    let (data, bss) = (size(".data"), size(".bss") + size(".uninit"));
    add("flash", size(".vector_table") + text + rodata + data);
    add("ram", data + bss);
    let (mut named, mut statics) = (0, Statics::new());
    let mut last = None;
    let mut symbols: Vec<_> = file.symbols().filter(|symbol| symbol.size() > 0).collect();
    symbols.sort_by_key(object::ObjectSymbol::address);
    for symbol in symbols {
        // Two names for the same bytes.
        if last == Some((symbol.address(), symbol.kind())) {
            continue;
        }
        last = Some((symbol.address(), symbol.kind()));
        let name = rustc_demangle::demangle(symbol.name().unwrap_or_default());
        let name = format!("{name:#}");
        match symbol.kind() {
            SymbolKind::Text => {
                add(owner(&name), symbol.size());
                named += symbol.size();
            }
            SymbolKind::Data if symbol.address() >= 0x2000_0000 => {
                statics.push((name, symbol.size()));
            }
            _ => {}
        }
    }
    statics.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    add("library", text.saturating_sub(named));
    add("constants", rodata + size(".vector_table"));
    Ok((parts, statics))
}

/// Whose function it is: of the crate that its name has first.
fn owner(name: &str) -> &'static str {
    let crates = [
        ("wrtracker_core::bare", "driver"),
        ("wrtracker_core", "core"),
        ("smoltcp", "stack"),
        ("wrtracker_firmware", "firmware"),
        ("siphasher", "core"),
        ("heapless", "core"),
        ("managed", "stack"),
    ];
    let places = crates
        .iter()
        .filter_map(|(path, owner)| Some((name.find(path)?, *owner)));
    places
        .min_by_key(|(at, _)| *at)
        .map_or("library", |(_, owner)| owner)
}

#[cfg(test)]
mod tests {
    use super::owner;

    #[test]
    fn a_function_is_of_the_crate_that_its_name_has_first() {
        for (name, part) in [
            ("wrtracker_core::bare::Driver::poll", "driver"),
            ("<wrtracker_core::bare::seat::Seat>::go_on", "driver"),
            ("wrtracker_core::udp::answer", "core"),
            ("<smoltcp::wire::tcp::Repr>::parse", "stack"),
            ("core::fmt::write", "library"),
            ("__cortex_m_rt_main", "library"),
            ("wrtracker_firmware::start", "firmware"),
        ] {
            assert_eq!(owner(name), part, "{name}");
        }
    }
}
