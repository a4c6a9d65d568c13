//! The machine in QEMU: its image, its console, and what is at the other end of its cable.

use std::env;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use wrtracker_tests::folder::Folder;

/// The processor of the image.
const TARGET: &str = "thumbv7m-none-eabi";

/// Where the configuration and the list are in flash, as `memory.x` has it.
const CONFIG: u32 = 0x3c000;
const LIST: u32 = 0x3d000;

/// The socket of QEMU's monitor.
const MONITOR: &str = "monitor";

/// How long the machine may be silent before it counts as broken.
const DEADLINE: Duration = Duration::from_secs(30);

/// Builds an image, and returns where it is. The tracker's is `wrtracker-firmware`.
pub(crate) fn build(name: &str, features: &str) -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "-q", "--release", "--locked", "--target", TARGET])
        .args(["--features", features, "--bin", name])
        .current_dir(&folder)
        // In the place of those of whoever runs us, which are for another processor.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", short_paths());
    let status = command
        .status()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if !status.success() {
        return Err(format!(
            "{command:?}: {status}; rustup target add {TARGET}?"
        ));
    }
    let target =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| folder.join("target"), PathBuf::from);
    Ok(target.join(TARGET).join("release").join(name))
}

/// Flags by which the image has as many bytes on every machine: where a panic may be is in it, by
/// paths that are otherwise as long as those of whoever builds it.
fn short_paths() -> String {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output();
    let sysroot = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let home = env::var("CARGO_HOME").or_else(|_| env::var("HOME").map(|home| home + "/.cargo"));
    let here = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(|path| path.display().to_string());
    let folders = [(here, ""), (home.ok(), "cargo"), (sysroot.ok(), "rust")];
    let flags = folders.into_iter().filter_map(|(folder, name)| {
        let folder = folder.filter(|folder| !folder.is_empty() && !folder.contains(' '))?;
        Some(format!("--remap-path-prefix={folder}={name}"))
    });
    flags.collect::<Vec<_>>().join(" ")
}

/// What is at the other end of the cable.
pub(crate) enum Network {
    /// QEMU's own network: a router with DHCP, and ports of this machine that lead to port 6969.
    User,
    /// A TAP device of this machine.
    Tap(&'static str),
    /// This program: each datagram is a frame.
    Frames,
}

/// A running machine. Dropping it ends it.
pub(crate) struct Machine {
    qemu: Child,
    lines: Receiver<String>,
    /// What it has said so far.
    pub(crate) said: Vec<String>,
    /// Where its ports are reached by QEMU's network.
    pub(crate) udp: SocketAddr,
    pub(crate) tcp: SocketAddr,
    /// The end of the cable, if it is here.
    pub(crate) frames: Option<UdpSocket>,
    /// Where what is in its flash comes from, and QEMU's monitor is.
    folder: Folder,
}

impl Machine {
    /// Starts a machine with this configuration and list in its flash.
    pub(crate) fn start(
        image: &Path,
        network: &Network,
        config: &str,
        list: &str,
    ) -> Result<Self, String> {
        Self::try_start(image, network, config, list)
            .map_err(|error| format!("qemu-system-arm: {error}"))
    }

    fn try_start(image: &Path, network: &Network, config: &str, list: &str) -> io::Result<Self> {
        let (udp, tcp) = free_ports()?;
        let folder = Folder::new("firmware");
        let monitor = folder.join(MONITOR);
        let mut frames = None;
        let nic = match network {
            Network::User => format!("user,id=net,hostfwd=udp:{udp}-:6969,hostfwd=tcp:{tcp}-:6969"),
            Network::Tap(name) => format!("tap,id=net,ifname={name},script=no,downscript=no"),
            Network::Frames => {
                let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
                socket.connect(udp)?;
                let nic = format!("socket,id=net,udp={},localaddr={udp}", socket.local_addr()?);
                frames = Some(socket);
                nic
            }
        };
        let mut command = Command::new("qemu-system-arm");
        command
            .args(["-M", "mps2-an385", "-display", "none", "-serial", "stdio"])
            .args(["-nic", &nic])
            .arg("-monitor")
            .arg(format!("unix:{},server,nowait", monitor.display()))
            .arg("-kernel")
            .arg(image);
        for (name, text, at) in [("config", config, CONFIG), ("list", list, LIST)] {
            if !text.is_empty() {
                let path = folder.join(name);
                fs::write(&path, text)?;
                let path = path.display();
                command.arg("-device");
                command.arg(format!("loader,file={path},addr={at:#x},force-raw=on"));
            }
        }
        let mut qemu = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = qemu.stdout.take().expect("a pipe");
        let (to, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                if to.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            qemu,
            lines,
            said: Vec::new(),
            udp,
            tcp,
            frames,
            folder,
        })
    }

    /// Waits until it has said this, at the start of a line, and returns the rest of the line.
    pub(crate) fn wait_for(&mut self, start: &str) -> Result<String, String> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let rest = self.said.iter().find_map(|line| line.strip_prefix(start));
            if let Some(rest) = rest {
                return Ok(rest.to_owned());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.said.push(line),
                Err(_) => {
                    let said = self.said.join("\n");
                    return Err(format!("the machine doesn't say {start:?}, but:\n{said}"));
                }
            }
        }
    }

    /// Whether it has started once and said nothing bad.
    pub(crate) fn is_well(&mut self) -> Result<(), String> {
        self.said.extend(self.lines.try_iter());
        let starts = self
            .said
            .iter()
            .filter(|line| line.starts_with("wrtracker "))
            .count();
        let bad = |line: &&String| line.contains("panicked") || line.contains("fault");
        match self.said.iter().find(bad) {
            None if starts == 1 => Ok(()),
            _ => Err(format!("the machine isn't well:\n{}", self.said.join("\n"))),
        }
    }

    /// Gives QEMU's monitor a command.
    pub(crate) fn monitor(&self, command: &str) -> Result<(), String> {
        let told = UnixStream::connect(self.folder.join(MONITOR)).and_then(|mut stream| {
            stream.set_read_timeout(Some(DEADLINE))?;
            writeln!(stream, "{command}")?;
            // Two prompts: before the command, and when it is done.
            let mut reader = BufReader::new(stream);
            for _ in 0..2 {
                let mut text = Vec::new();
                while !text.ends_with(b"(qemu) ") && reader.read_until(b' ', &mut text)? > 0 {}
            }
            Ok(())
        });
        told.map_err(|error| format!("qemu's monitor: {command}: {error}"))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// A port of each protocol that is free now.
fn free_ports() -> io::Result<(SocketAddr, SocketAddr)> {
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    Ok((udp, tcp))
}
