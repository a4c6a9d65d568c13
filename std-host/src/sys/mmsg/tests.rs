use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use super::segments::{Run, Told};
use super::{Batch, Control, LARGEST_DATAGRAM, Sent, datagrams};
use crate::sys::pktinfo;

/// A socket on `ip` that tells the address of each datagram, and a client that talks to it at
/// `asked`.
fn pair(ip: &str, asked: &str) -> (UdpSocket, UdpSocket) {
    let server = UdpSocket::bind((ip, 0)).expect("a socket");
    pktinfo::receive(&server, ip.contains(':')).expect("to be told addresses");
    let client = UdpSocket::bind((ip, 0)).expect("a socket");
    let port = server.local_addr().expect("an address").port();
    client.connect((asked, port)).expect("to connect");
    client
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a time-out");
    (server, client)
}

/// Receives until `count` datagrams have come. On loopback they are there when `send` returns.
fn echo(batch: &mut Batch, server: &UdpSocket, count: usize) -> Sent {
    let mut total = Sent::default();
    let mut seen = 0;
    while seen < count {
        let received = batch.receive(server).expect("to receive");
        assert!(
            received > 0 && received <= batch.capacity(),
            "{received} after {seen}"
        );
        for nth in 0..received {
            batch.reply(nth, |_, datagram, out| {
                let len = datagram.len().min(out.len());
                out[..len].copy_from_slice(&datagram[..len]);
                len
            });
        }
        let sent = batch.send(server);
        total.sent += sent.sent;
        total.refused += sent.refused;
        total.dropped += sent.dropped;
        seen += received;
    }
    assert_eq!(batch.receive(server).expect("to receive"), 0);
    total
}

#[test]
#[cfg_attr(miri, ignore = "no sockets there")]
fn every_datagram_gets_its_own_reply_in_batches_of_any_size() {
    for (ip, asked) in [("0.0.0.0", "127.0.0.1"), ("::", "::1")] {
        for capacity in [1, 3, 8, 64] {
            // Boxed and moved: the addresses inside must not care.
            let mut batch = *Box::new(Batch::new(capacity, 100).expect("memory"));
            let (server, client) = pair(ip, asked);
            for round in 0..3u8 {
                for number in 0..40u8 {
                    client
                        .send(&vec![number; usize::from(round + number)])
                        .expect("to send");
                }
                // The empty one of the first round gets silence.
                let silent = usize::from(round == 0);
                let sent = Sent {
                    sent: 40 - silent,
                    ..Sent::default()
                };
                assert_eq!(echo(&mut batch, &server, 40), sent);
                for number in silent as u8..40 {
                    let mut reply = [0; 100];
                    let len = client.recv(&mut reply).expect("a reply");
                    assert_eq!(reply[..len], vec![number; usize::from(round + number)]);
                }
            }
        }
    }
}

