//! A world: masters, a database, games, and what happens among them.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::desk::{Desk, Order};
use super::model::Model;
use super::network::Link;
use super::player::{Opened, Player};
use super::report::{Coverage, Met, Tape, finding};
use super::schemas::{Layout, layout};
use crate::error::{Error, ErrorCode, Result};
use crate::store::{MemoryStore, ProfileStore};
use crate::sync::Rng;
use crate::sync::master::{
    Action, Authenticator, Identity, Master, MasterConfig, MasterEvent, Now, PeerRole, StoreRequest,
};

pub(super) const OPERATIONS: u64 = 100;
pub(super) const FAULTS: u64 = 5;
/// Steps after which a world is ended, however much is missing: a quiet game is one too.
const MOST_STEPS: u64 = 4000;

pub(super) struct World {
    /// Whether views are compared with the model. They need not be in a run that is to repeat another one.
    pub(super) compares: bool,
    pub(super) rng: Rng,
    pub(super) now: Duration,
    /// Milliseconds since 1970 at the origin of `now`.
    pub(super) clock: i64,
    pub(super) layout: Rc<Layout>,
    pub(super) users: Vec<&'static str>,
    pub(super) players: Vec<Player>,
    pub(super) masters: Vec<Seat>,
    pub(super) next_master: u64,
    pub(super) links: Vec<Link>,
    pub(super) next_session: u64,
    pub(super) store: MemoryStore,
    /// What masters that are no more had asked of the store.
    pub(super) late: Vec<(MemoryStore, Order)>,
    pub(super) model: Model,
    pub(super) met: Coverage,
    pub(super) tape: Tape,
    pub(super) operations: u64,
    pub(super) faults: u64,
    pub(super) faulty: bool,
    pub(super) next_identity: i64,
}

/// A master that runs, with its desk at the database.
pub(super) struct Seat {
    pub(super) number: u64,
    pub(super) master: Master,
    pub(super) desk: Desk,
    pub(super) stopping: bool,
}

struct Tokens;

impl Authenticator for Tokens {
    fn authenticate(&self, token: &str) -> Result<Identity> {
        let (role, subject) = match token.split_once(':') {
            Some(("client", subject)) => (PeerRole::Client, subject),
            Some(("server", subject)) => (PeerRole::Server, subject),
            _ => return Err(Error::AuthFailed { reason: "no such token".into() }),
        };
        Ok(Identity { subject: Arc::from(subject), role })
    }
}

impl World {
    pub(super) fn new(seed: u64, verbose: bool) -> Self {
        let mut rng = Rng::new(seed ^ 0x5eed_0000_0000_0000);
        let layout = layout(rng.next());
        let users = if rng.below(3) == 0 { vec!["ann", "bob"] } else { vec!["ann"] };
        let store = MemoryStore::new();
        let model = Model::new(layout.clone(), users.len());
        let mut world = Self {
            compares: true,
            rng,
            now: Duration::ZERO,
            clock: 1_700_000_000_000,
            layout,
            players: Vec::new(),
            masters: Vec::new(),
            next_master: 1,
            links: Vec::new(),
            next_session: 1,
            store,
            late: Vec::new(),
            model,
            met: Coverage::default(),
            tape: Tape::new(verbose),
            operations: 0,
            faults: 0,
            faulty: true,
            next_identity: 1000,
            users,
        };
        world.start_master();
        let watching = ["server c", "client cid"][world.rng.below(2) as usize];
        for (name, token, user, writes) in [
            ("server a", "server:a", None, true),
            ("server b", "server:b", None, true),
            ("client ann", "client:ann", Some(0), true),
            ("client bob", "client:bob", Some(1), true),
            ("server c", "server:c", None, false),
            ("client cid", "client:cid", Some(2), false),
        ] {
            if writes || name == watching {
                let which = if world.rng.below(3) == 0 { 1 + world.rng.below(2) as usize } else { 0 };
                let view = world.layout.views[which].clone();
                let (writer, peer) = world.new_peer(token, &view);
                let opened = vec![Opened::default(); world.users.len()];
                let token = token.into();
                world.players.push(Player {
                    name,
                    token,
                    user,
                    writes,
                    view,
                    writer,
                    peer,
                    session: None,
                    opened,
                });
            }
        }
        world
    }

