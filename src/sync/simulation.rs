//! Whole networks on one thread, in virtual time, with faults drawn from a seed: disconnects at any message, crashes of the
//! master at any step, a store that is slow, fails, or commits and then fails. A plain count is kept beside them: what was
//! made, and what was told to be durable.

#![allow(clippy::unwrap_used)]

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::Rng;
use super::master::{
    Action, Authenticator, Identity, Master, MasterConfig, Now, PeerRole, StoreAnswer, StoreRequest,
};
use super::peer::{Event, Peer, PeerConfig, ProfileId};
use crate::error::{Error, ErrorCode, Result};
use crate::schema::{Property, Schema, Visibility, Writers};
use crate::store::{MemoryStore, ProfileStore};
use crate::value::Value;

pub(crate) struct Tokens;

impl Authenticator for Tokens {
    fn authenticate(&self, token: &str) -> Result<Identity> {
        let (role, subject) = match token.split_once(':') {
            Some(("client", subject)) => (PeerRole::Client, subject),
            Some(("server", subject)) => (PeerRole::Server, subject),
            _ => return Err(Error::AuthFailed { reason: "no such token".into() }),
        };
        Ok(Identity { subject: subject.into(), role })
    }
}

pub(crate) fn schema() -> Arc<Schema> {
    Schema::builder()
        .property(Property::new("score", 0_i64).visibility(Visibility::Public))
        .property(Property::new("title", "none").writers(Writers::Owner).visibility(Visibility::Public))
        .property(Property::new("secret", 0).visibility(Visibility::Servers))
        .property(Property::new("coins", 100))
        .property(Property::new("limit", i32::MAX - 40).writers(Writers::Owner))
        .build()
        .unwrap()
}

const USERS: [&str; 2] = ["ann", "bob"];

/// One peer, its connection, and what its game has done and been told.
struct Player {
    peer: Peer,
    user: Option<&'static str>,
    session: Option<u64>,
    up: VecDeque<Vec<u8>>,
    down: VecDeque<Vec<u8>>,
    snapshots: VecDeque<Vec<u8>>,
    profiles: HashMap<&'static str, ProfileId>,
    loaded: Vec<&'static str>,
    /// Per user: points added so far by batch number sealed, and the number told to be durable.
    made: HashMap<&'static str, i64>,
    sealed: HashMap<&'static str, Vec<(u64, i64)>>,
    durable: HashMap<&'static str, i64>,
    refused: u64,
}

struct World {
    rng: Rng,
    now: Duration,
    store: MemoryStore,
    owner: MemoryStore,
    master: Master,
    pending: VecDeque<StoreRequest>,
    players: Vec<Player>,
    next_session: u64,
    faults: bool,
    crashes: u64,
    duplicates: u64,
    stale_resumes: u64,
    resumes: u64,
}

