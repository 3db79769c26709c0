//! Through real sockets on the loopback interface. Both sides run on the process's one runtime, except where a
//! master is to die.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use super::link::lock;
use super::listener::Door;
use super::{
    Certificate, ConnectorOptions, ListenerOptions, QuicConnector, QuicListener, Trust, shutdown_runtime,
};
use crate::error::{Error, ErrorCode, Result};
use crate::limits;
use crate::transport::{Chunk, Connector, Link, LinkEvent, ListenerEvent};

/// What is never reached unless a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn chunks_travel_both_ways_and_are_counted() {
    let _shared = shared_runtime();
    let master = Master::start();
    let client = Client::connect(&master);
    client.link.send(b"hello".to_vec());
    client.connected();
    let (session, link, remote) = master.opened();
    assert_eq!(session, 1);
    assert!(remote.ip().is_loopback());
    assert_eq!(master.read(session, 5), b"hello");

    let sent: Vec<u8> = (0..3_000_000u32).map(|i| (i / 7) as u8).collect();
    for piece in sent.chunks(10_007) {
        link.send(piece.to_vec());
        client.link.send(piece.to_vec());
    }
    assert!(client.read(sent.len()) == sent);
    let mut reported = 0;
    let mut received = Vec::new();
    while reported < sent.len() || received.len() < sent.len() {
        match master.next() {
            ListenerEvent::Sent { bytes, .. } => reported += bytes,
            ListenerEvent::Received { chunk, .. } => received.extend_from_slice(&chunk.bytes),
            _ => panic!("something else"),
        }
    }
    assert!(received == sent);
    assert_eq!(reported, sent.len());

    let stats = client.link.stats();
    assert!(stats.udp_sent_bytes > 3_000_000 && stats.udp_received_bytes > 3_000_000, "{stats:?}");
    client.link.close(ErrorCode::Closed, "");
    assert_eq!(client.closed().code(), ErrorCode::Closed);
    assert!(client.link.stats().udp_sent_bytes >= stats.udp_sent_bytes);
}

#[test]
fn a_snapshot_arrives_whole_beside_the_stream() {
    let _shared = shared_runtime();
    let master = Master::start();
    let client = Client::connect(&master);
    client.link.send(vec![0]);
    let (session, link, _) = master.opened();
    let snapshots: Vec<Vec<u8>> = (1..=20u8).map(|i| vec![i; 8 * 1024 * 1024 / usize::from(i)]).collect();
    for snapshot in &snapshots {
        link.send_snapshot(snapshot.clone());
    }
    link.send(b"delta".to_vec());
    let mut missing = snapshots.clone();
    let mut stream = Vec::new();
    while !missing.is_empty() || stream.len() < 5 {
        match client.next() {
            LinkEvent::Snapshot(chunk) => {
                let found = missing.iter().position(|s| *s == chunk.bytes).expect("one that was sent");
                missing.swap_remove(found);
            }
            LinkEvent::Received(chunk) => stream.extend_from_slice(&chunk.bytes),
            LinkEvent::Connected => {}
            LinkEvent::Datagram(_) => panic!("a datagram"),
            LinkEvent::Closed(error) | LinkEvent::Gone(error) => panic!("{error}"),
        }
    }
    assert_eq!(stream, b"delta");
    let all: usize = snapshots.iter().map(Vec::len).sum::<usize>() + 5;
    assert_eq!(master.sent(session, all), all);
}

#[test]
fn datagrams_travel_both_ways_and_are_counted() {
    let _shared = shared_runtime();
    let master = Master::start();
    let client = Client::connect(&master);
    client.link.send(vec![0]);
    client.connected();
    let (session, link, _) = master.opened();
    // What is sent before the master's side has begun to run is lost, as datagrams may be.
    link.send(b"begun".to_vec());
    assert_eq!(client.read(5), b"begun");
    let largest = vec![7; limits::MAX_DATAGRAM_BYTES];
    client.link.send_datagram(largest.clone());
    link.send_datagram(b"down".to_vec());
    link.send_datagram(Vec::new());
    assert_eq!(master.datagram(session), largest);
    assert_eq!(client.datagram(), b"down");
    assert_eq!(client.datagram(), b"");
    // Longer than any path.
    link.send_datagram(vec![0; 70_000]);
    let (up, down) = (client.link.stats(), link.stats());
    assert_eq!((up.datagrams_sent, up.datagrams_received, up.datagrams_dropped), (1, 2, 0));
    assert_eq!((down.datagrams_sent, down.datagrams_received, down.datagrams_dropped), (2, 1, 1));
    link.close(ErrorCode::Closed, "");
    client.closed();
    // Afterwards there is nowhere to send to, and the numbers stay.
    client.link.send_datagram(b"late".to_vec());
    let after = client.link.stats();
    assert_eq!((after.datagrams_sent, after.datagrams_received, after.datagrams_dropped), (1, 2, 1));
}

