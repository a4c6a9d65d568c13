//! Which parts of a program weigh most.

use std::collections::BTreeMap;
use std::fmt;

use object::{Object, ObjectSymbol, SymbolKind};
use rustc_demangle::demangle;

use crate::Result;

/// A function or a table of a program.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Symbol {
    pub(crate) bytes: u64,
    /// As it is called in the source, as far as that can be told.
    pub(crate) name: String,
}

/// The largest symbols of a program that has them, the largest first.
///
/// Functions that the linker found equal and kept once count once.
///
/// # Errors
///
/// If the program can't be read or was stripped of its symbols.
pub(crate) fn largest(program: &[u8], most: usize) -> Result<Vec<Symbol>> {
    let file = object::File::parse(program).map_err(|error| error.to_string())?;
    let mut by_address = BTreeMap::new();
    for symbol in file.symbols() {
        if matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data) && symbol.size() > 0 {
            let name = symbol.name().unwrap_or("?");
            by_address
                .entry(symbol.address())
                .or_insert_with(|| Symbol {
                    bytes: symbol.size(),
                    // Without the hash, which changes with every version of the compiler.
                    name: format!("{:#}", demangle(name)),
                });
        }
    }
    if by_address.is_empty() {
        return Err("the program has no symbols".to_owned());
    }
    let mut symbols: Vec<_> = by_address.into_values().collect();
    symbols.sort_by(|one, other| other.cmp(one));
    symbols.truncate(most);
    Ok(symbols)
}

impl fmt::Display for Symbol {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{:>7} {}", self.bytes, self.name)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// This test's own program, which isn't stripped.
    fn program() -> Vec<u8> {
        fs::read(std::env::current_exe().unwrap()).unwrap()
    }

    #[test]
    fn the_largest_come_first() {
        let symbols = largest(&program(), 5).unwrap();
        assert_eq!(symbols.len(), 5);
        assert!(symbols.is_sorted_by(|one, other| one.bytes >= other.bytes));
    }

    #[test]
    fn names_are_those_of_the_source() {
        let symbols = largest(&program(), usize::MAX).unwrap();
        let own = symbols
            .iter()
            .filter(|symbol| symbol.name.contains("wrtracker_openwrt::"));
        assert!(own.count() > 10);
        assert!(symbols.iter().all(|symbol| !symbol.name.starts_with("_ZN")));
    }

    #[test]
    fn a_program_without_symbols_is_refused() {
        // The head alone: where segments and sections are, and how many, is none.
        let mut head = program()[..64].to_vec();
        head[32..48].fill(0);
        head[56..58].fill(0);
        head[60..64].fill(0);
        assert_eq!(largest(&head, 5).unwrap_err(), "the program has no symbols");
        assert!(largest(b"text", 5).is_err());
    }
}
