//! Huffman codes that are fixed when the program is compiled (RFC 1951 sections 3.2.2 to 3.2.7).
// All of this runs in the compiler, where a mistake doesn't compile.
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

/// Literals, the end of a block and lengths.
const SYMBOLS: usize = 286;
const DISTANCES: usize = 30;

/// The symbol that ends a block.
pub(super) const END: usize = 256;

/// A code: its bits in the order they are sent, and a 1 above them. 0: there is none.
pub(super) type Code = u16;

/// A pair of codes and the block header that tells them.
#[derive(Debug)]
pub(super) struct Codes {
    symbols: [Code; SYMBOLS],
    distances: [Code; DISTANCES],
    header: Header,
}

/// The first bits of a block: that it is the last, and its codes.
#[derive(Debug)]
pub(super) struct Header {
    bytes: [u8; Self::MOST],
    bits: usize,
}

impl Header {
    /// Most bytes of a header.
    pub(super) const MOST: usize = 96;
}

/// Symbols from the first to the last have codes of so many bits.
type Run = (usize, usize, u8);

impl Codes {
    const fn new(symbols: &[Run], distances: &[Run]) -> Self {
        let symbols: [u8; SYMBOLS] = lengths(symbols);
        let distances: [u8; DISTANCES] = lengths(distances);
        Self {
            symbols: canonical(&symbols),
            distances: canonical(&distances),
            header: header(&symbols, &distances),
        }
    }

    #[inline]
    pub(super) fn symbol(&self, symbol: usize) -> Code {
        self.symbols.get(symbol).copied().unwrap_or_default()
    }

    #[inline]
    pub(super) fn distance(&self, symbol: usize) -> Code {
        self.distances.get(symbol).copied().unwrap_or_default()
    }

    /// How many bits a byte takes.
    #[cfg(test)]
    pub(super) fn bits(&self, byte: u8) -> u32 {
        self.symbol(byte.into()).ilog2()
    }

    /// The bits of the block header, 8 at a time, each with its number.
    pub(super) fn header(&self) -> impl Iterator<Item = (u8, u32)> {
        let bytes = self.header.bytes.iter().copied();
        let whole = self.header.bits / 8;
        let rest = (self.header.bits % 8) as u32;
        bytes
            .enumerate()
            .map(move |(nth, byte)| (byte, if nth < whole { 8 } else { rest }))
            .take(whole + 1)
    }
}

const fn lengths<const N: usize>(runs: &[Run]) -> [u8; N] {
    let mut lengths = [0; N];
    let mut run = 0;
    while run < runs.len() {
        let (mut symbol, last, length) = runs[run];
        while symbol <= last {
            lengths[symbol] = length;
            symbol += 1;
        }
        run += 1;
    }
    lengths
}

/// The codes that the lengths stand for.
const fn canonical<const N: usize>(lengths: &[u8; N]) -> [Code; N] {
    let mut codes = [0; N];
    let mut next: u32 = 0;
    let mut length = 1;
    while length <= 15 {
        let mut symbol = 0;
        while symbol < N {
            if lengths[symbol] == length {
                let code = next.reverse_bits() >> (32 - length);
                codes[symbol] = (code | 1 << length) as Code;
                next += 1;
            }
            symbol += 1;
        }
        next *= 2;
        length += 1;
    }
    assert!(next == 1 << 16, "every string of bits means something");
    codes
}

/// How many bits each code length has itself, by code length and then the three repeats: a code
/// that fits all of ours well enough.
const LENGTH_LENGTHS: [u8; 19] = [4, 5, 5, 5, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 4, 4, 4, 4];

/// In this order they are sent.
const ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

const fn header(symbols: &[u8; SYMBOLS], distances: &[u8; DISTANCES]) -> Header {
    let mut to = Header {
        bytes: [0; Header::MOST],
        bits: 0,
    };
    push(&mut to, 0b101, 3);
    push(&mut to, SYMBOLS as u16 - 257, 5);
    push(&mut to, DISTANCES as u16 - 1, 5);
    push(&mut to, 19 - 4, 4);
    let mut nth = 0;
    while nth < 19 {
        push(&mut to, LENGTH_LENGTHS[ORDER[nth]] as u16, 3);
        nth += 1;
    }
    let codes = canonical(&LENGTH_LENGTHS);
    let mut all = [0; SYMBOLS + DISTANCES];
    let mut symbol = 0;
    while symbol < all.len() {
        all[symbol] = if symbol < SYMBOLS {
            symbols[symbol]
        } else {
            distances[symbol - SYMBOLS]
        };
        symbol += 1;
    }
    let mut at = 0;
    while at < all.len() {
        let mut same = 1;
        while at + same < all.len() && all[at + same] == all[at] {
            same += 1;
        }
        if all[at] == 0 && same >= 11 {
            let count = if same > 138 { 138 } else { same };
            push_code(&mut to, codes[18]);
            push(&mut to, count as u16 - 11, 7);
            at += count;
            continue;
        }
        push_code(&mut to, codes[all[at] as usize]);
        at += 1;
        same -= 1;
        while same >= 3 {
            let count = if same > 6 { 6 } else { same };
            push_code(&mut to, codes[16]);
            push(&mut to, count as u16 - 3, 2);
            at += count;
            same -= count;
        }
    }
    to
}

const fn push_code(to: &mut Header, code: Code) {
    let count = 15 - code.leading_zeros();
    push(to, code & !(1 << count), count);
}

const fn push(to: &mut Header, bits: u16, count: u32) {
    let mut bit = 0;
    while bit < count {
        to.bytes[to.bits / 8] |= ((bits >> bit & 1) as u8) << (to.bits % 8);
        to.bits += 1;
        bit += 1;
    }
}

