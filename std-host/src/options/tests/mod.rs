//! The table agrees with itself, and prints.

mod effects;
mod values;

use super::{Action, Help, Markdown, Range, Usage, table};

#[test]
fn no_two_entries_have_the_same_name() {
    for (nth, entry) in table().enumerate() {
        assert!(entry.flag.is_some() || entry.directive.is_some());
        assert_eq!(
            entry.value.is_empty(),
            matches!(entry.action, Action::Help | Action::Version | Action::Check)
        );
        for other in table().skip(nth + 1) {
            assert!(entry.flag.is_none() || entry.flag != other.flag);
            assert!(entry.long.is_none() || entry.long != other.long);
            assert!(entry.directive.is_none() || entry.directive != other.directive);
        }
    }
}

#[test]
fn what_an_entry_takes_is_what_it_says() {
    for entry in table() {
        let name = entry.directive.unwrap_or(entry.help);
        match entry.action {
            Action::Number(_) | Action::Time(_) => {
                assert!(
                    matches!(entry.range, Range::Numbers(least, most) if least < most),
                    "{name}"
                );
                assert!(
                    !entry.unit.is_empty() && !entry.default.is_empty(),
                    "{name}"
                );
            }
            Action::Choice(choices) => {
                let words: Vec<_> = choices.iter().map(|choice| choice.0).collect();
                assert_eq!(entry.value, words.join("|"));
                let default = entry.default.split(' ').next().unwrap_or_default();
                assert!(words.contains(&default), "{name}");
            }
            Action::Path(_) => assert!(matches!(entry.range, Range::Length(_)), "{name}"),
            _ => {}
        }
        if matches!(entry.action, Action::Time(_)) {
            assert_eq!((entry.value, entry.unit), ("time", "seconds"), "{name}");
        }
    }
}

#[test]
fn help_usage_and_markdown_name_every_entry() {
    let (help, usage, markdown) = (Help.to_string(), Usage.to_string(), Markdown.to_string());
    for entry in table() {
        assert!(help.contains(entry.help) && markdown.contains(entry.help));
        if let Some(flag) = entry.flag {
            assert!(usage.contains(&format!("[-{flag}")), "{usage}");
            assert!(help.contains(&format!("\n  -{flag} ")), "{help}");
        }
        if let Some(directive) = entry.directive {
            assert!(help.contains(directive) && markdown.contains(directive));
        }
    }
    assert_eq!(usage.lines().count(), 1);
    // The first names all that this build lacks.
    let long: Vec<_> = help
        .lines()
        .skip(1)
        .filter(|line| *line != usage && line.len() > 115)
        .collect();
    assert!(help.is_ascii() && long.is_empty(), "{long:#?}");
    let bars = |line: &str| line.replace("\\|", "").matches('|').count();
    assert!(markdown.lines().all(|line| bars(line) == 8), "{markdown}");
}
