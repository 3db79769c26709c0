//! A client or a game server that keeps account of what it asked for.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::common::proxy::Proxy;
use crate::common::random::Random;
use crate::common::{TestMaster, fill};
use crate::is_durable;
use mst_profiles::{
    Addition, Client, ConnectOptions, Endpoint, ErrorCode, Event, GameServer, KeyType, Merge, Profile,
    ProfileId, Property, PropertyIndex, Result, ScalarType, Schema, Value, Visibility, Writers,
};

pub(crate) const USERS: [&str; 2] = ["ann", "bob"];
/// What there is to be taken at first.
pub(crate) const FIRST_STOCK: i64 = 30;
/// Silence after which a connection counts as lost, on both sides.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_millis(1000);

/// A client or a game server behind a proxy of its own.
pub(crate) struct Player {
    pub(crate) number: usize,
    pub(crate) token: &'static str,
    pub(crate) endpoint: Endpoint,
    pub(crate) proxy: Proxy,
    pub(crate) ids: HashMap<&'static str, ProfileId>,
    /// What it asked for and was not refused, by the number of the batch.
    pub(crate) accepted: HashMap<(ProfileId, u64), Made>,
    /// The last batch of each profile.
    sealed: HashMap<ProfileId, u64>,
    pub(crate) refused: usize,
    pub(crate) resumes: u32,
    /// The profiles that go on since the last reconnect; `None` before the first.
    pub(crate) resumed: Option<HashSet<ProfileId>>,
    pub(crate) next_item: i64,
}

impl Player {
    pub(crate) fn new(number: usize, token: &'static str, test: &TestMaster, seed: u64) -> Self {
        let proxy = Proxy::start(test.listen, seed);
        let mut options = options(test, token);
        options.address = proxy.listen.to_string();
        let endpoint = match token.starts_with("dev-server") {
            true => Endpoint::from(GameServer::connect(options).unwrap()),
            false => Endpoint::from(Client::connect(options).unwrap()),
        };
        Self {
            number,
            token,
            endpoint,
            proxy,
            ids: HashMap::new(),
            accepted: HashMap::new(),
            sealed: HashMap::new(),
            refused: 0,
            resumes: 0,
            resumed: None,
            next_item: 1_000_000 * (1 + number as i64),
        }
    }

    pub(crate) fn fill(&mut self, user: &'static str) {
        let id = fill(&mut self.endpoint, user);
        self.ids.insert(user, id);
    }

