//! Changes at places within nested values, by several writers in random orders, with connections that break and masters that
//! fall. Everything in a value says to which identity it belongs, so that nothing can land on another one unseen.
//!
//! `MST_TEST_SEEDS=7` or `MST_TEST_SEEDS=100..200` runs these seeds; a failure prints its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::net::{Net, events, lost, peer};
use crate::PropertyIndex;
use crate::error::{Error, ErrorCode, Result};
use crate::profile::Profile;
use crate::schema::{Property, Schema, Visibility, Writers};
use crate::store::MemoryStore;
use crate::sync::peer::{Event, Peer, ProfileId};
use crate::value::part_tests::places;
use crate::value::{
    Add, Addition, At, AtChange, Change, Dict, Gap, Key, KeyType, List, Mode, Origin, OwnOp, Path, PathStep,
    Record, Target, Value, ValueType,
};
use crate::wire::frames::{KIND_BATCHES, Op, put_batch, put_frame};
use crate::wire::tests::some_way;
use crate::wire::varint::put_u64;

const IT: PropertyIndex = PropertyIndex(0);
const OTHER: PropertyIndex = PropertyIndex(1);

const ITEM: &str = "record{id:i64,p:i64,n:i64,s:i64,tags:list<i64>,by:dict<string,i64>}";

/// The types, and whether additions in them are told as such in any case. (What is within an entry that its writer made is given
/// anew with it.)
fn types() -> Vec<(String, bool)> {
    let sub = "record{id:i64,p:i64,s:i64,tags:list<i64>}";
    let deep = format!("record{{id:i64,p:i64,n:i64,s:i64,tags:list<i64>,subs:list<{sub}>}}");
    vec![
        (format!("list<{ITEM}>"), true),
        (format!("record{{k:i64,list:list<{deep}>,by:dict<string,i64>}}"), true),
        (format!("dict<string,{ITEM}>"), false),
        (format!("dict<string,record{{k:i64,list:list<{deep}>}}>"), false),
        (format!("list<record{{id:i64,p:i64,n:i64,s:i64,of:dict<i32,list<{sub}>>}}>"), false),
    ]
}

fn schema(name: &str) -> Arc<Schema> {
    let value_type = ValueType::from_name(name).unwrap();
    let it = Property::of_type("it", value_type).writers(Writers::Owner).visibility(Visibility::Public);
    let other = Property::new("other", 0_i64).writers(Writers::Owner).visibility(Visibility::Public);
    Schema::builder().property(it).property(other).build().unwrap()
}

struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// Makes values of which all says to whom it belongs.
struct Maker {
    next_id: i64,
    rng: Rng,
}

impl Maker {
    /// Something of the record `id`.
    fn mark(&mut self, id: i64) -> Value {
        Value::I64(id * 1000 + self.rng.below(1000) as i64)
    }

    fn value(&mut self, value_type: &ValueType, of: i64) -> Value {
        self.next_id += 1;
        self.value_of(value_type, of, self.next_id)
    }

    /// An entry; a record in it is what its key says.
    fn entry(&mut self, key: KeyType, n: i32, item: &ValueType, of: i64) -> (Key, Value) {
        let key = match key {
            KeyType::String => Key::from(["a", "b", "c", "d"][n as usize % 4]),
            _ => Key::from(n % 4),
        };
        let value = self.value_of(item, of, 1_000_000 + of * 10 + i64::from(n % 4));
        (key, value)
    }

    fn value_of(&mut self, value_type: &ValueType, of: i64, id: i64) -> Value {
        match value_type {
            ValueType::Record(record) => {
                let has_id = record.field("id").is_some();
                let id = if has_id { id } else { of };
                let values = record.fields().iter().map(|field| match field.name() {
                    "id" => Value::I64(id),
                    "p" => Value::I64(of),
                    "n" | "k" => Value::I64(0),
                    "s" => self.mark(id),
                    _ => self.value(field.value_type(), id),
                });
                let values = values.collect();
                Value::Record(Record::of(record.clone(), values))
            }
            ValueType::List(item) => {
                let items = (0..self.rng.below(3)).map(|_| self.value(item, of)).collect();
                Value::List(List::of_items(item.clone(), items).unwrap())
            }
            ValueType::Dict(key, item) => {
                let entries = (0..self.rng.below(3) as i32).map(|n| self.entry(*key, n, item, of));
                let entries = entries.collect::<Vec<_>>();
                Value::Dict(Dict::of_entries(*key, item.clone(), entries).unwrap())
            }
            _ => self.mark(of),
        }
    }
}

