//! libtorrent seeds and downloads a file by way of the machine, in a network namespace with a cable
//! to it, where clients have addresses that reach each other.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use wrtracker_tests::folder::Folder;
use wrtracker_tests::http_client::HttpClient;
use wrtracker_tests::real_client::{Client, Kind, Task};
use wrtracker_tests::torrent::{Privacy, Torrent};
use wrtracker_tests::udp_client::UdpClient;

use crate::checks::{number, promise};
use crate::machine::{Machine, Network, build};

const TAP: &str = "wrt0";
const CONFIG: &str = "device.address 10.77.0.1/24\n\
                      device.address 2001:db8:77::1/64\n\
                      tracker.interval 60\n";
const V4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1));
const V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 1));

/// How long a transfer may take.
const LIMIT: Duration = Duration::from_secs(50);

pub(crate) fn run() -> Result<(), String> {
    let version = match Kind::Libtorrent.version() {
        Ok(version) => version,
        Err(why) => {
            println!("skip real clients: libtorrent is not installed: {why}");
            return Ok(());
        }
    };
    if let Err(why) = plug() {
        println!("skip real clients: {why}");
        return Ok(());
    }
    let image = build("wrtracker-firmware", "")?;
    let mut machine = Machine::start(&image, &Network::Tap(TAP), CONFIG, "")?;
    machine.wait_for("address 2001:db8:77::1")?;
    let folder = Folder::new("firmware-clients");
    for (nth, (udp, ip)) in [(true, V4), (false, V4), (true, V6), (false, V6)]
        .into_iter()
        .enumerate()
    {
        let scheme = if udp { "udp" } else { "http" };
        let name = format!("{scheme} {ip}");
        let begun = Instant::now();
        if let Err(why) = transfer(nth as u8, udp, ip, &folder.join(nth.to_string())) {
            return Err(format!("{name}: {why}; see {}", folder.keep().display()));
        }
        machine.is_well()?;
        let seconds = begun.elapsed().as_secs_f32();
        println!("ok   libtorrent {version} downloaded a file over {name}, {seconds:.1} s");
    }
    let page = HttpClient::connect(SocketAddr::new(V4, 6969)).get("/stats?mode=network");
    let page = String::from_utf8_lossy(&page.body).into_owned();
    promise(number(&page, "datagrams for the tracker")? > 0, &page)?;
    print!("{page}");
    Ok(())
}

/// Makes the cable.
fn plug() -> Result<(), String> {
    let mut lines = vec![
        format!("tuntap add {TAP} mode tap"),
        format!("link set {TAP} up"),
    ];
    for host in 2..20 {
        lines.push(format!("addr add 10.77.0.{host}/24 dev {TAP}"));
        lines.push(format!("addr add 2001:db8:77::{host}/64 dev {TAP} nodad"));
    }
    for line in lines {
        let output = Command::new("ip").args(line.split(' ')).output();
        let output = output.map_err(|error| format!("ip: {error}"))?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(format!("ip {line}: {why}"));
        }
    }
    Ok(())
}

fn transfer(nth: u8, udp: bool, ip: IpAddr, folder: &std::path::Path) -> Result<(), String> {
    let at = SocketAddr::new(ip, 6969);
    let scheme = if udp { "udp" } else { "http" };
    let announce = format!("{scheme}://{at}/announce");
    let torrent = Torrent::new(nth.into(), 300_001, &announce, Privacy::Private);
    let (seeds, downloads) = (folder.join("seeds"), folder.join("downloads"));
    let path = folder.join("a.torrent");
    fs::create_dir_all(&seeds)
        .and_then(|()| torrent.write_content(&seeds))
        .and_then(|()| fs::write(&path, &torrent.metainfo))
        .map_err(|error| error.to_string())?;
    let path = path.to_str().ok_or("a path that is no text")?;
    let start = |host: u8, downloads, home: &str| -> Result<Client, String> {
        let task = Task {
            torrent: path,
            downloads,
            home: &folder.join(home),
            ip: match ip {
                IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::new(10, 77, 0, host)),
                IpAddr::V6(_) => format!("2001:db8:77::{host}").parse().expect("an address"),
            },
            port: 20_000 + u16::from(host),
            udp,
        };
        Kind::Libtorrent
            .start(&task)
            .map_err(|error| error.to_string())
    };
    let deadline = Instant::now() + LIMIT;
    let wait = |what: &str| {
        thread::sleep(Duration::from_millis(30));
        promise(Instant::now() < deadline, what)
    };
    let tracker = UdpClient::connect(SocketAddr::new(V4, 6969));
    let seen = || tracker.scrape(&[torrent.info_hash])[0];
    let seeder = start(2 + 2 * nth, &seeds, "seeder")?;
    while seen().seeders == 0 {
        wait("the seeder has not announced")?;
    }
    let downloader = start(3 + 2 * nth, &downloads, "downloader")?;
    while !torrent.is_in(&downloads) {
        wait("no transfer")?;
    }
    while seen().seeders != 2 {
        wait("the download isn't counted")?;
    }
    promise(seen().completed == 1, "completed")?;
    downloader.stop();
    seeder.stop();
    promise(seen().seeders == 0, "they left")?;
    for home in ["seeder", "downloader"] {
        let log =
            fs::read_to_string(folder.join(home).join("log")).map_err(|error| error.to_string())?;
        let complaint = Kind::Libtorrent
            .complaints()
            .iter()
            .find(|line| log.contains(**line));
        promise(
            complaint.is_none(),
            &format!("the {home} complains: {complaint:?}"),
        )?;
        promise(
            log.contains("scrape_reply"),
            &format!("the {home} has not scraped"),
        )?;
    }
    Ok(())
}
