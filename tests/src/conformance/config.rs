//! The configuration file: opentracker's grammar, and every directive.

use std::fs;

use super::lab::{Lab, Outcome, free_port};
use super::{Absent, Differs, SKIPPED, Same};
use crate::server::ipv6_works;

promises! { $ config_probes "config":
    comments_and_blank_lines_mean_nothing("1.2") => "nothing said", Same;
    blanks_around_a_line_mean_nothing("1.2") => "http://r.test/", Same;
    a_tab_may_stand_before_the_value("1.2") => "http://r.test/", Same;
    lines_may_end_with_cr_lf("1.2") => "http://r.test/", Same;
    a_comment_may_follow_an_address("1.2") => "tcp 127.0.0.1:PORT", Same;
    a_number_sign_within_a_value_is_part_of_it("1.2") => "http://r.test/#top", Same;
    an_unknown_line_is_a_warning("1.2") => "warned and listens", Same;
    the_warning_names_file_line_and_directive("1.2") => "warning: FILE:2: no.such.thing",
        Differs("Unhandled line in config file: no.such.thing", "where to look is what helps");
    lines_that_are_gone_are_a_warning("1.2") => "warned and listens", Same;
    keywords_are_case_sensitive("1.2") => "warned and listens", Same;
    a_bad_value_ends_the_start("1.2") => "2", Differs("listens",
        "it goes on without the line, and so perhaps without the list that keeps others out");
    the_error_names_file_line_directive_and_reason("1.2") =>
        "FILE:2: listen.tcp: not an address", Differs("Parse error in config file: listen.tcp \
        nowhere", "where to look is what helps");
    every_bad_value_is_told("1.2") => "all told", Absent("it goes on after the first");
    names_stars_and_bare_ports_are_no_addresses("1.2") => "2 2 2", Differs("listens listens listens",
        "it goes on without the line");
    addresses_of_ipv6_come_in_all_forms("1.2") => "tcp [::1]:PORT *4", Absent(V4);
    a_bare_ipv6_address_has_no_port_behind_a_colon("1.2") => "111", Absent(V4);
    an_address_without_port_has_6969("1.2", Namespace) =>
        "tcp 127.0.0.2:6969, tcp 127.0.0.3:6969, udp 127.0.0.2:6969, udp 127.0.0.4:6969", Same;
    a_later_value_replaces_an_earlier_one("1.2") => "http://two.test/", Same;
    listeners_add_up("1.2") => "tcp 127.0.0.1:PORT, tcp 127.0.0.2:PORT", Same;
    a_long_line_is_an_error("1.2") => "2",
        Differs("listens", "it takes what is behind 511 bytes for another line");
    a_long_comment_is_a_comment("1.2") => "nothing said",
        Differs("something said", "it takes what is behind 511 bytes for another line");
    workers_take_a_number("1.2") => "listens", Same;
    debians_file_starts("1.2", Root) => "listens", Same;
}

const V4: &str = "as Debian builds it, it knows IPv4 only";

/// What the program says while it starts with these lines.
fn said(lab: &Lab, lines: &str) -> String {
    let tracker = lab.with(lines);
    let said = tracker.running.said();
    // Ours tells where it listens, what memory it has and that it is ready.
    let said: Vec<_> = said
        .lines()
        .filter(|line| !lab.ours() || line.contains("warning"))
        .filter(|line| !line.contains("accesslist"))
        .collect();
    if said.is_empty() {
        "nothing said".to_owned()
    } else {
        "something said".to_owned()
    }
}

fn comments_and_blank_lines_mean_nothing(lab: &Lab) -> String {
    said(lab, "# a comment\n\n   \n  # another\n#\n\t\n")
}

/// Where the root leads with these lines.
fn redirect(lab: &Lab, lines: &str) -> String {
    let reply = lab.with(lines).get("/");
    reply.header("location").unwrap_or_else(|| reply.status())
}

fn blanks_around_a_line_mean_nothing(lab: &Lab) -> String {
    redirect(lab, "  \ttracker.redirect_url http://r.test/  \t\n")
}

fn a_tab_may_stand_before_the_value(lab: &Lab) -> String {
    redirect(lab, "tracker.redirect_url\thttp://r.test/\n")
}

fn lines_may_end_with_cr_lf(lab: &Lab) -> String {
    redirect(lab, "tracker.redirect_url http://r.test/\r\n")
}

fn a_number_sign_within_a_value_is_part_of_it(lab: &Lab) -> String {
    redirect(lab, "tracker.redirect_url http://r.test/#top\n")
}

fn a_later_value_replaces_an_earlier_one(lab: &Lab) -> String {
    redirect(
        lab,
        "tracker.redirect_url http://one.test/\ntracker.redirect_url http://two.test/\n",
    )
}

/// What becomes of the program with a file of these lines alone.
pub(super) fn outcome(lab: &Lab, lines: &str, sockets: usize) -> Outcome {
    let conf = lab.write("conf", lines);
    lab.run_until(&["-f", &conf], sockets)
}

fn sockets(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Ended(ended) => format!("ended with {}: {}", ended.status, ended.said),
        Outcome::Listens(sockets) => {
            let lines = sockets.iter().map(|socket| {
                let (address, _) = socket.rsplit_once(':').expect("an address");
                format!("{address}:PORT")
            });
            lines.collect::<Vec<_>>().join(", ")
        }
    }
}

fn a_comment_may_follow_an_address(lab: &Lab) -> String {
    sockets(&outcome(
        lab,
        &format!("listen.tcp 127.0.0.1:{} # here\n", free_port()),
        1,
    ))
}