/// The identity of the innermost record on the way.
fn owner(value: &Value, path: &[PathStep]) -> i64 {
    let mut id = 0;
    for length in 0..=path.len() {
        if let Some(Value::Record(record)) = crate::value::find(&path[..length], value)
            && let Some(own) = record.get("id")
        {
            id = own.as_int().unwrap();
        }
    }
    id
}

fn field(path: &[PathStep]) -> Option<&str> {
    match path.last() {
        Some(PathStep::Field(field)) => Some(field.name()),
        _ => None,
    }
}

/// Checks that everything is where it belongs; gives the numbers by identity.
fn check_marks(value: &Value) -> BTreeMap<i64, i64> {
    let mut numbers = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for path in places(value) {
        let here = path.find(value).unwrap();
        let of = owner(value, &path);
        match (here, field(&path)) {
            (Value::I64(id), Some("id")) => assert!(ids.insert(*id), "{id} is twice in {value:?}"),
            (Value::I64(p), Some("p")) => {
                assert_eq!(*p, owner(value, &path[..path.len() - 2]), "{path} in {value:?}");
            }
            (Value::I64(n), Some("n")) => drop(numbers.insert(of, *n)),
            (Value::I64(_), Some("k")) => {}
            (Value::I64(mark), _) => assert_eq!(mark / 1000, of, "{path} in {value:?}"),
            _ => {}
        }
    }
    numbers
}

struct Game {
    token: &'static str,
    peer: Peer,
    id: ProfileId,
    session: Option<u64>,
    writes: bool,
    /// By batch: what was added to whom.
    added: Vec<(u64, i64, i64)>,
    refused: BTreeSet<u64>,
    /// Nobody else writes, and no master falls: nothing is refused.
    alone: bool,
}

impl Game {
    fn value(&self) -> Value {
        self.peer.profile(self.id).unwrap().get(IT).clone()
    }

    fn listen(&mut self) {
        for event in events(&mut self.peer) {
            if let Event::Refused { batch, error, .. } = event {
                let expected = matches!(error.code(), ErrorCode::Stale | ErrorCode::GuardFailed);
                assert!(expected, "{}: {error}", self.token);
                assert!(!self.alone, "{}: {batch}: {error}", self.token);
                assert!(self.refused.insert(batch), "{}: {batch} was refused twice", self.token);
            }
        }
    }

    /// What is shown is what is confirmed, with what is pending over it.
    fn check(&mut self) {
        self.listen();
        if !self.peer.profile(self.id).unwrap().is_loaded() {
            return;
        }
        let (token, shown) = (self.token, self.value());
        let replayed = self.peer.change(self.id, |p| Ok(p.replayed(IT))).unwrap();
        assert_eq!(replayed, shown, "{token}: replayed, and shown");
        check_marks(&shown);
        let profile = self.peer.profile(self.id).unwrap();
        check_marks(profile.confirmed(IT));
        if self.peer.pending(self.id).unwrap().unapplied == 0 && !profile.is_pending(IT) {
            assert_eq!(&shown, profile.confirmed(IT));
        }
    }
}

