//! The README is true where a program can tell.

use wrtracker::options::Markdown;

const README: &str = include_str!("../../README.md");

#[test]
fn the_table_of_options_is_the_programs() {
    let table = Markdown.to_string();
    assert!(
        README.contains(&table),
        "the README lacks this table:\n\n{table}"
    );
}

#[test]
fn the_aliases_that_it_names_exist() {
    let config = include_str!("../../.cargo/config.toml");
    let aliases: Vec<_> = config
        .lines()
        .filter_map(|line| line.split_once(" = \""))
        .collect();
    let of_cargo = ["run", "test", "build", "install", "doc", "miri", "fuzz"];
    let named = README.split("cargo ").skip(1).map(|rest| {
        let rest = rest.strip_prefix("+nightly ").unwrap_or(rest);
        rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
            .next()
            .unwrap_or("")
    });
    for name in named {
        let known = of_cargo.contains(&name) || aliases.iter().any(|(alias, _)| *alias == name);
        assert!(known, "there is no `cargo {name}`");
    }
}
