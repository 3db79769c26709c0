//! Connections: bytes under way, cut anywhere, some of them to somebody who is gone.

use std::collections::VecDeque;
use std::time::Duration;

use super::report::{Met, finding};
use super::world::World;
use crate::error::{Error, ErrorCode};
use crate::schema::Relation;

/// A connection of a peer with a master. Either side may have left it while the other has not noticed.
pub(super) struct Link {
    pub(super) session: u64,
    pub(super) master: u64,
    pub(super) player: usize,
    pub(super) here: bool,
    pub(super) there: bool,
    pub(super) up: VecDeque<Vec<u8>>,
    pub(super) down: VecDeque<Vec<u8>>,
    pub(super) snapshots: VecDeque<Vec<u8>>,
    /// Whether the first piece is the rest of one that arrived in part.
    pub(super) inside_up: bool,
    pub(super) inside_down: bool,
    pub(super) stalled_until: Duration,
}

impl Link {
    pub(super) fn is_quiet(&self) -> bool {
        self.here && self.there && self.up.is_empty() && self.down.is_empty() && self.snapshots.is_empty()
    }
}

impl World {
    /// A peer connects to the master that was started last.
    pub(super) fn connect(&mut self, player: usize) {
        let moment = self.moment();
        let game = &mut self.players[player];
        let Some(seat) = self.masters.last_mut().filter(|seat| !seat.stopping) else {
            let error = Error::transport(ErrorCode::Unreachable, "nobody listens");
            return game.peer.disconnected(self.now, error);
        };
        let session = self.next_session;
        self.next_session += 1;
        game.session = Some(session);
        game.peer.connected(self.now);
        seat.master.accepted(moment, session);
        self.links.push(Link {
            session,
            master: seat.number,
            player,
            here: true,
            there: true,
            up: VecDeque::new(),
            down: VecDeque::new(),
            snapshots: VecDeque::new(),
            inside_up: false,
            inside_down: false,
            stalled_until: Duration::ZERO,
        });
        let name = game.name;
        self.tell(|_| format!("{name} connects as session {session}"));
    }

    pub(super) fn send_up(&mut self, player: usize, bytes: Vec<u8>) {
        self.tape.bytes(&bytes);
        let session = self.players[player].session;
        if let Some(link) = self.links.iter_mut().find(|link| Some(link.session) == session && link.here) {
            link.up.push_back(bytes);
        }
    }

    pub(super) fn send_down(&mut self, session: u64, bytes: Vec<u8>, snapshot: bool) {
        self.tape.number(session << 1 | u64::from(snapshot));
        self.tape.bytes(&bytes);
        let Some(link) = self.links.iter_mut().find(|link| link.session == session && link.there) else {
            finding("protocol", format!("bytes for session {session}, which is closed"))
        };
        let game = &self.players[link.player];
        if let Some(text) = forbidden(&bytes, |user| game.relation(user), self.users.len()) {
            finding("visibility", format!("{} is sent {text:?}", game.name));
        }
        let queue = if snapshot { &mut link.snapshots } else { &mut link.down };
        queue.push_back(bytes);
    }

    /// Moves some bytes of one connection.
    pub(super) fn carry(&mut self) {
        if self.links.is_empty() {
            return;
        }
        let place = self.rng.below(self.links.len() as u64) as usize;
        if self.links[place].stalled_until > self.now {
            return;
        }
        let which = self.rng.below(8);
        let cut = if self.rng.below(4) == 0 { self.rng.next() } else { u64::MAX };
        match which {
            0..=2 if !self.links[place].up.is_empty() => self.carry_up(place, cut),
            3..=5 if !self.links[place].down.is_empty() => self.carry_down(place, cut),
            6 if !self.links[place].snapshots.is_empty() => {
                let nth = self.rng.below(self.links[place].snapshots.len() as u64) as usize;
                self.carry_snapshot(place, nth);
            }
            _ if !self.links[place].up.is_empty() => self.carry_up(place, u64::MAX),
            _ if !self.links[place].down.is_empty() => self.carry_down(place, u64::MAX),
            _ if !self.links[place].snapshots.is_empty() => self.carry_snapshot(place, 0),
            _ => {}
        }
    }

    /// Moves all bytes of all connections, and lets everybody notice who is gone.
    pub(super) fn carry_all(&mut self) {
        for place in 0..self.links.len() {
            for _ in 0..32 {
                let link = &self.links[place];
                if !link.up.is_empty() {
                    self.carry_up(place, u64::MAX);
                } else if !link.down.is_empty() {
                    self.carry_down(place, u64::MAX);
                } else if !link.snapshots.is_empty() {
                    self.carry_snapshot(place, 0);
                } else {
                    break;
                }
            }
        }
        while self.notice() {}
    }

    /// Takes a piece off a queue: all of it, or what comes before the cut.
    fn piece(queue: &mut VecDeque<Vec<u8>>, inside: &mut bool, cut: u64) -> Vec<u8> {
        let mut bytes = queue.pop_front().unwrap_or_default();
        *inside = false;
        if cut != u64::MAX && bytes.len() > 1 {
            let rest = bytes.split_off(1 + cut as usize % (bytes.len() - 1));
            queue.push_front(rest);
            *inside = true;
        }
        bytes
    }