/// Does something to the shown value. What it added to whom, if it did.
fn act(p: &mut Profile, maker: &mut Maker, at_random: u64) -> Result<Option<(i64, i64)>> {
    let mut rng = Rng(at_random);
    let shown = p.get(IT).clone();
    let all = places(&shown);
    let lists = |nth: usize| -> Option<(Path, List)> {
        let lists = all.iter().filter_map(|path| Some((path.clone(), path.find(&shown)?.as_list()?.clone())));
        let lists: Vec<_> = lists.collect();
        (!lists.is_empty()).then(|| lists[nth % lists.len()].clone())
    };
    let dicts = |nth: usize| -> Option<(Path, Dict)> {
        let dicts = all.iter().filter_map(|path| Some((path.clone(), path.find(&shown)?.as_dict()?.clone())));
        let dicts: Vec<_> = dicts.collect();
        (!dicts.is_empty()).then(|| dicts[nth % dicts.len()].clone())
    };
    let fields = |name: &str, nth: usize| -> Option<Path> {
        let fields: Vec<_> = all.iter().filter(|path| field(path) == Some(name)).collect();
        (!fields.is_empty()).then(|| fields[nth % fields.len()].clone())
    };
    let nth = rng.below(1000);
    match rng.below(20) {
        0..=3 => {
            let Some((path, list)) = lists(nth) else { return Ok(None) };
            let index = rng.below(list.len() + 1);
            let item = maker.value(list.item_type(), owner(&shown, &path));
            if list.len() > 6 {
                return Ok(None);
            }
            match rng.one_in(3) {
                true => p.push_at(IT, &path, item.clone())?,
                false => p.insert_at(IT, &path, index as u32, item.clone())?,
            };
            let now = path.find(p.get(IT)).and_then(Value::as_list).unwrap();
            assert_eq!(now.len(), list.len() + 1);
            assert!(now.get(index) == Some(&item) || now.get(list.len()) == Some(&item), "{path}");
        }
        4 | 5 => {
            let Some((path, list)) = lists(nth).filter(|(_, list)| !list.is_empty()) else { return Ok(None) };
            let index = rng.below(list.len());
            p.remove_at(IT, path.clone().with(PathStep::Item(index as u32)))?;
            let now = path.find(p.get(IT)).and_then(Value::as_list).unwrap();
            let expected: Vec<_> = (0..list.len()).filter(|i| *i != index).map(|i| list.get(i)).collect();
            assert_eq!(now.iter().map(Some).collect::<Vec<_>>(), expected, "{path}[{index}]");
        }
        6 | 7 => {
            let Some((path, list)) = lists(nth).filter(|(_, list)| !list.is_empty()) else { return Ok(None) };
            let (from, to) = (rng.below(list.len()), rng.below(list.len()));
            p.move_at(IT, path.clone().with(PathStep::Item(from as u32)), to as u32)?;
            let mut expected: Vec<_> = list.iter().cloned().collect();
            let item = expected.remove(from);
            expected.insert(to, item);
            let now = path.find(p.get(IT)).and_then(Value::as_list).unwrap();
            assert_eq!(now.iter().cloned().collect::<Vec<_>>(), expected, "{path}[{from}] to {to}");
        }
        8 | 9 => {
            let Some(path) = fields("s", nth) else { return Ok(None) };
            let mark = maker.mark(owner(&shown, &path));
            p.set_at(IT, &path, mark.clone())?;
            assert_eq!(path.find(p.get(IT)), Some(&mark), "{path}");
        }
        10..=13 => {
            let Some(path) = fields("n", nth) else { return Ok(None) };
            let amount = rng.below(21) as i64 - 8;
            let guarded = rng.one_in(3);
            let addition = if guarded { Addition::int_guarded(amount, 0..) } else { amount.into() };
            let before = path.find(&shown).unwrap().as_int().unwrap();
            p.add_at(IT, &path, addition)?;
            assert_eq!(path.find(p.get(IT)).unwrap().as_int(), Some(before + amount), "{path}");
            return Ok(Some((owner(&shown, &path), amount)));
        }
        14 | 15 => {
            let Some((path, dict)) = dicts(nth) else { return Ok(None) };
            let n = rng.below(4) as i32;
            let (key, item) = maker.entry(dict.key_type(), n, dict.item_type(), owner(&shown, &path));
            // The items of one that is there would be taken for those that stand there.
            if dict.item_type().has_parts() && dict.get(&key).is_some() {
                return Ok(None);
            }
            let entry = path.with(PathStep::Entry(key));
            p.set_at(IT, &entry, item.clone())?;
            assert_eq!(entry.find(p.get(IT)), Some(&item), "{entry}");
        }
        16 => {
            let Some((path, dict)) = dicts(nth) else { return Ok(None) };
            let n = rng.below(4) as i32;
            let (key, _) = maker.entry(dict.key_type(), n, dict.item_type(), owner(&shown, &path));
            let entry = path.with(PathStep::Entry(key));
            p.remove_at(IT, &entry)?;
            assert_eq!(entry.find(p.get(IT)), None, "{entry}");
        }
        17 if rng.one_in(3) => {
            let path = match rng.one_in(2) {
                true => lists(nth).map(|(path, _)| path),
                false => dicts(nth).map(|(path, _)| path),
            };
            let Some(path) = path else { return Ok(None) };
            p.clear_at(IT, &path)?;
            let now = path.find(p.get(IT)).unwrap();
            assert!(now.as_list().is_none_or(List::is_empty) && now.as_dict().is_none_or(Dict::is_empty));
        }
        18 => {
            // A whole record or list anew, or all of it: marks and tags are others, and some items are gone, others new.
            let records: Vec<_> =
                all.iter().filter(|p| matches!(p.find(&shown), Some(Value::Record(_)))).collect();
            let path = match rng.one_in(3) || records.is_empty() {
                true => Path::root(),
                false => records[nth % records.len()].clone(),
            };
            let new = altered(path.find(&shown).unwrap(), owner(&shown, &path), maker, &mut rng);
            if path.is_empty() {
                p.set(IT, new.clone())?
            } else {
                p.set_at(IT, &path, new.clone())?
            };
            assert_eq!(path.find(p.get(IT)), Some(&new), "{path}");
        }
        _ => drop(p.add(OTHER, 1)?),
    }
    Ok(None)
}

