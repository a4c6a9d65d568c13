//! A client with TLS that believes everybody, and says which certificate it was shown.
#![allow(unreachable_pub, reason = "a part of one test")]

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
    SupportedProtocolVersion,
};
use wrtracker_tests::folder::Folder;
use wrtracker_tests::patience::whole_wait;

/// Makes a certificate with its key: `NAME.pem` and `NAME.key`.
pub fn certify(folder: &Folder, name: &str, algorithm: &[&str]) {
    let status = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ])
        .args(["-newkey"])
        .args(algorithm)
        .args(["-out", &folder.path(&format!("{name}.pem"))])
        .args(["-keyout", &folder.path(&format!("{name}.key"))])
        .stderr(Stdio::null())
        .status();
    assert!(status.expect("openssl").success());
    for end in ["pem", "key"] {
        let path = folder.path(&format!("{name}.{end}"));
        fs::set_permissions(path, Permissions::from_mode(0o644)).expect("a file for all");
    }
}

/// What a client is shown of `NAME.pem`.
pub fn certificate(folder: &Folder, name: &str) -> Vec<u8> {
    let pem = folder.path(&format!("{name}.pem"));
    let certificate = CertificateDer::from_pem_file(pem).expect("a certificate");
    certificate.as_ref().to_vec()
}

/// How a certificate is made: the usual way.
pub const ECDSA: &[&str] = &["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];

/// How a certificate is made: the old way.
pub const RSA: &[&str] = &["rsa:2048"];

/// Believes everybody who has the key of what is shown.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A client's side of a session that begins.
pub fn session(version: &'static SupportedProtocolVersion) -> ClientConnection {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])
        .expect("a version")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    ClientConnection::new(Arc::new(config), name).expect("a session")
}

/// A connection.
pub struct Client {
    pub stream: StreamOwned<ClientConnection, TcpStream>,
    received: Vec<u8>,
}

impl Client {
    pub fn connect(server: SocketAddr) -> Self {
        Self::over(TcpStream::connect(server).expect("to connect"))
    }

    pub fn over(stream: TcpStream) -> Self {
        Self::with(stream, &rustls::version::TLS13)
    }

    /// Shakes hands in this version.
    pub fn with(stream: TcpStream, version: &'static SupportedProtocolVersion) -> Self {
        let patience = Some(Duration::from_secs(30));
        stream.set_read_timeout(patience).expect("a time-out");
        stream.set_write_timeout(patience).expect("a time-out");
        let mut client = Self {
            stream: StreamOwned::new(session(version), stream),
            received: Vec::new(),
        };
        let StreamOwned { conn, sock } = &mut client.stream;
        while conn.is_handshaking() {
            conn.complete_io(sock).expect("a handshake");
        }
        client
    }

    /// What the server showed.
    pub fn certificate(&self) -> Vec<u8> {
        let shown = self.stream.conn.peer_certificates().expect("a certificate");
        shown[0].as_ref().to_vec()
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("to send");
        self.stream.flush().expect("to send");
    }

    /// Reads one reply: its head and its body.
    pub fn receive(&mut self) -> (String, Vec<u8>) {
        let end = loop {
            let found = self.received.windows(4).position(|end| end == b"\r\n\r\n");
            match found {
                Some(end) => break end + 4,
                None => self.more(),
            }
        };
        let head = String::from_utf8(self.received.drain(..end).collect()).expect("text");
        let length = head.split("Content-Length: ").nth(1).expect("a length");
        let length: usize = length.lines().next().unwrap().parse().expect("a length");
        while self.received.len() < length {
            self.more();
        }
        (head, self.received.drain(..length).collect())
    }

    fn more(&mut self) {
        let mut piece = [0; 4096];
        let count = whole_wait(|| self.stream.read(&mut piece)).expect("a reply");
        assert!(count > 0, "the end, after {}", self.received.escape_ascii());
        self.received.extend_from_slice(&piece[..count]);
    }

    pub fn get(&mut self, target: &str) -> Vec<u8> {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: t\r\n\r\n").as_bytes());
        let (head, body) = self.receive();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        body
    }

    /// Reads to the end, which must be told: `close_notify`.
    pub fn rest(mut self) -> Vec<u8> {
        let mut all = std::mem::take(&mut self.received);
        self.stream.read_to_end(&mut all).expect("a proper end");
        all
    }
}