// `cargo bench-gzip codes` finds the lengths that fit made-up torrents best. Any lengths would be
// right, and all symbols have a code: other torrents are only packed a little worse.

/// For bencode: most symbols are raw bytes of hashes, and the others must not cost those much.
pub(super) static RAW: Codes = Codes::new(
    &[
        (0, 47, 8),
        (48, 48, 7),
        (49, 49, 6),
        (50, 57, 7),
        (58, 194, 8),
        (195, 255, 9),
        (256, 256, 14),
        (257, 258, 15),
        (259, 259, 7),
        (260, 264, 15),
        (265, 265, 7),
        (266, 266, 15),
        (267, 267, 7),
        (268, 268, 14),
        (269, 269, 6),
        (270, 270, 14),
        (271, 271, 6),
        (272, 273, 11),
        (274, 274, 6),
        (275, 275, 12),
        (276, 285, 15),
    ],
    &[
        (0, 11, 13),
        (12, 12, 1),
        (13, 13, 13),
        (14, 14, 3),
        (15, 19, 4),
        (20, 20, 5),
        (21, 21, 6),
        (22, 22, 7),
        (23, 23, 8),
        (24, 24, 9),
        (25, 25, 13),
        (26, 29, 14),
    ],
);
/// For raw hashes and zeros.
pub(super) static BINARY: Codes = Codes::new(
    &[
        (0, 0, 5),
        (1, 220, 8),
        (221, 255, 9),
        (256, 256, 12),
        (257, 257, 13),
        (258, 258, 7),
        (259, 261, 14),
        (262, 262, 5),
        (263, 285, 14),
    ],
    &[
        (0, 8, 12),
        (9, 9, 2),
        (10, 10, 12),
        (11, 12, 3),
        (13, 13, 4),
        (14, 14, 3),
        (15, 18, 4),
        (19, 19, 5),
        (20, 20, 6),
        (21, 21, 7),
        (22, 22, 8),
        (23, 27, 12),
        (28, 29, 13),
    ],
);
/// For hashes in upper-case hex.
pub(super) static HEX: Codes = Codes::new(
    &[
        (0, 9, 14),
        (10, 10, 7),
        (11, 47, 14),
        (48, 57, 4),
        (58, 58, 6),
        (59, 64, 14),
        (65, 68, 4),
        (69, 70, 5),
        (71, 256, 14),
        (257, 257, 8),
        (258, 258, 14),
        (259, 259, 6),
        (260, 260, 14),
        (261, 261, 8),
        (262, 267, 14),
        (268, 285, 15),
    ],
    &[
        (0, 0, 14),
        (1, 9, 15),
        (10, 10, 3),
        (11, 11, 1),
        (12, 12, 4),
        (13, 13, 8),
        (14, 14, 3),
        (15, 15, 5),
        (16, 16, 4),
        (17, 17, 6),
        (18, 18, 5),
        (19, 20, 6),
        (21, 21, 7),
        (22, 22, 9),
        (23, 23, 10),
        (24, 24, 11),
        (25, 29, 15),
    ],
);
/// For percent-encoded hashes in lower case.
pub(super) static PERCENT: Codes = Codes::new(
    &[
        (0, 4, 14),
        (5, 9, 15),
        (10, 10, 8),
        (11, 36, 15),
        (37, 37, 2),
        (38, 44, 15),
        (45, 46, 9),
        (47, 47, 15),
        (48, 49, 4),
        (50, 51, 5),
        (52, 52, 6),
        (53, 53, 5),
        (54, 54, 6),
        (55, 57, 5),
        (58, 58, 8),
        (59, 64, 15),
        (65, 90, 9),
        (91, 94, 15),
        (95, 95, 9),
        (96, 96, 15),
        (97, 99, 4),
        (100, 102, 5),
        (103, 118, 9),
        (119, 122, 10),
        (123, 125, 15),
        (126, 126, 10),
        (127, 255, 15),
        (256, 256, 14),
        (257, 257, 9),
        (258, 258, 14),
        (259, 259, 6),
        (260, 261, 14),
        (262, 285, 15),
    ],
    &[
        (0, 0, 13),
        (1, 9, 14),
        (10, 10, 7),
        (11, 11, 2),
        (12, 12, 8),
        (13, 14, 3),
        (15, 15, 4),
        (16, 16, 3),
        (17, 20, 4),
        (21, 21, 5),
        (22, 22, 6),
        (23, 23, 9),
        (24, 24, 10),
        (25, 29, 14),
    ],
);

#[cfg(test)]
mod tests {
    use super::{DISTANCES, SYMBOLS, canonical, lengths};

    /// The codes that RFC 1951 gives for lengths, in sections 3.2.2 and 3.2.6.
    #[test]
    fn codes_are_those_of_the_standard() {
        let example: [u8; 8] = lengths(&[(0, 4, 3), (5, 5, 2), (6, 7, 4)]);
        let expected = ["010", "011", "100", "101", "110", "00", "1110", "1111"];
        for (code, expected) in canonical(&example).into_iter().zip(expected) {
            let count = code.ilog2();
            let bits = (0..count).map(|bit| if code >> bit & 1 == 1 { '1' } else { '0' });
            assert!(bits.eq(expected.chars()), "{expected}");
        }
    }

    #[test]
    fn every_symbol_can_be_written() {
        for codes in [&super::RAW, &super::BINARY, &super::HEX, &super::PERCENT] {
            assert_eq!(codes.symbols.len(), SYMBOLS);
            assert_eq!(codes.distances.len(), DISTANCES);
            assert!(
                codes
                    .symbols
                    .iter()
                    .chain(&codes.distances)
                    .all(|&code| code > 1)
            );
        }
    }
}
