//! What is small and urgent does not wait for what is large: a change of one profile overtakes the snapshot of another that
//! is under way on a slow path.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod common;

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use common::{PATIENCE, fill, make_durable, until};
use mst_profiles::store::MemoryStore;
use mst_profiles::{
    ConnectOptions, Event, GameServer, List, Master, MasterOptions, Property, PropertyIndex, ScalarType,
    Schema, SyncClass, Trust, Value,
};

/// Bytes that the slow path carries in a second.
const BYTES_PER_SECOND: u64 = 2_000_000;
/// Bytes of one item, and how many of them a large profile has.
const ITEM_BYTES: usize = 60_000;
const ITEMS: usize = 50;

#[test]
fn a_change_overtakes_a_large_snapshot() {
    overtakes(1);
}

#[test]
fn a_change_overtakes_many_large_snapshots() {
    overtakes(5);
}

/// So many large profiles are on their way to a game server that already has a small one, of which something changes.
fn overtakes(large: usize) {
    let schema = Schema::builder()
        .property(Property::new("level", 1).sync(SyncClass::Immediate))
        .property(Property::new("log", List::new(ScalarType::String)))
        .build()
        .unwrap();
    let [level, log] = ["level", "log"].map(|name| schema.index_of(name).unwrap());
    let mut options = MasterOptions::new(schema.clone());
    options.development = true;
    options.update_interval = Duration::ZERO;
    let master = Master::start(options, Box::new(MemoryStore::new())).unwrap();
    let relay = SlowPath::to(master.local_addr().unwrap());
    let connect = |address: SocketAddr, token: &str| {
        let trust = Trust::Fingerprint(master.fingerprint().unwrap());
        let mut options = ConnectOptions::new(address.to_string(), token, schema.clone(), trust);
        options.flush_interval = Some(Duration::ZERO);
        GameServer::connect(options).unwrap()
    };
    let mut writer = connect(master.local_addr().unwrap(), "dev-server:writer");
    let mut names: Vec<String> = (0..large).map(|i| format!("large-{i}")).collect();
    for name in &names {
        let id = fill(&mut writer, name);
        write_log(&mut writer, id, log);
    }
    let small = fill(&mut writer, "small");

    let mut reader = connect(relay.address, "dev-server:reader");
    let watched = fill(&mut reader, "small");
    let began = Instant::now();
    let ids: Vec<_> = names.drain(..).map(|name| reader.fill(&name).unwrap()).collect();
    // Until the path is full of snapshots.
    let carried = relay.carried();
    until(&mut reader, |_| relay.carried() > carried + 300_000);
    let changed = Instant::now();
    writer.change(small, |p| p.set(level, 2)).unwrap();
    writer.flush();
    let mut loaded = Vec::new();
    let mut overtook = None;
    while loaded.len() < large {
        writer.tick();
        while let Some(event) = reader.next_event() {
            match event {
                Event::ProfileLoaded { profile } if ids.contains(&profile) => loaded.push(began.elapsed()),
                Event::Changed { profile, .. } if profile == watched => {
                    overtook = Some((changed.elapsed(), loaded.len()))
                }
                _ => {}
            }
        }
        assert!(began.elapsed() < PATIENCE, "{loaded:?}");
        reader.wait(Duration::from_millis(5));
    }
    let (delay, before) = overtook.expect("the change");
    eprintln!("{large} large: the change took {delay:?}, the snapshots were there after {loaded:?}");
    assert_eq!(before, 0, "snapshots came before the change: {loaded:?}");
    // The path alone holds what it carries in a tenth of a second.
    assert!(delay < Duration::from_secs(1), "{delay:?}");
    let whole = Duration::from_secs((large * ITEMS * ITEM_BYTES) as u64 / BYTES_PER_SECOND);
    assert!(*loaded.last().unwrap() > whole / 2, "the path was not slow: {loaded:?}");
    for id in ids {
        let Value::List(items) = reader.profile(id).unwrap().get(log) else { panic!() };
        assert_eq!(items.len(), ITEMS);
    }
}

fn write_log(writer: &mut GameServer, id: mst_profiles::ProfileId, log: PropertyIndex) {
    for i in 0..ITEMS {
        // Not before the last ones are safe: what may wait is bounded.
        if i % 20 == 19 {
            make_durable(writer, id);
        }
        let text = format!("{i:0>width$}", width = ITEM_BYTES);
        writer.change(id, |p| p.list_push(log, text)).unwrap();
    }
    make_durable(writer, id);
}

/// A path to a master that carries little in a second towards the peer, and keeps what it can't carry at once for up to
/// a tenth of a second, as a router does; then it drops.
struct SlowPath {
    address: SocketAddr,
    carried: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl SlowPath {
    fn to(master: SocketAddr) -> Self {
        let near = UdpSocket::bind("127.0.0.1:0").unwrap();
        let far = UdpSocket::bind("127.0.0.1:0").unwrap();
        far.connect(master).unwrap();
        let address = near.local_addr().unwrap();
        for socket in [&near, &far] {
            socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        }
        let (carried, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let peer = Arc::new(std::sync::Mutex::new(None));
        let up = {
            let (near, far) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            let (peer, stop) = (peer.clone(), stop.clone());
            std::thread::spawn(move || {
                let mut buffer = [0; 65536];
                while !stop.load(Ordering::Relaxed) {
                    if let Ok((length, from)) = near.recv_from(&mut buffer) {
                        *peer.lock().unwrap() = Some(from);
                        let _ = far.send(&buffer[..length]);
                    }
                }
            })
        };
        let down = {
            let (carried, stop) = (carried.clone(), stop.clone());
            std::thread::spawn(move || {
                let per_byte = Duration::from_secs(1) / BYTES_PER_SECOND as u32;
                let most = Duration::from_millis(100);
                let mut waiting = std::collections::VecDeque::new();
                // When the last packet that waits has left.
                let mut free_at = Instant::now();
                let mut buffer = [0; 65536];
                while !stop.load(Ordering::Relaxed) {
                    if let Ok(length) = far.recv(&mut buffer) {
                        let now = Instant::now();
                        let begin = free_at.max(now);
                        if begin - now < most {
                            free_at = begin + per_byte * length as u32;
                            waiting.push_back((free_at, buffer[..length].to_vec()));
                        }
                    }
                    while let Some((_, packet)) = waiting.pop_front_if(|(at, _)| *at <= Instant::now()) {
                        if let Some(peer) = *peer.lock().unwrap() {
                            carried.fetch_add(packet.len() as u64, Ordering::Relaxed);
                            let _ = near.send_to(&packet, peer);
                        }
                    }
                }
            })
        };
        Self { address, carried, stop, threads: vec![up, down] }
    }

    /// Bytes that it has carried towards the peer.
    fn carried(&self) -> u64 {
        self.carried.load(Ordering::Relaxed)
    }
}

impl Drop for SlowPath {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
