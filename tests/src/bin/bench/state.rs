//! State: size of the files, time to write them and to take them back.

use std::fs;
use std::time::Instant;

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU16;

use wrtracker_core::policy::Policy;
use wrtracker_core::state::{PeersWriter, TorrentsWriter};
use wrtracker_core::store::Progress;
use wrtracker_core::time::Secs;
use wrtracker_core::tracker::{Announce, Event, Secrets, Tracker};
use wrtracker_core::wire::{InfoHash, Out, PeerAddr};
use wrtracker_tests::folder::Folder;
use wrtracker_tests::server::{Server, binary};

use crate::Failure;
use crate::table::{grouped, print};

/// Prints one row for each of a few sizes.
pub(crate) fn run(quick: bool) -> Result<(), Failure> {
    let sizes: &[(u32, u32)] = match quick {
        true => &[(1_000, 5)],
        false => &[(200_000, 5), (1_000, 1_000), (1_000_000, 1)],
    };
    // Built now, or the first row would have the time of that.
    binary();
    let mut rows = Vec::new();
    for &(torrents, peers) in sizes {
        rows.push(row(torrents, peers)?);
    }
    println!(
        "State: one download of each torrent; the program as it starts and ends, files included:"
    );
    print(
        &[
            "torrents x peers",
            "torrents: bytes",
            "ms to write",
            "peers: bytes",
            "ms to write",
            "ms to start",
            "without files",
            "ms to end",
            "without files",
        ],
        &rows,
    );
    Ok(())
}

fn row(torrents: u32, peers: u32) -> Result<Vec<String>, Failure> {
    let folder = Folder::open_to_all("bench-state");
    let mut memory = vec![0; 24 << 20];
    let mut tracker = Tracker::new(&mut memory, &Secrets::new(&[7; 40]), Policy::DEFAULT)?;
    fill(&mut tracker, torrents, peers)?;

    let mut writer = TorrentsWriter::new();
    let (text, text_time) = write(|out| writer.fill(&tracker, Secs(0), 8, out));
    let mut writer = PeersWriter::new(0);
    let (bytes, bytes_time) = write(|out| writer.fill(&tracker, Secs(0), 8, out));
    let lines = |name: &str| {
        format!(
            "state.file {}\nstate.peers_file {}\n",
            folder.path(name),
            folder.path(name) + "-peers"
        )
    };
    let conf = folder.path("conf");
    let time = |lines: &str| -> Result<(f64, f64), Failure> {
        fs::write(&conf, lines)?;
        let start = Instant::now();
        let server = Server::start(&["-P", "0", "-m", "128M", "-f", &conf]);
        let started = start.elapsed();
        let said = server.stderr();
        if lines.contains("state.") && said.contains("no room") {
            return Err(said.into());
        }
        // A download, so that there is something to write.
        let client = wrtracker_tests::udp_client::UdpClient::connect(server.udp_v4());
        let announce = wrtracker_tests::udp_client::Announce::seeder(1);
        client.announce(&announce.with_event(wrtracker_tests::udp_client::COMPLETED));
        let start = Instant::now();
        server.terminate();
        Ok((
            started.as_secs_f64() * 1e3,
            start.elapsed().as_secs_f64() * 1e3,
        ))
    };
    for (name, bytes) in [("saved", &text), ("saved-peers", &bytes)] {
        folder.write(name, bytes);
    }
    let with = time(&lines("saved"))?;
    let without = time("")?;
    Ok(vec![
        format!("{} x {}", grouped(torrents.into()), grouped(peers.into())),
        grouped(text.len() as f64),
        format!("{text_time:.1}"),
        grouped(bytes.len() as f64),
        format!("{bytes_time:.1}"),
        format!("{:.0}", with.0),
        format!("{:.0}", without.0),
        format!("{:.0}", with.1),
        format!("{:.0}", without.1),
    ])
}

fn fill(tracker: &mut Tracker<'_>, torrents: u32, peers: u32) -> Result<(), Failure> {
    for nth in 0..peers {
        for torrent in 0..torrents {
            let mut hash = [9; 20];
            hash[..4].copy_from_slice(&torrent.wrapping_mul(0x9e37_79b9).to_be_bytes());
            let announce = Announce {
                info_hash: InfoHash(hash),
                peer: PeerAddr::new(
                    IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | nth)),
                    NonZeroU16::MIN,
                ),
                peer_id: None,
                event: if nth == 0 {
                    Event::Completed
                } else {
                    Event::None
                },
                left: Some(0),
                downloaded: 0,
            };
            tracker.announce(&announce, Secs(0)).map_err(|_| "denied")?;
        }
    }
    let stored = tracker.totals().peers;
    if stored != torrents * peers {
        return Err(format!("only {stored} peers stored").into());
    }
    Ok(())
}

/// A file written in pieces as the program does, and the milliseconds that took.
fn write(mut fill: impl FnMut(&mut Out<'_>) -> Progress) -> (Vec<u8>, f64) {
    let (mut all, mut buffer) = (Vec::with_capacity(128 << 20), [0; 8 << 10]);
    let start = Instant::now();
    loop {
        let mut out = Out::new(&mut buffer);
        let progress = fill(&mut out);
        all.extend_from_slice(out.written());
        if progress == Progress::Done {
            return (all, start.elapsed().as_secs_f64() * 1e3);
        }
    }
}
