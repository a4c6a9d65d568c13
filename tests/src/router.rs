//! A router in a namespace of its own, with a LAN on one side and the world on the other: real
//! interfaces, and hosts that reach nothing but their side.

use std::fs::File;
use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::thread;

use rustix::fd::AsFd as _;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A side of the router, with its hosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// 192.168.77.0/24 and fd77::/64.
    Lan,
    /// 203.0.113.0/24 and 2001:db8:1::/64.
    World,
}

impl Side {
    /// The router's IPv4 address, or that of a host on that side: 5 or 6.
    pub fn v4(self, host: u8) -> IpAddr {
        match self {
            Self::Lan => [192, 168, 77, host].into(),
            Self::World => [203, 0, 113, host].into(),
        }
    }

    /// The same over IPv6.
    pub fn v6(self, host: u8) -> IpAddr {
        match self {
            Self::Lan => [0xfd77, 0, 0, 0, 0, 0, 0, host.into()].into(),
            Self::World => [0x2001, 0xdb8, 1, 0, 0, 0, 0, host.into()].into(),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Lan => "lan",
            Self::World => "wan",
        }
    }
}

/// The router's number in the addresses of both sides.
pub const ROUTER: u8 = 1;

/// The hosts' numbers on each side.
pub const HOSTS: [u8; 2] = [5, 6];

/// Makes this namespace the router's: to be called once, after
/// [`enter_test`](crate::namespace::enter_test).
///
/// # Errors
///
/// What this machine has no means for.
pub fn set_up() -> Result<(), String> {
    // The names of namespaces are files: nobody else's are in the way of ours.
    run("mount -t tmpfs none /run && mkdir -p /run/netns")?;
    for side in [Side::Lan, Side::World] {
        let name = side.name();
        run(&format!(
            "ip netns add {name} &&\
             ip link add {name} type veth peer name eth0 netns {name} &&\
             ip link set {name} up &&\
             ip -n {name} link set lo up && ip -n {name} link set eth0 up &&\
             ip addr add {}/24 dev {name} && ip addr add {}/64 dev {name} nodad",
            side.v4(ROUTER),
            side.v6(ROUTER),
        ))?;
        for host in HOSTS {
            run(&format!(
                "ip -n {name} addr add {}/24 dev eth0 && ip -n {name} addr add {}/64 dev eth0 nodad",
                side.v4(host),
                side.v6(host),
            ))?;
        }
    }
    Ok(())
}

/// Does `work` on the hosts of a side: its sockets are theirs.
///
/// # Panics
///
/// If it does, or the namespace isn't there.
pub fn on<T: Send>(side: Side, work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let path = format!("/run/netns/{}", side.name());
            let namespace = File::open(path).expect("the namespace of a side");
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(namespace.as_fd(), kind).expect("to enter a namespace");
            work()
        });
        worker
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn run(script: &str) -> Result<(), String> {
    let output = Command::new("sh")
        .args(["-c", script])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}