/// The same value with other contents, in which each identity is where it was, or is gone.
fn altered(value: &Value, of: i64, maker: &mut Maker, rng: &mut Rng) -> Value {
    match value {
        Value::Record(record) => {
            let of = record.get("id").map_or(of, |id| id.as_int().unwrap());
            let fields = record.record_type().fields().iter().zip(record.values());
            let values = fields.map(|(field, value)| match field.name() {
                "id" | "p" | "n" | "k" => value.clone(),
                "s" => maker.mark(of),
                _ => altered(value, of, maker, rng),
            });
            Value::Record(Record::of(record.record_type().clone(), values.collect()))
        }
        Value::List(list) if !list.item_type().has_parts() => maker.value(&value.value_type(), of),
        Value::List(list) => {
            // Items within change, or their number does: else items would be taken for those that stood there.
            let mut items: Vec<Value> = list.iter().cloned().collect();
            match rng.below(4) {
                0 => drop(items.pop()),
                1 if items.len() < 6 => items.push(maker.value(list.item_type(), of)),
                2 if !items.is_empty() => drop(items.remove(rng.below(items.len()))),
                _ => items = items.iter().map(|item| altered(item, of, maker, rng)).collect(),
            }
            Value::List(List::of_items(list.shared_item_type().clone(), items).unwrap())
        }
        Value::Dict(dict) => {
            let mut entries: Vec<_> = dict.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
            if rng.one_in(3) {
                entries.pop();
            }
            let entries = entries.into_iter().map(|(key, value)| (key, altered(&value, of, maker, rng)));
            Value::Dict(
                Dict::of_entries(
                    dict.key_type(),
                    dict.shared_item_type().clone(),
                    entries.collect::<Vec<_>>(),
                )
                .unwrap(),
            )
        }
        _ => maker.mark(of),
    }
}

struct World {
    net: Net,
    store: MemoryStore,
    schema: Arc<Schema>,
    games: Vec<Game>,
    rng: Rng,
    maker: Maker,
    next_session: u64,
}

