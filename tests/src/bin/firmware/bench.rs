//! Announces per second in QEMU, against datagrams per second of an image that has the same stack
//! and sends each datagram back.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use wrtracker_tests::udp_client::{Announce, UdpClient};

use crate::machine::{Machine, Network, build};

/// Requests that are on their way at the same time.
const WINDOW: u32 = 8;
const TIME: Duration = Duration::from_secs(3);
const ROUNDS: usize = 3;

pub(crate) fn run() -> Result<(), String> {
    let (tracker, echo) = (build("wrtracker-firmware", "")?, build("echo", "echo")?);
    let mut figures = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (image, figures) in [&tracker, &echo].into_iter().zip(&mut figures) {
            let mut machine = Machine::start(image, &Network::User, "", "")?;
            machine.wait_for("ready")?;
            if image == &tracker {
                machine.wait_for("address 10.")?;
            }
            figures.push(rate(machine.udp, image == &tracker).map_err(|error| error.to_string())?);
        }
    }
    for figures in &mut figures {
        figures.sort_by(f64::total_cmp);
    }
    let [announces, echoes] = figures.map(|figures| figures[ROUNDS / 2]);
    println!("announces per second, swarms of 50, all peers wanted: {announces:.0}");
    println!("datagrams per second, sent back by the same stack: {echoes:.0}");
    println!("that is {:.2} of it", announces / echoes);
    Ok(())
}

fn rate(server: SocketAddr, tracker: bool) -> std::io::Result<f64> {
    let id = if tracker {
        UdpClient::connect(server).fresh_connection()
    } else {
        1
    };
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    let packet = |nth: u32| {
        let announce = Announce::leecher(1 + (nth % 50) as u16);
        announce
            .with_hash([(nth / 50 % 20) as u8; 20])
            .emit(id, nth)
    };
    let (mut sent, mut received) = (0, 0);
    let begun = Instant::now();
    let mut buffer = [0; 2000];
    while begun.elapsed() < TIME {
        while sent < received + WINDOW {
            socket.send(&packet(sent))?;
            sent += 1;
        }
        match socket.recv(&mut buffer) {
            Ok(_) => received += 1,
            // One was lost: it counts as sent.
            Err(error) if error.kind() == ErrorKind::WouldBlock => sent = received,
            Err(error) => return Err(error),
        }
    }
    Ok(f64::from(received) / begun.elapsed().as_secs_f64())
}
