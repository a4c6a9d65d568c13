//! What other trackers have to be told, and how to see that they serve.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use wrtracker_tests::load::packets::{self, Reply, Request};
use wrtracker_tests::load::work::{Item, Work};

use crate::Failure;

/// How long a tracker may take to answer first, or to read its list.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether an opentracker serves only what is on its list, as it is decided when it is built.
/// Debian's does.
pub(super) fn lists(file: &Path) -> io::Result<bool> {
    let output = Command::new(file).arg("-h").output()?;
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    Ok(said.contains("[-w whitelistfile]"))
}

/// opentracker, with a list if it needs one.
pub(super) fn opentracker(
    file: &Path,
    folder: &Path,
    port: u16,
    worker: bool,
    work: &Work,
    more: &[[u8; 20]],
) -> io::Result<Command> {
    let config = folder.join("config");
    let workers = u32::from(worker);
    let text = format!("listen.udp.workers {workers}\nlisten.udp 127.0.0.1:{port}\n");
    fs::write(&config, text)?;
    let mut command = Command::new(file);
    command
        .args(["-i", "127.0.0.1", "-p", &port.to_string()])
        .arg("-f")
        .arg(config)
        .args(["-u", "nobody", "-d"])
        .arg(folder);
    if lists(file)? {
        // One more torrent is there to see when the list counts.
        let torrents = (0..=work.torrents).map(|torrent| work.info_hash(torrent));
        let all = torrents.chain(more.iter().copied());
        fs::write(folder.join("list"), list(all))?;
        command.args(["-w", "list"]);
    }
    Ok(command)
}

/// A list as opentracker reads it.
fn list(hashes: impl Iterator<Item = [u8; 20]>) -> String {
    let mut list = String::new();
    for hash in hashes {
        for byte in hash {
            let _ = write!(list, "{byte:02x}");
        }
        list.push('\n');
    }
    list
}

/// aquatic_udp with one worker, that waits in epoll or in io_uring.
pub(super) fn aquatic(file: &Path, folder: &Path, port: u16, ring: bool) -> io::Result<Command> {
    let config = folder.join("config");
    // It has the word only if it was built with it.
    let ring = if ring { "use_io_uring = true\n" } else { "" };
    let text = format!(
        "socket_workers = 1\n[network]\naddress = \"127.0.0.1:{port}\"\n{ring}\
         [cleaning]\ntorrent_cleaning_interval = 3600\n"
    );
    fs::write(&config, text)?;
    let mut command = Command::new(file);
    command.arg("-c").arg(config).current_dir(folder);
    Ok(command)
}

/// Returns when the tracker serves a torrent that no load asks for, and, if it keeps a list, denies
/// another. opentracker answers before it has read its list, and then serves all or none. The result
/// is the moment of its first answer, to a connect.
pub(super) fn wait_until_it_serves(
    address: SocketAddr,
    work: &Work,
    lists: bool,
    child: &mut Child,
) -> Result<Instant, Failure> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(address)?;
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    let mut reply = [0; 2048];
    let mut ask = |request, torrent, id: &[u8; 8]| {
        let mut datagram = [0; packets::LARGEST];
        let item = Item { torrent, peer: 0 };
        let length = packets::emit(request, item, work, id, torrent, &mut datagram);
        // Refused as long as nobody listens.
        let received = socket
            .send(&datagram[..length])
            .and_then(|_| socket.recv(&mut reply))
            .unwrap_or(0);
        packets::check(request, torrent, 6, &reply[..received])
    };
    let deadline = Instant::now() + PATIENCE;
    let mut first = None;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait()? {
            return Err(format!("ended with {status}").into());
        }
        if let Ok(Reply::Connected(id)) = ask(Request::Connect, 0, &[0; 8]) {
            let first = *first.get_or_insert_with(Instant::now);
            let mut serves = |torrent| ask(Request::Announce(0), torrent, &id).is_ok();
            if serves(work.torrents) && !(lists && serves(work.torrents + 1)) {
                return Ok(first);
            }
            thread::sleep(Duration::from_millis(20));
        } else {
            // Often enough that the first answer is told to a tenth of a millisecond.
            thread::sleep(Duration::from_micros(100));
        }
    }
    Err("does not answer".into())
}