impl World {
    fn new(seed: u64, name: &str, writers: usize) -> Self {
        let (schema, store) = (schema(name), MemoryStore::new());
        let net = Net::new(schema.clone(), store.clone());
        let tokens = ["server:a", "server:b", "client:ann", "client:eve"];
        let games = (1..).zip(tokens).map(|(writer, token)| {
            let mut peer = peer(&schema, token, writer);
            let id = peer.fill("ann").unwrap();
            let writes = token != "client:eve" && writer as usize <= writers;
            let alone = writers == 1;
            let (added, refused) = (vec![], BTreeSet::new());
            Game { token, peer, id, session: None, writes, added, refused, alone }
        });
        let games = games.collect();
        let maker = Maker { next_id: 0, rng: Rng(seed ^ 77) };
        let mut world = Self { net, store, schema, games, rng: Rng(seed), maker, next_session: 1 };
        for game in 0..world.games.len() {
            world.connect(game);
        }
        world.settle(3);
        world
    }

    fn connect(&mut self, game: usize) {
        let game = &mut self.games[game];
        if game.session.is_none() {
            self.net.connect(&mut game.peer, self.next_session);
            game.session = Some(self.next_session);
            // The hello is answered at once; what follows takes its time.
            self.net.up(&mut game.peer, self.next_session);
            self.net.pump();
            self.net.down(&mut game.peer, self.next_session);
            self.next_session += 1;
        }
    }

    fn disconnect(&mut self, game: usize, is_noticed: bool) {
        let game = &mut self.games[game];
        if let Some(session) = game.session.take() {
            if self.rng.one_in(2) {
                // Something was on its way.
                drop(game.peer.take_output());
            }
            game.peer.disconnected(self.net.now, lost());
            if is_noticed {
                self.net.hang_up(session);
            }
            self.net.out.remove(&session);
        }
    }

    fn crash(&mut self) {
        for game in 0..self.games.len() {
            self.disconnect(game, false);
        }
        let now = self.net.now;
        self.net = Net::new(self.schema.clone(), self.store.clone());
        self.net.now = now + Duration::from_secs(1);
    }

    fn settle(&mut self, rounds: usize) {
        for _ in 0..rounds {
            for game in &mut self.games {
                if let Some(session) = game.session {
                    self.net.settle(&mut game.peer, session);
                    game.check();
                }
            }
        }
    }

    fn act(&mut self, nth: usize) {
        let game = &mut self.games[nth];
        if !game.writes || !game.peer.profile(game.id).unwrap().is_loaded() {
            return;
        }
        let count = if self.rng.one_in(4) { 1 + self.rng.below(4) } else { 0 };
        let mut added = Vec::new();
        let (maker, rng) = (&mut self.maker, &mut self.rng);
        let result: Result<()> = game.peer.change(game.id, |p| {
            let mut note = |p: &mut Profile, what: Option<(i64, i64)>| {
                let Some((id, amount)) = what else { return };
                added.push((p.last_batch_of(IT), id, amount));
            };
            if count == 0 {
                let what = act(p, maker, rng.next())?;
                note(p, what);
                return Ok(());
            }
            p.batch(|p| {
                for _ in 0..count {
                    let what = act(p, maker, rng.next())?;
                    note(p, what);
                }
                Ok(())
            })
        });
        match result {
            Ok(()) => game.added.extend(added),
            Err(Error::GuardFailed { .. }) => {}
            Err(error) => panic!("{}: {error}", game.token),
        }
        game.check();
    }

    fn step(&mut self, faults: bool) {
        let nth = self.rng.below(self.games.len());
        let what = self.rng.below(40);
        match what {
            0..=15 => self.act(nth),
            16..=21 => {
                let game = &mut self.games[nth];
                let _ = game.peer.flush_profile(game.id);
            }
            22..=27 => {
                if let Some(session) = self.games[nth].session {
                    self.games[nth].peer.handle_timeout(self.net.now);
                    self.net.up(&mut self.games[nth].peer, session);
                }
            }
            28..=30 => self.net.pump(),
            31..=35 => {
                if let Some(session) = self.games[nth].session {
                    self.net.down(&mut self.games[nth].peer, session);
                    self.games[nth].check();
                }
            }
            // Somebody keeps the profile in memory: when it is loaded again, what happened before is not known.
            36 if !faults && nth + 1 == self.games.len() => {}
            36 => self.disconnect(nth, true),
            37 => self.connect(nth),
            38 if faults => match self.rng.below(3) {
                0 => self.net.hold_store = true,
                1 => self.net.hold_store = false,
                _ if self.rng.one_in(3) => self.crash(),
                // The document is saved.
                _ => self.net.now += Duration::from_secs(1001),
            },
            _ => {}
        }
    }

