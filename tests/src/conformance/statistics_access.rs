//! Where the statistics are, and who may see them.

use super::lab::Lab;
use super::{Absent, Differs, Same};

promises! { $ statistics_access_probes "statistics_access":
    a_hash_in_the_query_is_a_bad_request("6") => "400",
        Differs("200", "opentracker 1.0 refuses it, so that no client takes the page for a tracker");
    the_path_may_be_another("6") => "200 404", Same;
    the_path_may_have_slashes_in_it("6") => "200", Same;
    a_path_is_compared_when_decoded("6") => "200", Same;
    only_those_listed_may_see_them("6") => "127.0.0.2: 200, 127.0.0.3: 403", Same;
    several_may_be_listed("6") => "127.0.0.2: 200, 127.0.0.3: 200", Same;
    a_network_may_be_listed("6") => "127.0.0.9: 200, 127.0.0.1: 403", Absent("U21 takes addresses");
    with_nobody_listed_everybody_may("6") => "127.0.0.3: 200", Absent(OPEN);
    everybody_may_be_said("6") => "127.0.0.3: 200", Absent(OPEN);
    nobody_may_be_said("6") => "127.0.0.2: 403", Absent(OPEN);
}

const OPEN: &str = "as Debian builds it, nobody may unless listed";

fn a_hash_in_the_query_is_a_bad_request(lab: &Lab) -> String {
    lab.open()
        .get("/stats?info_hash=12345678901234567890")
        .status()
}

fn paths(lab: &Lab, lines: &str, targets: &[&str]) -> String {
    let tracker = lab.with(lines);
    let statuses = targets.iter().map(|target| tracker.get(target).status());
    statuses.collect::<Vec<_>>().join(" ")
}

fn the_path_may_be_another(lab: &Lab) -> String {
    paths(lab, "access.stats_path hidden\n", &["/hidden", "/stats"])
}

fn the_path_may_have_slashes_in_it(lab: &Lab) -> String {
    paths(
        lab,
        "access.stats_path hidden/away\n",
        &["/hidden/away?mode=torr"],
    )
}

fn a_path_is_compared_when_decoded(lab: &Lab) -> String {
    paths(lab, "access.stats_path hidden\n", &["/%68idden"])
}

fn seen_from(lab: &Lab, lines: &str, hosts: &[u8]) -> String {
    let tracker = lab.with(lines);
    let seen = hosts.iter().map(|host| {
        format!(
            "127.0.0.{host}: {}",
            tracker.get_from(*host, "/stats").status()
        )
    });
    seen.collect::<Vec<_>>().join(", ")
}

fn only_those_listed_may_see_them(lab: &Lab) -> String {
    seen_from(lab, "access.stats 127.0.0.2\n", &[2, 3])
}

fn several_may_be_listed(lab: &Lab) -> String {
    seen_from(
        lab,
        "access.stats 127.0.0.2\naccess.stats 127.0.0.3\n",
        &[2, 3],
    )
}

fn a_network_may_be_listed(lab: &Lab) -> String {
    seen_from(lab, "access.stats 127.0.0.8/29\n", &[9, 1])
}

fn with_nobody_listed_everybody_may(lab: &Lab) -> String {
    seen_from(lab, "", &[3])
}

fn everybody_may_be_said(lab: &Lab) -> String {
    seen_from(
        lab,
        "access.stats 127.0.0.2\naccess.stats_for everybody\n",
        &[3],
    )
}

fn nobody_may_be_said(lab: &Lab) -> String {
    seen_from(
        lab,
        "access.stats 127.0.0.2\naccess.stats_for nobody\n",
        &[2],
    )
}