/// Has each client send a datagram of each length in turn, and sees that each reply is there, whole
/// and in order.
fn converse(batch: &mut Batch, server: &UdpSocket, clients: &[UdpSocket], lengths: &[usize]) {
    for client in clients {
        for (number, &length) in (1u8..).zip(lengths) {
            client.send(&vec![number; length]).expect("to send");
        }
    }
    let count = clients.len() * lengths.len();
    let sent = Sent {
        sent: count,
        ..Sent::default()
    };
    assert_eq!(echo(batch, server, count), sent);
    for client in clients {
        for (number, &length) in (1u8..).zip(lengths) {
            let mut reply = [0; 100];
            let received = client.recv(&mut reply).expect("a reply");
            assert_eq!(reply[..received], vec![number; length]);
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "no sockets there")]
fn replies_to_one_client_go_as_one_message_and_come_one_by_one() {
    for (ip, asked) in [("0.0.0.0", "127.0.0.1"), ("::", "::1")] {
        let (server, client) = pair(ip, asked);
        let other = client.try_clone().expect("a descriptor");
        let mut batch = Batch::new(64, 100).expect("memory");
        batch.join_replies(&server);
        for lengths in [
            &[7; 60][..],
            &[100; 33],
            &[5, 5, 5, 6, 6, 5, 5, 4, 4, 4],
            &[1],
            &[9, 8],
        ] {
            converse(
                &mut batch,
                &server,
                &[client.try_clone().expect("it")],
                lengths,
            );
        }
        // In one batch, what follows is three messages: equal ones, a longer one, equal ones again.
        for length in [5, 5, 5, 6, 5, 5] {
            other.send(&vec![1; length]).expect("to send");
        }
        assert_eq!(batch.receive(&server).expect("to receive"), 6);
        for nth in 0..6 {
            batch.reply(nth, |_, datagram, out| {
                out[..datagram.len()].copy_from_slice(datagram);
                datagram.len()
            });
        }
        assert_eq!(batch.staged(), 6);
        assert_eq!(batch.messages, if batch.joins { 3 } else { 6 });
        assert_eq!(batch.send(&server).sent, 6);
    }
}

#[test]
#[cfg_attr(miri, ignore = "no sockets there")]
fn what_is_joined_leaves_from_the_address_that_was_asked() {
    let (server, _) = pair("0.0.0.0", "127.0.0.1");
    let port = server.local_addr().expect("an address").port();
    let mut batch = Batch::new(64, 100).expect("memory");
    batch.join_replies(&server);
    // One client, so that nothing but the address that it asks tells its datagrams apart.
    let client = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    client
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a time-out");
    let order = [1u8, 1, 2, 2, 2, 3, 1, 1, 2];
    for host in order {
        let asked = SocketAddr::from(([127, 0, 0, host], port));
        client.send_to(&[host; 4], asked).expect("to send");
    }
    assert_eq!(echo(&mut batch, &server, order.len()).sent, order.len());
    for host in order {
        let mut reply = [0; 10];
        let (length, source) = client.recv_from(&mut reply).expect("a reply");
        assert_eq!(reply[..length], [host; 4]);
        assert_eq!(source, SocketAddr::from(([127, 0, 0, host], port)));
    }
}

#[test]
#[cfg_attr(miri, ignore = "no sockets there")]
fn what_a_route_refuses_to_cut_is_sent_one_by_one() {
    let (server, client) = pair("0.0.0.0", "127.0.0.1");
    // The kernel doesn't cut datagrams that go without checksums.
    let on: libc::c_int = 1;
    // SAFETY: the value is an int that lives through the call, and its size is given.
    let result = unsafe {
        libc::setsockopt(
            server.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NO_CHECK,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    assert_eq!(result, 0);
    let mut batch = Batch::new(64, 100).expect("memory");
    batch.join_replies(&server);
    converse(&mut batch, &server, &[client], &[3, 8, 8, 8, 8, 2, 9, 9]);
}

#[test]
fn a_message_has_no_more_bytes_than_are_found_in_one_piece() {
    let mut batch = Batch::new(4, LARGEST_DATAGRAM).expect("memory");
    let mut run = Run::new(0, 1000, 0);
    let (message, told) = (
        &mut batch.output_headers[0].msg_hdr,
        &mut batch.output_controls[0],
    );
    message.msg_iovlen = 1;
    while run.takes(1000, 0) {
        run.add(message, told, &Control::EMPTY);
    }
    assert_eq!(datagrams(&batch.output_headers[0]), 15);
}

#[test]
#[cfg_attr(miri, ignore = "no sockets there")]
fn replies_leave_from_the_address_that_was_asked() {
    // A connected client drops what comes from elsewhere; all of 127.0.0.0/8 is this machine.
    let (server, _) = pair("0.0.0.0", "127.0.0.1");
    let port = server.local_addr().expect("an address").port();
    let mut batch = Batch::new(16, 100).expect("memory");
    let clients: Vec<_> = (1..=10u8)
        .map(|host| {
            let client = UdpSocket::bind("127.0.0.1:0").expect("a socket");
            client
                .connect(SocketAddr::from(([127, 0, 0, host], port)))
                .expect("to connect");
            client
                .set_read_timeout(Some(Duration::from_secs(10)))
                .expect("a time-out");
            client.send(&[host]).expect("to send");
            client
        })
        .collect();
    assert_eq!(echo(&mut batch, &server, 10).sent, 10);
    for (client, host) in clients.iter().zip(1..) {
        let mut reply = [0; 10];
        assert_eq!(client.recv(&mut reply).expect("a reply"), 1);
        assert_eq!(reply[0], host);
    }
}

#[test]
#[cfg_attr(miri, ignore = "no sockets there")]
fn of_a_datagram_that_is_too_large_the_start_is_there() {
    let (server, client) = pair("0.0.0.0", "127.0.0.1");
    let mut batch = Batch::new(4, 10).expect("memory");
    client.send(&[7; 9000]).expect("to send");
    client.send(&[8; 5]).expect("to send");
    assert_eq!(batch.receive(&server).expect("to receive"), 2);
    assert_eq!(batch.datagram(0), [7; LARGEST_DATAGRAM]);
    assert_eq!(batch.datagram(1), [8; 5]);
    assert_eq!(
        batch.source(1),
        client
            .local_addr()
            .ok()
            .map(|from| { SocketAddr::new([127, 0, 0, 1].into(), from.port()) })
    );
    assert_eq!((batch.datagram(2), batch.source(2)), (&[][..], None));
    batch.reply(2, |_, _, _| panic!("there is no such datagram"));
    assert_eq!(batch.staged(), 0);
}

#[test]
#[cfg_attr(miri, ignore = "no sockets there")]
fn a_reply_that_cannot_be_sent_is_skipped_and_the_others_go() {
    let (server, client) = pair("0.0.0.0", "127.0.0.1");
    // No datagram of IPv4 has 70,000 bytes.
    let mut batch = Batch::new(4, 70_000).expect("memory");
    for number in 0..4u8 {
        client.send(&[number]).expect("to send");
    }
    assert_eq!(batch.receive(&server).expect("to receive"), 4);
    for nth in 0..4 {
        batch.reply(nth, |_, datagram, out| {
            out[0] = datagram[0];
            if nth % 2 == 0 { 70_000 } else { 1 }
        });
    }
    assert_eq!(
        batch.send(&server),
        Sent {
            sent: 2,
            refused: 2,
            dropped: 0
        }
    );
    for number in [1, 3] {
        let mut reply = [0; 10];
        assert_eq!(client.recv(&mut reply).expect("a reply"), 1);
        assert_eq!(reply[0], number);
    }
}

#[test]
#[cfg_attr(miri, ignore = "no sockets there")]
fn a_client_sends_by_the_batch_too() {
    let (server, client) = pair("127.0.0.1", "127.0.0.1");
    let (mut asks, mut answers) = (
        Batch::new(8, 100).expect("memory"),
        Batch::new(8, 100).expect("memory"),
    );
    for number in 0..8u8 {
        assert!(asks.push(|out| {
            out[0] = number;
            1
        }));
    }
    assert!(!asks.push(|_| panic!("there is no room")));
    assert_eq!(asks.send(&client).sent, 8);
    assert_eq!(echo(&mut answers, &server, 8).sent, 8);
    assert_eq!(asks.receive(&client).expect("to receive"), 8);
    assert_eq!(asks.datagram(7), [7]);

    // Nobody is there any more: the network says so.
    drop(server);
    assert!(asks.push(|_| 1));
    asks.send(&client);
    let refused = (0..2).map(|_| asks.receive(&client)).find_map(Result::err);
    assert_eq!(
        refused.map(|error| error.kind()),
        Some(ErrorKind::ConnectionRefused)
    );
}

/// Does what the kernel does on receiving, by way of the headers: Miri has no `recvmmsg`, but an
/// opinion on the pointers.
fn arrive(batch: &mut Batch, bytes: &[u8]) {
    let nth = batch.received;
    let header = &mut batch.input_headers[nth];
    header.msg_len = u32::try_from(bytes.len()).expect("a datagram");
    header.msg_hdr.msg_namelen = 16;
    header.msg_hdr.msg_controllen = 28;
    let (name, vector) = (header.msg_hdr.msg_name, header.msg_hdr.msg_iov);
    let control = header.msg_hdr.msg_control.cast::<Control>();
    // SAFETY: `Batch::new` set the pointer to a name of the batch.
    let name = unsafe { &mut *name.cast::<libc::sockaddr_in6>() };
    name.sin6_family = 2;
    name.sin6_port = 1234u16.to_be();
    name.sin6_flowinfo = u32::from_ne_bytes([192, 0, 2, 1]);
    // SAFETY: `Batch::new` set the pointer to a control message of the batch.
    let control = unsafe { &mut *control };
    control.header.cmsg_level = libc::IPPROTO_IP;
    control.header.cmsg_type = libc::IP_PKTINFO;
    control.data = [3, 7, 8, 0, 0];
    // SAFETY: `Batch::new` set the pointer to a vector of the batch.
    let vector = unsafe { *vector };
    assert!(bytes.len() <= vector.iov_len);
    // SAFETY: the vector is that long, and of the batch.
    unsafe {
        vector
            .iov_base
            .cast::<u8>()
            .copy_from(bytes.as_ptr(), bytes.len());
    };
    batch.received += 1;
}

/// What the kernel would send: the bytes, and the control message.
fn leaving(batch: &Batch, nth: usize) -> (Vec<u8>, Option<[u32; 5]>) {
    let header = &batch.output_headers[nth].msg_hdr;
    // SAFETY: `Batch::new` set the pointer to a vector of the batch.
    let vector = unsafe { *header.msg_iov };
    // SAFETY: the vector is that long, and of the batch.
    let bytes = unsafe { core::slice::from_raw_parts(vector.iov_base.cast(), vector.iov_len) };
    let control = header.msg_control.cast::<Control>();
    // SAFETY: the pointer is null or one to a control message of the batch.
    let control = unsafe { control.as_ref() };
    (bytes.to_vec(), control.map(|control| control.data))
}

#[test]
fn headers_point_to_what_they_should_wherever_the_batch_is() {
    let mut batch = Box::new(Batch::new(3, 10).expect("memory"));
    for _ in 0..2 {
        arrive(&mut batch, &[1; 100]);
        arrive(&mut batch, b"two");
        arrive(&mut batch, b"three");
        let mut moved = std::mem::replace(&mut *batch, Batch::new(0, 0).expect("memory"));
        assert_eq!(moved.datagram(0), [1; 100]);
        assert_eq!(moved.source(2), "192.0.2.1:1234".parse().ok());
        // The first gets silence, so that the replies move up.
        for nth in 0..3 {
            moved.reply(nth, |_, datagram, out| match datagram.len() {
                100 => 0,
                len => {
                    out[..len].copy_from_slice(datagram);
                    len
                }
            });
        }
        assert_eq!(moved.staged(), 2);
        // The interface is cleared, the local address stays.
        assert_eq!(leaving(&moved, 0), (b"two".to_vec(), Some([0, 7, 8, 0, 0])));
        assert_eq!(
            leaving(&moved, 1),
            (b"three".to_vec(), Some([0, 7, 8, 0, 0]))
        );
        *batch = moved;
        batch.received = 0;
        batch.forget_staged();
    }
    // Joined, both are of the first message, and behind their length is where they leave from.
    batch.joins = true;
    for _ in 0..2 {
        arrive(&mut batch, b"four");
    }
    for nth in 0..2 {
        batch.reply(nth, |_, datagram, out| {
            out[..datagram.len()].copy_from_slice(datagram);
            datagram.len()
        });
    }
    assert_eq!((batch.staged(), batch.messages), (2, 1));
    let header = &batch.output_headers[0].msg_hdr;
    // SAFETY: `Batch` set the pointer to vectors of its own, two of them.
    let vectors = unsafe { core::slice::from_raw_parts(header.msg_iov, 2) };
    for vector in vectors {
        // SAFETY: the vector is that long, and of the batch.
        let bytes =
            unsafe { core::slice::from_raw_parts(vector.iov_base.cast::<u8>(), vector.iov_len) };
        assert_eq!(bytes, b"four");
    }
    // SAFETY: the pointer is one to a control message of the batch.
    let told = unsafe { &*header.msg_control.cast::<Told>() };
    assert_eq!(told.parts(), (4, [0, 7, 8, 0, 0]));
    batch.received = 0;
    batch.forget_staged();
    assert!(batch.push(|out| out.len()));
    assert_eq!(leaving(&batch, 0).0.len(), 10);
    assert_eq!(leaving(&batch, 0).1, None);
}