#[test]
fn datagrams_that_nobody_processes_take_no_more_than_their_room() {
    let _shared = shared_runtime();
    let master = Master::start();
    let client = Client::connect(&master);
    client.link.send(vec![0]);
    client.connected();
    let (session, link, _) = master.opened();
    let (size, count) = (1000, 500);
    for i in 0..count {
        client.link.send_datagram(vec![i as u8; size]);
        // So that none is lost on its way.
        let until = Instant::now() + PATIENCE;
        while link.stats().datagrams_received <= i && Instant::now() < until {
            std::thread::yield_now();
        }
    }
    // The stream goes on beside them.
    client.link.send(b"stream".to_vec());
    let mut kept = Vec::new();
    master.find(|event| match event {
        ListenerEvent::Datagram { chunk, .. } => {
            kept.push(chunk);
            Err(ListenerEvent::Sent { session, bytes: 0 })
        }
        ListenerEvent::Received { chunk, .. } if chunk.bytes.ends_with(b"stream") => Ok(()),
        other => Err(other),
    });
    assert_eq!(kept.len(), limits::DATAGRAM_RECEIVE_BUFFER_BYTES / size);
    // On a busy machine QUIC itself drops some before they are looked at, which nobody counts.
    let dropped = link.stats().datagrams_dropped;
    assert!(dropped > 0 && dropped <= count - kept.len() as u64, "{dropped}");
    // Once they are processed there is room again.
    drop(kept);
    client.link.send_datagram(b"more".to_vec());
    assert_eq!(master.datagram(session), b"more");
}

#[test]
fn a_peer_without_datagrams_is_sent_none() {
    let _shared = shared_runtime();
    let master = Master::start();
    let (_connection, mut send, _recv) = raw_connection(&master);
    let network = super::runtime::runtime().unwrap().handle;
    network.block_on(send.write_all(b"x")).unwrap();
    let (session, link, _) = master.opened();
    link.send_datagram(b"for nobody".to_vec());
    assert_eq!((link.stats().datagrams_sent, link.stats().datagrams_dropped), (0, 1));
    // The connection does not mind.
    network.block_on(send.write_all(b"y")).unwrap();
    assert_eq!(master.read(session, 2), b"xy");
}

#[test]
fn a_snapshot_past_the_limit_ends_the_connection() {
    let _shared = shared_runtime();
    let master = Master::start();
    let client = Client::connect(&master);
    client.link.send(vec![0]);
    let (session, link, _) = master.opened();
    link.send_snapshot(vec![0; limits::MAX_SNAPSHOT_BYTES + 1]);
    assert_eq!(client.closed().code(), ErrorCode::ProtocolViolation);
    assert_eq!(master.closed(session).code(), ErrorCode::ProtocolViolation);
}

#[test]
fn another_fingerprint_is_refused_and_both_are_named() {
    let _shared = shared_runtime();
    let master = Master::start();
    let mut options = master.client_options();
    options.trust = Trust::Fingerprint([0xab; 32]);
    let client = Client::with(options);
    let error = client.closed();
    assert_eq!(error.code(), ErrorCode::Certificate, "{error}");
    let found: String = master.listener.fingerprint().iter().map(|b| format!("{b:02x}")).collect();
    let end = format!("the certificate has the fingerprint {found}, not the expected {}", "ab".repeat(32));
    assert!(error.to_string().ends_with(&end), "{error}");
    master.nothing_happens();
}