fn new_master(rng: &mut Rng) -> Master {
    Master::new(MasterConfig {
        schema: schema(),
        authenticator: Box::new(Tokens),
        update_interval: Duration::from_millis(20),
        save_interval: Duration::from_millis(300),
        unload_after: Duration::from_millis(500),
        seed: rng.next(),
    })
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let store = MemoryStore::new();
        let mut owner = store.clone();
        owner.claim().unwrap();
        let mut players = Vec::new();
        for (token, user) in
            [("server:a", None), ("server:b", None), ("client:ann", Some("ann")), ("client:bob", Some("bob"))]
        {
            let peer = Peer::new(PeerConfig {
                schema: schema(),
                token: token.into(),
                writer: u128::from(rng.next()) << 64 | u128::from(rng.next()),
                flush_interval: Duration::from_millis(rng.below(60)),
                seed: rng.next(),
            });
            players.push(Player {
                peer: peer.unwrap(),
                user,
                session: None,
                up: VecDeque::new(),
                down: VecDeque::new(),
                snapshots: VecDeque::new(),
                profiles: HashMap::new(),
                loaded: Vec::new(),
                made: HashMap::new(),
                sealed: HashMap::new(),
                durable: HashMap::new(),
                refused: 0,
            });
        }
        let master = new_master(&mut rng);
        Self {
            rng,
            now: Duration::ZERO,
            store,
            owner,
            master,
            pending: VecDeque::new(),
            players,
            next_session: 1,
            faults: true,
            crashes: 0,
            duplicates: 0,
            stale_resumes: 0,
            resumes: 0,
        }
    }

    fn moment(&self) -> Now {
        Now { mono: self.now, unix_ms: 1_700_000_000_000 + self.now.as_millis() as u64 }
    }

    fn chance(&mut self, in_thousand: u64) -> bool {
        self.rng.below(1000) < in_thousand
    }

    fn step(&mut self) {
        self.now += Duration::from_millis(self.rng.below(8));
        let players = self.players.len() as u64;
        match self.rng.below(10) {
            0..=2 => {
                let player = self.rng.below(players) as usize;
                self.play(player);
            }
            3..=6 => {
                let player = self.rng.below(players) as usize;
                self.carry(player);
            }
            7 => self.run_store(),
            _ => {
                let moment = self.moment();
                self.master.handle_timeout(moment);
                self.drain_actions();
            }
        }
        if self.faults && self.chance(4) {
            let player = self.rng.below(players) as usize;
            self.disconnect(player);
        }
        if self.faults && self.chance(2) {
            self.crash();
        }
    }

    /// A game's tick: perhaps a change, then what is due.
    fn play(&mut self, player: usize) {
        let now = self.now;
        let dice = self.rng.next();
        let game = &mut self.players[player];
        if game.peer.poll_connect(now) {
            game.session = Some(self.next_session);
            self.next_session += 1;
            game.peer.connected(now);
            let moment = Now { mono: now, unix_ms: 1 };
            self.master.accepted(moment, self.next_session - 1);
        }
        let game = &mut self.players[player];
        for user in USERS {
            // Servers and the owner have a profile open; the other client watches its public part.
            if !game.profiles.contains_key(user) {
                game.profiles.insert(user, game.peer.fill(user).unwrap());
            }
        }
        if self.faults {
            let user = USERS[(dice % 2) as usize];
            game.make_change(user, dice >> 8);
        }
        game.peer.handle_timeout(now);
        game.read_events(&mut self.resumes, &mut self.stale_resumes);
        if let Some(bytes) = game.peer.take_output() {
            game.up.push_back(bytes);
        }
        if let Some(error) = game.peer.take_close() {
            panic!("peer {player} closed the connection: {error}");
        }
    }

    /// Moves some bytes of one connection, cut anywhere.
    fn carry(&mut self, player: usize) {
        let now = self.now;
        let Some(session) = self.players[player].session else { return };
        let cut = self.rng.next();
        let which = self.rng.below(3);
        let game = &mut self.players[player];
        match which {
            0 => {
                if let Some(mut bytes) = game.up.pop_front() {
                    let rest = bytes.split_off(1 + cut as usize % bytes.len());
                    if !rest.is_empty() {
                        game.up.push_front(rest);
                    }
                    let moment = self.moment();
                    self.master.received(moment, session, &bytes);
                }
            }
            1 => {
                if let Some(mut bytes) = game.down.pop_front() {
                    let rest = bytes.split_off(1 + cut as usize % bytes.len());
                    if !rest.is_empty() {
                        game.down.push_front(rest);
                    }
                    game.peer.received(now, &bytes);
                    self.master.sent(session, bytes.len());
                }
            }
            _ => {
                if !game.snapshots.is_empty() {
                    // Streams overtake each other.
                    let place = cut as usize % game.snapshots.len();
                    let bytes = game.snapshots.remove(place).unwrap();
                    self.master.sent(session, bytes.len());
                    self.players[player].peer.received_snapshot(now, bytes);
                }
            }
        }
        let game = &mut self.players[player];
        game.read_events(&mut self.resumes, &mut self.stale_resumes);
        if let Some(error) = game.peer.take_close() {
            panic!("peer {player} closed the connection: {error}");
        }
        if let Some(bytes) = game.peer.take_output() {
            game.up.push_back(bytes);
        }
        self.drain_actions();
    }

    fn drain_actions(&mut self) {
        while let Some(action) = self.master.poll_action() {
            match action {
                Action::Store(request) => self.pending.push_back(request),
                Action::Send { session, bytes } => {
                    if let Some(player) = self.players.iter_mut().find(|p| p.session == Some(session)) {
                        player.down.push_back(bytes);
                    }
                }
                Action::SendSnapshot { session, bytes } => {
                    if let Some(player) = self.players.iter_mut().find(|p| p.session == Some(session)) {
                        player.snapshots.push_back(bytes);
                    }
                }
                Action::Close { session, error } => {
                    // The peers keep the rules; only a connection that its writer has left is closed.
                    let left = matches!(error.code(), ErrorCode::Superseded | ErrorCode::Timeout);
                    assert!(left, "{error}");
                    if let Some(player) = self.players.iter().position(|p| p.session == Some(session)) {
                        self.lose(player);
                    }
                }
            }
        }
    }

    /// The store does one thing: well, not at all, or well and then reports a failure.
    fn run_store(&mut self) {
        let Some(request) = self.pending.pop_front() else { return };
        let fault = if self.faults { self.rng.below(12) } else { 99 };
        if let Some(answer) = self.execute(request, fault) {
            let moment = self.moment();
            self.master.stored(moment, answer);
            self.drain_actions();
        }
    }

    fn execute(&mut self, request: StoreRequest, fault: u64) -> Option<StoreAnswer> {
        let fail = || Error::store(ErrorCode::StoreFailed, "a planted failure");
        Some(match request {
            StoreRequest::Restore { user } => {
                // A failed load would end the game's interest; that is tested elsewhere.
                StoreAnswer::Restored { result: self.owner.restore(&user), user }
            }
            StoreRequest::Append { rows } => {
                let result = if fault == 0 { Err(fail()) } else { self.owner.append(&rows) };
                StoreAnswer::Appended { result: if fault == 1 { Err(fail()) } else { result } }
            }
            StoreRequest::Update { saves } => {
                let result = if fault == 0 { Err(fail()) } else { self.owner.update_many(&saves) };
                StoreAnswer::Updated { result: if fault == 1 { Err(fail()) } else { result } }
            }
        })
    }

    fn disconnect(&mut self, player: usize) {
        let Some(session) = self.players[player].session else { return };
        let error = Error::transport(ErrorCode::ConnectionLost, "a planted disconnect");
        let moment = self.moment();
        // The master may notice long before or after the peer, or when the writer comes again.
        if self.chance(500) {
            self.master.closed(moment, session, error);
            self.drain_actions();
        }
        self.lose(player);
    }

    fn lose(&mut self, player: usize) {
        let now = self.now;
        let game = &mut self.players[player];
        game.session = None;
        game.up.clear();
        game.down.clear();
        game.snapshots.clear();
        game.peer.disconnected(now, Error::transport(ErrorCode::ConnectionLost, "a planted disconnect"));
        game.read_events(&mut self.resumes, &mut self.stale_resumes);
    }

    /// SIGKILL: what the store was asked is done in part.
    fn crash(&mut self) {
        self.crashes += 1;
        self.duplicates += self.master.stats().duplicates;
        while self.chance(500)
            && let Some(request) = self.pending.pop_front()
        {
            self.execute(request, 99);
        }
        self.pending.clear();
        self.owner = self.store.clone();
        self.owner.claim().unwrap();
        self.check_durable();
        self.master = new_master(&mut self.rng);
        for player in 0..self.players.len() {
            self.lose(player);
        }
    }

    /// Everything told to be durable is in the store.
    fn check_durable(&mut self) {
        for user in USERS {
            let told: i64 = self.players.iter().map(|p| p.durable.get(user).copied().unwrap_or(0)).sum();
            let made: i64 = self.players.iter().map(|p| p.made.get(user).copied().unwrap_or(0)).sum();
            let stored = self.stored_score(user);
            assert!(told <= stored, "{user}: {told} told to be durable, {stored} stored");
            assert!(stored <= made, "{user}: {made} made, {stored} stored");
        }
    }

    fn stored_score(&mut self, user: &str) -> i64 {
        let Some(stored) = self.owner.restore(user).unwrap() else { return 0 };
        let json = super::master::stored_json(&schema(), &Arc::from(user), stored).unwrap();
        serde_json::from_str::<serde_json::Value>(&json).unwrap()["score"].as_i64().unwrap()
    }

    fn run(&mut self, rounds: u64, steps: u64) {
        for _ in 0..rounds {
            self.faults = true;
            for _ in 0..steps {
                self.step();
            }
            // What goes wrong last is not hidden by what comes after.
            if self.chance(500) {
                self.crash();
            }
            self.faults = false;
            self.settle();
            self.check_settled();
        }
        self.crash();
        for user in USERS {
            let made: i64 = self.players.iter().map(|p| p.made.get(user).copied().unwrap_or(0)).sum();
            assert_eq!(self.stored_score(user), made, "{user} in the store");
        }
    }

    /// Without faults everything comes to rest.
    fn settle(&mut self) {
        for _ in 0..60 {
            for _ in 0..200 {
                self.step();
            }
            let at_rest = self.players.iter().all(|game| {
                let rest =
                    |id: &ProfileId| game.peer.pending(*id).is_ok_and(|p| !p.unsent && p.undurable == 0);
                let all = game.profiles.len() == USERS.len() && game.loaded.len() == USERS.len();
                game.peer.is_ready() && all && game.profiles.values().all(rest)
            });
            if at_rest && self.master.is_flushed() && self.players.iter().all(Player::is_quiet) {
                return;
            }
        }
        panic!("the world does not come to rest");
    }

    fn check_settled(&mut self) {
        for user in USERS {
            let made: i64 = self.players.iter().map(|p| p.made.get(user).copied().unwrap_or(0)).sum();
            for (i, game) in self.players.iter().enumerate() {
                let profile = game.peer.profile(game.profiles[user]).unwrap();
                assert_eq!(profile.get(crate::PropertyIndex(0)), &Value::I64(made), "{user} at {i}");
                assert!(!profile.is_dirty() && !profile.has_retained(), "{user} at {i}");
                let master = self.master.profile_json(user).unwrap();
                if game.user.is_none() {
                    assert_eq!(profile.to_json(), master);
                } else {
                    // What a client may not see, it does not have.
                    assert_eq!(profile.get(crate::PropertyIndex(2)), &Value::I32(0));
                }
            }
        }
    }
}

