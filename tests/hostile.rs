//! Peers that break the rules, by hand-made bytes over real QUIC: each is closed with a code, and the master goes on
//! serving the others.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{PATIENCE, TestMaster, fill, make_durable, property, until};
use mst_profiles::{ErrorCode, Value};
use quinn::crypto::rustls::QuicClientConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};

/// Trusts whoever is there; these tests are about what comes after.
#[derive(Debug)]
struct AnyMaster;

impl ServerCertVerifier for AnyMaster {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

struct Raw {
    runtime: tokio::runtime::Runtime,
    endpoint: quinn::Endpoint,
}

impl Raw {
    fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyMaster))
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"mst-profiles/1".to_vec()];
        let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
        let guard = runtime.enter();
        let mut endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        endpoint.set_default_client_config(config);
        drop(guard);
        Self { runtime, endpoint }
    }

    fn connect(&self, test: &TestMaster) -> quinn::Connection {
        self.runtime
            .block_on(async { self.endpoint.connect(test.listen, "localhost").unwrap().await.unwrap() })
    }

    /// Sends bytes on a stream of a new connection; gives the connection.
    fn say(&self, test: &TestMaster, bytes: &[u8]) -> quinn::Connection {
        let connection = self.connect(test);
        self.runtime.block_on(async {
            let (mut send, receive) = connection.open_bi().await.unwrap();
            send.write_all(bytes).await.unwrap();
            // Left open: it is the master that ends this.
            std::mem::forget((send, receive));
        });
        connection
    }

    /// The code with which the master closes a connection on which these bytes were said.
    fn closed_with(&self, test: &TestMaster, bytes: &[u8]) -> (Option<ErrorCode>, String) {
        let connection = self.say(test, bytes);
        let closed =
            self.runtime.block_on(async { tokio::time::timeout(PATIENCE, connection.closed()).await });
        match closed.expect("the master closes it") {
            quinn::ConnectionError::ApplicationClosed(close) => {
                let code = i32::try_from(close.error_code.into_inner()).unwrap();
                (ErrorCode::from_i32(-code), String::from_utf8_lossy(&close.reason).into_owned())
            }
            other => panic!("{other}"),
        }
    }
}

fn frame(body: &[u8]) -> Vec<u8> {
    assert!(body.len() < 126);
    let mut frame = vec![body.len() as u8];
    frame.extend_from_slice(body);
    frame
}

/// A hello of `dev:eve` with the tests' schema fingerprint left out: no properties.
fn hello() -> Vec<u8> {
    // Control, hello, versions 1 to 1, token, writer, fingerprint, no properties, nothing to be described.
    let mut body = vec![0, 0, 1, 1, 7];
    body.extend_from_slice(b"dev:eve");
    body.extend_from_slice(&[42, 9, 0, 0]);
    frame(&body)
}

