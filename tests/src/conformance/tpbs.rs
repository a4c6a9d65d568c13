//! All torrents in other forms: the modes `tpbs` and `statedump` of the statistics.

use std::time::Duration;

use super::full_scrape::{MANY, MODEST, SWITCH, clean, clean_lines, encoding, fill, gunzip, one};
use super::lab::{Lab, Reply, Tracker, first_listed, hex, show};
use super::{Absent, Differs, Same};

promises! { $ tpbs_probes "tpbs":
    tpbs_ben_is_the_same("3.3") => "the same", Same;
    tpbs_bin_has_28_bytes_each("3.3") => "HASH\\x00\\x00\\x00\\x01\\x00\\x00\\x00\\x02", Same;
    tpbs_txt_is_a_line_each("3.3") => "HASH:1:2\\n", Same;
    tpbs_txtp_tells_of_downloads_too("3.3") => "HASH:1:2:1\\n", Same;
    tpbs_url_encodes_the_hash("3.3") => "as it should be", Same;
    tpbs_without_a_format_is_ben("3.3") => "200, d5:filesdee",
        Differs("(no reply)", "it answers never (UPSTREAM-BUG)");
    tpbs_of_an_unknown_format_is_a_bad_request("3.3") => "400", Same;
    tpbs_has_all_torrents_in_order("3.3") => "5000 in order", Same;
    tpbs_is_compressed_for_who_accepts_it("3.3") => "Content-Encoding: gzip, HASH:1:2\\n", Same;
    tpbs_is_not_compressed_for_others("3.3") => "no Content-Encoding",
        Differs("Content-Encoding: gzip", "U21 compresses these whatever the client says");
    tpbs_is_only_for_who_may_see_statistics("3.3") => "403", Same;
    statedump_tells_when_and_how_often("3.3") => "HASH:MINUTES:1\\n", Same;
    without_full_scrapes_there_is_no_tpbs("1.3") => "500 500", Absent(SWITCH);
    tpbs_is_exempt_from_modesty("3.2") => "200 200", Absent(SWITCH);
}

/// A page of tpbs, not compressed.
fn tpbs(tracker: &Tracker, format: &str) -> Reply {
    plain(tracker.stats(&format!("tpbs&format={format}")))
}

fn plain(mut reply: Reply) -> Reply {
    if reply.header("content-encoding").is_some() {
        reply.body = gunzip(&reply.body);
    }
    reply
}

fn tpbs_ben_is_the_same(lab: &Lab) -> String {
    let tracker = lab.open();
    fill(&tracker, lab, 5);
    let (scrape, tpbs) = (tracker.full_scrape_body(), tpbs(&tracker, "ben").body);
    if scrape == tpbs && scrape.len() > 100 {
        "the same".to_owned()
    } else {
        show(&tpbs)
    }
}

fn tpbs_bin_has_28_bytes_each(lab: &Lab) -> String {
    let tracker = lab.open();
    let hash = one(&tracker, lab);
    let body = tpbs(&tracker, "bin").body;
    let records = body
        .chunks(28)
        .filter(|record| !record.starts_with(&first_listed()));
    let text: Vec<_> = records.map(show).collect();
    text.join(" ").replace(&show(&hash), "HASH")
}

fn lines_of(lab: &Lab, format: &str) -> String {
    let tracker = lab.open();
    let hash = one(&tracker, lab);
    let lines = clean_lines(&tpbs(&tracker, format).body);
    lines.replace(&hex(&hash), "HASH").replace('\n', "\\n")
}

fn tpbs_txt_is_a_line_each(lab: &Lab) -> String {
    lines_of(lab, "txt")
}

fn tpbs_txtp_tells_of_downloads_too(lab: &Lab) -> String {
    lines_of(lab, "txtp")
}

/// The hash that a line of the format `url` begins with; letters and digits must be as they are,
/// other bytes may be encoded, in lower case.
fn hash_of_url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut hash = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            hash.push(byte);
            continue;
        }
        let digits = [bytes.next()?, bytes.next()?];
        let text = str::from_utf8(&digits).ok()?;
        let byte = u8::from_str_radix(text, 16).ok()?;
        if byte.is_ascii_alphanumeric() || text != text.to_lowercase() {
            return None;
        }
        hash.push(byte);
    }
    Some(hash)
}

