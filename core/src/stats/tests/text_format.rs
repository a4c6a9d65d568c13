//! A strict reader of the text format of Prometheus, version 0.0.4, as far as counters, gauges and
//! histograms go: one block for each metric, with help, type, and samples in that order.

use std::collections::{BTreeMap, BTreeSet};
use std::string::String;
use std::vec::Vec;

/// Values by name and labels, the latter as `name=value`, joined by commas.
pub(super) type Samples = BTreeMap<(String, String), u64>;

/// Reads a whole page.
///
/// # Errors
///
/// The first line that is wrong, and why.
pub(super) fn parse(page: &str) -> Result<Samples, String> {
    let body = page.strip_suffix('\n').ok_or("no newline at the end")?;
    let mut samples = Samples::new();
    let mut seen = BTreeSet::new();
    let mut lines = body.split('\n').peekable();
    while let Some(help) = lines.next() {
        let (name, words) = help
            .strip_prefix("# HELP ")
            .and_then(|rest| rest.split_once(' '))
            .ok_or_else(|| wrong(help, "not a help line"))?;
        if !is_name(name) || !name.starts_with("wrtracker_") {
            return Err(wrong(help, "not a name"));
        }
        if words.trim() != words || !words.ends_with('.') || words.contains('\\') {
            return Err(wrong(help, "not a sentence"));
        }
        if !seen.insert(String::from(name)) {
            return Err(wrong(help, "a second block"));
        }
        let kind = lines
            .next()
            .and_then(|line| line.strip_prefix("# TYPE "))
            .and_then(|rest| rest.strip_prefix(name))
            .and_then(|rest| rest.strip_prefix(' '))
            .ok_or_else(|| wrong(help, "no type behind it"))?;
        let counts = match kind {
            "counter" => true,
            "gauge" | "histogram" => false,
            _ => return Err(wrong(kind, "an unknown type")),
        };
        if counts != name.ends_with("_total") {
            return Err(wrong(name, "a counter, and only a counter, ends in _total"));
        }
        let before = samples.len();
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            // The samples of a histogram have names of their own.
            let parts = ["_bucket", "_sum", "_count"].map(|part| std::format!("{name}{part}"));
            let part = parts.into_iter().find(|part| line.starts_with(part));
            let name = part.filter(|_| kind == "histogram").unwrap_or(name.into());
            let (labels, value) = sample(&name, line)?;
            let key = (name, labels);
            if samples.insert(key, value).is_some() {
                return Err(wrong(line, "a second time"));
            }
        }
        if samples.len() == before {
            return Err(wrong(name, "without a sample"));
        }
    }
    Ok(samples)
}

fn sample(name: &str, line: &str) -> Result<(String, u64), String> {
    let (left, value) = line
        .rsplit_once(' ')
        .ok_or_else(|| wrong(line, "no value"))?;
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong(line, "not a whole number"));
    }
    let value = value.parse().map_err(|_| wrong(line, "too large"))?;
    let rest = left
        .strip_prefix(name)
        .ok_or_else(|| wrong(line, "of another metric"))?;
    if rest.is_empty() {
        return Ok((String::new(), value));
    }
    let labels = rest
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .ok_or_else(|| wrong(line, "no braces"))?;
    let mut found = Vec::new();
    for label in labels.split(',') {
        let (name, text) = label
            .split_once('=')
            .ok_or_else(|| wrong(line, "no label"))?;
        let text = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .ok_or_else(|| wrong(line, "a label without quotes"))?;
        if !is_name(name) || name.starts_with("__") || text.contains(['"', '\\', '\n']) {
            return Err(wrong(line, "a wrong label"));
        }
        found.push(std::format!("{name}={text}"));
    }
    Ok((found.join(","), value))
}

/// `[a-z_][a-z0-9_]*`: the format allows capitals and colons, its conventions don't.
fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|first| first == b'_' || first.is_ascii_lowercase())
        && bytes.all(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn wrong(what: &str, why: &str) -> String {
    std::format!("{what}: {why}")
}

#[test]
fn what_is_wrong_is_refused() {
    let good = "# HELP wrtracker_a_total One.\n# TYPE wrtracker_a_total counter\n\
                wrtracker_a_total{b=\"c\"} 1\n";
    assert!(parse(good).is_ok());
    for (from, to) in [
        ("counter", "gauge"),
        ("counter", "histogram"),
        ("} 1", "} x"),
        ("} 1", "} -1"),
        ("} 1", "}"),
        ("\"c\"", "c"),
        ("\"c\"", "\"\"\""),
        ("{b", "{0"),
        ("1\n", "1"),
        ("1\n", "1\nwrtracker_a_total{b=\"c\"} 1\n"),
        ("wrtracker_a_total{", "wrtracker_b_total{"),
        ("One.", "One"),
        ("# TYPE", "# TIPE"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        assert!(parse(&bad).is_err(), "{bad}");
    }
    let twice = [good, good].concat();
    assert!(parse(&twice).is_err());
}
