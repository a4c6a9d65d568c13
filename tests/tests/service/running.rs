//! The program as the package's service: started as procd was told to, told what changes, upgraded,
//! and out of the firewall's connection tracking.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::fd::AsFd as _;
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use wrtracker_tests::namespace::{enter_test_as_root, is_root, skip};
use wrtracker_tests::openwrt::{ACCOUNT, OUT, Record, Root};
use wrtracker_tests::patience::whole_wait;
use wrtracker_tests::process::find_program;
use wrtracker_tests::router::{HOSTS, ROUTER, Side, on, set_up};
use wrtracker_tests::server::Server;
use wrtracker_tests::udp_client::{Announce, Announced, UdpClient};

/// In a network namespace of the test's own, nobody else has this port.
const PORT: u16 = 6969;

const FIRST: [u8; 20] = [0x11; 20];
const SECOND: [u8; 20] = [0x22; 20];

/// Starts what procd was told to start, as the user that it was told, in that root directory.
fn start(root: &Root, record: &Record) -> Server {
    assert!(
        record.has(&["param", "user", "wrtracker"]) && record.has(&["param", "group", "wrtracker"])
    );
    let commands = record.after(&["param", "command"]);
    let mut command = Command::new("chroot");
    command
        .arg(format!("--userspec={ACCOUNT}:{ACCOUNT}"))
        .arg("--groups=")
        .arg(root.path())
        .args(&commands[0]);
    root.write("running", "main\n");
    Server::try_start_command(command).unwrap_or_else(|exited| panic!("{exited:?}"))
}

