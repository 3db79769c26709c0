//! Whole networks on one thread, in virtual time, with faults drawn from a seed: disconnects at any message, crashes of the
//! master at any step, a store that is slow, fails, or commits and then fails. A plain count is kept beside them: what was
//! made, and what was told to be durable.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::PropertyIndex;
use crate::error::{Error, ErrorCode, Result};
use crate::schema::{Property, Schema, SyncClass, Visibility, Writers};
use crate::store::{MemoryStore, ProfileStore};
use crate::sync::Rng;
use crate::sync::master::{
    Action, Authenticator, Identity, Master, MasterConfig, Now, PeerRole, StoreAnswer, StoreRequest,
};
use crate::sync::peer::{Event, Peer, PeerConfig, ProfileId};
use crate::value::{Addition, KeyType, List, ScalarType, Value};

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
        .property(
            Property::list("bag", ScalarType::I64).writers(Writers::Owner).visibility(Visibility::Public),
        )
        .property(Property::dict("stats", KeyType::String, ScalarType::I64).visibility(Visibility::Public))
        .property(Property::new("bought", 0_i64))
        .property(Property::new("stock", 6_i64).visibility(Visibility::Public))
        .property(
            Property::new("mood", 0).visibility(Visibility::Public).saved(false).sync(SyncClass::Immediate),
        )
        .property(Property::new("health", 50).range(0..=100))
        .property(
            Property::new("tray", List::from_items(ScalarType::I64, vec![Value::I64(7); 3]).unwrap())
                .saved(false),
        )
        .build()
        .unwrap()
}

const USERS: [&str; 2] = ["ann", "bob"];

pub(super) const SCORE: PropertyIndex = PropertyIndex(0);
pub(super) const TITLE: PropertyIndex = PropertyIndex(1);
const SECRET: PropertyIndex = PropertyIndex(2);
pub(super) const COINS: PropertyIndex = PropertyIndex(3);
pub(super) const LIMIT: PropertyIndex = PropertyIndex(4);
/// Items are an identity and a revision: `identity * 1000 + revision`. So it shows when a change hits another item than
/// the one that was meant.
pub(super) const BAG: PropertyIndex = PropertyIndex(5);
pub(super) const STATS: PropertyIndex = PropertyIndex(6);
/// Counts with `stats.bought`, in one batch.
const BOUGHT: PropertyIndex = PropertyIndex(7);
/// Taken one by one, never below zero.
const STOCK: PropertyIndex = PropertyIndex(8);
const MOOD: PropertyIndex = PropertyIndex(9);
pub(super) const HEALTH: PropertyIndex = PropertyIndex(10);
/// Not saved.
const TRAY: PropertyIndex = PropertyIndex(11);

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
    /// Per user: identities of items that this player put into the bag, asked to be removed, and how many of its batches
    /// were refused as stale.
    items: HashMap<&'static str, Vec<i64>>,
    removals: HashMap<&'static str, Vec<i64>>,
    stale: HashMap<&'static str, u64>,
    /// Per user: additions to `stats.total`, takings from the stock that were tried, and those that were refused.
    stats: HashMap<&'static str, i64>,
    takings: HashMap<&'static str, i64>,
    refused_takings: HashMap<&'static str, i64>,
    next_item: i64,
    /// Users whose bag it has cleared.
    cleared: Vec<&'static str>,
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
            let players_so_far = players.len() as i64;
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
                items: HashMap::new(),
                removals: HashMap::new(),
                stale: HashMap::new(),
                stats: HashMap::new(),
                takings: HashMap::new(),
                refused_takings: HashMap::new(),
                cleared: Vec::new(),
                next_item: 1 + players_so_far * 1_000_000,
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
                    self.master.snapshot_sent(session, bytes.len());
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
                Action::SendDatagram { .. } => {}
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
        let json = crate::sync::master::stored_json(&schema(), &Arc::from(user), stored).unwrap();
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
                assert_eq!(profile.get(SCORE), &Value::I64(made), "{user} at {i}");
                assert!(!profile.is_dirty() && !profile.has_retained(), "{user} at {i}");
                let master = self.master.profile_json(user).unwrap();
                if game.user.is_none() {
                    assert_eq!(profile.to_json(), master);
                } else {
                    // What a client may not see, it does not have.
                    assert_eq!(profile.get(SECRET), &Value::I32(0));
                    let seen: serde_json::Value = serde_json::from_str(&profile.to_json()).unwrap();
                    let master: serde_json::Value = serde_json::from_str(&master).unwrap();
                    let public = ["score", "title", "bag", "stats", "stock", "mood"];
                    let own = ["coins", "limit", "bought", "health"];
                    for name in public.iter().chain(own.iter().filter(|_| game.user == Some(user))) {
                        assert_eq!(seen[name], master[name], "{name} of {user} at {i}");
                    }
                }
            }
            self.check_model(user);
        }
    }
}