    /// A user whose profile it may write.
    pub(crate) fn own(&self) -> &'static str {
        USERS[self.number % USERS.len()]
    }

    pub(crate) fn shown(&self, user: &str, name: &str) -> &Value {
        self.endpoint.profile(self.ids[user]).unwrap().get(index(name))
    }

    pub(crate) fn change(
        &mut self,
        user: &'static str,
        what: What,
        f: impl FnOnce(&mut Profile) -> Result<bool>,
    ) {
        let id = self.ids[user];
        match self.endpoint.change(id, f) {
            Ok(shows) => {
                // A batch of its own, so that its outcome is known. What does not show may be one too: an item moved to
                // where it is, which may be elsewhere at the master.
                let number = self.endpoint.flush_profile(id).unwrap();
                let last = self.sealed.entry(id).or_default();
                // Zero when all batches are durable.
                let is_new = number > *last;
                *last = number.max(*last);
                assert!(is_new || !shows, "{}: a change made no batch", self.token);
                if is_new {
                    self.accepted.insert((id, number), Made { user, what });
                }
            }
            Err(error) => assert_eq!(error.code(), ErrorCode::GuardFailed, "{error}"),
        }
    }

    pub(crate) fn take(&mut self, user: &'static str, amount: i64) {
        self.change(user, What::Take(amount), |p| {
            p.batch(|p| {
                p.add(index("stock"), Addition::int_guarded(-amount, 0..))?;
                p.add_int(index("taken"), amount)
            })
        });
    }

    pub(crate) fn one_change(&mut self, random: &mut Random) {
        let user = match self.token.starts_with("dev-server") {
            true => USERS[random.below(2) as usize],
            false => self.own(),
        };
        let amount = 1 + random.below(9) as i64;
        self.next_item += 1;
        let item = self.next_item;
        let bag = self.shown(user, "bag").as_list().unwrap().clone();
        let count = bag.len() as u64;
        match random.below(11) {
            0 | 1 => self.change(user, What::Score(amount), |p| p.add_int(index("score"), amount)),
            // Assigned, which is sent as a difference.
            2 => self.change(user, What::Score(amount), |p| {
                p.set(index("score"), p.get(index("score")).as_int().unwrap() + amount)
            }),
            3 => self.change(user, What::Title(format!("title {item}")), |p| {
                p.set(index("title"), format!("title {item}"))
            }),
            4 => self.take(user, amount),
            5 => self.change(user, What::Restock(amount), |p| p.add_int(index("stock"), amount)),
            6 if count > 4 => {
                let at = random.below(count) as u32;
                let gone = bag.get(at as usize).unwrap().as_int().unwrap();
                self.change(user, What::Remove(gone), |p| p.list_remove(index("bag"), at));
            }
            7 if count > 4 => {
                let (from, to) = (random.below(count) as u32, random.below(count) as u32);
                self.change(user, What::Move, |p| p.list_move(index("bag"), from, to));
            }
            6 | 7 => {
                let at = random.below(count + 1) as u32;
                self.change(user, What::Push(item), |p| p.list_insert(index("bag"), at, item));
            }
            8 => self.change(user, What::Put(item), |p| p.dict_put(index("entries"), item, item)),
            9 => self.change(user, What::Stat(amount), |p| p.dict_add(index("stats"), "total", amount)),
            _ => self.change(user, What::Match, |p| {
                p.batch(|p| {
                    p.add_int(index("wins"), 1)?;
                    p.add_int(index("matches"), 1)
                })
            }),
        }
    }

    pub(crate) fn tick(&mut self) {
        self.endpoint.wait(Duration::from_millis(1));
        while let Some(event) = self.endpoint.next_event() {
            match event {
                Event::Connected => self.resumed = Some(HashSet::new()),
                Event::ProfileResumed { profile, whole } => {
                    assert!(!whole, "{}: a profile travelled whole", self.token);
                    self.resumes += 1;
                    let is_first = self.resumed.as_mut().is_some_and(|resumed| resumed.insert(profile));
                    assert!(is_first, "{}: told twice that a profile goes on", self.token);
                }
                Event::Refused { profile, batch, error, .. } => {
                    assert!(matches!(error.code(), ErrorCode::GuardFailed | ErrorCode::Stale), "{error}");
                    let was_accepted = self.accepted.remove(&(profile, batch)).is_some();
                    assert!(was_accepted, "{}: batch {batch} was refused twice: {error}", self.token);
                    self.refused += 1;
                }
                Event::Failed { error } | Event::OpenFailed { error, .. } => panic!("{error}"),
                Event::ProfileLoaded { .. } | Event::TakenBack { .. } | Event::Overflow { .. } => {
                    panic!("{event:?}")
                }
                _ => {}
            }
        }
    }

    /// Whether it is connected and all its profiles go on.
    pub(crate) fn is_back(&self) -> bool {
        let all_resumed = self.resumed.as_ref().is_none_or(|resumed| resumed.len() == self.ids.len());
        // Under the same ids.
        assert!(self.ids.iter().all(|(user, id)| self.endpoint.find(user) == Some(*id)));
        self.endpoint.is_connected() && all_resumed
    }

    pub(crate) fn is_durable(&self) -> bool {
        self.ids.values().all(|id| is_durable(&self.endpoint, *id))
    }

    /// Whether of the profiles that it may see whole it sees this.
    pub(crate) fn sees(&self, json: &[String; 2]) -> bool {
        USERS.iter().zip(json).all(|(user, json)| {
            let is_whole = self.token.starts_with("dev-server") || *user == self.own();
            !is_whole || self.endpoint.profile(self.ids[user]).unwrap().to_json() == *json
        })
    }

    /// Whether it sees of what is public the same as another.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        let schema = schema();
        let mut public = schema.properties().iter().filter(|info| info.visibility() == Visibility::Public);
        public.all(|info| {
            USERS.iter().all(|user| self.shown(user, info.name()) == other.shown(user, info.name()))
        })
    }
}

pub(crate) fn schema() -> Arc<Schema> {
    let open = |property: Property| property.writers(Writers::Owner).visibility(Visibility::Public);
    Schema::builder()
        .property(open(Property::new("score", 0_i64)).merge(Merge::Sum))
        .property(open(Property::new("title", "")))
        .property(Property::new("stock", FIRST_STOCK).writers(Writers::Owner))
        .property(Property::new("taken", 0_i64).writers(Writers::Owner))
        .property(open(Property::list("bag", ScalarType::I64)))
        .property(open(Property::dict("entries", KeyType::I64, ScalarType::I64)))
        .property(open(Property::dict("stats", KeyType::String, ScalarType::I64)))
        .property(open(Property::new("wins", 0)))
        .property(open(Property::new("matches", 0)))
        .build()
        .unwrap()
}

pub(crate) fn index(name: &str) -> PropertyIndex {
    schema().index_of(name).unwrap()
}

pub(crate) fn options(test: &TestMaster, token: &str) -> ConnectOptions {
    let mut options = test.options(token);
    options.schema = schema();
    options.idle_timeout = IDLE_TIMEOUT;
    options.keep_alive = Duration::from_millis(250);
    options
}

/// A change that was asked for.
pub(crate) struct Made {
    pub(crate) user: &'static str,
    pub(crate) what: What,
}

pub(crate) enum What {
    Score(i64),
    Title(String),
    Restock(i64),
    Take(i64),
    Push(i64),
    Remove(i64),
    Move,
    Put(i64),
    Stat(i64),
    Match,
}
