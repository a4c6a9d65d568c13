//! The command line: opentracker's letters, carried out from left to right.

use super::lab::{Outcome, free_port};
use super::{Absent, Differs, Lab, Same};

promises! { $ options_probes "options":
    help_ends_well("1.1") => "0", Same;
    version_ends_well("1.1") => "0", Same;
    an_unknown_letter_is_status_1("1.1") => "1", Same;
    a_letter_without_its_value_is_status_1("1.1") => "1", Same;
    a_name_is_no_address("1.1") => "1", Same;
    p_alone_listens_on_tcp_alone("1.1") => "tcp 127.0.0.1:PORT", Same;
    capital_p_alone_listens_on_udp_alone("1.1") => "udp 127.0.0.1:PORT", Same;
    i_holds_for_what_follows_it("1.1") => "tcp 127.0.0.2:PORT, udp 127.0.0.3:PORT", Same;
    letters_may_be_repeated("1.1") => "tcp 127.0.0.1:PORT, tcp 127.0.0.1:PORT", Same;
    with_nothing_said_it_listens_on_6969("1.1", Namespace) =>
        "tcp 0.0.0.0:6969, tcp [::]:6969, udp 0.0.0.0:6969, udp [::]:6969",
        Differs("tcp 0.0.0.0:6969, udp 0.0.0.0:6969", "U21 is built for IPv4 only");
    a_port_with_letters_behind_it_is_status_1("1.1") => "1",
        Differs("listens", "its parser takes the longest number at the front (UPSTREAM-BUG)");
    a_port_beyond_65535_is_status_1("1.1", Namespace) => "1",
        Differs("listens", "70000 becomes 7000 (UPSTREAM-BUG)");
    an_address_that_the_machine_lacks_is_status_111("1.1") => "111", Same;
    a_missing_file_of_options_is_a_warning("1.1") => "warned and listens", Same;
    files_and_letters_mix_in_order("1.1") =>
        "tcp 127.0.0.1:PORT, tcp 127.0.0.2:PORT, udp 127.0.0.2:PORT", Same;
    files_may_be_repeated("1.1") => "tcp 127.0.0.1:PORT, tcp 127.0.0.2:PORT", Same;
    r_redirects_the_root("1.1") => "302 to http://r.test/", Same;
    d_of_a_folder_that_is_not_there_is_status_111("1.1") => "111", Same;
    w_names_a_whitelist("1.1") => "listed: ok, other: failure", Same;
    b_names_a_blacklist("1.1") => "listed: failure, other: ok",
        Absent("one binary has one kind of list there; this one has a whitelist");
    capital_a_may_see_statistics("1.1") => "127.0.0.1: 200, 127.0.0.2: 403", Same;
    capital_a_takes_a_network("1.1") => "127.0.0.3: 200, 127.0.0.4: 403",
        Absent("U21 takes single addresses");
    bits_beyond_the_address_are_status_1("1.1") => "1 1",
        Absent("U21 takes single addresses, and what follows one is ignored");
    octets_may_be_missing_in_a_network("1.1") => "listens",
        Differs("1", "its own manual page has 192.168/16 as the example");
    l_is_taken("1.1") => "listens",
        Absent("it reads its file into torrents, and U21 has no such letter");
    s_needs_an_address_of_ipv4("1.1") => "1",
        Absent("live sync isn't compiled in");
    the_check_of_a_good_file_ends_well("1.2") => "0", Absent("it can't check a file");
    the_check_of_a_bad_file_is_status_2("1.2") => "2", Absent("it can't check a file");
    the_check_leaves_a_running_tracker_alone("1.2") => "0, and the other one answers",
        Absent("it can't check a file");
}

