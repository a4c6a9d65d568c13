//! The server as a library, in the test's own thread: it moves only when the test lets it.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test uses what it needs of it"
)]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use wrtracker::listen::{self, Protocol};
use wrtracker::plan::{Plan, Wanted};
use wrtracker::server::{Server, Turned};
use wrtracker::settings::Listen;
use wrtracker::size::Bytes;
use wrtracker_core::policy::Policy;

/// How long something may take before the test fails.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// A server on free ports of 127.0.0.1.
pub struct Local {
    pub server: Server,
    /// Called around every turn.
    pub around_turn: fn(&mut dyn FnMut()),
}

impl Local {
    /// A server with so much memory and at most so many connections.
    pub fn start(limit: u64, connections: usize) -> Self {
        Self::start_with(limit, connections, false)
    }

    /// As [`start`](Self::start), with TLS on TCP if that is wanted.
    pub fn start_with(limit: u64, connections: usize, tls: bool) -> Self {
        let wanted = Wanted {
            tls,
            ..Wanted::default()
        };
        let plan = Plan::new(Bytes(limit), connections, &wanted).expect("enough memory");
        let place = Listen {
            tcp: true,
            udp: true,
            ip: "127.0.0.1".parse().ok(),
            port: 0,
            mode: None,
            tls,
        };
        let listeners = listen::open_all(&[place], 0, |_| {}).expect("free ports");
        let server = Server::new(&plan, Policy::DEFAULT, listeners, None).expect("a server");
        Self {
            server,
            around_turn: |turn| turn(),
        }
    }

    pub fn address(&self, protocol: Protocol) -> SocketAddr {
        let listeners = self.server.listeners();
        let found = listeners.iter().find(|one| one.protocol == protocol);
        found.expect("a listener").address
    }

    /// One turn that waits for nothing.
    pub fn turn(&mut self) {
        self.turn_within(Some(Duration::ZERO));
    }

    /// One turn.
    pub fn turn_within(&mut self, timeout: Option<Duration>) {
        let server = &mut self.server;
        (self.around_turn)(&mut || {
            assert_eq!(server.turn(timeout).expect("a turn"), Turned::Running);
        });
    }

    /// Takes turns until `done` has something.
    pub fn until<T>(&mut self, mut done: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        loop {
            self.turn();
            if let Some(result) = done() {
                return result;
            }
            assert!(Instant::now() < deadline, "nothing came of it");
        }
    }

    /// A connected client that never blocks.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address(Protocol::Tcp)).expect("a connection");
        stream.set_nonblocking(true).expect("not to block");
        stream
    }

    /// A client that is being served: its connection has been accepted.
    pub fn accepted(&mut self) -> TcpStream {
        let client = self.connect();
        let _ = self.exchange(&client, b"GET /nothing HTTP/1.1\r\n\r\n", b"</title>\n");
        client
    }

    /// A UDP client that never blocks.
    pub fn udp(&self) -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket
            .connect(self.address(Protocol::Udp))
            .expect("to connect");
        socket.set_nonblocking(true).expect("not to block");
        socket
    }

    /// Sends a datagram and returns the answer.
    pub fn ask(&mut self, client: &UdpSocket, packet: &[u8]) -> Vec<u8> {
        assert_eq!(client.send(packet).expect("to send"), packet.len());
        let mut reply = [0; 2048];
        let len = self.until(|| match client.recv(&mut reply) {
            Ok(len) => Some(len),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        });
        reply[..len].to_vec()
    }

    /// Sends bytes and returns the answer up to `end`.
    pub fn exchange(&mut self, mut client: &TcpStream, bytes: &[u8], end: &[u8]) -> Vec<u8> {
        client.write_all(bytes).expect("to send");
        let mut reply = Vec::new();
        self.until(|| {
            assert!(
                !receive(client, &mut reply),
                "closed after {}",
                reply.escape_ascii()
            );
            reply.ends_with(end).then_some(())
        });
        reply
    }

    /// All that comes until the server closes.
    pub fn rest(&mut self, client: &TcpStream) -> Vec<u8> {
        let mut reply = Vec::new();
        self.until(|| receive(client, &mut reply).then_some(()));
        reply
    }
}

/// Takes what has arrived, and tells whether that was the end.
pub fn receive(mut client: &TcpStream, into: &mut Vec<u8>) -> bool {
    let mut piece = [0; 16_384];
    loop {
        match client.read(&mut piece) {
            Ok(0) => return true,
            Ok(len) => into.extend_from_slice(&piece[..len]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) => panic!("{error} after {}", into.escape_ascii()),
        }
    }
}

/// Whether the server has closed, by an end or by a reset.
pub fn is_closed(mut client: &TcpStream) -> bool {
    !matches!(client.read(&mut [0; 1024]), Err(error) if error.kind() == ErrorKind::WouldBlock)
}
