//! A UDP proxy on loopback that treats packets as networks do: loses, delays, duplicates and reorders them, falls silent, and
//! gives its clients other ports. Every fault can be set while it runs, and is drawn from a seeded generator. (Which packet
//! meets which fault still depends on timing: a seed repeats the odds, not the run.)

use std::collections::{BinaryHeap, HashMap};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::Range;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::random::Random;

/// What happens to packets, in both directions alike.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Of a thousand packets, so many are lost.
    pub lost: u64,
    /// So many come twice.
    pub duplicated: u64,
    /// So many are held back, so that later ones overtake them.
    pub reordered: u64,
    /// How long each packet takes, in milliseconds. That it varies reorders nothing: a packet waits for the one before it.
    pub delay: Range<u64>,
}

impl Faults {
    /// 5 % lost, 2 % twice, 10 % out of order, up to 30 ms each way.
    pub fn rough() -> Self {
        Self { lost: 50, duplicated: 20, reordered: 100, delay: 0..30 }
    }
}

/// What became of the packets so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub forwarded: u64,
    pub lost: u64,
    pub duplicated: u64,
    pub reordered: u64,
    /// Swallowed by a blackout.
    pub swallowed: u64,
    /// From the master to clients, since the last [`Proxy::rebind`].
    pub down_since_rebind: u64,
}

/// Clients send to [`listen`](Self::listen); each of their addresses has a socket of its own towards the target.
pub struct Proxy {
    pub listen: SocketAddr,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    front: UdpSocket,
    state: Mutex<State>,
    line: Sender<Packet>,
}

struct State {
    target: SocketAddr,
    faults: Faults,
    random: Random,
    blackout: bool,
    flows: HashMap<SocketAddr, Flow>,
    counts: Counts,
    sent: u64,
    over: bool,
}

/// One client.
struct Flow {
    upstream: Arc<UdpSocket>,
    reader: JoinHandle<()>,
    /// When the last packet that is not held back is due, up and down.
    due: [Instant; 2],
}

/// A packet on its way; the earliest is the greatest.
struct Packet {
    due: Instant,
    order: u64,
    socket: Arc<UdpSocket>,
    to: SocketAddr,
    bytes: Vec<u8>,
}

const UP: usize = 0;
const DOWN: usize = 1;
/// How much longer than the others a packet takes that is held back.
const HELD_BACK_MS: Range<u64> = 5..40;

impl Proxy {
    /// In front of a target, without faults.
    pub fn start(target: SocketAddr, seed: u64) -> Self {
        let front = loopback();
        let listen = front.local_addr().unwrap();
        let (line, packets) = channel();
        let state = State {
            target,
            faults: Faults::default(),
            random: Random(seed),
            blackout: false,
            flows: HashMap::new(),
            counts: Counts::default(),
            sent: 0,
            over: false,
        };
        let sender = Arc::new(front.try_clone().unwrap());
        let shared = Arc::new(Shared { front, state: Mutex::new(state), line });
        let receiving = Arc::clone(&shared);
        let threads = vec![
            std::thread::spawn(move || receiving.receive_from_clients(&sender)),
            std::thread::spawn(move || deliver(&packets)),
        ];
        Self { listen, shared, threads }
    }

    pub fn set_faults(&self, faults: Faults) {
        self.shared.state().faults = faults;
    }

    /// While it is on, nothing passes.
    pub fn set_blackout(&self, on: bool) {
        self.shared.state().blackout = on;
    }

    /// Sends what comes from now on elsewhere: to a master that listens at another port than the one before.
    pub fn redirect(&self, target: SocketAddr) {
        self.shared.state().target = target;
    }

    /// Gives each client another port towards the target, as a router does that has forgotten whom a port was for. What
    /// the target still sends to the old one is lost.
    pub fn rebind(&self) {
        self.forget_clients();
        self.shared.state().counts.down_since_rebind = 0;
    }

    /// Closes the ports of clients that may be gone. One that is not has another port with its next packet.
    pub fn forget_clients(&self) {
        let flows: Vec<Flow> = self.shared.state().flows.drain().map(|(_, flow)| flow).collect();
        flows.into_iter().for_each(Flow::end);
    }

