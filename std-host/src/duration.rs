//! Times as people write them: `1800`, `90s`, `45m`, `8h`, `1d`.

/// The seconds that `text` names: decimal digits, then at most one of `s`, `m`, `h`, `d`. `None`
/// for anything else and from 2^32 seconds on.
pub fn parse(text: &str) -> Option<u32> {
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    let unit = units
        .iter()
        .find_map(|&(letter, seconds)| Some((text.strip_suffix(letter)?, seconds)));
    let (digits, seconds) = unit.unwrap_or((text, 1));
    if !crate::options::only_digits(digits) {
        return None;
    }
    digits.parse::<u32>().ok()?.checked_mul(seconds)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn times_are_digits_and_one_unit() {
        for (text, seconds) in [
            ("0", 0),
            ("1800", 1_800),
            ("90s", 90),
            ("45m", 2_700),
            ("24h", 86_400),
            ("1d", 86_400),
            ("4294967295", u32::MAX),
            ("49710d", 4_294_944_000),
        ] {
            assert_eq!(parse(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn anything_else_and_what_overflows_is_none() {
        for text in [
            "",
            "s",
            "m",
            "-1",
            "+1",
            "1.5h",
            "1 h",
            "1H",
            "1w",
            "1hm",
            "h1",
            "0x10",
            " 1",
            "1\u{b5}",
            "4294967296",
            "49711d",
            "71582789m",
            "99999999999999999999",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