#[test]
fn hostile_bytes_close_their_own_connection_with_a_code() {
    let test = TestMaster::start();
    let raw = Raw::new();
    let mut server = test.server("arena");
    let id = fill(&mut server, "ann");

    let with_hello = |rest: &[u8]| [hello(), rest.to_vec()].concat();
    let cases: Vec<(&str, Vec<u8>, ErrorCode)> = vec![
        ("a length of four gigabytes", vec![0x7f, 0xff, 0xff, 0xff, 0xff], ErrorCode::Malformed),
        ("a length in more bytes than it needs", vec![0x7e, 5, 0], ErrorCode::Malformed),
        ("a usual delta before the hello", vec![0x80], ErrorCode::ProtocolViolation),
        ("an empty frame", vec![0], ErrorCode::Malformed),
        ("batches before the hello", frame(&[1, 0, 1, 0]), ErrorCode::ProtocolViolation),
        ("a control message of nothing", frame(&[0]), ErrorCode::Malformed),
        (
            "a token of four gigabytes",
            frame(&[0, 0, 1, 1, 0xfc, 0xff, 0xff, 0xff, 0xff]),
            ErrorCode::Malformed,
        ),
        ("a protocol of the future", frame(&[0, 0, 9, 9, 1, b'x', 1, 1, 0, 0]), ErrorCode::ProtocolVersion),
        ("a second hello", with_hello(&hello()), ErrorCode::ProtocolViolation),
        ("a usual delta from a peer", with_hello(&[0x81, 4]), ErrorCode::ProtocolViolation),
        ("a delta from a peer", with_hello(&frame(&[0x40])), ErrorCode::ProtocolViolation),
        ("a frame of no kind", with_hello(&frame(&[33])), ErrorCode::ProtocolViolation),
        ("a truncated batch", with_hello(&frame(&[1, 0, 1, 0xff])), ErrorCode::Malformed),
        ("a batch with the number zero", with_hello(&frame(&[1, 0, 0, 0])), ErrorCode::ProtocolViolation),
        ("an unknown property", with_hello(&frame(&[1, 0, 1, 0x08, 0])), ErrorCode::Malformed),
        ("an operation of no kind", with_hello(&frame(&[1, 0, 1, 3])), ErrorCode::Malformed),
        (
            "a hash from a peer",
            with_hello(&frame(&[5, 0, 1, 2, 3, 4, 5, 6, 7, 8])),
            ErrorCode::ProtocolViolation,
        ),
        ("a batch under a key that is empty", with_hello(&frame(&[4, 0, 1, 0])), ErrorCode::InvalidArgument),
        (
            "a key of four gigabytes",
            with_hello(&frame(&[4, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x0f])),
            ErrorCode::Malformed,
        ),
        ("a volatile value of no property", with_hello(&frame(&[6, 0, 1, 0, 1, 0])), ErrorCode::Malformed),
        (
            "volatile values without end",
            with_hello(&frame(&[6, 0, 0xff, 0xff, 0xff, 0xff, 0x0f])),
            ErrorCode::Malformed,
        ),
        ("a channel opened twice", with_hello(&[open(3), open(3)].concat()), ErrorCode::ProtocolViolation),
    ];
    for (what, bytes, expected) in cases {
        let (code, text) = raw.closed_with(&test, &bytes);
        assert_eq!(code, Some(expected), "{what}: {text}");
        assert!(!text.is_empty(), "{what}");
    }

    // The others are served as before.
    server.change(id, |p| p.add_int(property("gold"), 1)).unwrap();
    make_durable(&mut server, id);
    assert!(test.running().stats().unwrap().violations >= 12);
}

/// Opens the profile of `eve` under a channel.
fn open(channel: u8) -> Vec<u8> {
    let mut body = vec![0, 1, channel, 3];
    body.extend_from_slice(b"eve");
    body.extend_from_slice(&[0, 0, 0, 0, 0, 0]);
    frame(&body)
}

#[test]
fn a_peer_that_vanishes_half_way_leaves_nothing_behind() {
    let test = TestMaster::start_with(|options| options.idle_timeout = Duration::from_millis(500));
    let raw = Raw::new();
    let mut server = test.server("arena");
    let id = fill(&mut server, "ann");
    let whole = [hello(), open(0)].concat();
    for cut in [0, 1, hello().len() - 1, hello().len() + 3, whole.len()] {
        let connection = raw.say(&test, &whole[..cut]);
        drop(connection);
    }
    // One that stays, and never says anything.
    let _silent = raw.connect(&test);
    until(&mut server, |_| test.running().stats().unwrap().sessions == 1);
    server.change(id, |p| p.set(property("level"), 9)).unwrap();
    make_durable(&mut server, id);
    assert_eq!(server.profile(id).unwrap().confirmed(property("level")), &Value::I32(9));
}

#[test]
fn a_peer_that_does_not_read_holds_up_no_one() {
    let test = TestMaster::start();
    let raw = Raw::new();
    let lazy = raw.say(&test, &[hello(), open(0)].concat());
    let mut server = test.server("arena");
    let id = fill(&mut server, "ann");
    let mut stuck = test.client("ann");
    fill(&mut stuck, "ann");
    // The client never ticks again, while its profile changes a lot.
    for i in 0..2000 {
        let text = format!("{i}").repeat(200);
        server.change(id, |p| p.set(property("title"), text.as_str())).unwrap();
        server.change(id, |p| p.add_int(property("gold"), 1)).unwrap();
        server.tick();
    }
    make_durable(&mut server, id);
    assert_eq!(server.profile(id).unwrap().confirmed(property("gold")), &Value::I64(2010));
    // When it comes back it gets what it missed, merged.
    until(&mut stuck, |c| {
        let id = c.find("ann").unwrap();
        c.profile(id).unwrap().get(property("gold")) == &Value::I64(2010)
    });
    drop(lazy);
}
