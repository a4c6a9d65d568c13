//! What is promised, one test for each behaviour. The tables are in `tests/src/conformance/`.
#![forbid(unsafe_code)]

/// Makes a module of tests from the names of a topic's probes.
macro_rules! tests {
    ($topic:literal: $($name:ident)*) => {
        $(#[test]
        fn $name() {
            wrtracker_tests::conformance::test($topic, stringify!($name));
        })*
    };
}

mod options {
    wrtracker_tests::options_probes!(tests);
}
mod config {
    wrtracker_tests::config_probes!(tests);
}
mod directives {
    wrtracker_tests::directives_probes!(tests);
}
mod http_connections {
    wrtracker_tests::http_connections_probes!(tests);
}
mod http_paths {
    wrtracker_tests::http_paths_probes!(tests);
}
mod announce_parameters {
    wrtracker_tests::announce_parameters_probes!(tests);
}
mod announce_replies {
    wrtracker_tests::announce_replies_probes!(tests);
}
mod proxies {
    wrtracker_tests::proxies_probes!(tests);
}
mod scrape {
    wrtracker_tests::scrape_probes!(tests);
}
mod full_scrape {
    wrtracker_tests::full_scrape_probes!(tests);
}
mod gzip {
    wrtracker_tests::gzip_probes!(tests);
}
mod tpbs {
    wrtracker_tests::tpbs_probes!(tests);
}
mod udp {
    wrtracker_tests::udp_probes!(tests);
}
mod udp_scrapes {
    wrtracker_tests::udp_scrapes_probes!(tests);
}
mod connection_ids {
    wrtracker_tests::connection_ids_probes!(tests);
}
mod swarm {
    wrtracker_tests::swarm_probes!(tests);
}
mod statistics {
    wrtracker_tests::statistics_probes!(tests);
}
mod statistics_access {
    wrtracker_tests::statistics_access_probes!(tests);
}
mod statistics_switched {
    wrtracker_tests::statistics_switched_probes!(tests);
}
mod everything {
    wrtracker_tests::everything_probes!(tests);
}
mod access_lists {
    wrtracker_tests::access_lists_probes!(tests);
}
mod fifos {
    wrtracker_tests::fifos_probes!(tests);
}
mod live_sync {
    wrtracker_tests::live_sync_probes!(tests);
}
mod state {
    wrtracker_tests::state_probes!(tests);
}
mod process {
    wrtracker_tests::process_probes!(tests);
}
