//! The pages of statistics, each in its exact layout and with true numbers.

use super::lab::{Lab, Tracker, hex, scrape};
use super::{Differs, Same};
use crate::udp_client::{Announce, STOPPED};

promises! { $ statistics_probes "statistics":
    the_head_is_plain_text("6") => "HTTP/1.1 200 OK, text/plain, Length",
        Differs("HTTP/1.0 200 OK, text/plain, Length", "pages made by its worker say HTTP/1.0");
    peer_counts_peers_seeds_and_torrents("6") => "+4 peers, +1 seeds, +2 torrents", Same;
    peer_is_the_default("6") => "the same, the same", Same;
    torr_counts_torrents("6") => "+2 torrents", Same;
    conn_counts_both_protocols("6") => "+9, +6 good, rates as they should be", Same;
    udp4_counts_datagrams("6") => "+5, +4 good, rates as they should be", Same;
    tcp4_counts_connections("6") => "+4, +2 good, rates as they should be", Same;
    scrp_counts_scrapes("6") => "+1 tcp, +1 udp", Same;
    fscr_counts_full_scrapes("6") => "+2000, bytes of both",
        Differs("+0, no bytes", "nobody ever adds to its counters");
    completed_counts_downloads("6") => "+1 then 0", Same;
    syncs_is_there("6") => "0 then 0", Same;
    herr_has_seven_lines("6") => "302 RED |400 ... |400 PAR |400 COM |403 IP  |404 INV |500 SRV ",
        Same;
    herr_counts_errors("6") => "+1 +1 +1 +0 +1 +1 +1",
        Differs("+1 +1 +1 +1 +0 +0 +1", "compact=0 is no error here; its last three lines show the \
            wrong counters (UPSTREAM-BUG)");
    renew_counts_by_minutes("6") => "45 lines, 00 +2, others +0", Same;
    version_is_some_text("6") => "text", Same;
    top10_ranks_torrents("6") =>
        "Top 10 torrents by peers:|\\t3\\tA|\\t2\\tB|Top 10 torrents by seeds:|\\t1\\tB|\
         Top 10 torrents by leechers:|\\t3\\tA|\\t1\\tB",
        Differs("Top 10 torrents by peers:|\\t3\\tA|\\t2\\tB|Top 10 torrents by seeds:|\\t1\\tB",
            "U21 does not rank by leechers");
    top100_ranks_more("6") => "100 of 120", Same;
    s24s_ranks_networks("6") => "/28: 8 127.0.0.0, /24: 8 127.0.0.0", Same;
    busy_is_never_made("6") => "500", Same;
    modes_that_are_gone_are_unknown("6") => "400 400 400", Same;
    an_unknown_mode_is_a_bad_request("6") => "400 400", Same;
    names_are_exact("6") => "400 400", Same;
    pages_have_no_newline_at_their_end("6") => "none none none none", Same;
    many_readers_at_once_all_get_it("6") => "20 of 20", Same;
    a_reader_that_goes_away_is_forgotten("6") => "200", Same;
}

/// What happens between two looks at a page: two torrents, one peer each over HTTP and UDP, one of
/// which has completed; two scrapes; 4 connections (the second look is the 4th), 5 datagrams.
fn traffic(tracker: &Tracker, lab: &Lab) {
    let (one, other) = (lab.hash(), lab.hash());
    tracker.announce(&one, 1001, 1, "");
    tracker.announce(&one, 1002, 0, "&event=completed");
    tracker.get(&scrape(&[one]));
    let udp = tracker.udp();
    udp.join(one, 1003, 1);
    udp.join(other, 1001, 1);
    udp.counts(one);
}

/// The numbers of a page that must have this layout, `{}` for each.
pub(super) fn numbers(layout: &str, text: &str) -> Result<Vec<u64>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    for (index, part) in layout.split("{}").enumerate() {
        if index > 0 {
            let end = rest
                .bytes()
                .position(|byte| !byte.is_ascii_digit())
                .unwrap_or(rest.len());
            let (digits, behind) = rest.split_at(end);
            found.push(
                digits
                    .parse()
                    .map_err(|_| format!("{text:?} is not {layout:?}"))?,
            );
            rest = behind;
        }
        rest = rest
            .strip_prefix(part)
            .ok_or_else(|| format!("{text:?} is not {layout:?}"))?;
    }
    if rest.is_empty() {
        Ok(found)
    } else {
        Err(format!("{text:?} is not {layout:?}"))
    }
}

