//! Holds the program against the description of its interface for programs: `check_api [EXAMPLES
//! [SEED]]`, 20 of each kind for each request unless told.
//!
//! The examples are always the same with one seed, 1 unless told. To look further: another seed.
//!
//! Needs schemathesis (PyPI): in the PATH, or in a virtual environment at `target/schemathesis`.
#![forbid(unsafe_code)]

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode};

use wrtracker_tests::conf::Conf;
use wrtracker_tests::process::find_program;
use wrtracker_tests::server::Server;

const TOKEN: &str = "a-token-for-schemathesis";

fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    let examples = args.next().unwrap_or_else(|| "20".into());
    let seed = args.next().unwrap_or_else(|| "1".into());
    if [&examples, &seed]
        .iter()
        .any(|it| it.parse::<u32>().is_err())
    {
        eprintln!("usage: check_api [EXAMPLES [SEED]]");
        return ExitCode::from(2);
    }
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/schemathesis/bin/schemathesis");
    let found = find_program("schemathesis").or_else(|| own.exists().then_some(own));
    let Some(schemathesis) = found else {
        eprintln!(
            "schemathesis isn't installed: python3 -m venv target/schemathesis && \
             target/schemathesis/bin/pip install schemathesis"
        );
        return ExitCode::FAILURE;
    };
    let conf = Conf::new(format!(
        "listen.tcp_udp 127.0.0.1:0\napi.listen 127.0.0.1:0\napi.token admin {TOKEN}\n\
         tracker.mode private_listed\ntracker.memory 16M\n"
    ));
    let server = Server::start(&["-f", conf.path()]);
    let status = Command::new(schemathesis)
        .arg("run")
        .arg(format!("http://{}/api/v1/openapi.json", server.api()))
        .args(["--header", &format!("Authorization: Bearer {TOKEN}")])
        .args(["--max-examples", &examples, "--seed", &seed])
        .args(["--phases", "coverage,fuzzing"])
        // It takes 49.0 for a whole number, as JSON Schema does.
        .args(["--exclude-checks", "positive_data_acceptance"])
        .status();
    drop(server);
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("schemathesis: {error}");
            ExitCode::FAILURE
        }
    }
}