    /// Until everybody has everything.
    fn finish(&mut self) {
        self.net.hold_store = false;
        self.net.pump();
        for game in 0..self.games.len() {
            self.connect(game);
        }
        for game in &mut self.games {
            let _ = game.peer.flush_profile(game.id);
        }
        self.settle(4);
        // Whose load was held for too long asks again after a while.
        self.net.now += Duration::from_secs(5);
        self.settle(4);
        let json = self.net.master.profile_json("ann").unwrap();
        let value = self.games[0].value();
        for game in &self.games {
            let pending = game.peer.pending(game.id).unwrap();
            assert_eq!((pending.unapplied, pending.undurable), (0, 0), "{}", game.token);
            assert_eq!(game.peer.profile(game.id).unwrap().to_json(), json, "{}", game.token);
            assert_eq!(game.value(), value, "{}", game.token);
        }
        // A master that has what is stored.
        let mut net = Net::new(self.schema.clone(), self.store.clone());
        net.now = self.net.now + Duration::from_secs(10);
        let (reader, id) = net.join("server:reader", 99, 1);
        assert_eq!(reader.profile(id).unwrap().to_json(), json, "from the store");
        assert_eq!(reader.profile(id).unwrap().get(IT), &value, "from the store");
    }

    /// What was added by batches that were not refused is there, once.
    fn check_sums(&self) {
        let mut sums: BTreeMap<i64, i64> = BTreeMap::new();
        for game in &self.games {
            for (batch, id, amount) in &game.added {
                if !game.refused.contains(batch) {
                    *sums.entry(*id).or_default() += amount;
                }
            }
        }
        for (id, n) in check_marks(&self.games[0].value()) {
            assert_eq!(n, sums.get(&id).copied().unwrap_or(0), "the sum of {id}");
        }
    }
}

fn seeds(usual: u64) -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("MST_TEST_SEEDS") else { return 0..usual };
    let number = |text: &str| text.parse().unwrap();
    match text.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => number(&text)..number(&text) + 1,
    }
}

