//! What `cargo conformance` prints.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Probe, SKIPPED, Theirs};

/// What one probe saw.
pub struct Row {
    /// The probe.
    pub probe: &'static Probe,
    /// What wrtracker did.
    pub ours: String,
    /// What opentracker did, if the probe was put to it.
    pub theirs: Option<String>,
    /// What opentracker did before, where that was not explained and it was asked again.
    pub theirs_at_first: Option<String>,
    /// How long both took together.
    pub time: Duration,
}

impl Row {
    /// Whether wrtracker did what is promised, or that could not be seen here.
    fn kept(&self) -> bool {
        self.ours == self.probe.says || self.ours.starts_with(SKIPPED)
    }

    /// Whether opentracker did what we say it does.
    #[must_use]
    pub fn explained(&self) -> bool {
        let Some(theirs) = &self.theirs else {
            return true;
        };
        theirs.starts_with(SKIPPED)
            || match self.probe.theirs {
                Theirs::Same => theirs == self.probe.says,
                Theirs::Differs(expected, _) => theirs == expected,
                Theirs::Absent(_) => true,
            }
    }
}

/// Prints what each program did.
pub fn observations(rows: &[Row]) {
    for row in rows {
        let (topic, name) = (row.probe.topic, row.probe.name);
        println!(
            "{} {topic}::{name} ({} ms)",
            row.probe.section,
            row.time.as_millis()
        );
        println!("  promised:    {}", row.probe.says);
        println!("  wrtracker:   {}", row.ours);
        for theirs in [&row.theirs_at_first, &row.theirs].into_iter().flatten() {
            println!("  opentracker: {theirs}");
        }
    }
}

/// Prints the differences, broken promises and counts; tells whether all is well.
pub fn print(rows: &[Row]) -> bool {
    let broken: Vec<_> = rows.iter().filter(|row| !row.kept()).collect();
    let unexplained: Vec<_> = rows.iter().filter(|row| !row.explained()).collect();
    println!("## Where opentracker (Debian 12, 0.0~git20210823) differs\n");
    println!("| section | what | wrtracker promises | opentracker does | why |");
    println!("|---|---|---|---|---|");
    for row in rows {
        if let (Theirs::Differs(theirs, why), Some(_)) = (row.probe.theirs, &row.theirs) {
            let [name, ours, theirs] = [&sentence(row.probe), row.probe.says, theirs].map(cell);
            println!(
                "| {} | {name} | {ours} | {theirs} | {why} |",
                row.probe.section
            );
        }
    }
    println!("\n## What can't be compared\n");
    println!("| section | what | why |");
    println!("|---|---|---|");
    for row in rows {
        if let Theirs::Absent(why) = row.probe.theirs {
            println!(
                "| {} | {} | {why} |",
                row.probe.section,
                sentence(row.probe)
            );
        }
    }
    println!("\n## Counts\n");
    println!("| section | probes | kept | compared | the same | explained |");
    println!("|---|--:|--:|--:|--:|--:|");
    for (section, rows) in by_section(rows) {
        println!("{}", counts(&section, &rows));
    }
    println!("{}", counts("all", &rows.iter().collect::<Vec<_>>()));
    let once: Vec<_> = rows
        .iter()
        .filter(|row| row.explained() && row.theirs_at_first.is_some())
        .collect();
    if !once.is_empty() {
        println!("\n## What opentracker did once, and not when asked again\n");
    }
    for row in &once {
        unexpected(row, row.theirs_at_first.as_deref());
    }
    if !broken.is_empty() {
        println!("\n## Broken promises\n");
    }
    for row in &broken {
        println!(
            "- {} {}::{}",
            row.probe.section, row.probe.topic, row.probe.name
        );
        println!("  promised: {}\n  observed: {}", row.probe.says, row.ours);
    }
    if !unexplained.is_empty() {
        println!("\n## Unexplained differences\n");
    }
    for row in &unexplained {
        unexpected(row, row.theirs.as_deref());
    }
    broken.is_empty() && unexplained.is_empty()
}

/// Prints what opentracker did against what we say it does.
fn unexpected(row: &Row, theirs: Option<&str>) {
    let expected = match row.probe.theirs {
        Theirs::Differs(expected, _) => expected,
        Theirs::Same | Theirs::Absent(_) => row.probe.says,
    };
    println!(
        "- {} {}::{}",
        row.probe.section, row.probe.topic, row.probe.name
    );
    println!(
        "  expected: {expected}\n  observed: {}",
        theirs.unwrap_or_default()
    );
}

fn by_section(rows: &[Row]) -> BTreeMap<String, Vec<&Row>> {
    let mut sections: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        let (number, rest) = row
            .probe
            .section
            .split_once('.')
            .unwrap_or((row.probe.section, ""));
        // `10.1` comes behind `9.1`.
        let name = if rest.is_empty() {
            format!("{number:>2}")
        } else {
            format!("{number:>2}.{rest}")
        };
        sections.entry(name).or_default().push(row);
    }
    sections
}

fn counts(name: &str, rows: &[&Row]) -> String {
    let count = |test: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| test(row)).count();
    let kept = count(&Row::kept);
    let compared = count(&|row| row.theirs.is_some());
    let same = count(&|row| row.theirs.as_deref() == Some(row.probe.says));
    let explained = count(&|row| {
        row.theirs.is_some() && matches!(row.probe.theirs, Theirs::Differs(..)) && row.explained()
    });
    format!(
        "| {} | {} | {kept} | {compared} | {same} | {explained} |",
        name.trim(),
        rows.len()
    )
}

/// The name with blanks.
fn sentence(probe: &Probe) -> String {
    probe.name.replace('_', " ")
}

/// Text for a cell of a table: not too long, and without what would end it.
fn cell(text: &str) -> String {
    let text = text.replace('|', "\\|").replace('`', "'");
    match text.char_indices().nth(160) {
        Some((at, _)) => format!("`{}...`", &text[..at]),
        None => format!("`{text}`"),
    }
}