    /// The whole life of a world.
    pub(super) fn run(&mut self) {
        let mut steps = 0;
        while (self.operations < OPERATIONS || self.faults < FAULTS) && steps < MOST_STEPS {
            self.step();
            steps += 1;
            self.met.meet(Met::Steps, 1);
        }
        // What goes wrong last is not hidden by what comes after.
        if self.rng.below(2) == 0 {
            self.fault();
        }
        self.faulty = false;
        self.settle();
        self.check_at_rest();
        self.check_stored();
    }

    fn step(&mut self) {
        self.now += Duration::from_millis(self.rng.below(5));
        let players = self.players.len() as u64;
        match self.rng.below(16) {
            0..=3 => {
                let player = self.rng.below(players) as usize;
                self.tick(player, true);
            }
            4..=9 => self.carry(),
            10..=12 => self.serve_store(),
            13..=14 => self.run_masters(),
            _ => drop(self.notice()),
        }
        if self.rng.below(40) == 0 {
            self.fault();
        }
    }

    pub(super) fn moment(&self) -> Now {
        let unix_ms = self.clock.saturating_add(self.now.as_millis() as i64).max(0) as u64;
        Now { mono: self.now, unix_ms }
    }

    pub(super) fn tell(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.tape.story.is_some() {
            let line = line(self);
            self.tape.tell(|| line);
        }
    }

    // ---- masters ----

    /// A master starts and takes the database over.
    pub(super) fn start_master(&mut self) {
        let number = self.next_master;
        self.next_master += 1;
        let mut handle = self.store.clone();
        if let Err(error) = handle.claim() {
            finding("store", error.to_string());
        }
        let millis = |rng: &mut Rng, most: u64| Duration::from_millis(rng.below(most));
        let master = Master::new(MasterConfig {
            update_interval: millis(&mut self.rng, 20),
            save_interval: millis(&mut self.rng, 250),
            unload_after: millis(&mut self.rng, 150),
            hash_interval: millis(&mut self.rng, 300),
            ..MasterConfig::new(self.layout.schema.clone(), Box::new(Tokens), self.rng.next())
        });
        self.masters.push(Seat { number, master, desk: Desk::new(handle), stopping: false });
        self.tell(|_| format!("master {number} starts"));
    }

    pub(super) fn seat_of(&mut self, number: u64) -> Option<&mut Seat> {
        self.masters.iter_mut().find(|seat| seat.number == number)
    }

    fn run_masters(&mut self) {
        let now = self.moment();
        for place in 0..self.masters.len() {
            self.masters[place].master.handle_timeout(now);
            self.after_master(place);
        }
        self.bury_masters();
    }

    /// Masters that have stopped are no more.
    pub(super) fn bury_masters(&mut self) {
        for place in (0..self.masters.len()).rev() {
            let seat = &self.masters[place];
            let fenced = seat.master.fatal().is_some();
            if !(fenced || seat.stopping && seat.master.is_stopped()) {
                continue;
            }
            let number = seat.number;
            self.tell(|_| format!("master {number} ends{}", if fenced { ", fenced" } else { "" }));
            self.masters.remove(place);
            self.hang_up(number);
        }
        self.keep_an_owner();
    }

    /// Peers find the database's owner: when that is gone, another one starts.
    pub(super) fn keep_an_owner(&mut self) {
        if self.masters.last().is_none_or(|seat| seat.number + 1 != self.next_master) {
            self.start_master();
        }
    }

    /// Does what a master wants.
    pub(super) fn after_master(&mut self, place: usize) {
        while let Some(action) = self.masters[place].master.poll_action() {
            match action {
                // The host asks nothing here.
                Action::Answer { .. } => {}
                Action::Send { session, bytes } => self.send_down(session, bytes, false),
                Action::SendSnapshot { session, bytes } => self.send_down(session, bytes, true),
                Action::SendDatagram { .. } => {}
                Action::Close { session, error } => self.closed_by_master(session, &error),
                Action::Store(request) => self.order(place, request),
            }
        }
        while let Some(event) = self.masters[place].master.next_event() {
            match event {
                MasterEvent::ProfileUnloaded { .. } => self.met.meet(Met::Unloaded, 1),
                MasterEvent::ValueKeptAside { property, reason, .. } => {
                    finding("load", format!("`{property}` was kept aside: {reason}"));
                }
                MasterEvent::StoreFailed { error } if error.code() != ErrorCode::StoreFailed => {
                    finding("load", error.to_string());
                }
                _ => {}
            }
        }
    }