pub(super) fn page(tracker: &Tracker, mode: &str) -> String {
    String::from_utf8_lossy(&tracker.stats(mode).body).into_owned()
}

/// The numbers of a page now, and how much more they are than before what `happens`.
fn change(
    tracker: &Tracker,
    mode: &str,
    layout: &str,
    happens: impl FnOnce(),
) -> Result<(Vec<u64>, Vec<u64>), String> {
    let before = numbers(layout, &page(tracker, mode))?;
    happens();
    let now = numbers(layout, &page(tracker, mode))?;
    let more = now
        .iter()
        .zip(&before)
        .map(|(now, before)| now.saturating_sub(*before))
        .collect();
    Ok((now, more))
}

fn the_head_is_plain_text(lab: &Lab) -> String {
    let reply = lab.open().get("/stats");
    let kind = reply.header("content-type").unwrap_or_default();
    format!("{}, {kind}, {:?}", reply.line, reply.framing)
}

const PEER: &str = "{}\n{}\nopentracker serving {} torrents\nopentracker";

fn peer_counts_peers_seeds_and_torrents(lab: &Lab) -> String {
    let tracker = lab.open();
    match change(&tracker, "peer", PEER, || traffic(&tracker, lab)) {
        Ok((_, more)) => format!(
            "+{} peers, +{} seeds, +{} torrents",
            more[0], more[1], more[2]
        ),
        Err(error) => error,
    }
}

fn peer_is_the_default(lab: &Lab) -> String {
    let tracker = lab.open();
    let expected = tracker.stats("peer");
    let same = ["/stats", "/stats?x=y"].map(|target| {
        let reply = tracker.get(target);
        let same = reply.body == expected.body && reply.status() == "200";
        if same {
            "the same".to_owned()
        } else {
            reply.whole()
        }
    });
    same.join(", ")
}

fn torr_counts_torrents(lab: &Lab) -> String {
    let tracker = lab.open();
    let layout = "{}\n0\nopentracker serving {} torrents\nopentracker";
    match change(&tracker, "torr", layout, || traffic(&tracker, lab)) {
        Ok((now, more)) if now[0] == now[1] => format!("+{} torrents", more[0]),
        Ok((now, _)) => format!("{now:?}"),
        Err(error) => error,
    }
}

/// A page of two counters and their rates.
fn two(lab: &Lab, mode: &str, what: &str) -> String {
    let tracker = lab.open();
    let layout = format!(
        "{{}}\n{{}}\n{{}} seconds ({{}} hours)\nopentracker {what}, {{}} conns/s :: {{}} success/s."
    );
    match change(&tracker, mode, &layout, || traffic(&tracker, lab)) {
        Ok((now, more)) => {
            let seconds = now[2].max(1);
            let right = now[3] == now[2] / 3600
                && now[4] == now[0] / seconds
                && now[5] == now[1] / seconds
                && now[2] < 60;
            let rates = if right {
                "rates as they should be".to_owned()
            } else {
                format!("{now:?}")
            };
            format!("+{}, +{} good, {rates}", more[0], more[1])
        }
        Err(error) => error,
    }
}

fn conn_counts_both_protocols(lab: &Lab) -> String {
    two(lab, "conn", "connections")
}

fn udp4_counts_datagrams(lab: &Lab) -> String {
    two(lab, "udp4", "udp4 stats")
}

fn tcp4_counts_connections(lab: &Lab) -> String {
    two(lab, "tcp4", "tcp4 stats")
}

fn scrp_counts_scrapes(lab: &Lab) -> String {
    let tracker = lab.open();
    let layout = "{}\n{}\n{} seconds ({} hours)\n\
        opentracker scrape stats, {} scrape/s (tcp and udp)";
    match change(&tracker, "scrp", layout, || traffic(&tracker, lab)) {
        Ok((_, more)) => format!("+{} tcp, +{} udp", more[0], more[1]),
        Err(error) => error,
    }
}

