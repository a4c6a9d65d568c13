//! Pages that are empty unless the operator has asked for them.

use super::lab::{Lab, Tracker};
use super::statistics::page;
use super::{Absent, Differs};

promises! { $ statistics_switched_probes "statistics_switched":
    woodpeckers_are_none_unless_asked_for("6") => "200, `Networks, limit /24:\\n\\n`",
        Differs("500, `<title>Internal Server Error</title>\\n`", "it isn't compiled in");
    woodpeckers_are_networks_too("6") => "200, Networks", Absent("it is decided when compiled");
    fulllog_is_empty_unless_asked_for("6") => "200, ``",
        Differs("500, `<title>Internal Server Error</title>\\n`", "it isn't compiled in");
    fulllog_has_the_requests_as_they_came("6") => "all of it, then nothing",
        Absent("it isn't compiled in");
    fulllog_is_of_the_chosen_networks_only("6") => "nothing", Absent("it isn't compiled in");
}

fn woodpeckers_are_none_unless_asked_for(lab: &Lab) -> String {
    let reply = lab.open().stats("woodpeckers");
    format!("{}, `{}`", reply.status(), reply.text())
}

fn woodpeckers_are_networks_too(lab: &Lab) -> String {
    let reply = lab.with("stats.woodpeckers on\n").stats("woodpeckers");
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    format!(
        "{}, {}",
        reply.status(),
        text.split(',').next().unwrap_or_default()
    )
}

fn fulllog(tracker: &Tracker) -> String {
    let reply = tracker.get_from(1, "/stats?mode=fulllog");
    format!("{}, `{}`", reply.status(), reply.text())
}

fn fulllog_is_empty_unless_asked_for(lab: &Lab) -> String {
    let tracker = lab.open();
    tracker.announce(&lab.hash(), 1001, 1, "");
    fulllog(&tracker)
}

fn fulllog_has_the_requests_as_they_came(lab: &Lab) -> String {
    let tracker = lab.with("log.requests 127.0.0.2\n");
    let request = "GET /announce?info_hash=odd HTTP/1.1\r\nHost: a\r\nX-Mark: it\r\n\r\n";
    let mut conn = super::lab::Conn::from([127, 0, 0, 2].into(), tracker.tcp());
    conn.send(request);
    conn.receive();
    let text = page(&tracker, "fulllog");
    let entry = text.split_once(": 127.0.0.2\n");
    let whole = entry.is_some_and(|(time, rest)| {
        time.bytes().all(|byte| byte.is_ascii_digit())
            && rest.contains("X-Mark: it")
            && rest.ends_with("\n*\n\n")
    });
    let then = page(&tracker, "fulllog");
    match (whole, then.as_str()) {
        (true, "") => "all of it, then nothing".to_owned(),
        _ => format!("{text:?}, then {then:?}"),
    }
}

fn fulllog_is_of_the_chosen_networks_only(lab: &Lab) -> String {
    let tracker = lab.with("log.requests 127.0.0.2\n");
    tracker.get_from(3, "/announce");
    let text = page(&tracker, "fulllog");
    if text.is_empty() {
        "nothing".to_owned()
    } else {
        text
    }
}
