//! Real clients transfer a file between them by way of the real tracker.
//!
//! Each client seeds to each other one, over HTTP and UDP, IPv4 and IPv6, in a network namespace of
//! its own, where nothing but the tracker can bring them together. One line per case, then the sum;
//! the exit status is 1 if anything failed. What isn't installed is said and left out.
//!
//! Clients that know of each other and yet don't connect are tried once more, from the start: what
//! they do between them is not the tracker's, and each of them now and then waits for minutes. The
//! line says that it was the second attempt, and both logs are shown.
//!
//! Words as arguments choose the cases whose names contain all of them: `clients aria2 udp`.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use wrtracker_tests::folder::Folder;
use wrtracker_tests::namespace::{Place, V6_NAME, enter, has_ipv6, has_names, v4, v6};
use wrtracker_tests::real_client::{Client, KINDS, Kind, Task};
use wrtracker_tests::server::Server;
use wrtracker_tests::torrent::{Privacy, Torrent};
use wrtracker_tests::udp_client::{Scraped, UdpClient};

/// Most seconds that one case takes.
const CASE_LIMIT: Duration = Duration::from_secs(55);

/// Most lines of a client's log that are shown.
const LOG_LINES: usize = 40;

/// Cases at a time. They mostly wait.
const AT_ONCE: usize = 6;

const FILE_BYTES: usize = 700_001;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
    match enter(&arguments) {
        Place::Inside => run(&words),
        Place::Ran(status) if status.success() => ExitCode::SUCCESS,
        Place::Ran(_) => ExitCode::FAILURE,
        Place::Impossible(why) => {
            println!("skip all cases: {why}");
            ExitCode::SUCCESS
        }
    }
}