fn fscr_counts_full_scrapes(lab: &Lab) -> String {
    let tracker = lab.open();
    traffic(&tracker, lab);
    let layout = "{}\n{}\n{} seconds ({} hours)\n\
        opentracker full scrape stats, {} conns/s :: {} bytes/s.";
    let mut bytes = 0;
    let changed = change(&tracker, "fscr", layout, || {
        for _ in 0..2 {
            bytes += u64::try_from(tracker.full_scrape_body().len()).unwrap_or(0);
        }
    });
    match changed {
        Ok((_, more)) => {
            let told = match more[1] {
                0 => "no bytes".to_owned(),
                told if (bytes..bytes + 500).contains(&told) => "bytes of both".to_owned(),
                other => format!("{other} bytes instead of {bytes}"),
            };
            format!("+{}, {told}", more[0])
        }
        Err(error) => error,
    }
}

fn completed_counts_downloads(lab: &Lab) -> String {
    let tracker = lab.open();
    let layout = "{}\n{}\n{} seconds ({} hours)\nopentracker, {} completed/h.";
    match change(&tracker, "completed", layout, || traffic(&tracker, lab)) {
        Ok((now, more)) => format!("+{} then {}", more[0], now[1]),
        Err(error) => error,
    }
}

fn syncs_is_there(lab: &Lab) -> String {
    let layout = "{}\n{}\n{} seconds ({} hours)\n\
        opentracker connections, {} conns/s :: {} success/s.";
    match numbers(layout, &page(&lab.open(), "syncs")) {
        Ok(now) => format!("{} then {}", now[0], now[1]),
        Err(error) => error,
    }
}

const HERR: &str =
    "302 RED {}\n400 ... {}\n400 PAR {}\n400 COM {}\n403 IP  {}\n404 INV {}\n500 SRV {}\n";

fn herr_has_seven_lines(lab: &Lab) -> String {
    let text = page(&lab.open(), "herr");
    match numbers(HERR, &text) {
        Ok(_) => HERR.trim_end().replace("{}", "").replace('\n', "|"),
        Err(error) => error,
    }
}

fn herr_counts_errors(lab: &Lab) -> String {
    let tracker = lab.with("tracker.redirect_url http://r.test/\naccess.stats 127.0.0.1\n");
    let changed = change(&tracker, "herr", HERR, || {
        tracker.get("/");
        tracker.send("NOTHING\r\n\r\n");
        tracker.get("/announce?info_hash=short");
        tracker.announce(&lab.hash(), 1001, 1, "&compact=0");
        tracker.get_from(2, "/stats");
        tracker.get("/nowhere");
        tracker.stats("busy");
    });
    match changed {
        Ok((_, more)) => {
            let more: Vec<_> = more.iter().map(|count| format!("+{count}")).collect();
            more.join(" ")
        }
        Err(error) => error,
    }
}

fn renew_counts_by_minutes(lab: &Lab) -> String {
    let tracker = lab.open();
    let layout: String = (0..45)
        .map(|minute| format!("{minute:02} {{}}\n"))
        .collect();
    let hash = lab.hash();
    let changed = change(&tracker, "renew", &layout, || {
        for _ in 0..3 {
            tracker.announce(&hash, 1001, 1, "");
        }
    });
    match changed {
        Ok((_, more)) => {
            let others: u64 = more[1..].iter().sum();
            format!("{} lines, 00 +{}, others +{others}", more.len(), more[0])
        }
        Err(error) => error,
    }
}

fn version_is_some_text(lab: &Lab) -> String {
    let reply = lab.open().stats("version");
    if reply.status() == "200" && reply.body.ends_with(b"\n") && reply.body.len() > 8 {
        "text".to_owned()
    } else {
        reply.whole()
    }
}

fn top10_ranks_torrents(lab: &Lab) -> String {
    let tracker = lab.open();
    let (a, b) = (lab.hash(), lab.hash());
    for (hash, port, left) in [(a, 1, 1), (a, 2, 1), (a, 3, 1), (b, 1, 1), (b, 2, 0)] {
        tracker.announce(&hash, port, left, "");
    }
    let text = page(&tracker, "top10")
        .replace(&hex(&a), "A")
        .replace(&hex(&b), "B");
    text.trim_end().replace('\n', "|").replace('\t', "\\t")
}