fn tpbs_url_encodes_the_hash(lab: &Lab) -> String {
    let tracker = lab.open();
    let mut expected = fill(&tracker, lab, 200);
    expected.sort_unstable();
    let body = tpbs(&tracker, "url").body;
    let text = String::from_utf8_lossy(&body);
    let hashes: Option<Vec<_>> = text
        .lines()
        .filter(|line| !line.ends_with(":0:0"))
        .map(|line| hash_of_url(line.strip_suffix(":0:1")?))
        .collect();
    if hashes.is_some_and(|hashes| hashes == expected) {
        "as it should be".to_owned()
    } else {
        text.lines().next().unwrap_or_default().to_owned()
    }
}

fn tpbs_without_a_format_is_ben(lab: &Lab) -> String {
    let tracker = lab.open();
    let mut conn = tracker.connect();
    conn.patience(lab.pick(Duration::from_secs(5), Duration::from_millis(500)));
    let reply = conn.get("/stats?mode=tpbs");
    if reply.line == "(no reply)" {
        return reply.line;
    }
    format!("{}, {}", reply.status(), show(&clean(&reply.body)))
}

fn tpbs_of_an_unknown_format_is_a_bad_request(lab: &Lab) -> String {
    tpbs(&lab.open(), "nonsense").status()
}

fn tpbs_has_all_torrents_in_order(lab: &Lab) -> String {
    let tracker = lab.open();
    let mut hashes = fill(&tracker, lab, MANY);
    hashes.sort_unstable();
    let lines = clean_lines(&tpbs(&tracker, "txt").body);
    let expected: String = hashes.iter().map(|hash| hex(hash) + ":0:1\n").collect();
    if lines == expected {
        format!("{MANY} in order")
    } else {
        format!(
            "{} lines: {}",
            lines.lines().count(),
            lines.lines().next().unwrap_or_default()
        )
    }
}

fn tpbs_is_compressed_for_who_accepts_it(lab: &Lab) -> String {
    let tracker = lab.open();
    let hash = one(&tracker, lab);
    let reply = tracker.send(
        "GET /stats?mode=tpbs&format=txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n",
    );
    if reply.header("content-encoding").is_none() {
        return encoding(&reply);
    }
    let lines = clean_lines(&gunzip(&reply.body)).replace(&hex(&hash), "HASH");
    format!("{}, {}", encoding(&reply), lines.replace('\n', "\\n"))
}

fn tpbs_is_not_compressed_for_others(lab: &Lab) -> String {
    encoding(&lab.open().stats("tpbs&format=txt"))
}

fn tpbs_is_only_for_who_may_see_statistics(lab: &Lab) -> String {
    tpbs(&lab.with("access.stats 127.0.0.9\n"), "txt").status()
}

fn statedump_tells_when_and_how_often(lab: &Lab) -> String {
    let tracker = lab.open();
    let hash = one(&tracker, lab);
    let lines = clean_lines(&plain(tracker.stats("statedump")).body);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.expect("a date after 1970").as_secs() / 60;
    let mut text = lines.replace(&hex(&hash), "HASH").replace('\n', "\\n");
    for minutes in now - 1..=now {
        text = text.replace(&format!(":{minutes}:"), ":MINUTES:");
    }
    text
}

fn without_full_scrapes_there_is_no_tpbs(lab: &Lab) -> String {
    let tracker = lab.with("tracker.fullscrape off\n");
    format!(
        "{} {}",
        tpbs(&tracker, "txt").status(),
        tracker.stats("statedump").status()
    )
}

fn tpbs_is_exempt_from_modesty(lab: &Lab) -> String {
    let tracker = lab.with(MODEST);
    format!(
        "{} {}",
        tpbs(&tracker, "txt").status(),
        tpbs(&tracker, "txt").status()
    )
}