#[test]
fn certificates_of_a_trusted_authority_are_accepted_for_their_name() {
    let _shared = shared_runtime();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let authority = authority();
    std::fs::write(path("ca.pem"), authority.1.pem()).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["game.example".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority.0).unwrap();
    std::fs::write(path("cert.pem"), certificate.pem()).unwrap();
    std::fs::write(path("key.pem"), key.serialize_pem()).unwrap();
    let files = Certificate::Files { cert: path("cert.pem"), key: path("key.pem") };
    let master = Master::on(None, "127.0.0.1:0", files, 10).unwrap();

    let outcome = |ca: &str, name: Option<&str>| {
        let mut options = master.client_options();
        options.trust = Trust::CaFile(path(ca));
        options.server_name = name.map(str::to_owned);
        match Client::with(options).next() {
            LinkEvent::Connected => None,
            LinkEvent::Closed(error) => Some(error.code()),
            _ => panic!("something else"),
        }
    };
    assert_eq!(outcome("ca.pem", Some("game.example")), None);
    assert_eq!(outcome("ca.pem", Some("other.example")), Some(ErrorCode::Certificate));
    assert_eq!(outcome("ca.pem", None), Some(ErrorCode::Certificate));
    std::fs::write(path("other.pem"), self::authority().1.pem()).unwrap();
    assert_eq!(outcome("other.pem", Some("game.example")), Some(ErrorCode::Certificate));
}

#[test]
fn addresses_that_cannot_be_listened_at_are_named() {
    let _shared = shared_runtime();
    let master = Master::start();
    let address = master.listener.local_addr().to_string();
    let error = Master::on(None, &address, Certificate::Development(None), 1).err().unwrap();
    assert_eq!(error.code(), ErrorCode::AddressInUse);
    assert!(error.to_string().contains(&address), "{error}");
    // An address of documentation, which no machine has.
    let error = Master::on(None, "192.0.2.1:0", Certificate::Development(None), 1).err().unwrap();
    assert_eq!(error.code(), ErrorCode::InvalidAddress);
    assert!(error.to_string().contains("192.0.2.1"), "{error}");
}

#[test]
fn nobody_there_is_unreachable_after_the_time_out() {
    let _shared = shared_runtime();
    // Held open, so that nobody else comes to be there.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut options = ConnectorOptions::new(silent.local_addr().unwrap().to_string(), Trust::WebPki);
    options.connect_timeout = Duration::from_millis(300);
    options.server_name = Some("localhost".to_owned());
    let started = Instant::now();
    let client = Client::with(options.clone());
    client.link.send(b"lost".to_vec());
    let error = client.closed();
    assert_eq!(error.code(), ErrorCode::Unreachable);
    assert!(error.to_string().contains(&options.address), "{error}");
    assert!((250..2000).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());

    options.address = "no-such-host.invalid:1".to_owned();
    options.connect_timeout = PATIENCE;
    assert_eq!(Client::with(options).closed().code(), ErrorCode::InvalidAddress);
}

#[test]
fn every_address_of_a_name_is_tried() {
    let _shared = shared_runtime();
    let master = Master::start();
    let mut options = master.client_options();
    options.address = format!("localhost:{}", master.listener.local_addr().port());
    let client = Client::with(options);
    client.connected();
    client.link.send(vec![1]);
    master.opened();
}

#[test]
fn ipv6_works_where_there_is_any() {
    let _shared = shared_runtime();
    let Ok(master) = Master::on(None, "[::1]:0", Certificate::Development(None), 10) else {
        eprintln!("this machine has no IPv6");
        return;
    };
    let client = Client::connect(&master);
    client.connected();
}

#[test]
fn who_says_nothing_is_closed() {
    let _shared = shared_runtime();
    let master = Master::behind(Door { hello_timeout: Duration::from_millis(300), ..Door::default() });
    let client = Client::connect(&master);
    client.connected();
    let error = client.closed();
    assert!(matches!(error, Error::Remote { code: ErrorCode::Timeout, .. }), "{error:?}");
    master.nothing_happens();
}

#[test]
fn a_busy_master_has_addresses_prove_themselves() {
    let _shared = shared_runtime();
    let master = Master::behind(Door { handshakes_before_retry: 0, ..Door::default() });
    let client = Client::connect(&master);
    client.link.send(b"hello".to_vec());
    let (session, ..) = master.opened();
    assert_eq!(master.read(session, 5), b"hello");
    client.connected();
}