fn top100_ranks_more(lab: &Lab) -> String {
    let tracker = lab.open();
    let udp = tracker.udp();
    for number in 0..120 {
        let hash = lab.hash();
        for port in 0..number / 10 + 1 {
            udp.join(hash, 1001 + port, 1);
        }
    }
    let text = page(&tracker, "top100");
    let mut lines = text.lines();
    if lines.next() != Some("Top 100 torrents by peers:") {
        return text;
    }
    let counts: Vec<u32> = lines
        .map_while(|line| line.strip_prefix('\t')?.split('\t').next()?.parse().ok())
        .collect();
    let sorted = counts.is_sorted_by(|a, b| a >= b) && counts.first() == Some(&12);
    if sorted {
        format!("{} of 120", counts.len())
    } else {
        format!("{counts:?}")
    }
}

fn s24s_ranks_networks(lab: &Lab) -> String {
    let tracker = lab.open();
    let hash = lab.hash();
    for host in 1..=8 {
        tracker.get_from(host, &super::lab::announce(&hash, 1001, 1));
    }
    let reply = tracker.stats("s24s");
    if reply.status() != "200" {
        return reply.status();
    }
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    let blocks = text.split("Networks, limit ").skip(1).map(|block| {
        let (limit, lines) = block.split_once(":\n").unwrap_or((block, ""));
        let first = lines.lines().next().unwrap_or_default();
        match first.split_once(": ") {
            Some((count, net)) if count.len() == 8 => {
                let net = net.split('/').next().unwrap_or(net);
                format!("{limit}: {} {net}", count.trim_start_matches('0'))
            }
            _ => block.to_owned(),
        }
    });
    blocks.collect::<Vec<_>>().join(", ")
}

fn modes(lab: &Lab, modes: &[&str]) -> String {
    let tracker = lab.open();
    let statuses = modes.iter().map(|mode| tracker.stats(mode).status());
    statuses.collect::<Vec<_>>().join(" ")
}

fn busy_is_never_made(lab: &Lab) -> String {
    modes(lab, &["busy"])
}

fn modes_that_are_gone_are_unknown(lab: &Lab) -> String {
    modes(lab, &["startstop", "dmem", "top5"])
}

fn an_unknown_mode_is_a_bad_request(lab: &Lab) -> String {
    modes(lab, &["nonsense", ""])
}

fn names_are_exact(lab: &Lab) -> String {
    modes(lab, &["Peer", "peers"])
}

fn pages_have_no_newline_at_their_end(lab: &Lab) -> String {
    let tracker = lab.open();
    let ends = ["peer", "torr", "conn", "everything"].map(|mode| {
        let reply = tracker.stats(mode);
        if reply.status() != "200" {
            return reply.status();
        }
        if reply.body.ends_with(b"\n") {
            "one"
        } else {
            "none"
        }
        .to_owned()
    });
    ends.join(" ")
}

fn many_readers_at_once_all_get_it(lab: &Lab) -> String {
    let tracker = lab.open();
    let modes = ["peer", "everything", "top10", "renew"];
    let mut conns: Vec<_> = (0..20)
        .map(|number| {
            let mut conn = tracker.connect();
            let mode = modes[number % modes.len()];
            conn.send(super::lab::request(&format!("/stats?mode={mode}")));
            (conn, mode)
        })
        .collect();
    let good = conns.iter_mut().filter_map(|(conn, mode)| {
        let reply = conn.receive();
        let text = reply.text();
        let right = match *mode {
            "peer" => text.contains("serving"),
            "everything" => text.ends_with("</stats>"),
            "top10" => text.starts_with("Top 10"),
            _ => text.starts_with("00 "),
        };
        (right && reply.status() == "200").then_some(())
    });
    format!("{} of 20", good.count())
}

fn a_reader_that_goes_away_is_forgotten(lab: &Lab) -> String {
    let tracker = lab.open();
    for _ in 0..20 {
        let mut conn = tracker.connect();
        conn.send(super::lab::request("/stats?mode=everything"));
        drop(conn);
    }
    let udp = tracker.udp();
    let stop = Announce::leecher(1)
        .with_hash(lab.hash())
        .with_event(STOPPED);
    udp.announce(&stop);
    tracker.stats("everything").status()
}