/// The sockets with the ports that we picked as `PORT`.
fn sockets(outcome: Outcome) -> String {
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

fn help_ends_well(lab: &Lab) -> String {
    lab.run(&["-h"]).status()
}

fn version_ends_well(lab: &Lab) -> String {
    lab.run(&["-v"]).status()
}

fn an_unknown_letter_is_status_1(lab: &Lab) -> String {
    lab.run(&["-x"]).status()
}

fn a_letter_without_its_value_is_status_1(lab: &Lab) -> String {
    lab.run(&["-p"]).status()
}

fn a_name_is_no_address(lab: &Lab) -> String {
    let port = free_port().to_string();
    lab.run(&["-i", "localhost", "-p", &port]).status()
}

fn p_alone_listens_on_tcp_alone(lab: &Lab) -> String {
    let port = free_port().to_string();
    sockets(lab.run(&["-i", "127.0.0.1", "-p", &port]))
}

fn capital_p_alone_listens_on_udp_alone(lab: &Lab) -> String {
    let port = free_port().to_string();
    sockets(lab.run(&["-i", "127.0.0.1", "-P", &port]))
}

fn i_holds_for_what_follows_it(lab: &Lab) -> String {
    let port = free_port().to_string();
    let args = [
        "-i",
        "127.0.0.2",
        "-p",
        &port,
        "-i",
        "127.0.0.3",
        "-P",
        &port,
    ];
    sockets(lab.run_until(&args, 2))
}

fn letters_may_be_repeated(lab: &Lab) -> String {
    let ports = [free_port().to_string(), free_port().to_string()];
    let args = ["-i", "127.0.0.1", "-p", &ports[0], "-p", &ports[1]];
    sockets(lab.run_until(&args, 2))
}

fn with_nothing_said_it_listens_on_6969(lab: &Lab) -> String {
    match lab.run_until(&[], 2) {
        Outcome::Listens(sockets) => sockets.join(", "),
        Outcome::Ended(ended) => ended.said,
    }
}

fn a_port_with_letters_behind_it_is_status_1(lab: &Lab) -> String {
    let port = format!("{}x", free_port());
    lab.run(&["-i", "127.0.0.1", "-p", &port]).status()
}

fn a_port_beyond_65535_is_status_1(lab: &Lab) -> String {
    lab.run(&["-i", "127.0.0.1", "-p", "70000"]).status()
}

fn an_address_that_the_machine_lacks_is_status_111(lab: &Lab) -> String {
    let port = free_port().to_string();
    lab.run(&["-i", "192.0.2.1", "-p", &port]).status()
}

fn a_missing_file_of_options_is_a_warning(lab: &Lab) -> String {
    let port = free_port().to_string();
    let file = lab.path("missing");
    let outcome = lab.run(&["-f", &file, "-i", "127.0.0.1", "-p", &port]);
    let said = lab.said();
    let warned = said.to_lowercase().contains("warning") && said.contains(&file);
    let warned = if warned { "warned" } else { "silent" };
    format!("{warned} and {}", outcome.status())
}

fn files_and_letters_mix_in_order(lab: &Lab) -> String {
    let ports = [free_port(), free_port()];
    let text = format!("listen.tcp_udp 127.0.0.2:{}\n", ports[0]);
    let file = lab.write("conf", text);
    let port = ports[1].to_string();
    sockets(lab.run_until(&["-i", "127.0.0.1", "-f", &file, "-p", &port], 3))
}

fn files_may_be_repeated(lab: &Lab) -> String {
    let first = lab.write("first", format!("listen.tcp 127.0.0.1:{}\n", free_port()));
    let second = lab.write("second", format!("listen.tcp 127.0.0.2:{}\n", free_port()));
    sockets(lab.run_until(&["-f", &first, "-f", &second], 2))
}

fn r_redirects_the_root(lab: &Lab) -> String {
    match lab.with_args(&["-r", "http://r.test/"], "") {
        Ok(tracker) => {
            let reply = tracker.get("/");
            let location = reply.header("location").unwrap_or_default();
            format!("{} to {location}", reply.status())
        }
        Err(ended) => ended.said,
    }
}

fn d_of_a_folder_that_is_not_there_is_status_111(lab: &Lab) -> String {
    let folder = lab.path("missing");
    let port = free_port().to_string();
    let args = ["-i", "127.0.0.1", "-p", &port, "-d", &folder];
    match lab.run(&args) {
        // opentracker binds its sockets before it changes to its folder.
        Outcome::Listens(_) => {
            let mut running = lab.spawn(&args);
            running.wait().status
        }
        Outcome::Ended(ended) => ended.status,
    }
}

fn w_names_a_whitelist(lab: &Lab) -> String {
    let (listed, other) = (lab.hash(), lab.unlisted());
    let list = lab.list("white", &[listed]);
    match lab.with_args(&["-w", &list], "access.whitelist /dev/null\n") {
        Ok(tracker) => {
            let outcome = |hash| tracker.announce(hash, 1, 1, "").outcome();
            format!("listed: {}, other: {}", outcome(&listed), outcome(&other))
        }
        Err(ended) => ended.said,
    }
}

fn b_names_a_blacklist(lab: &Lab) -> String {
    let (listed, other) = (lab.hash(), lab.unlisted());
    let list = lab.list("black", &[listed]);
    match lab.with_args(&["-b", &list], "") {
        Ok(tracker) => {
            let outcome = |hash| tracker.announce(hash, 1, 1, "").outcome();
            format!("listed: {}, other: {}", outcome(&listed), outcome(&other))
        }
        Err(ended) => ended.said,
    }
}

fn capital_a_may_see_statistics(lab: &Lab) -> String {
    match lab.with_args(&["-A", "127.0.0.1"], "access.stats 127.0.0.9\n") {
        Ok(tracker) => {
            let status = |host| tracker.get_from(host, "/stats").status();
            format!("127.0.0.1: {}, 127.0.0.2: {}", status(1), status(2))
        }
        Err(ended) => ended.said,
    }
}

fn capital_a_takes_a_network(lab: &Lab) -> String {
    match lab.with_args(&["-A", "127.0.0.2/31"], "") {
        Ok(tracker) => {
            let status = |host| tracker.get_from(host, "/stats").status();
            format!("127.0.0.3: {}, 127.0.0.4: {}", status(3), status(4))
        }
        Err(ended) => ended.said,
    }
}

fn bits_beyond_the_address_are_status_1(lab: &Lab) -> String {
    let status = |network| {
        lab.run(&["-A", network, "-i", "127.0.0.1", "-p", "0"])
            .status()
    };
    format!("{} {}", status("192.0.2.0/33"), status("2001:db8::/129"))
}

fn octets_may_be_missing_in_a_network(lab: &Lab) -> String {
    let port = free_port().to_string();
    lab.run(&["-A", "192.168/16", "-i", "127.0.0.1", "-p", &port])
        .status()
}

fn l_is_taken(lab: &Lab) -> String {
    let file = lab.write("state", "");
    lab.run(&["-l", &file, "-i", "127.0.0.1", "-p", "0"])
        .status()
}

fn s_needs_an_address_of_ipv4(lab: &Lab) -> String {
    lab.run(&["-i", "::1", "-s", "9696", "-p", "0"]).status()
}

fn the_check_of_a_good_file_ends_well(lab: &Lab) -> String {
    let file = lab.write("conf", "listen.tcp 127.0.0.1:0\n");
    lab.run(&["-c", "-f", &file]).status()
}

fn the_check_of_a_bad_file_is_status_2(lab: &Lab) -> String {
    let file = lab.write("conf", "listen.tcp nowhere\n");
    lab.run(&["-c", "-f", &file]).status()
}

fn the_check_leaves_a_running_tracker_alone(lab: &Lab) -> String {
    let tracker = lab.open();
    let port = tracker.tcp().port().to_string();
    let checked = lab.run(&["-i", "127.0.0.1", "-p", &port, "-c"]);
    let answers = tracker.announce(&lab.hash(), 1, 1, "").outcome() == "ok";
    let answers = if answers {
        "and the other one answers"
    } else {
        "and the other one does not"
    };
    format!("{}, {answers}", checked.status())
}