fn for_seeds(run: impl Fn(u64) + std::panic::RefUnwindSafe) {
    for seed in seeds(150) {
        if let Err(panic) = std::panic::catch_unwind(|| run(seed)) {
            println!("MST_TEST_SEEDS={seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn what_several_writers_do_within_nested_values_lands_where_it_was_meant() {
    for_seeds(|seed| {
        let types = types();
        let (name, exact) = &types[(seed % types.len() as u64) as usize];
        let mut world = World::new(seed, name, 3);
        for _ in 0..150 {
            world.step(true);
        }
        world.finish();
        if *exact {
            world.check_sums();
        }
    });
}

/// What only one writes is never refused, whatever becomes of its connections.
#[test]
fn who_writes_alone_is_never_refused() {
    for_seeds(|seed| {
        let types = types();
        let (name, exact) = &types[(seed % types.len() as u64) as usize];
        let mut world = World::new(seed ^ 1 << 40, name, 1);
        for _ in 0..150 {
            world.step(false);
        }
        world.finish();
        if *exact {
            world.check_sums();
        }
    });
}

/// What is not sent coalesces to what leads to the same, and is told another profile by deltas.
#[test]
fn what_coalesces_shows_the_same_when_it_is_done_anew() {
    for_seeds(|seed| {
        let types = types();
        let schema = schema(&types[(seed % types.len() as u64) as usize].0);
        let mut rng = Rng(seed);
        let mut maker = Maker { next_id: 0, rng: Rng(seed ^ 77) };
        let (mut p, mut twin) = (Profile::new(schema.clone()), Profile::new(schema));
        for _ in 0..60 {
            match act(&mut p, &mut maker, rng.next()) {
                Ok(_) | Err(Error::GuardFailed { .. }) => {}
                Err(error) => panic!("{error}"),
            }
            assert_eq!(p.replayed(IT), *p.get(IT));
            check_marks(p.get(IT));
            if rng.one_in(8) {
                let delta = p.take_delta().unwrap();
                if !delta.is_empty() {
                    twin.apply_delta(&delta).unwrap();
                }
                assert_eq!(twin.get(IT), p.get(IT));
                assert_eq!(p.get(IT), p.confirmed(IT));
            }
        }
    });
}

#[test]
fn what_is_moved_behind_something_of_an_own_entry_stands_there() {
    let name = "dict<string,record{list:list<record{id:i64,p:i64,s:i64,tags:list<i64>}>}>";
    let mut p = Profile::new(schema(name));
    let value_type = ValueType::from_name(name).unwrap();
    let mut maker = Maker { next_id: 0, rng: Rng(5) };
    let ValueType::Record(record) = value_type.element() else { panic!("a record") };
    let list_type = record.fields()[0].value_type().clone();
    let mut item = |_| maker.value(list_type.element(), 0);
    let three = List::from_items(list_type.element().clone(), (0..3).map(&mut item).collect()).unwrap();
    p.set_at(IT, ("k",), Record::new(record, [("list", Value::List(three))]).unwrap()).unwrap();
    let added = item(0);
    p.push_at(IT, ("k", "list"), added.clone()).unwrap();
    p.move_at(IT, ("k", "list", 3), 1).unwrap();
    assert_eq!(p.get_at(IT, ("k", "list", 1)), Some(&added));
    assert_eq!(p.replayed(IT), *p.get(IT));
    // Now the entry is given anew, after what was put into it.
    p.push_at(IT, ("k", "list"), item(0)).unwrap();
    p.set_at(IT, "k.list[0].s", 1_i64).unwrap();
    assert_eq!(p.get_at(IT, "k.list").unwrap().as_list().unwrap().len(), 5);
    assert_eq!(p.replayed(IT), *p.get(IT));
}

/// A batch as a peer that is no endpoint of this library may send it.
fn send_ops(net: &mut Net, number: u64, since: u64, changes: Vec<At>) {
    let ops: Vec<Op> =
        changes.into_iter().map(|at| Op { property: IT.get(), change: Change::At(Box::new(at)) }).collect();
    let mut bytes = Vec::new();
    put_frame(&mut bytes, |out| {
        out.push(KIND_BATCHES);
        put_u64(out, 0);
        put_u64(out, number);
        put_batch(out, number, &ops, since, &|_, _| None);
    });
    net.receive(2, &bytes);
}

/// Whatever is asked of whatever places: it is done or refused, whole, and all have the same afterwards.
#[test]
fn requests_that_make_no_sense_are_harmless() {
    let (applied, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    for_seeds(|seed| {
        let types = types();
        let name = &types[(seed % types.len() as u64) as usize].0;
        let value_type = ValueType::from_name(name).unwrap();
        let store = MemoryStore::new();
        let mut net = Net::new(schema(name), store.clone());
        let (mut ann, id) = net.join("client:ann", 1, 1);
        let (mut server, _) = net.join("server:a", 2, 2);
        let mut rng = Rng(seed);
        let mut maker = Maker { next_id: 0, rng: Rng(seed ^ 77) };
        for number in 1..25 {
            for _ in 0..4 {
                ann.change(id, |p| act(p, &mut maker, rng.next()).or(Ok(None))).unwrap();
            }
            net.settle(&mut ann, 1);
            let shown = ann.profile(id).unwrap().get(IT).clone();
            let all = places(&shown);
            let target = |rng: &mut Rng| {
                let mut path = all[rng.below(all.len())].clone();
                if rng.one_in(3) {
                    let choices = [0; 5].map(|_| rng.below(5) as u32);
                    path = some_way(&value_type, &choices[..rng.below(6)]).0;
                }
                if rng.one_in(8)
                    && let Some(PathStep::Item(index)) = path.last_mut()
                {
                    *index = [u32::MAX, *index + 1, u32::MAX - 1][rng.below(3)];
                }
                let origin = match rng.below(4) {
                    0 if path.has_items() => {
                        let op =
                            OwnOp { batch: 1 + rng.below(number as usize) as u64, op: rng.below(4) as u32 };
                        Origin::Own { op, steps: 1 + rng.below(path.len()) as u8 }
                    }
                    1 if rng.one_in(5) => Origin::Gone,
                    _ => Origin::Base { since: 0 },
                };
                let here = path.type_in(&value_type).unwrap().clone();
                (Target { origin, path }, here)
            };
            let changes = (0..[1, 1, 2, 4][rng.below(4)]).map(|_| {
                let (target, here) = target(&mut rng);
                let gap = match rng.below(4) {
                    0 => Gap::Front,
                    1 => Gap::End,
                    _ => Gap::After(gap_target(&all, &mut rng)),
                };
                let what = match (rng.below(7), &here) {
                    (0..=2, ValueType::List(item)) => AtChange::Insert { gap, value: maker.value(item, 0) },
                    (0, ValueType::Scalar(_)) => AtChange::Add(Add::Int { amount: 1, mode: Mode::Plain }),
                    (3, _) => AtChange::Remove,
                    (4, _) => AtChange::Move { gap },
                    (5, _) => AtChange::Clear,
                    _ => AtChange::Set(maker.value(&here, 0)),
                };
                At { target, what }
            });
            let changes = changes.collect();
            let (_, version) = ann.cursor(id).unwrap();
            let before = net.master.stats().batches_applied;
            send_ops(&mut net, number, version - rng.below(3).min(version as usize) as u64, changes);
            net.pump();
            let done = net.master.stats().batches_applied - before;
            applied.fetch_add(done, Ordering::Relaxed);
            refused.fetch_add(1 - done, Ordering::Relaxed);
            net.out.remove(&2);
            assert!(net.closed.is_empty(), "{:?}", net.closed);
            net.settle(&mut ann, 1);
            let json = net.master.profile_json("ann").unwrap();
            assert_eq!(ann.profile(id).unwrap().to_json(), json);
        }
        let json = net.master.profile_json("ann").unwrap();
        let mut net = Net::new(schema(name), store);
        let (reader, id) = net.join("server:reader", 99, 1);
        assert_eq!(reader.profile(id).unwrap().to_json(), json, "from the store");
        drop(server.take_output());
    });
    let both = (applied.into_inner(), refused.into_inner());
    assert!(both.0 > 0 && both.1 > 0, "{both:?}");
}

/// Somewhere that is, or is not, in a list.
fn gap_target(all: &[Path], rng: &mut Rng) -> Target {
    let mut path = all[rng.below(all.len())].clone();
    if let Some(PathStep::Item(index)) = path.last_mut()
        && rng.one_in(6)
    {
        *index = u32::MAX;
    }
    Target { origin: Origin::Base { since: 0 }, path }
}

/// A key that went with all others, and that the master has forgotten, is told anew when it comes back.
#[test]
fn an_entry_of_a_dictionary_that_was_cleared_can_be_put_again() {
    let name = "dict<string,record{n:i64}>";
    let schema = schema(name);
    let mut net = Net::new(schema, MemoryStore::new());
    let (mut server, id) = net.join("server:a", 2, 2);
    let zero = ValueType::from_name("record{n:i64}").unwrap().zero();
    for _ in 0..2 {
        let put = |p: &mut Profile| {
            (0..1100).try_for_each(|i| p.dict_put(IT, format!("key{i}"), zero.clone()).map(drop))
        };
        server.change(id, put).unwrap();
        net.settle(&mut server, 2);
        // What follows is told in steps.
        server.change(id, |p| p.dict_put(IT, "other", zero.clone())).unwrap();
        net.settle(&mut server, 2);
        server.change(id, |p| p.clear(IT)).unwrap();
        net.settle(&mut server, 2);
    }
    server.change(id, |p| p.dict_put(IT, "key0", zero.clone())).unwrap();
    net.settle(&mut server, 2);
    let refused = events(&mut server).into_iter().find(|event| matches!(event, Event::Refused { .. }));
    assert!(refused.is_none(), "{refused:?}");
    assert_eq!(server.profile(id).unwrap().confirmed(IT).as_dict().unwrap().len(), 1);
}