impl World {
    /// What the games did is what came of it.
    fn check_model(&self, user: &'static str) {
        let sum = |of: &dyn Fn(&Player) -> &HashMap<&'static str, i64>| -> i64 {
            self.players.iter().map(|p| of(p).get(user).copied().unwrap_or(0)).sum()
        };
        let profile = self.players[0].peer.profile(self.players[0].profiles[user]).unwrap();
        let int = |value: &Value| value.as_int().unwrap();
        let entry = |key: &str| profile.get(STATS).as_dict().unwrap().get(&key.into()).map_or(0, int);
        assert_eq!(entry("total"), sum(&|p| &p.stats), "stats.total of {user}");
        assert_eq!(entry("bought"), int(profile.get(BOUGHT)), "a bracket of {user} was torn");
        let taken = sum(&|p| &p.takings) - sum(&|p| &p.refused_takings);
        assert_eq!(int(profile.get(STOCK)), 6 - taken, "stock of {user}");
        assert!((0..=6).contains(&taken), "{taken} taken of {user}'s stock");
        assert!((0..=100).contains(&int(profile.get(HEALTH))));

        let bag = profile.get(BAG).as_list().unwrap();
        let mut there: Vec<i64> = bag.iter().map(|item| int(item) / 1000).collect();
        there.sort_unstable();
        assert!(there.windows(2).all(|w| w[0] != w[1]), "an item of {user} twice: {there:?}");
        let all = |of: &dyn Fn(&Player) -> &HashMap<&'static str, Vec<i64>>| -> Vec<i64> {
            self.players.iter().flat_map(|p| of(p).get(user).cloned().unwrap_or_default()).collect()
        };
        let (made, removals) = (all(&|p| &p.items), all(&|p| &p.removals));
        assert!(there.iter().all(|item| made.contains(item)), "an item of {user} that nobody made");
        let lost =
            made.iter().filter(|item| !there.contains(item) && !removals.contains(item)).count() as u64;
        let stale: u64 = self.players.iter().map(|p| p.stale.get(user).copied().unwrap_or(0)).sum();
        // A refused batch may have had several operations.
        let cleared = self.players.iter().any(|p| p.cleared.contains(&user));
        assert!(lost == 0 || stale > 0 || cleared, "{lost} items of {user} lost");
    }
}

impl Player {
    /// Something in the player's bag.
    fn play_bag(&mut self, id: ProfileId, user: &'static str, dice: u64) -> Result<bool> {
        let bag: Vec<i64> = {
            let profile = self.peer.profile(id).unwrap();
            profile.get(BAG).as_list().unwrap().iter().map(|item| item.as_int().unwrap()).collect()
        };
        let count = bag.len() as u64;
        let at = |n: u64| (n % count.max(1)) as u32;
        let (a, b) = (at(dice >> 8), at(dice >> 24));
        let insert = |place: u64, me: &mut Self| {
            let item = me.next_item;
            me.next_item += 1;
            me.items.entry(user).or_default().push(item);
            me.peer.change(id, |p| p.list_insert(BAG, place as u32, item * 1000))
        };
        match dice % 10 {
            0..=1 => insert(count, self),
            2..=4 if count < 30 => insert((dice >> 8) % (count + 1), self),
            _ if count == 0 => Ok(false),
            5 => self.peer.change(id, |p| p.list_move(BAG, a, b)),
            6 => self.peer.change(id, |p| {
                let item = bag[a as usize];
                p.list_set(BAG, a, item / 1000 * 1000 + (dice >> 40) as i64 % 1000)
            }),
            7 if dice.is_multiple_of(997) => {
                // Whoever inserts meanwhile loses that too.
                self.cleared.push(user);
                self.peer.change(id, |p| p.clear(BAG))
            }
            _ => {
                self.removals.entry(user).or_default().push(bag[a as usize] / 1000);
                self.peer.change(id, |p| p.list_remove(BAG, a))
            }
        }
    }