/// Tells the program what procd was told to tell it.
fn pass_on(record: &Record, server: &Server) {
    let signals = record.after(&["signal", "wrtracker", "main"]);
    assert_eq!(signals, [["HUP"]], "{}", record.0);
    server.signal(Signal::HUP);
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn announce(hash: [u8; 20], port: u16) -> Announced {
    UdpClient::connect(local(PORT)).announce(&Announce::leecher(port).with_hash(hash))
}

fn refused(hash: [u8; 20]) {
    let said =
        UdpClient::connect(local(PORT)).announce_refused(&Announce::leecher(1).with_hash(hash));
    assert!(!said.is_empty());
}

fn blacklist(root: &Root, hash: &str) {
    root.configure(&format!(
        "option mode 'blacklist'\nlist blacklist '{}'",
        hash.repeat(20)
    ));
}

#[test]
fn lists_change_and_upgrades_happen_and_the_swarms_stay() {
    let name = "running::lists_change_and_upgrades_happen_and_the_swarms_stay";
    if !enter_test_as_root(name) {
        return;
    }
    let Some(root) = Root::new(name) else {
        return;
    };
    blacklist(&root, "11");
    let record = root.service("start");
    let server = start(&root, &record);
    refused(FIRST);
    assert_eq!(announce(SECOND, 1001).leechers, 1);
    assert_eq!(announce(SECOND, 1002).leechers, 2);

    // An entry changes: it is another list, and the same program with the same swarms.
    blacklist(&root, "22");
    pass_on(&root.service("reload"), &server);
    server.wait_for_times("read the configuration again", 1);
    server.wait_for_times("blacklist: 1 hash ", 2);
    refused(SECOND);
    assert_eq!(announce(FIRST, 1001).leechers, 1);
    blacklist(&root, "33");
    pass_on(&root.service("reload"), &server);
    server.wait_for_times("blacklist: 1 hash ", 3);
    assert_eq!(announce(SECOND, 1003).leechers, 3);

    // A value that is wrong: what runs goes on, and is told nothing.
    root.configure("option numwant '1 2'");
    assert_eq!(root.refused("reload").0.0, "");
    assert_eq!(announce(SECOND, 1003).leechers, 3);

    // An upgrade ends the program and starts another.
    blacklist(&root, "33");
    let peers = "tmp/run/wrtracker/main.peers";
    assert!(!root.has(peers));
    assert!(server.terminate().success());
    let written = fs::metadata(root.path().join(peers)).expect("the swarms");
    assert_eq!((written.uid(), written.gid()), (ACCOUNT, ACCOUNT));
    let record = root.service("start");
    let server = start(&root, &record);
    server.wait_for_stderr("state.peers_file: 4 peers");
    assert_eq!(announce(SECOND, 1004).leechers, 4);
    assert_eq!(announce(FIRST, 1002).leechers, 2);
    assert!(!root.has(peers), "it is read once");
}

/// The process that this one has started.
fn child_of(parent: u32) -> Pid {
    let parent = parent.to_string();
    let processes = fs::read_dir("/proc").expect("processes").flatten();
    let child = processes.into_iter().find_map(|process| {
        let stat = fs::read_to_string(process.path().join("stat")).ok()?;
        // After the name, which is in parentheses, come the state and the parent.
        let (_, fields) = stat.rsplit_once(") ")?;
        let is = fields.split(' ').nth(1) == Some(&parent);
        is.then(|| process.file_name().to_str()?.parse().ok())
            .flatten()
    });
    child.and_then(Pid::from_raw).expect("a child")
}

/// As ujail does it: the program is the first process of a namespace of its own, whose root
/// directory has itself and what was mounted, and cannot be written to.
#[test]
fn what_changes_reaches_the_program_in_a_jail() {
    let name = "running::what_changes_reaches_the_program_in_a_jail";
    if !is_root(name) {
        return;
    }
    let Some(root) = Root::new(name) else {
        return;
    };
    root.write("sbin/ujail", "");
    root.make_executable("sbin/ujail");
    root.write("proc/self/ns/mnt", "");
    root.write("proc/self/ns/pid", "");
    blacklist(&root, "11");
    let record = root.service("start");
    let mut script = String::from("set -e; from=$1; jail=$1/jail; shift; mkdir $jail\n");
    script += "mount -t tmpfs -o mode=755 none $jail; mkdir -p $jail/usr/sbin\n";
    script += "cp $from/usr/sbin/wrtracker $jail/usr/sbin\n";
    script += "for lib in lib lib64; do [ ! -d $from/$lib ] || cp -r $from/$lib $jail; done\n";
    for (kind, flags) in [("mount_ro", "bind,ro"), ("mount_rw", "bind")] {
        for folder in record.after(&[kind]).into_iter().flatten() {
            script += &format!(
                "mkdir -p $jail{folder}; mount --bind $from{folder} $jail{folder}\n\
                 mount -o remount,{flags} $jail{folder}\n"
            );
        }
    }
    script += "mount -o remount,ro $jail; ip link set lo up\n";
    script += "exec setpriv --no-new-privs chroot --userspec=6969:6969 --groups= $jail \"$@\"";
    let mut command = Command::new("unshare");
    command
        .args([
            "--mount",
            "--net",
            "--pid",
            "--fork",
            "--kill-child",
            "sh",
            "-c",
            &script,
            "sh",
        ])
        .arg(root.path())
        .args(&record.after(&["param", "command"])[0]);
    let mut server = match Server::try_start_command(command) {
        Ok(server) => server,
        // The program's own words would be a failure.
        Err(exited) => {
            assert!(!exited.stderr.contains("wrtracker: "), "{exited:?}");
            skip(&format!("{name}: {exited:?}"));
            return;
        }
    };
    root.write("running", "main\n");
    let program = child_of(server.pid());
    server.wait_for_stderr("blacklist: 1 hash ");
    root.configure(&format!(
        "option mode 'blacklist'\nlist blacklist '{}'\nlist blacklist '{}'",
        "11".repeat(20),
        "22".repeat(20)
    ));
    let record = root.service("reload");
    assert_eq!(record.after(&["signal", "wrtracker", "main"]), [["HUP"]]);
    kill_process(program, Signal::HUP).expect("to signal");
    server.wait_for_stderr("blacklist: 2 hashes ");
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
    let namespace = fs::File::open(format!("/proc/{program}/ns/net")).expect("the jail's network");
    inside(&namespace, || {
        let client = UdpClient::connect(to);
        assert_eq!(client.announce(&Announce::leecher(1)).leechers, 1);
    });
    kill_process(program, Signal::TERM).expect("to signal");
    assert!(server.wait().success(), "{}", server.stderr());
    assert!(
        root.has("tmp/run/wrtracker/main.peers"),
        "{}",
        server.stderr()
    );
}

/// Does `work` in a network namespace.
fn inside(namespace: &fs::File, work: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(namespace.as_fd(), kind).expect("to enter a namespace");
            work();
        });
        worker.join().expect("the work");
    });
}