#[test]
fn peers_that_break_the_stream_are_closed() {
    let _shared = shared_runtime();
    let master = Master::start();
    let check = |misbehave: fn(&mut quinn::SendStream, &mut quinn::RecvStream)| {
        let (connection, mut send, mut recv) = raw_connection(&master);
        let network = super::runtime::runtime().unwrap().handle;
        network.block_on(send.write_all(b"x")).unwrap();
        let (session, link, _) = master.opened();
        assert_eq!(master.read(session, 1), b"x");
        misbehave(&mut send, &mut recv);
        // Sent so long as it takes for the peer's wish to arrive.
        let writer = std::thread::spawn(move || {
            for _ in 0..50 {
                link.send(vec![0; 10]);
                std::thread::sleep(Duration::from_millis(10));
            }
            link
        });
        let error = master.closed(session);
        assert_eq!(error.code(), ErrorCode::ProtocolViolation, "{error}");
        let told = network.block_on(connection.closed());
        assert_eq!(super::errors::lost(&told, "").code(), ErrorCode::ProtocolViolation);
        drop(writer.join().unwrap());
    };
    check(|send, _| send.reset(quinn::VarInt::from_u32(1)).unwrap());
    check(|_, recv| recv.stop(quinn::VarInt::from_u32(1)).unwrap());
    check(|send, _| send.finish().unwrap());
}

#[test]
fn a_consumer_that_stops_stops_the_sender() {
    let _shared = shared_runtime();
    let master = Master::start();
    let client = Client::connect(&master);
    client.link.send(vec![0]);
    let (session, link, _) = master.opened();
    let total = 16 * 1024 * 1024;
    for _ in 0..total / 4096 {
        link.send(vec![7; 4096]);
    }
    // Until nothing comes for a while, with all that came kept.
    let mut kept: Vec<Chunk> = Vec::new();
    while let Ok(event) = client.events.recv_timeout(Duration::from_millis(500)) {
        match event {
            LinkEvent::Received(chunk) => kept.push(chunk),
            LinkEvent::Connected => {}
            _ => panic!("something else"),
        }
    }
    let held: usize = kept.iter().map(|c| c.bytes.len()).sum();
    assert!((1..=limits::INBOUND_LIMIT_BYTES).contains(&held), "{held}");
    let before: usize = master.sent_so_far(session);
    // The limit, a window of each kind, and what a write joins.
    assert!(before < 3 * 1024 * 1024, "{before}");

    drop(kept);
    assert_eq!(client.read(total - held).len(), total - held);
    assert_eq!(before + master.sent(session, total - before), total);
}

#[test]
fn closing_sends_what_is_queued_and_tells_why() {
    let _shared = shared_runtime();
    let master = Master::start();
    for from_master in [false, true] {
        let client = Client::connect(&master);
        client.link.send(vec![0]);
        client.connected();
        let (session, link, _) = master.opened();
        assert_eq!(master.read(session, 1), [0]);
        let bytes = vec![9; 2_000_000];
        if from_master {
            link.send_snapshot(bytes.clone());
            link.send(bytes.clone());
            link.close(ErrorCode::Superseded, "another came");
            link.close(ErrorCode::Closed, "too late to matter");
            assert_eq!(client.read_with_snapshot(bytes.len()), (bytes.clone(), bytes.clone()));
            let told = Error::Remote { code: ErrorCode::Superseded, text: "another came".into() };
            assert_eq!(client.closed(), told);
            let own = master.closed(session);
            assert_eq!(own.code(), ErrorCode::Closed);
            assert!(own.to_string().contains("another came"));
        } else {
            client.link.send(bytes.clone());
            client.link.close(ErrorCode::AuthFailed, &"ö".repeat(150));
            assert_eq!(master.read(session, bytes.len()), bytes);
            let told = Error::Remote { code: ErrorCode::AuthFailed, text: "ö".repeat(100) };
            assert_eq!(master.closed(session), told);
            assert_eq!(client.closed().code(), ErrorCode::Closed);
        }
    }
}