fn listeners_add_up(lab: &Lab) -> String {
    let (one, two) = (free_port(), free_port());
    let lines = format!("listen.tcp 127.0.0.1:{one}\nlisten.tcp 127.0.0.2:{two}\n");
    sockets(&outcome(lab, &lines, 2))
}

pub(super) fn listener() -> String {
    format!("listen.tcp 127.0.0.1:{}\n", free_port())
}

fn warned(lab: &Lab, line: &str) -> String {
    let outcome = outcome(lab, &format!("{}{line}\n", listener()), 1);
    let word = line.split(' ').next().unwrap_or_default();
    let warned = lab.said().contains(word);
    format!(
        "{} and {}",
        if warned { "warned" } else { "silent" },
        outcome.status()
    )
}

fn an_unknown_line_is_a_warning(lab: &Lab) -> String {
    warned(lab, "no.such.thing here")
}

fn lines_that_are_gone_are_a_warning(lab: &Lab) -> String {
    warned(lab, "batchsync.cluster.admin_ip 10.1.1.1")
}

fn keywords_are_case_sensitive(lab: &Lab) -> String {
    warned(lab, "Listen.udp 127.0.0.1:1")
}

/// The part of what was said from `from` to `to`, with the name of the file as `FILE`.
fn told(lab: &Lab, from: &str, to: &str) -> String {
    let said = lab.said().replace(&lab.path("conf"), "FILE");
    let Some((_, rest)) = said.split_once(from) else {
        return said;
    };
    let part = rest.split_once(to).map_or(rest, |(part, _)| part);
    format!("{from}{part}{to}")
}

fn the_warning_names_file_line_and_directive(lab: &Lab) -> String {
    outcome(lab, &format!("{}no.such.thing here\n", listener()), 1);
    told(lab, lab.pick("warning: FILE", "Unhandled"), "no.such.thing")
}

fn a_bad_value_ends_the_start(lab: &Lab) -> String {
    outcome(lab, &format!("{}listen.tcp nowhere\n", listener()), 1).status()
}

fn the_error_names_file_line_directive_and_reason(lab: &Lab) -> String {
    outcome(lab, &format!("{}listen.tcp nowhere\n", listener()), 1);
    told(
        lab,
        lab.pick("FILE:2:", "Parse error"),
        lab.pick("not an address", "nowhere"),
    )
}

fn every_bad_value_is_told(lab: &Lab) -> String {
    let outcome = outcome(
        lab,
        "listen.tcp nowhere\ntracker.memory lots\nlisten.udp 1.2.3.4:x\n",
        1,
    );
    let said = lab.said();
    let all = [":1: listen.tcp", ":2: tracker.memory", ":3: listen.udp"];
    match all.iter().find(|place| !said.contains(*place)) {
        None if outcome.status() == "2" => "all told".to_owned(),
        _ => said,
    }
}

fn names_stars_and_bare_ports_are_no_addresses(lab: &Lab) -> String {
    let status =
        |address: &str| outcome(lab, &format!("{}listen.tcp {address}\n", listener()), 1).status();
    ["localhost", "*", "6969"].map(status).join(" ")
}

fn addresses_of_ipv6_come_in_all_forms(lab: &Lab) -> String {
    if !ipv6_works() {
        return format!("{SKIPPED}no IPv6 on this machine");
    }
    let forms = ["[::1]:PORT", "[::1].PORT", "::1.PORT", "[::0001]:PORT"];
    let lines = forms.map(|form| {
        format!(
            "listen.tcp {}\n",
            form.replace("PORT", &free_port().to_string())
        )
    });
    let told = sockets(&outcome(lab, &lines.concat(), 4));
    if told == ["tcp [::1]:PORT"; 4].join(", ") {
        "tcp [::1]:PORT *4".to_owned()
    } else {
        told
    }
}

fn a_bare_ipv6_address_has_no_port_behind_a_colon(lab: &Lab) -> String {
    // It is an address that no machine has.
    outcome(lab, "listen.tcp ::1:1704\n", 1).status()
}

fn an_address_without_port_has_6969(lab: &Lab) -> String {
    let lines = "listen.tcp_udp 127.0.0.2\nlisten.tcp 127.0.0.3\nlisten.udp 127.0.0.4\n";
    match outcome(lab, lines, 4) {
        Outcome::Listens(sockets) => sockets.join(", "),
        Outcome::Ended(ended) => ended.said,
    }
}

fn a_long_line_is_an_error(lab: &Lab) -> String {
    outcome(
        lab,
        &format!(
            "{}tracker.redirect_url http://r.test/{}\n",
            listener(),
            "x".repeat(600)
        ),
        1,
    )
    .status()
}

fn a_long_comment_is_a_comment(lab: &Lab) -> String {
    said(lab, &format!("# {}\n", "comment ".repeat(100)))
}

fn workers_take_a_number(lab: &Lab) -> String {
    let lines = format!(
        "listen.udp.workers 2\nlisten.udp 127.0.0.1:{}\n",
        free_port()
    );
    outcome(lab, &lines, 1).status()
}

fn debians_file_starts(lab: &Lab) -> String {
    let file = "/etc/opentracker/opentracker.conf";
    if fs::metadata(file).is_err() {
        return format!("{SKIPPED}{file} is not there");
    }
    let port = free_port().to_string();
    // Without an address of ours it would take the port of all trackers.
    lab.run(&["-i", "127.0.0.1", "-p", &port, "-f", file])
        .status()
}