/// What firewall4 makes of the package's files, as far as it matters here: its chains for packets
/// before they are tracked, address translation, and a rule that makes it track them.
const FIREWALL: &str = "\
table inet fw4
flush table inet fw4
table inet fw4 {
	chain input {
		type filter hook input priority filter; policy accept;
		ct state established,related accept
	}
	chain srcnat {
		type nat hook postrouting priority srcnat; policy accept;
		oifname \"wan\" masquerade
	}
	chain raw_prerouting {
		type filter hook prerouting priority raw; policy accept;
		include \"/usr/share/nftables.d/chain-post/raw_prerouting/50-wrtracker.nft\"
	}
	chain raw_output {
		type filter hook output priority raw; policy accept;
		include \"/usr/share/nftables.d/chain-post/raw_output/50-wrtracker.nft\"
	}
}
";

/// Entries in the connection tracking table of this network namespace.
fn tracked() -> u32 {
    let count = fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_count");
    count
        .expect("the kernel's count")
        .trim()
        .parse()
        .expect("a number")
}

/// Makes of the rules what firewall4 would. The reason, if nft can't.
fn load_firewall(root: &Root) -> Result<(), String> {
    root.write("firewall", FIREWALL);
    let output = root.run("nft -c -f /firewall && nft -f /firewall");
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

#[test]
fn announces_leave_no_trace_in_connection_tracking() {
    let name = "running::announces_leave_no_trace_in_connection_tracking";
    if !enter_test_as_root(name) {
        return;
    }
    let Some(root) = Root::new(name) else {
        return;
    };
    let Some(nft) = find_program("nft") else {
        skip(&format!("{name}: there is no nft"));
        return;
    };
    root.install_program(&nft, "usr/sbin/nft");
    root.write("sbin/fw4", "");
    root.make_executable("sbin/fw4");
    let ready = set_up().and_then(|()| load_firewall(&root));
    if let Err(why) = ready {
        skip(&format!("{name}: {why}"));
        return;
    }
    root.configure("option internet '1'");
    let record = root.service("start");
    let _server = start(&root, &record);
    let families = [Side::v4 as fn(Side, u8) -> _, Side::v6];
    let announces = |side: Side, first: u16| {
        for (number, host) in (first..first + 10).flat_map(|port| HOSTS.map(|host| (port, host))) {
            for of in families {
                let (from, to) = (of(side, host), SocketAddr::new(of(side, ROUTER), PORT));
                let told = on(side, move || {
                    let mut client = UdpClient::bound_to(from, to);
                    client.connection = client.fresh_connection();
                    client.announce(&Announce::leecher(number))
                });
                assert!(told.leechers > 0);
            }
        }
    };
    announces(Side::World, 2000);
    // An entry for each client.
    assert!(tracked() >= 40, "{}", tracked());

    root.configure("option internet '1'\noption notrack '1'");
    assert!(root.service("reload").has(&["config_changed", "firewall"]));
    load_firewall(&root).expect("rules that nft takes");
    let before = tracked();
    announces(Side::World, 3000);
    announces(Side::Lan, 4000);
    // Entries of before may have gone meanwhile.
    assert!(tracked() <= before, "{before} {}", tracked());

    // The LAN's clients reach other trackers on that port: their packets need the tracking.
    fs::write("/proc/sys/net/ipv4/ip_forward", "1").expect("to forward");
    let route = [
        "-n",
        "lan",
        "route",
        "add",
        "default",
        "via",
        "192.168.77.1",
    ];
    assert!(
        Command::new("ip")
            .args(route)
            .status()
            .expect("ip starts")
            .success()
    );
    let bind = |side: Side, port: u16| {
        let socket = on(side, move || {
            UdpSocket::bind((side.v4(5), port)).expect("a socket")
        });
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a time");
        socket
    };
    let (tracker, client) = (bind(Side::World, PORT), bind(Side::Lan, 0));
    client
        .send_to(b"connect", (Side::World.v4(5), PORT))
        .expect("to send");
    let mut bytes = [0; 100];
    let (length, from) =
        whole_wait(|| tracker.recv_from(&mut bytes)).expect("what the client sent");
    assert_eq!(
        (&bytes[..length], from.ip()),
        (&b"connect"[..], Side::World.v4(ROUTER))
    );
    tracker.send_to(b"reply", from).expect("to send");
    let (length, from) = whole_wait(|| client.recv_from(&mut bytes)).expect("the reply");
    assert_eq!(
        (&bytes[..length], from),
        (&b"reply"[..], (Side::World.v4(5), PORT).into())
    );

    // When the service ends, nothing of it is left in the firewall.
    root.service("stop");
    load_firewall(&root).expect("rules that nft takes");
    let rules = root.run("nft list ruleset");
    assert!(!String::from_utf8_lossy(&rules.stdout).contains("notrack"));
    assert!(!root.has(&format!("{OUT}/notrack-in.nft")));
}