    /// Something of a server with entries, brackets and bounds.
    fn play_server(&mut self, id: ProfileId, user: &'static str, dice: u64) -> Result<bool> {
        let key = format!("key{}", (dice >> 8) % 12);
        match dice % 9 {
            0 => {
                let points = (dice >> 16) as i64 % 7;
                *self.stats.entry(user).or_default() += points;
                self.peer.change(id, |p| p.dict_add(STATS, "total", points))
            }
            1 => self.peer.change(id, |p| p.dict_put(STATS, key, (dice >> 16) as i64 % 100_000)),
            2 => self.peer.change(id, |p| p.dict_remove(STATS, key)),
            3 => self.peer.change(id, |p| {
                p.batch(|p| {
                    p.add(BOUGHT, 1)?;
                    p.dict_add(STATS, "bought", 1)
                })
            }),
            4 => {
                // Taken back by the game itself.
                let cancelled = self.peer.change(id, |p| {
                    p.batch(|p| {
                        p.add(BOUGHT, 1)?;
                        p.list_push(BAG, -5)?;
                        p.dict_put(STATS, "bought", -1)?;
                        p.set(TITLE, 5).map(|_| true)
                    })
                });
                assert_eq!(cancelled.unwrap_err().code(), ErrorCode::WrongType);
                Ok(false)
            }
            5 => {
                let taken = self.peer.change(id, |p| p.add(STOCK, Addition::int_guarded(-1, 0..)));
                match taken {
                    Ok(_) => *self.takings.entry(user).or_default() += 1,
                    Err(error) => assert_eq!(error.code(), ErrorCode::GuardFailed),
                }
                Ok(true)
            }
            6 if dice.is_multiple_of(2) => self.peer.change(id, |p| p.set(MOOD, (dice >> 8) as i32 % 5)),
            6 => self.peer.change(id, |p| {
                let count = p.get(TRAY).as_list().unwrap().len() as u32;
                match (dice >> 8) % 3 {
                    0 if count > 0 => p.list_remove(TRAY, (dice >> 16) as u32 % count),
                    1 if count > 0 => p.list_set(TRAY, (dice >> 16) as u32 % count, dice as i64 % 100),
                    _ => p.list_insert(TRAY, (dice >> 16) as u32 % (count + 1), dice as i64 % 100),
                }
            }),
            7 => self
                .peer
                .change(id, |p| p.add(HEALTH, Addition::int_clamped((dice >> 8) as i64 % 90, ..=100))),
            _ => self
                .peer
                .change(id, |p| p.add(HEALTH, Addition::int_clamped(-((dice >> 8) as i64 % 90), 0..))),
        }
    }

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
        let result = match (self.user, dice % 14) {
            (Some(me), _) if me != user => return,
            (_, 7..=9) => self.play_bag(id, user, dice >> 4),
            (None, 10..) => self.play_server(id, user, dice >> 4),
            (Some(_), 0..=1) => self.peer.change(id, |p| p.set(TITLE, format!("t{dice}"))),
            // Sooner or later it no longer fits: then the master refuses, or the game is told at once.
            (Some(_), _) => self.peer.change(id, |p| p.add_int(LIMIT, (dice % 7) as i64)).or(Ok(false)),
            (None, 0..=2) => {
                let points = 1 + (dice >> 4) as i64 % 9;
                *self.made.entry(user).or_default() += points;
                self.peer.change(id, |p| p.add_int(SCORE, points))
            }
            (None, 3..=4) => self.peer.change(id, |p| p.set(SECRET, dice as i32)),
            (None, 5) => self.peer.change(id, |p| p.add_int(LIMIT, (dice >> 4) as i64 % 9 - 4)).or(Ok(false)),
            (None, _) => self.peer.change(id, |p| p.add_int(COINS, (dice >> 4) as i64 % 100)),
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
                Event::Refused { error, profile, .. } => {
                    self.refused += 1;
                    let Some(user) = find(&self.profiles, profile) else {
                        panic!("a refusal for a profile that was let go: {error}");
                    };
                    match error.code() {
                        ErrorCode::Overflow => {}
                        ErrorCode::Stale => *self.stale.entry(user).or_default() += 1,
                        ErrorCode::GuardFailed => *self.refused_takings.entry(user).or_default() += 1,
                        _ => panic!("{error}"),
                    }
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
    let (mut stale, mut guarded) = (0, 0);
    for seed in seeds {
        println!("MST_TEST_SEED={seed}");
        let mut world = World::new(seed);
        world.run(8, 600);
        crashes += world.crashes;
        duplicates += world.duplicates;
        resumes += world.resumes;
        whole += world.stale_resumes;
        refused += world.players.iter().map(|p| p.refused).sum::<u64>();
        stale += world.players.iter().flat_map(|p| p.stale.values()).sum::<u64>();
        guarded += world.players.iter().flat_map(|p| p.refused_takings.values()).sum::<i64>();
    }
    println!(
        "{crashes} crashes, {duplicates} duplicates, {resumes} resumes, {whole} whole, {refused} refused, {stale} of them \
         stale, {guarded} guarded"
    );
    if first.is_none() {
        // The worlds must have met what they are about.
        assert!(crashes > 100 && duplicates > 100 && resumes > 100 && whole > 10 && refused > 10);
        assert!(stale > 10 && guarded > 10);
    }
}