impl Player {
    fn is_quiet(&self) -> bool {
        self.up.is_empty() && self.down.is_empty() && self.snapshots.is_empty()
    }

    fn make_change(&mut self, user: &'static str, dice: u64) {
        if !self.loaded.contains(&user) {
            return;
        }
        let id = self.profiles[user];
        if dice.is_multiple_of(199) {
            // It is asked for again as soon as it was let go.
            self.peer.release(id).unwrap();
            self.loaded.retain(|u| *u != user);
            if dice.is_multiple_of(2) {
                // Changes its mind.
                let again = self.peer.fill(user).unwrap();
                self.profiles.insert(user, again);
            }
            return;
        }
        let index = crate::PropertyIndex;
        let result = match (self.user, dice % 7) {
            (Some(me), _) if me != user => return,
            (Some(_), 0..=1) => self.peer.change(id, |p| p.set(index(1), format!("t{dice}"))),
            // Sooner or later it no longer fits: then the master refuses, or the game is told at once.
            (Some(_), _) => self.peer.change(id, |p| p.add_int(index(4), (dice % 7) as i64)).or(Ok(false)),
            (None, 0..=2) => {
                let points = 1 + (dice >> 4) as i64 % 9;
                *self.made.entry(user).or_default() += points;
                self.peer.change(id, |p| p.add_int(index(0), points))
            }
            (None, 3..=4) => self.peer.change(id, |p| p.set(index(2), dice as i32)),
            (None, 5) => {
                self.peer.change(id, |p| p.add_int(index(4), (dice >> 4) as i64 % 9 - 4)).or(Ok(false))
            }
            (None, _) => self.peer.change(id, |p| p.add_int(index(3), (dice >> 4) as i64 % 100)),
        };
        result.unwrap();
        if dice.is_multiple_of(4)
            && let Ok(number) = self.peer.flush_profile(id)
        {
            let made = self.made.get(user).copied().unwrap_or(0);
            self.sealed.entry(user).or_default().push((number, made));
        }
    }