    fn carry_up(&mut self, place: usize, cut: u64) {
        let moment = self.moment();
        let link = &mut self.links[place];
        let bytes = Self::piece(&mut link.up, &mut link.inside_up, cut);
        let (session, number) = (link.session, link.master);
        if !link.there {
            return;
        }
        if !link.here && self.players[link.player].session.is_some_and(|newer| newer > session) {
            self.met.meet(Met::OldBytes, 1);
        }
        let Some(seat) = self.masters.iter().position(|seat| seat.number == number) else { return };
        self.masters[seat].master.received(moment, session, &bytes);
        self.after_master(seat);
    }

    fn carry_down(&mut self, place: usize, cut: u64) {
        let now = self.now;
        let link = &mut self.links[place];
        let snapshots = link.snapshots.len();
        let bytes = Self::piece(&mut link.down, &mut link.inside_down, cut);
        let (session, player) = (link.session, link.player);
        if !link.here {
            return;
        }
        if snapshots > 0 {
            self.met.meet(Met::SnapshotLate, 1);
        }
        self.players[player].peer.received(now, &bytes);
        self.was_sent(place, bytes.len(), false);
        self.tape.number(session);
        self.after_peer(player);
    }

    fn carry_snapshot(&mut self, place: usize, nth: usize) {
        let now = self.now;
        let link = &mut self.links[place];
        let Some(bytes) = link.snapshots.remove(nth) else { return };
        let player = link.player;
        if !link.here {
            return;
        }
        if !link.down.is_empty() {
            self.met.meet(Met::SnapshotOvertook, 1);
        }
        self.was_sent(place, bytes.len(), true);
        self.players[player].peer.received_snapshot(now, bytes);
        self.after_peer(player);
    }

    fn was_sent(&mut self, place: usize, bytes: usize, snapshot: bool) {
        let (session, number) = (self.links[place].session, self.links[place].master);
        if let Some(seat) = self.seat_of(number) {
            match snapshot {
                true => seat.master.snapshot_sent(session, bytes),
                false => seat.master.sent(session, bytes),
            }
        }
    }

    /// A master closes a connection; the peer hears of it after what was sent before, if it is still there.
    pub(super) fn closed_by_master(&mut self, session: u64, error: &Error) {
        self.tell(|_| format!("session {session} is closed: {error}"));
        let Some(link) = self.links.iter_mut().find(|link| link.session == session) else { return };
        link.there = false;
        let fine = match error.code() {
            ErrorCode::Superseded => !link.here,
            ErrorCode::Timeout | ErrorCode::Closed | ErrorCode::Unavailable => true,
            _ => false,
        };
        if !fine {
            finding("protocol", format!("the master closes session {session}: {error}"));
        }
    }

    /// A master is gone: its connections are cut.
    pub(super) fn hang_up(&mut self, master: u64) {
        for link in self.links.iter_mut().filter(|link| link.master == master) {
            link.there = false;
        }
    }

    /// The peer leaves its connection, or finds that it is over.
    pub(super) fn peer_left(&mut self, player: usize) {
        let session = self.players[player].session.take();
        if let Some(link) = self.links.iter_mut().find(|link| Some(link.session) == session) {
            link.here = false;
            link.down.clear();
            link.snapshots.clear();
        }
    }

    /// One connection that one side has left is left by the other too. False when there is none.
    pub(super) fn notice(&mut self) -> bool {
        let moment = self.moment();
        let lost = || Error::transport(ErrorCode::ConnectionLost, "the connection was lost");
        let Some(place) = self.links.iter().position(|link| !link.here || !link.there) else { return false };
        let link = &mut self.links[place];
        if link.here {
            if !link.down.is_empty() && self.rng.below(2) == 0 {
                // What was sent before arrives first.
                self.carry_down(place, u64::MAX);
                return true;
            }
            let player = link.player;
            self.peer_left(player);
            self.players[player].peer.disconnected(self.now, lost());
            self.links.remove(place);
            self.after_peer(player);
        } else if link.there {
            if !link.up.is_empty() && self.rng.below(2) == 0 {
                self.carry_up(place, u64::MAX);
                return true;
            }
            let (session, number) = (link.session, link.master);
            self.links.remove(place);
            if let Some(seat) = self.masters.iter().position(|seat| seat.number == number) {
                self.masters[seat].master.closed(moment, session, lost());
                self.after_master(seat);
            }
        } else {
            self.links.remove(place);
        }
        true
    }
}

/// A text in some bytes that the receiver may not see. What not all may see begins with a mark: see [`super::schemas::Plan::tag`].
fn forbidden(bytes: &[u8], relation: impl Fn(usize) -> Relation, users: usize) -> Option<String> {
    if relation(0) == Relation::Server {
        return None;
    }
    let mut from = 0;
    while let Some(place) = bytes[from..].iter().position(|byte| *byte == b'~') {
        from += place + 1;
        if bytes.get(from) != Some(&b'~') {
            continue;
        }
        from += 1;
        let allowed = match (bytes.get(from), bytes.get(from + 1)) {
            (Some(b'S'), _) => false,
            (Some(b'O'), Some(user)) => {
                let user = usize::from(user.wrapping_sub(b'0'));
                user >= users || relation(user) == Relation::Owner
            }
            _ => true,
        };
        if !allowed {
            let end = bytes.len().min(from + 12);
            return Some(String::from_utf8_lossy(&bytes[from - 2..end]).into_owned());
        }
    }
    None
}
