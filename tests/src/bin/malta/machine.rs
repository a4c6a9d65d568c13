//! A whole 32-bit MIPS machine in QEMU, and a shell in it.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use wrtracker_tests::cross;
use wrtracker_tests::folder::Folder;

use crate::initramfs::Initramfs;

/// The machine's memory, in MiB. With 40 the kernel says nothing any more.
pub(crate) const MEMORY: u32 = 48;

/// A running machine. Dropping it ends it.
pub(crate) struct Machine {
    qemu: Child,
    shell: ChildStdin,
    lines: Receiver<String>,
    /// Where the machine's UDP port 6969 is reached.
    pub(crate) udp: SocketAddr,
    /// Where its TCP port 6969 is.
    pub(crate) tcp: SocketAddr,
}

impl Machine {
    /// Starts a machine whose clock is at `date`, with `program` as `/wrtracker`, and returns when
    /// its shell answers.
    pub(crate) fn start(program: &Path, date: &str) -> Result<Self, String> {
        let files = cross::malta()?;
        let archive = archive(&files, program).map_err(|error| error.to_string())?;
        let folder = Folder::new("malta");
        let path = folder.join("initramfs");
        fs::write(&path, archive).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::start_with(&files.join("vmlinuz"), &path, date)
    }

    fn start_with(kernel: &Path, archive: &Path, date: &str) -> Result<Self, String> {
        let (udp, tcp) = free_ports().map_err(|error| error.to_string())?;
        let network = format!("user,id=net,hostfwd=udp:{udp}-:6969,hostfwd=tcp:{tcp}-:6969");
        let mut command = Command::new("qemu-system-mipsel");
        command
            // A processor without a floating-point unit, as routers have.
            .args(["-M", "malta", "-cpu", "24Kc", "-m", &MEMORY.to_string()])
            .arg("-kernel")
            .arg(kernel)
            .arg("-initrd")
            .arg(archive)
            // A kernel that moves itself about may overwrite the archive in so little memory.
            .args([
                "-append",
                "console=ttyS0 rdinit=/init nokaslr panic=-1 loglevel=3",
            ])
            .args(["-rtc", &format!("base={date}")])
            .args([
                "-nodefaults",
                "-no-reboot",
                "-display",
                "none",
                "-serial",
                "stdio",
            ])
            // No ROM to start from the network: Debian has it in another package.
            .args(["-netdev", &network, "-device", "pcnet,netdev=net,romfile="])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut qemu = command
            .spawn()
            .map_err(|error| format!("{command:?}: {error}"))?;
        let (shell, output) = qemu.stdin.take().zip(qemu.stdout.take()).expect("pipes");
        let (to, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                if to.send(line).is_err() {
                    return;
                }
            }
        });
        let machine = Self {
            qemu,
            shell,
            lines,
            udp,
            tcp,
        };
        machine.read_until("shell ready")?;
        Ok(machine)
    }

    /// Runs a command in the machine and returns what it printed.
    pub(crate) fn run(&mut self, command: &str) -> Result<String, String> {
        writeln!(self.shell, "{command}").map_err(|error| error.to_string())?;
        let mut text = self.read_until(END)?;
        let status = text.pop().unwrap_or_default();
        let text = text.join("\n");
        if status == format!("{END} 0") {
            Ok(text)
        } else {
            Err(format!("in the machine: {command}: {text} ({status})"))
        }
    }

    /// Ends the machine as its own kernel does, and waits for that.
    pub(crate) fn power_off(mut self) -> Result<(), String> {
        writeln!(self.shell, "poweroff -f").map_err(|error| error.to_string())?;
        let status = self.qemu.wait().map_err(|error| error.to_string())?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("qemu: {status}"))
        }
    }

    /// The lines up to one that starts with `end`, and that one.
    fn read_until(&self, end: &str) -> Result<Vec<String>, String> {
        let mut text = Vec::new();
        loop {
            let Ok(line) = self.lines.recv_timeout(DEADLINE) else {
                return Err(format!(
                    "the machine doesn't say {end:?}, but:\n{}",
                    text.join("\n")
                ));
            };
            let found = line.starts_with(end);
            text.push(line);
            if found {
                return Ok(text);
            }
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// How long the machine may be silent before it counts as broken: it starts in seconds.
const DEADLINE: Duration = Duration::from_secs(120);

/// What comes before a command's status.
const END: &str = "=== status";

/// Makes the shell's commands known, sets up the network, and reads commands from the console.
const INIT: &str = "#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mount -t cgroup2 cgroup /cgroup; echo +memory >/cgroup/cgroup.subtree_control
insmod /mii.ko; insmod /pcnet32.ko
ip link set lo up; ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up
ip route add default via 10.0.2.2
stty -echo
echo 'shell ready'
while IFS= read -r line; do eval \"$line\"; echo \"=== status $?\"; done
";

fn archive(files: &Path, program: &Path) -> io::Result<Vec<u8>> {
    let mut archive = Initramfs::new();
    archive.file("init", INIT.as_bytes());
    archive.copy("bin/busybox", &files.join("busybox"))?;
    archive.copy("mii.ko", &files.join("mii.ko"))?;
    archive.copy("pcnet32.ko", &files.join("pcnet32.ko"))?;
    archive.copy("wrtracker", program)?;
    gzip(archive.finish())
}

/// Packs the archive: as it is, it and its files don't fit into the machine together.
fn gzip(archive: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut gzip = Command::new("gzip")
        .arg("-9")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut to = gzip.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let writer = thread::spawn(move || to.write_all(&archive));
    let packed = gzip.wait_with_output()?.stdout;
    writer.join().expect("a thread that writes")?;
    Ok(packed)
}

/// Ports of this machine that are free now, for UDP and for TCP.
fn free_ports() -> io::Result<(SocketAddr, SocketAddr)> {
    let anywhere = (Ipv4Addr::LOCALHOST, 0);
    let udp = UdpSocket::bind(anywhere)?.local_addr()?;
    let tcp = TcpListener::bind(anywhere)?.local_addr()?;
    Ok((udp, tcp))
}