fn run(words: &[String]) -> ExitCode {
    let mut missing = BTreeMap::new();
    for kind in KINDS {
        match kind.version() {
            Ok(version) => println!("{}: {version}", kind.name()),
            Err(why) => {
                println!("{} is not installed: {why}", kind.name());
                missing.insert(kind, why);
            }
        }
    }
    let bench = Bench {
        server: Server::start(&["-p", "0", "-P", "0"]),
        folder: Folder::new("clients"),
        cases: cases().len(),
    };
    let cases: Vec<Case> = cases()
        .into_iter()
        .filter(|case| words.iter().all(|word| case.name().contains(word)))
        .collect();
    let started = Instant::now();
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(BTreeMap::<&str, usize>::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(cases.len()) {
            scope.spawn(|| {
                while let Some((number, case)) = take(&cases, &next) {
                    let started = Instant::now();
                    let outcome = case.run(number, &bench, &missing);
                    let seconds = started.elapsed().as_secs_f32();
                    let (word, why) = match outcome {
                        Outcome::Ok(how) => ("ok", how),
                        Outcome::Failed(why) | Outcome::Stalled(why) => ("FAIL", why),
                        Outcome::Skipped(why) => ("skip", why),
                        Outcome::Impossible(why) => ("n/a", why),
                    };
                    println!("{word:4} {:44} {seconds:5.1} s  {why}", case.name());
                    *outcomes.lock().unwrap().entry(word).or_default() += 1;
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().unwrap();
    let count = |word| outcomes.get(word).copied().unwrap_or(0);
    println!(
        "{} cases: {} ok, {} failed, {} skipped, {} impossible, {:.0} s",
        cases.len(),
        count("ok"),
        count("FAIL"),
        count("skip"),
        count("n/a"),
        started.elapsed().as_secs_f32()
    );
    if count("FAIL") == 0 {
        ExitCode::SUCCESS
    } else {
        let folder = bench.folder.keep();
        println!("what the clients said is in {}", folder.display());
        ExitCode::FAILURE
    }
}

fn take<'a>(cases: &'a [Case], next: &AtomicUsize) -> Option<(usize, &'a Case)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    cases.get(number).map(|case| (number, case))
}

/// What all cases share.
struct Bench {
    server: Server,
    folder: Folder,
    /// How many cases there are, whichever of them run.
    cases: usize,
}

/// One transfer.
struct Case {
    seeder: Kind,
    downloader: Kind,
    udp: bool,
    v6: bool,
    magnet: bool,
}

enum Outcome {
    Ok(String),
    Failed(String),
    /// Both are in the swarm as the tracker counts it, and nothing came over.
    Stalled(String),
    Skipped(String),
    /// The client can't do it, whatever the tracker does.
    Impossible(String),
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (udp, v6) in [(false, false), (true, false), (false, true), (true, true)] {
        for seeder in KINDS {
            for downloader in KINDS {
                cases.push(Case {
                    seeder,
                    downloader,
                    udp,
                    v6,
                    magnet: false,
                });
            }
        }
        for downloader in [Kind::Libtorrent, Kind::Aria2] {
            cases.push(Case {
                seeder: Kind::Libtorrent,
                downloader,
                udp,
                v6,
                magnet: true,
            });
        }
    }
    cases
}

impl Case {
    fn name(&self) -> String {
        format!(
            "{} {} {} -> {}{}",
            if self.udp { "udp" } else { "http" },
            if self.v6 { "ipv6" } else { "ipv4" },
            self.seeder.name(),
            self.downloader.name(),
            if self.magnet { " by magnet link" } else { "" },
        )
    }

    fn run(&self, number: usize, bench: &Bench, missing: &BTreeMap<Kind, String>) -> Outcome {
        for kind in [self.seeder, self.downloader] {
            if missing.contains_key(&kind) {
                return Outcome::Skipped(format!("{} is not installed", kind.name()));
            }
        }
        if self.v6 && !has_ipv6() {
            return Outcome::Skipped("no IPv6 in the namespace".to_owned());
        }
        match self.transfer(number, bench) {
            Err(Outcome::Stalled(why)) => {
                println!("     {:44} once more: {why}", self.name());
                // Another torrent at other addresses.
                self.transfer(bench.cases + number, bench)
                    .map(|how| format!("{how}, at the second attempt"))
            }
            result => result,
        }
        .map_or_else(|outcome| outcome, Outcome::Ok)
    }

    /// Seeds, downloads, compares, and asks the tracker what it has seen of it.
    fn transfer(&self, number: usize, bench: &Bench) -> Result<String, Outcome> {
        let deadline = Instant::now() + CASE_LIMIT;
        let setup = Setup::new(self, number, bench).map_err(Outcome::Failed)?;
        let mut seeder = setup.start(Role::Seeder).map_err(Outcome::Failed)?;
        while setup.scrape().seeders == 0 {
            if let Some(reason) = setup.limit_of(Role::Seeder) {
                return Err(Outcome::Impossible(reason));
            }
            setup.go_on("the seeder has not announced", deadline, &mut seeder)?;
        }
        let mut downloader = setup.start(Role::Downloader).map_err(Outcome::Failed)?;
        while !setup.torrent.is_in(&setup.folder(Role::Downloader)) {
            if let Some(reason) = setup.limit_of(Role::Downloader) {
                return Err(Outcome::Impossible(reason));
            }
            setup
                .go_on("no transfer", deadline, &mut downloader)
                .map_err(|outcome| setup.stalled(outcome))?;
        }
        loop {
            let seen = setup.scrape();
            if (seen.seeders, seen.completed, seen.leechers) == (2, 1, 0) {
                break;
            }
            setup.go_on("the tracker's counts are wrong", deadline, &mut downloader)?;
        }
        let may_stay = 2 - u32::from(downloader.stop()) - u32::from(seeder.stop());
        let seen = setup.scrape();
        if seen.seeders > may_stay || seen.leechers != 0 {
            return Err(Outcome::Failed(format!("after they left: {seen:?}")));
        }
        setup.hear(Role::Seeder)?;
        setup.hear(Role::Downloader)?;
        let told = 2 - seen.seeders;
        Ok(format!(
            "same bytes, 1 completed, {told} told that they left"
        ))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Seeder,
    Downloader,
}

/// The torrent, folders and addresses of one case.
struct Setup<'a> {
    case: &'a Case,
    number: u8,
    torrent: Torrent,
    announce: String,
    folder: PathBuf,
    tracker: UdpClient,
}

impl<'a> Setup<'a> {
    fn new(case: &'a Case, number: usize, bench: &Bench) -> Result<Self, String> {
        let host = if case.v6 { v6(1) } else { v4(1) };
        let (scheme, port) = match (case.udp, case.v6) {
            (false, false) => ("http", bench.server.tcp_v4().port()),
            (false, true) => ("http", bench.server.tcp_v6().port()),
            (true, false) => ("udp", bench.server.udp_v4().port()),
            (true, true) => ("udp", bench.server.udp_v6().port()),
        };
        let announce = if case.udp && case.v6 && has_names() {
            format!("{scheme}://{V6_NAME}:{port}/announce")
        } else {
            format!("{scheme}://{}/announce", SocketAddr::new(host, port))
        };
        let privacy = if case.magnet {
            Privacy::Public
        } else {
            Privacy::Private
        };
        let seed = u32::try_from(number).map_err(|error| error.to_string())?;
        let setup = Self {
            case,
            number: u8::try_from(number).map_err(|error| error.to_string())?,
            torrent: Torrent::new(seed, FILE_BYTES, &announce, privacy),
            announce,
            folder: bench
                .folder
                .join(format!("{number}-{}", case.name().replace(' ', "-"))),
            tracker: UdpClient::connect(bench.server.udp_v4()),
        };
        let seeds = setup.folder(Role::Seeder);
        fs::create_dir_all(&seeds)
            .and_then(|()| setup.torrent.write_content(&seeds))
            .and_then(|()| fs::write(setup.torrent_path(), &setup.torrent.metainfo))
            .map_err(|error| error.to_string())?;
        Ok(setup)
    }

    fn torrent_path(&self) -> PathBuf {
        self.folder.join("a.torrent")
    }

    fn folder(&self, role: Role) -> PathBuf {
        self.folder.join(match role {
            Role::Seeder => "seeds",
            Role::Downloader => "downloads",
        })
    }

    fn home(&self, role: Role) -> PathBuf {
        self.folder.join(match role {
            Role::Seeder => "seeder",
            Role::Downloader => "downloader",
        })
    }

    fn start(&self, role: Role) -> Result<Client, String> {
        let path = self.torrent_path();
        let magnet = self.torrent.magnet(&self.announce);
        let torrent = match role {
            Role::Downloader if self.case.magnet => &magnet,
            _ => text(&path)?,
        };
        let host = 2 * self.number + 2 + u8::from(role == Role::Downloader);
        let kind = self.kind(role);
        kind.start(&Task {
            torrent,
            downloads: &self.folder(role),
            home: &self.home(role),
            ip: if self.case.v6 { v6(host) } else { v4(host) },
            port: 20_000 + u16::from(host),
            udp: self.case.udp,
        })
        .map_err(|error| format!("{}: {error}", kind.name()))
    }

    const fn kind(&self, role: Role) -> Kind {
        match role {
            Role::Seeder => self.case.seeder,
            Role::Downloader => self.case.downloader,
        }
    }

    fn scrape(&self) -> Scraped {
        self.tracker.scrape(&[self.torrent.info_hash])[0]
    }

    /// Waits a little, unless the time is over or the client has ended.
    fn go_on(&self, what: &str, deadline: Instant, client: &mut Client) -> Result<(), Outcome> {
        if Instant::now() > deadline || client.has_ended() {
            let seen = self.scrape();
            return Err(Outcome::Failed(format!("{what}: {seen:?}")));
        }
        thread::sleep(Duration::from_millis(30));
        Ok(())
    }

    /// What a transfer that did not come about is: the clients' affair where the tracker counts both
    /// and neither ended nor complained.
    fn stalled(&self, outcome: Outcome) -> Outcome {
        let seen = self.scrape();
        let counted = (seen.seeders, seen.completed, seen.leechers) == (1, 0, 1);
        let roles = [Role::Seeder, Role::Downloader];
        match outcome {
            Outcome::Failed(why) if counted && roles.iter().all(|&it| !self.complains(it)) => {
                for role in roles {
                    let log = self.log(role);
                    let lines: Vec<&str> = log.lines().collect();
                    let last = lines.len().saturating_sub(LOG_LINES);
                    println!("{}:\n{}", self.kind(role).name(), lines[last..].join("\n"));
                }
                Outcome::Stalled(why)
            }
            other => other,
        }
    }

    /// What a client can't do for reasons of its own, by the line of its log that proves it.
    ///
    /// As soon as a newer version can, the line is not there and the case is one like the others.
    fn limit_of(&self, role: Role) -> Option<String> {
        if !(self.case.udp && self.case.v6) {
            return None;
        }
        let (line, meaning) = match self.kind(role) {
            Kind::Libtorrent => return None,
            Kind::Aria2 => (
                "cause: Address family not supported by protocol",
                "aria2 sends to UDP trackers from an IPv4 socket only",
            ),
            // How the first 6 bytes of any of our IPv6 peers look as an IPv4 one.
            Kind::Transmission => (
                "got a new atom: [32.1.13.184]:153",
                "Transmission takes the IPv6 peers of UDP trackers for IPv4 ones",
            ),
        };
        self.log(role)
            .contains(line)
            .then(|| format!("{meaning}; its log: {line}"))
    }

    /// Fails if a client said that something is wrong with the tracker.
    fn hear(&self, role: Role) -> Result<(), Outcome> {
        let kind = self.kind(role);
        let log = self.log(role);
        if let Some(line) = complaint(kind, &log) {
            return Err(Outcome::Failed(format!("{}: {line}", kind.name())));
        }
        match kind.praise() {
            Some(praise) if !log.contains(praise) => {
                let name = kind.name();
                Err(Outcome::Failed(format!("no {praise} in the log of {name}")))
            }
            _ => Ok(()),
        }
    }

    fn complains(&self, role: Role) -> bool {
        complaint(self.kind(role), &self.log(role)).is_some()
    }

    fn log(&self, role: Role) -> String {
        let log = fs::read(self.home(role).join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }
}

/// The line by which a client says that something is wrong with the tracker.
fn complaint(kind: Kind, log: &str) -> Option<&str> {
    let complains = |line: &&str| kind.complaints().iter().any(|it| line.contains(it));
    log.lines().find(complains)
}

fn text(path: &Path) -> Result<&str, String> {
    path.to_str()
        .ok_or_else(|| format!("not UTF-8: {}", path.display()))
}