    fn order(&mut self, place: usize, request: StoreRequest) {
        let fault = if self.faulty { self.rng.below(16) } else { 99 };
        let due = self.now + Duration::from_millis(if fault == 2 { self.rng.below(150) } else { 0 });
        if fault == 2 {
            self.met.meet(Met::StoreSlow, 1);
        }
        let seat = &mut self.masters[place];
        let order = Order::new(request, &seat.master, fault, due);
        let number = seat.number;
        self.tape.tell(|| format!("master {number} asks the store: {order}"));
        seat.desk.orders.push_back(order);
    }

    // ---- the end ----

    /// Without faults everything comes to rest.
    fn settle(&mut self) {
        for link in &mut self.links {
            link.stalled_until = Duration::ZERO;
        }
        self.tell(|_| "no more faults".into());
        // One that was robbed of the database and has nothing to write would not notice.
        while self.masters.len() > 1 {
            self.crash_master(0);
        }
        for round in 0..600 {
            self.met.meet(Met::Rounds, 1);
            let before = self.tape.hash();
            for player in 0..self.players.len() {
                self.tick(player, false);
            }
            self.carry_all();
            self.serve_all();
            self.run_masters();
            self.carry_all();
            if before == self.tape.hash() {
                if self.is_at_rest() {
                    return;
                }
                let masters = self.masters.iter().filter_map(|seat| seat.master.timeout());
                let next = self.players.iter().filter_map(|p| p.peer.timeout()).chain(masters).min();
                self.now = self.now.max(next.unwrap_or_default());
            }
            self.now += Duration::from_millis(if round < 20 { 3 } else { 25 });
        }
        let rest =
            |p: &Player| (p.name, p.peer.is_ready(), p.opened.iter().map(|o| o.loaded).collect::<Vec<_>>());
        let players: Vec<_> = self.players.iter().map(rest).collect();
        finding("rest", format!("the world does not come to rest: {players:?}"));
    }

    fn is_at_rest(&self) -> bool {
        let version = |player: &Player, opened: &Opened| {
            opened.id.and_then(|id| player.peer.cursor(id)).map(|(_, version)| version)
        };
        let rest = |player: &Player| {
            player.peer.is_ready()
                && player.opened.iter().enumerate().all(|(user, opened)| {
                    opened.loaded
                        && !opened.leaving
                        && version(player, opened) == Some(self.model.version(user))
                        && opened
                            .id
                            .and_then(|id| player.peer.pending(id).ok())
                            .is_some_and(|pending| !pending.unsent && pending.undurable == 0)
                })
        };
        self.masters.len() == 1
            && self
                .masters
                .iter()
                .all(|seat| seat.master.is_flushed() && seat.master.unjournaled().next().is_none())
            && self.players.iter().all(rest)
            && self.links.iter().all(Link::is_quiet)
    }

    /// Of everything that was made something came. (All views are at the store's version, and were compared there.)
    fn check_at_rest(&mut self) {
        for game in &self.players {
            for user in 0..game.opened.len() {
                let undecided = self.model.undecided((game.writer, user));
                if undecided > 0 {
                    finding("durable", format!("{}: {undecided} batches came to nothing", game.name));
                }
            }
        }
        let committed: u64 = (0..self.users.len()).map(|user| self.model.version(user)).sum();
        self.met.meet(Met::BatchesCommitted, committed);
    }

    /// After a crash, what is read anew from the store is what all saw.
    fn check_stored(&mut self) {
        self.crash_master(0);
        for player in 1..self.players.len() {
            // One that reads all of it is enough.
            self.peer_left(player);
        }
        let view = self.layout.views[0].clone();
        let (writer, peer) = self.new_peer("server:z", &view);
        let opened = vec![Opened::default(); self.users.len()];
        let token = "server:z".into();
        self.players.clear();
        self.links.clear();
        let name = "the last reader";
        self.players.push(Player {
            name,
            token,
            user: None,
            writes: false,
            view,
            writer,
            peer,
            session: None,
            opened,
        });
        self.settle();
        self.check_at_rest();
    }
}
