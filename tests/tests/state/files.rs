//! A folder of files of state, files as they should be, and what a tracker says of them.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::SystemTime;

use rustix::process::Signal;
use wrtracker_tests::conf::Conf;
use wrtracker_tests::folder::Folder;
use wrtracker_tests::server::Server;
use wrtracker_tests::udp_client::{Announce, COMPLETED, STOPPED, UdpClient};

pub(crate) fn read(folder: &Folder, name: &str) -> Option<Vec<u8>> {
    fs::read(folder.path(name)).ok()
}

/// The names of all that is in it.
pub(crate) fn names(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(folder.text()).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name().display().to_string());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// A program with these directives, in which `{}` is the folder, and arguments.
pub(crate) fn start_with(folder: &Folder, directives: &str, args: &[&str]) -> Server {
    // Not among the folder's files, which some tests count or take away.
    let conf = Conf::new(directives.replace("{}", folder.text()));
    let listen = ["-i", "127.0.0.1", "-p", "0", "-P", "0"];
    Server::start(&[&listen[..], args, &["-f", conf.path()]].concat())
}

pub(crate) fn start(folder: &Folder, directives: &str) -> Server {
    start_with(folder, directives, &[])
}

pub(crate) const TORRENTS: &str = "state.file {}/torrents\n";
pub(crate) const PEERS: &str = "state.peers_file {}/peers\n";

/// Ends it well.
#[track_caller]
pub(crate) fn end(server: Server) {
    let status = server.terminate();
    assert_eq!(status.code(), Some(0));
}

/// Ends it well, and returns what it said.
pub(crate) fn end_and_tell(mut server: Server) -> String {
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
    server.wait_for_stderr("wrtracker: ended with");
    server.stderr()
}

#[track_caller]
pub(crate) fn says(server: &Server, what: &str) {
    let text = server.stderr();
    assert!(text.contains(what), "{what:?} is not in:\n{text}");
}

pub(crate) fn hash(number: u8) -> [u8; 20] {
    [number; 20]
}

pub(crate) fn hex(hash: &[u8; 20]) -> String {
    hash.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Completes so many downloads of a torrent, and leaves it.
pub(crate) fn complete(server: &Server, hash: [u8; 20], times: u16) {
    let client = UdpClient::connect(server.udp_v4());
    for port in 1..=times {
        let announce = Announce::seeder(port).with_hash(hash);
        client.announce(&announce.clone().with_event(COMPLETED));
        client.announce(&announce.with_event(STOPPED));
    }
}

pub(crate) fn completed(server: &Server, hash: [u8; 20]) -> u32 {
    let client = UdpClient::connect(server.udp_v4());
    client.scrape(&[hash])[0].completed
}

/// The ports of the peers of a torrent, and who asks is none.
pub(crate) fn ports(server: &Server, hash: [u8; 20]) -> Vec<u16> {
    let client = UdpClient::connect(server.udp_v4());
    let announce = Announce::leecher(65_000).with_hash(hash);
    let reply = client.announce(&announce);
    client.announce(&announce.with_event(STOPPED));
    let mut ports: Vec<_> = reply.peers.iter().map(SocketAddr::port).collect();
    ports.sort_unstable();
    ports
}

/// `mode=statedump`, whose lines are in no order.
pub(crate) fn dump(server: &Server) -> String {
    let mut stream = TcpStream::connect(server.tcp_v4()).expect("to connect");
    let request = b"GET /stats?mode=statedump HTTP/1.0\r\n\r\n";
    stream.write_all(request).expect("to send");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("a reply");
    let (head, body) = reply.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains(" 200 "), "{head}");
    body.into()
}

/// CRC-32 as in gzip, bit by bit: a reader of its own.
pub(crate) fn crc(bytes: &[u8]) -> u32 {
    let crc = bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    });
    !crc
}

/// The lines of a file of torrents, if it is whole.
pub(crate) fn lines_of(bytes: &[u8]) -> Option<Vec<String>> {
    let text = str::from_utf8(bytes).ok()?;
    let body = text.strip_suffix('\n')?;
    let start = body.rfind('\n')? + 1;
    let lines: Vec<_> = body[..start].lines().map(String::from).collect();
    let (head, lines) = lines.split_first()?;
    let last = format!("# end {} {:08x}", lines.len(), crc(&bytes[..start]));
    (head == "# wrtracker torrents 1" && body[start..] == last).then(|| lines.to_vec())
}

/// A file of torrents.
pub(crate) fn torrents_file(torrents: &[([u8; 20], u32)]) -> Vec<u8> {
    let mut text = String::from("# wrtracker torrents 1\n");
    for (hash, completed) in torrents {
        let _ = writeln!(text, "{}:29920000:{completed}", hex(hash));
    }
    let crc = crc(text.as_bytes());
    let _ = writeln!(text, "# end {} {crc:08x}", torrents.len());
    text.into_bytes()
}

/// A file of leechers at 127.0.0.1, with their ports and ages, that was written so many seconds
/// after the start of 1970.
pub(crate) fn peers_file(hash: [u8; 20], peers: &[(u16, u16)], saved: u64) -> Vec<u8> {
    let mut bytes = b"wrtpeers\0\0\0\x01".to_vec();
    bytes.extend(saved.to_be_bytes());
    bytes.push(0x01);
    bytes.extend(hash);
    for (port, age) in peers {
        bytes.extend(b"\x40\x7f\0\0\x01");
        bytes.extend(port.to_be_bytes());
        bytes.extend(age.to_be_bytes());
    }
    bytes.push(0);
    bytes.extend(u32::try_from(peers.len()).expect("few").to_be_bytes());
    bytes.extend(crc(&bytes).to_be_bytes());
    bytes
}

pub(crate) fn wall_clock() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.expect("a clock").as_secs()
}