    fn read_events(&mut self, resumes: &mut u64, whole_resumes: &mut u64) {
        let find = |profiles: &HashMap<&'static str, ProfileId>, id| {
            profiles.iter().find(|(_, p)| **p == id).map(|(user, _)| *user)
        };
        let user_of = |profiles: &HashMap<&'static str, ProfileId>, id| find(profiles, id).unwrap();
        while let Some(event) = self.peer.next_event() {
            match event {
                Event::ProfileLoaded { profile } => self.loaded.push(user_of(&self.profiles, profile)),
                Event::ProfileResumed { whole: true, .. } => *whole_resumes += 1,
                Event::ProfileResumed { whole: false, .. } => *resumes += 1,
                Event::Durable { profile, through } => {
                    let Some(user) = find(&self.profiles, profile) else { continue };
                    let sealed = self.sealed.get(user);
                    if let Some((_, made)) = sealed.and_then(|s| s.iter().rev().find(|(n, _)| *n <= through))
                    {
                        self.durable.insert(user, *made);
                    }
                }
                Event::Refused { error, .. } => {
                    assert_eq!(error.code(), ErrorCode::Overflow, "{error}");
                    self.refused += 1;
                }
                Event::Failed { error } => panic!("{error}"),
                // Nobody but its owner and the servers makes a profile.
                Event::OpenFailed { profile, error } => {
                    assert_eq!(error.code(), ErrorCode::NoSuchProfile, "{error}");
                    let user = user_of(&self.profiles, profile);
                    assert!(self.user.is_some_and(|me| me != user));
                }
                Event::Released { profile } => {
                    // One that was asked for again meanwhile goes on under its new id.
                    let Some(user) = find(&self.profiles, profile) else { continue };
                    self.profiles.remove(user);
                    self.loaded.retain(|u| *u != user);
                    // All of it was durable before.
                    self.sealed.remove(user);
                    if let Some(made) = self.made.get(user) {
                        self.durable.insert(user, *made);
                    }
                }
                _ => {}
            }
        }
    }
}

#[test]
fn nothing_is_lost_and_nothing_applied_twice() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("MST_TEST_SEED");
    let seeds = first.map_or(0..number("MST_TEST_SEEDS").unwrap_or(120), |seed| seed..seed + 1);
    let (mut crashes, mut duplicates, mut resumes, mut whole, mut refused) = (0, 0, 0, 0, 0);
    for seed in seeds {
        println!("MST_TEST_SEED={seed}");
        let mut world = World::new(seed);
        world.run(8, 600);
        crashes += world.crashes;
        duplicates += world.duplicates;
        resumes += world.resumes;
        whole += world.stale_resumes;
        refused += world.players.iter().map(|p| p.refused).sum::<u64>();
    }
    println!(
        "{crashes} crashes, {duplicates} duplicates, {resumes} resumes, {whole} whole, {refused} refused"
    );
    if first.is_none() {
        // The worlds must have met what they are about.
        assert!(crashes > 100 && duplicates > 100 && resumes > 100 && whole > 10 && refused > 10);
    }
}