#[test]
fn closing_does_not_wait_for_ever() {
    let _shared = shared_runtime();
    let master = Master::start();
    let client = Client::connect(&master);
    client.link.send(vec![0]);
    let (session, link, _) = master.opened();
    for _ in 0..64 {
        link.send(vec![1; 256 * 1024]);
    }
    let started = Instant::now();
    link.close(ErrorCode::LimitReached, "does not read");
    // The client keeps all it gets, so not all can be delivered.
    let mut kept = Vec::new();
    let error = loop {
        match client.next() {
            LinkEvent::Received(chunk) => kept.push(chunk),
            LinkEvent::Closed(error) => break error,
            _ => {}
        }
    };
    assert_eq!(error.code(), ErrorCode::LimitReached);
    assert!((900..4000).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
    assert_eq!(master.closed(session).code(), ErrorCode::Closed);
}

#[test]
fn closing_before_it_stands_ends_the_attempt() {
    let _shared = shared_runtime();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut options = ConnectorOptions::new(silent.local_addr().unwrap().to_string(), Trust::WebPki);
    options.connect_timeout = PATIENCE;
    let started = Instant::now();
    let client = Client::with(options.clone());
    client.link.close(ErrorCode::Closed, "");
    assert_eq!(client.closed().code(), ErrorCode::Closed);
    let Client { link, events, .. } = Client::with(options);
    drop(link);
    assert!(
        matches!(events.recv_timeout(PATIENCE), Ok(LinkEvent::Closed(e)) if e.code() == ErrorCode::Closed)
    );
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn dropping_the_link_closes() {
    let _shared = shared_runtime();
    let master = Master::start();
    let client = Client::connect(&master);
    client.link.send(vec![0; 100]);
    let (session, link, _) = master.opened();
    client.connected();
    let Client { link: own, events, .. } = client;
    drop(own);
    assert!(
        matches!(events.recv_timeout(PATIENCE), Ok(LinkEvent::Closed(e)) if e.code() == ErrorCode::Closed)
    );
    assert_eq!(master.read(session, 100), [0; 100]);
    assert!(matches!(master.closed(session), Error::Remote { code: ErrorCode::Closed, .. }));
    drop(link);

    let client = Client::connect(&master);
    client.link.send(vec![0]);
    let (session, link, _) = master.opened();
    drop(link);
    assert!(matches!(client.closed(), Error::Remote { code: ErrorCode::Closed, .. }));
    assert_eq!(master.closed(session).code(), ErrorCode::Closed);
}

#[test]
fn a_full_or_leaving_master_turns_away() {
    let _shared = shared_runtime();
    let master = Master::on(None, "127.0.0.1:0", Certificate::Development(None), 1).unwrap();
    let first = Client::connect(&master);
    first.link.send(vec![0]);
    let (session, _link, _) = master.opened();
    assert_eq!(Client::connect(&master).closed().code(), ErrorCode::Unavailable);
    first.link.close(ErrorCode::Closed, "");
    assert_eq!(master.closed(session).code(), ErrorCode::Closed);
    first.closed();

    let second = loop {
        // The place is free a moment after the event.
        let client = Client::connect(&master);
        if matches!(client.next(), LinkEvent::Connected) {
            break client;
        }
    };
    master.listener.stop_accepting();
    second.link.send(vec![0]);
    let (second_session, ..) = master.opened();
    assert!(second_session > session);
    assert_eq!(Client::connect(&master).closed().code(), ErrorCode::Unavailable);
}

#[test]
fn shutting_down_is_bounded_and_says_goodbye() {
    let _shared = shared_runtime();
    let master = Master::start();
    let clients: Vec<_> = (0..5).map(|_| Client::connect(&master)).collect();
    let mut links = Vec::new();
    for client in &clients {
        client.link.send(vec![0]);
        let (session, link, _) = master.opened();
        link.send(b"last words".to_vec());
        links.push((session, link));
    }
    let started = Instant::now();
    master.listener.shutdown(Duration::from_secs(5));
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    for client in &clients {
        assert_eq!(client.read(10), b"last words");
        let error = client.closed();
        assert!(matches!(error, Error::Remote { code: ErrorCode::Closed, .. }), "{error:?}");
        assert!(error.to_string().contains("shutting down"));
    }
    for (session, _) in links {
        assert_eq!(master.closed(session).code(), ErrorCode::Closed);
    }
}

#[test]
fn clients_of_a_killed_master_learn_of_it_from_its_successor() {
    let _shared = shared_runtime();
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::Development(Some(folder.path().join("master")));
    // With something to say, and with a keep-alive alone.
    for talks in [true, false] {
        let (first, runtime) = Master::mortal("127.0.0.1:0", certificate.clone());
        let address = first.listener.local_addr().to_string();
        let mut options = first.client_options();
        options.idle_timeout = Duration::from_secs(60);
        options.keep_alive = Duration::from_millis(if talks { 30_000 } else { 500 });
        let client = Client::with(options);
        client.link.send(vec![0]);
        let (_, link, _) = first.opened();
        link.send(b"hi".to_vec());
        assert_eq!(client.read(2), b"hi");
        std::thread::sleep(Duration::from_millis(100));

        // Without a word: nothing of it runs any more when its listener closes.
        runtime.shutdown_timeout(PATIENCE);
        drop((first, link));
        assert!(client.events.recv_timeout(Duration::from_millis(300)).is_err(), "it was told");

        let second = Master::on(None, &address, certificate.clone(), 10).unwrap();
        let started = Instant::now();
        if talks {
            client.link.send(b"still there?".to_vec());
        }
        let error = client.closed();
        assert_eq!(error.code(), ErrorCode::ConnectionLost, "{error}");
        assert!(error.to_string().contains("restarted"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        eprintln!("learnt after {:?}", started.elapsed());

        // The same connector, the same trust: the certificate was kept.
        let again = client.reconnect();
        again.connected();
        again.link.send(vec![0]);
        second.opened();
    }
}

#[test]
fn a_dead_master_is_noticed_by_its_silence() {
    let _shared = shared_runtime();
    let (master, runtime) = Master::mortal("127.0.0.1:0", Certificate::Development(None));
    let mut options = master.client_options();
    options.idle_timeout = Duration::from_millis(700);
    let client = Client::with(options);
    client.connected();
    runtime.shutdown_timeout(PATIENCE);
    let error = client.closed();
    assert_eq!(error.code(), ErrorCode::ConnectionLost, "{error}");
    assert!(error.to_string().contains("does not answer"), "{error}");
}

#[test]
fn twenty_connections_do_not_mix() {
    let _shared = shared_runtime();
    let master = Master::start();
    let clients: Vec<_> = (0..20u8).map(|_| Client::connect(&master)).collect();
    for (client, tag) in clients.iter().zip(0u8..) {
        for _ in 0..100 {
            client.link.send(vec![tag; 1000]);
        }
    }
    // Each session's bytes go back to where they came from.
    let mut links = std::collections::HashMap::new();
    let mut echoed = 0;
    while echoed < 20 * 100_000 {
        match master.next() {
            ListenerEvent::Opened { session, link, .. } => assert!(links.insert(session, link).is_none()),
            ListenerEvent::Received { session, chunk } => {
                echoed += chunk.bytes.len();
                links[&session].send(chunk.bytes);
            }
            ListenerEvent::Sent { .. } | ListenerEvent::SnapshotSent { .. } => {}
            ListenerEvent::Closed { error, .. } => panic!("{error}"),
            ListenerEvent::Datagram { .. } => panic!("a datagram"),
        }
    }
    assert_eq!(links.len(), 20);
    for (client, tag) in clients.iter().zip(0u8..) {
        assert!(client.read(100_000).iter().all(|byte| *byte == tag));
    }
}

#[test]
fn the_runtime_ends_in_time_and_comes_again() {
    let _alone = exclusive_runtime();
    let master = Master::start();
    let client = Client::connect(&master);
    client.link.send(vec![0]);
    client.connected();
    let (session, _link, _) = master.opened();

    let started = Instant::now();
    shutdown_runtime(Duration::from_secs(5));
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert_eq!(client.closed().code(), ErrorCode::Closed);
    assert_eq!(master.closed(session).code(), ErrorCode::Closed);
    // Nobody is left to do it.
    master.listener.shutdown(PATIENCE);
    assert!(started.elapsed() < Duration::from_secs(5));
    client.link.send(vec![0]);
    client.link.close(ErrorCode::Closed, "");

    // The connector made before finds its way onto the new one.
    let address = master.listener.local_addr().to_string();
    drop(master);
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::Development(Some(folder.path().join("m")));
    let master = Master::on(None, &address, certificate, 10).unwrap();
    assert_eq!(client.reconnect().closed().code(), ErrorCode::Certificate);
    let client = Client::connect(&master);
    client.connected();

    // From a thread that must not wait, as a sink's is.
    let (done, wait) = mpsc::channel();
    super::runtime::runtime().unwrap().handle.spawn(async move {
        shutdown_runtime(PATIENCE);
        done.send(()).unwrap();
    });
    wait.recv_timeout(PATIENCE).unwrap();
    assert_eq!(client.closed().code(), ErrorCode::Closed);
    shutdown_runtime(PATIENCE);
    shutdown_runtime(PATIENCE);
}

/// Tests run at the same time and share the runtime; the one that ends it is to be alone.
static RUNTIME_USERS: std::sync::RwLock<()> = std::sync::RwLock::new(());

fn shared_runtime() -> std::sync::RwLockReadGuard<'static, ()> {
    RUNTIME_USERS.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn exclusive_runtime() -> std::sync::RwLockWriteGuard<'static, ()> {
    RUNTIME_USERS.write().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn authority() -> (rcgen::Issuer<'static, rcgen::KeyPair>, rcgen::Certificate) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    (rcgen::Issuer::new(params, key), certificate)
}

/// A client that keeps no rules of ours.
fn raw_connection(master: &Master) -> (quinn::Connection, quinn::SendStream, quinn::RecvStream) {
    let trust = Trust::Fingerprint(master.listener.fingerprint());
    let mut config = quinn::ClientConfig::new(super::tls::client_config(&trust).unwrap());
    let mut transport = quinn::TransportConfig::default();
    transport.datagram_receive_buffer_size(None);
    config.transport_config(Arc::new(transport));
    let network = super::runtime::runtime().unwrap().handle;
    network.block_on(async {
        let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let connecting = endpoint.connect_with(config, master.listener.local_addr(), "localhost").unwrap();
        let connection = connecting.await.unwrap();
        let (send, recv) = connection.open_bi().await.unwrap();
        (connection, send, recv)
    })
}

/// A listener whose events wait to be looked at. `read`, `sent` and the others skip what they don't look for, which
/// stays for the next.
struct Master {
    listener: QuicListener,
    events: Mutex<(mpsc::Receiver<ListenerEvent>, Vec<ListenerEvent>)>,
}

impl Master {
    fn start() -> Self {
        Self::on(None, "127.0.0.1:0", Certificate::Development(None), 100).unwrap()
    }

    fn behind(door: Door) -> Self {
        let network = super::runtime::runtime().unwrap().handle;
        Self::with(&network, "127.0.0.1:0", Certificate::Development(None), 100, door).unwrap()
    }

    /// On a runtime of its own, which is as much of a process of its own as one that can be killed.
    fn mortal(listen: &str, certificate: Certificate) -> (Self, tokio::runtime::Runtime) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        (Self::on(Some(runtime.handle()), listen, certificate, 100).unwrap(), runtime)
    }

    fn on(
        network: Option<&tokio::runtime::Handle>,
        listen: &str,
        certificate: Certificate,
        max_sessions: usize,
    ) -> Result<Self> {
        let shared = super::runtime::runtime().unwrap().handle;
        Self::with(network.unwrap_or(&shared), listen, certificate, max_sessions, Door::default())
    }

    fn with(
        network: &tokio::runtime::Handle,
        listen: &str,
        certificate: Certificate,
        max_sessions: usize,
        door: Door,
    ) -> Result<Self> {
        let listen: SocketAddr = listen.parse().unwrap();
        let idle_timeout = Duration::from_secs(60);
        let options =
            ListenerOptions { listen, certificate, idle_timeout, max_sessions, numbers: Default::default() };
        let (send, receive) = mpsc::channel();
        let sink = Arc::new(move |event| {
            let _ = send.send(event);
        });
        let listener = QuicListener::bind_on(network, options, door, sink)?;
        Ok(Self { listener, events: Mutex::new((receive, Vec::new())) })
    }

    fn client_options(&self) -> ConnectorOptions {
        let trust = Trust::Fingerprint(self.listener.fingerprint());
        ConnectorOptions::new(self.listener.local_addr().to_string(), trust)
    }

    fn next(&self) -> ListenerEvent {
        self.find(Ok)
    }

    /// The first event that `wanted` takes.
    fn find<T>(&self, mut wanted: impl FnMut(ListenerEvent) -> Result<T, ListenerEvent>) -> T {
        let (receive, waiting) = &mut *lock(&self.events);
        let mut skipped = Vec::new();
        let mut before = std::mem::take(waiting).into_iter();
        let found = loop {
            let event = before.next().unwrap_or_else(|| receive.recv_timeout(PATIENCE).expect("an event"));
            match wanted(event) {
                Ok(found) => break found,
                Err(event) => skipped.push(event),
            }
        };
        waiting.extend(skipped.into_iter().chain(before));
        found
    }

    fn opened(&self) -> (u64, Arc<dyn Link>, SocketAddr) {
        self.find(|event| match event {
            ListenerEvent::Opened { session, link, remote } => Ok((session, link, remote)),
            other => Err(other),
        })
    }

    fn read(&self, wanted: u64, length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            bytes.extend(self.find(|event| match event {
                ListenerEvent::Received { session, chunk } if session == wanted => Ok(chunk.bytes),
                other => Err(other),
            }));
        }
        bytes
    }

    fn datagram(&self, wanted: u64) -> Vec<u8> {
        self.find(|event| match event {
            ListenerEvent::Datagram { session, chunk } if session == wanted => Ok(chunk.bytes),
            other => Err(other),
        })
    }

    fn sent(&self, wanted: u64, length: usize) -> usize {
        let mut reported = 0;
        while reported < length {
            reported += self.find(|event| match event {
                ListenerEvent::Sent { session, bytes } | ListenerEvent::SnapshotSent { session, bytes }
                    if session == wanted =>
                {
                    Ok(bytes)
                }
                other => Err(other),
            });
        }
        reported
    }

    fn sent_so_far(&self, wanted: u64) -> usize {
        let (receive, waiting) = &mut *lock(&self.events);
        let all = std::mem::take(waiting).into_iter().chain(receive.try_iter());
        all.filter_map(|event| match event {
            ListenerEvent::Sent { session, bytes } if session == wanted => Some(bytes),
            _ => None,
        })
        .sum()
    }

    fn closed(&self, wanted: u64) -> Error {
        self.find(|event| match event {
            ListenerEvent::Closed { session, error } if session == wanted => Ok(error),
            other => Err(other),
        })
    }

    fn nothing_happens(&self) {
        let (receive, waiting) = &*lock(&self.events);
        assert!(waiting.is_empty() && receive.recv_timeout(Duration::from_millis(100)).is_err());
    }
}

struct Client {
    connector: Arc<QuicConnector>,
    link: Arc<dyn Link>,
    events: mpsc::Receiver<LinkEvent>,
}

impl Client {
    fn connect(master: &Master) -> Self {
        Self::with(master.client_options())
    }

    fn with(options: ConnectorOptions) -> Self {
        Self::through(Arc::new(QuicConnector::new(options).unwrap()))
    }

    fn reconnect(&self) -> Self {
        Self::through(self.connector.clone())
    }

    fn through(connector: Arc<QuicConnector>) -> Self {
        let (send, events) = mpsc::channel();
        let link = connector.connect(Box::new(move |event| {
            let _ = send.send(event);
        }));
        Self { connector, link, events }
    }

    fn next(&self) -> LinkEvent {
        self.events.recv_timeout(PATIENCE).expect("an event")
    }

    fn connected(&self) {
        match self.next() {
            LinkEvent::Connected => {}
            LinkEvent::Closed(error) => panic!("{error}"),
            _ => panic!("something else"),
        }
    }

    fn datagram(&self) -> Vec<u8> {
        match self.next() {
            LinkEvent::Datagram(chunk) => chunk.bytes,
            LinkEvent::Closed(error) => panic!("{error}"),
            _ => panic!("something else"),
        }
    }

    /// So many bytes of the stream; `Connected` may come before.
    fn read(&self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            match self.next() {
                LinkEvent::Received(chunk) => bytes.extend(chunk.bytes),
                LinkEvent::Connected => {}
                LinkEvent::Snapshot(_) | LinkEvent::Datagram(_) => panic!("nothing of the stream"),
                LinkEvent::Closed(error) | LinkEvent::Gone(error) => {
                    panic!("{error} after {} bytes", bytes.len())
                }
            }
        }
        bytes
    }

    fn read_with_snapshot(&self, length: usize) -> (Vec<u8>, Vec<u8>) {
        let (mut bytes, mut snapshot) = (Vec::new(), None);
        loop {
            match self.next() {
                LinkEvent::Received(chunk) => bytes.extend(chunk.bytes),
                LinkEvent::Snapshot(chunk) => snapshot = Some(chunk.bytes),
                LinkEvent::Datagram(_) => panic!("a datagram"),
                LinkEvent::Connected => {}
                LinkEvent::Closed(error) | LinkEvent::Gone(error) => {
                    panic!("{error} after {} bytes", bytes.len())
                }
            }
            if let (true, Some(snapshot)) = (bytes.len() == length, &mut snapshot) {
                return (bytes, std::mem::take(snapshot));
            }
        }
    }

    /// The last event, which is the last.
    fn closed(&self) -> Error {
        loop {
            if let LinkEvent::Closed(error) = self.next() {
                assert!(self.events.recv_timeout(PATIENCE).is_err(), "an event after the last");
                return error;
            }
        }
    }
}

#[test]
fn the_key_file_decides_who_a_master_is() {
    let folder = tempfile::tempdir().unwrap();
    let fingerprint = |stem: &Path| {
        let _shared = shared_runtime();
        let certificate = Certificate::Development(Some(stem.to_owned()));
        Master::on(None, "127.0.0.1:0", certificate, 1).unwrap().listener.fingerprint()
    };
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    assert_eq!(fingerprint(&a), fingerprint(&a));
    assert_ne!(fingerprint(&a), fingerprint(&b));
}
