//! An inflater that counts (RFC 1951, RFC 1952): which symbols a stream is made of, and which code
//! lengths would suit it best.

use std::fmt::Write;

/// What is wrong with a stream.
pub type Invalid = &'static str;

/// How often each symbol occurs.
#[derive(Debug)]
pub struct Counted {
    /// Literals, the end of a block, and lengths.
    pub symbols: Vec<u32>,
    /// Distances.
    pub distances: Vec<u32>,
}

/// Counts the symbols of a gzip stream of one block with codes of its own, as ours are.
///
/// # Errors
///
/// If it isn't one.
pub fn counted(stream: &[u8]) -> Result<Counted, Invalid> {
    let mut bits = Bits {
        bytes: stream.get(10..).ok_or("no header")?,
        at: 0,
    };
    if bits.take(3)? != 0b101 {
        return Err("another kind of block");
    }
    let symbols = bits.take(5)? + 257;
    let distances = bits.take(5)? + 1;
    let count = bits.take(4)? + 4;
    const ORDER: [usize; 19] = [
        16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
    ];
    let mut lengths = vec![0; 19];
    for &place in &ORDER[..count] {
        lengths[place] = bits.take(3)?;
    }
    let code = Decoder::new(&lengths);
    let mut lengths = Vec::new();
    while lengths.len() < symbols + distances {
        match code.next(&mut bits)? {
            16 => {
                let last = *lengths.last().ok_or("nothing to repeat")?;
                let count = 3 + bits.take(2)?;
                lengths.extend(vec![last; count]);
            }
            17 => lengths.extend(vec![0; 3 + bits.take(3)?]),
            18 => lengths.extend(vec![0; 11 + bits.take(7)?]),
            length => lengths.push(length),
        }
    }
    let (first, second) = lengths.split_at(symbols);
    let (literals, behind) = (Decoder::new(first), Decoder::new(second));
    let mut counted = Counted {
        symbols: vec![0; 286],
        distances: vec![0; 30],
    };
    loop {
        let symbol = literals.next(&mut bits)?;
        counted.symbols[symbol] += 1;
        match symbol {
            0..=255 => {}
            256 => return Ok(counted),
            _ => {
                bits.take(if symbol < 265 || symbol == 285 {
                    0
                } else {
                    (symbol - 261) / 4
                })?;
                let distance = behind.next(&mut bits)?;
                counted.distances[distance] += 1;
                bits.take(if distance < 4 { 0 } else { distance / 2 - 1 })?;
            }
        }
    }
}

impl Counted {
    /// Adds the counts of another stream.
    pub fn add(&mut self, other: &Self) {
        for (mine, others) in [
            (&mut self.symbols, &other.symbols),
            (&mut self.distances, &other.distances),
        ] {
            mine.iter_mut()
                .zip(others)
                .for_each(|(mine, other)| *mine += other);
        }
    }

    /// The code lengths that fit best: first and last symbol of a run, and their length; one line
    /// for the symbols, one for the distances.
    #[must_use]
    pub fn report(&self) -> String {
        let mut text = String::new();
        for counts in [&self.symbols, &self.distances] {
            let lengths = fitting(counts);
            let mut first = 0;
            while first < lengths.len() {
                let same = lengths[first..]
                    .iter()
                    .take_while(|&&length| length == lengths[first]);
                let last = first + same.count() - 1;
                let _ = write!(text, "({first}, {last}, {}), ", lengths[first]);
                first = last + 1;
            }
            text.push('\n');
        }
        text
    }
}

/// Lengths of the Huffman code for symbols that occur so often, none longer than 15.
///
/// Counts that differ by less than a sixteenth are taken as equal, and equal counts get the shorter
/// codes first: chance must not decide.
#[must_use]
pub fn fitting(counts: &[u32]) -> Vec<usize> {
    let mut symbols: Vec<usize> = (0..counts.len()).collect();
    symbols.sort_by_key(|&symbol| counts[symbol]);
    let mut weights = vec![0; counts.len()];
    let alike = |a: &usize, b: &usize| counts[*b] - counts[*a] <= counts[*b] / 16;
    let mut rest = &symbols[..];
    while let Some(first) = rest.first() {
        let count = rest
            .iter()
            .take_while(|symbol| alike(first, symbol))
            .count();
        let (group, others) = rest.split_at(count);
        let sum: u32 = group.iter().map(|&symbol| counts[symbol]).sum();
        group
            .iter()
            .for_each(|&symbol| weights[symbol] = u64::from(sum) / group.len() as u64);
        rest = others;
    }
    symbols.sort_by_key(|&symbol| std::cmp::Reverse((weights[symbol], std::cmp::Reverse(symbol))));
    let mut least = 1;
    loop {
        let mut sorted = huffman(
            &weights
                .iter()
                .map(|&weight| weight.max(least))
                .collect::<Vec<_>>(),
        );
        sorted.sort_unstable();
        if sorted.last().is_none_or(|&longest| longest <= 15) {
            let mut lengths = vec![0; counts.len()];
            symbols
                .iter()
                .zip(sorted)
                .for_each(|(&symbol, length)| lengths[symbol] = length);
            return lengths;
        }
        least += least / 4 + 1;
    }
}

/// The lengths of a Huffman code, in no order.
fn huffman(weights: &[u64]) -> Vec<usize> {
    // Groups of symbols by weight; the two lightest become one.
    let mut groups: Vec<(u64, Vec<usize>)> =
        weights.iter().map(|&weight| (weight, vec![0])).collect();
    while groups.len() > 1 {
        groups.sort_by_key(|group| std::cmp::Reverse(group.0));
        let (Some(last), Some(other)) = (groups.pop(), groups.pop()) else {
            break;
        };
        let depths = last
            .1
            .into_iter()
            .chain(other.1)
            .map(|depth| depth + 1)
            .collect();
        groups.push((last.0 + other.0, depths));
    }
    groups.pop().map(|group| group.1).unwrap_or_default()
}

struct Bits<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Result<usize, Invalid> {
        let mut bits = 0;
        for nth in 0..count {
            let byte = self.bytes.get(self.at / 8).ok_or("cut short")?;
            bits |= usize::from(byte >> (self.at % 8) & 1) << nth;
            self.at += 1;
        }
        Ok(bits)
    }
}

/// The symbols of each code length, in the order of their codes.
struct Decoder(Vec<Vec<usize>>);

impl Decoder {
    fn new(lengths: &[usize]) -> Self {
        let of = |wanted| {
            (0..lengths.len())
                .filter(|&symbol| lengths[symbol] == wanted)
                .collect()
        };
        Self((1..16).map(of).collect())
    }

    fn next(&self, bits: &mut Bits<'_>) -> Result<usize, Invalid> {
        let (mut code, mut first) = (0, 0);
        for symbols in &self.0 {
            code = code * 2 + bits.take(1)?;
            first *= 2;
            if let Some(&symbol) = symbols.get(code - first) {
                return Ok(symbol);
            }
            first += symbols.len();
        }
        Err("no such code")
    }
}