    pub fn counts(&self) -> Counts {
        self.shared.state().counts
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.state().over = true;
        // Whoever waits in a socket is woken by a packet, and whoever waits for packets to deliver by that of nobody.
        let _ = self.shared.front.send_to(&[], self.listen);
        let nowhere = Packet::new(Instant::now(), u64::MAX, Arc::new(loopback()), self.listen, Vec::new());
        let _ = self.shared.line.send(nowhere);
        self.forget_clients();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receive_from_clients(self: &Arc<Self>, front: &Arc<UdpSocket>) {
        let mut buffer = vec![0; 65_536];
        loop {
            let received = front.recv_from(&mut buffer);
            let mut state = self.state();
            if state.over {
                break;
            }
            // An error is that of a packet sent before, whose receiver is gone.
            let Ok((length, client)) = received else { continue };
            let target = state.target;
            let flow = state.flows.entry(client).or_insert_with(|| self.open_flow(client, front));
            let upstream = Arc::clone(&flow.upstream);
            state.pass(&self.line, client, UP, &upstream, target, &buffer[..length]);
        }
    }

    fn open_flow(self: &Arc<Self>, client: SocketAddr, front: &Arc<UdpSocket>) -> Flow {
        let upstream = Arc::new(loopback());
        let (shared, socket, front) = (Arc::clone(self), Arc::clone(&upstream), Arc::clone(front));
        let reader = std::thread::spawn(move || shared.receive_from_target(client, &socket, &front));
        Flow { upstream, reader, due: [Instant::now(); 2] }
    }

    fn receive_from_target(&self, client: SocketAddr, upstream: &Arc<UdpSocket>, front: &Arc<UdpSocket>) {
        let mut buffer = vec![0; 65_536];
        loop {
            let received = upstream.recv_from(&mut buffer);
            let mut state = self.state();
            let is_current =
                state.flows.get(&client).is_some_and(|flow| Arc::ptr_eq(&flow.upstream, upstream));
            if !is_current {
                break;
            }
            if let Ok((length, _)) = received {
                state.counts.down_since_rebind += 1;
                state.pass(&self.line, client, DOWN, front, client, &buffer[..length]);
            }
        }
    }
}

impl State {
    /// Puts a packet on its way, or not.
    fn pass(
        &mut self,
        line: &Sender<Packet>,
        client: SocketAddr,
        direction: usize,
        socket: &Arc<UdpSocket>,
        to: SocketAddr,
        bytes: &[u8],
    ) {
        if self.blackout {
            self.counts.swallowed += 1;
            return;
        }
        let Faults { lost, duplicated, reordered, delay } = self.faults.clone();
        if self.random.chance(lost) {
            self.counts.lost += 1;
            return;
        }
        let copies = if self.random.chance(duplicated) { 2 } else { 1 };
        self.counts.duplicated += copies - 1;
        for _ in 0..copies {
            let due = Instant::now() + Duration::from_millis(self.random.within(&delay));
            let last = &mut self.flows.get_mut(&client).unwrap().due[direction];
            let mut due = due.max(*last);
            if self.random.chance(reordered) {
                self.counts.reordered += 1;
                due += Duration::from_millis(self.random.within(&HELD_BACK_MS));
            } else {
                *last = due;
            }
            self.sent += 1;
            self.counts.forwarded += 1;
            let _ = line.send(Packet::new(due, self.sent, Arc::clone(socket), to, bytes.to_vec()));
        }
    }
}

impl Flow {
    /// After it was taken out of the map.
    fn end(self) {
        let _ = self.upstream.send_to(&[], self.upstream.local_addr().unwrap());
        let _ = self.reader.join();
    }
}

impl Packet {
    fn new(due: Instant, order: u64, socket: Arc<UdpSocket>, to: SocketAddr, bytes: Vec<u8>) -> Self {
        Self { due, order, socket, to, bytes }
    }
}

impl Ord for Packet {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.due, other.order).cmp(&(self.due, self.order))
    }
}

impl PartialOrd for Packet {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Packet {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Packet {}

/// Sends each packet when it is due, until the one that ends it.
fn deliver(packets: &Receiver<Packet>) {
    let mut waiting = BinaryHeap::<Packet>::new();
    loop {
        let received = match waiting.peek() {
            None => packets.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(next) => packets.recv_timeout(next.due.saturating_duration_since(Instant::now())),
        };
        match received {
            Ok(Packet { order: u64::MAX, .. }) | Err(RecvTimeoutError::Disconnected) => break,
            Ok(packet) => waiting.push(packet),
            Err(RecvTimeoutError::Timeout) => {}
        }
        while waiting.peek().is_some_and(|next| next.due <= Instant::now()) {
            let Packet { socket, to, bytes, .. } = waiting.pop().unwrap();
            // A receiver that is gone is a packet lost.
            let _ = socket.send_to(&bytes, to);
        }
    }
}

fn loopback() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}
