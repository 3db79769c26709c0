//! The worked examples of `docs/wire-format.md`, held against the code: each is written by the real encoder and read back.
//!
//! An example is a fenced block with the info string `example NAME`, and lines of bytes in hexadecimal, two spaces, and an
//! explanation. `cargo test --lib wire::examples -- --nocapture` prints the bytes of those that the document lacks.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use miniz_oxide::deflate::compress_to_vec;

use super::compress::{compress, expand};
use super::control::{
    COMPRESSED, Control, Cursor, DeclaredType, Described, Down, NO_CHANNEL, Query, Up, decode, relation_code,
};
use super::delta::{DeltaEntry, DeltaWriter, read_delta};
use super::frames::{
    DeltaHead, FrameBuffer, Head, KIND_BATCH_ONCE, KIND_BATCHES, KIND_CONFIRM, KIND_DURABLE, KIND_HASH,
    KIND_VOLATILE, Op, Ops, put_batch, put_control, put_delta, put_frame, read_batch, read_head,
};
use super::hash::Hashes;
use super::keys::{KeyNumbers, KnownKeys, Meaning, PutKeys, ReadKeys, ToldKeys, WrittenOut};
use super::parts::OutStep;
use super::values::{
    put_key, put_snapshot, put_text, put_value, read_key, read_snapshot, read_text, read_value,
};
use super::varint::{Reader, put_i64, put_u64};
use super::volatile::{VolatileEntry, put_volatile, read_volatile};
use crate::error::{Error, ErrorCode};
use crate::profile::Profile;
use crate::schema::{Merge, Property, Relation, Schema, SyncClass, Writers, property_key};
use crate::store::KeyedOutcome;
use crate::store::journal::{decode_effects, decode_refused, encode_effects, encode_refused};
use crate::value::{
    Add, Addition, Anchor, At, AtChange, Change, Custom, DateTime, Dict, DictChange, DictEffect, Effect, Gap,
    ItemRef, Key, KeyType, List, ListChange, ListEffect, Origin, OwnOp, PartChange, PartEffect, Path, Record,
    ScalarType, Target, Value, ValueType,
};

fn document() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/wire-format.md")).unwrap()
}

#[test]
fn the_document_says_what_the_code_does() {
    let document = document();
    let mut documented = documented(&document);
    let mut wrong = Vec::new();
    for (name, bytes) in checks() {
        match documented.remove(name) {
            None => wrong
                .push(format!("`{name}` is not in the document:\n```example {name}\n{}\n```", hex(&bytes))),
            Some(theirs) if theirs != bytes => {
                wrong.push(format!("`{name}` is\n    {}\nnot\n    {}", hex(&bytes), hex(&theirs)));
            }
            Some(_) => {}
        }
    }
    wrong.extend(documented.keys().map(|name| format!("nothing checks `{name}`")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_tables_of_the_document_are_those_of_the_code() {
    let mut rows = Vec::new();
    for (place, property) in schema().properties().iter().enumerate() {
        let (name, key, value_type) = (property.name(), property.key(), property.value_type());
        rows.push(format!("| {place} | `{name}` | {key} | `{value_type}` |"));
    }
    rows.extend(ScalarType::ALL.iter().map(|scalar| format!("| {} | `{scalar}` |", *scalar as u8)));
    let document = document();
    for code in ErrorCode::ALL {
        if document.contains(&format!("`{}`", code.name())) {
            rows.push(format!("| {} | `{}` |", *code as i32, code.name()));
        }
    }
    let lacks: Vec<_> = rows.iter().filter(|row| !document.contains(*row)).collect();
    assert!(lacks.is_empty(), "{lacks:#?}");
}

/// Numbers that the document repeats must be those of the code.
#[test]
fn the_document_has_the_limits_of_the_code() {
    use crate::limits::*;
    let document = document();
    let limits = [
        ("MAX_PROPERTIES", MAX_PROPERTIES),
        ("MAX_USER_ID_BYTES", MAX_USER_ID_BYTES),
        ("MAX_TOKEN_BYTES", MAX_TOKEN_BYTES),
        ("MAX_STRING_BYTES", MAX_STRING_BYTES),
        ("MAX_KEY_BYTES", MAX_KEY_BYTES),
        ("MAX_LIST_ITEMS", MAX_LIST_ITEMS),
        ("MAX_DICT_ENTRIES", MAX_DICT_ENTRIES),
        ("MAX_REMOVED_KEYS", MAX_REMOVED_KEYS),
        ("MAX_NESTING", MAX_NESTING),
        ("MAX_FIELDS", MAX_FIELDS),
        ("MAX_FIELD_NAME_BYTES", MAX_FIELD_NAME_BYTES),
        ("MAX_PROFILE_BYTES", MAX_PROFILE_BYTES),
        ("MAX_FRAME_BYTES", MAX_FRAME_BYTES),
        ("MAX_CONTROL_BYTES", MAX_CONTROL_BYTES),
        ("MAX_DELTA_BYTES", MAX_DELTA_BYTES),
        ("MAX_SNAPSHOT_BYTES", MAX_SNAPSHOT_BYTES),
        ("MAX_BATCH_OPS", MAX_BATCH_OPS),
        ("MAX_BATCH_BYTES", MAX_BATCH_BYTES),
        ("MAX_UNAPPLIED_BATCHES", MAX_UNAPPLIED_BATCHES),
        ("MAX_RETAINED_BATCHES", MAX_RETAINED_BATCHES),
        ("MAX_WAITING_BYTES", MAX_WAITING_BYTES),
        ("MAX_OPEN_PROFILES", MAX_OPEN_PROFILES),
        ("MAX_IDEMPOTENCY_KEY_BYTES", MAX_IDEMPOTENCY_KEY_BYTES),
        ("MAX_LIST_STEPS", MAX_LIST_STEPS),
        ("MAX_DATAGRAM_BYTES", MAX_DATAGRAM_BYTES),
        ("MAX_DURABLE_ENTRIES", MAX_DURABLE_ENTRIES),
        ("HELLO_TIMEOUT", HELLO_TIMEOUT.as_secs() as usize),
        ("VOLATILE_QUIET", VOLATILE_QUIET.as_millis() as usize),
        ("HASH_INTERVAL", HASH_INTERVAL.as_secs() as usize),
        ("MAX_EPOCHS", MAX_EPOCHS),
    ];
    let rows: BTreeMap<&str, &str> = document
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|');
            Some((cells.next()?.trim().strip_suffix('`')?, cells.next()?.trim()))
        })
        .collect();
    for (name, limit) in limits {
        assert_eq!(rows.get(name), Some(&&*limit.to_string()), "{name}");
    }
    for name in rows.keys().filter(|name| name.starts_with("MAX_")) {
        assert!(limits.iter().any(|(known, _)| known == name), "nothing checks {name}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// The examples of the document, by name.
fn documented(document: &str) -> BTreeMap<&str, Vec<u8>> {
    let mut examples = BTreeMap::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix("```example ") else { continue };
        let mut bytes = Vec::new();
        for line in lines.by_ref().take_while(|line| *line != "```") {
            let (shown, _) = line.split_once("  ").unwrap_or((line, ""));
            for byte in shown.split(' ') {
                assert_eq!(byte.len(), 2, "{name}: {line}");
                bytes.push(u8::from_str_radix(byte, 16).unwrap());
            }
        }
        assert!(examples.insert(name, bytes).is_none(), "two examples are called {name}");
    }
    examples
}

fn checks() -> Vec<(&'static str, Vec<u8>)> {
    let mut checks = Checks(Vec::new());
    checks.conventions();
    checks.schema();
    checks.control();
    checks.values();
    checks.snapshots();
    checks.deltas();
    checks.steps_of_lists_and_dictionaries();
    checks.steps_within_values();
    checks.batches();
    checks.operations_on_lists_and_dictionaries();
    checks.operations_within_values();
    checks.short_frames();
    checks.volatile();
    checks.stand_alone();
    checks.journal();
    checks.0
}

const GOLD: u16 = 0;
const LEVEL: u16 = 1;
const HEALTH: u16 = 2;
const ALIVE: u16 = 3;
const TITLE: u16 = 4;
const BAG: u16 = 5;
const COUNTS: u16 = 6;
const QUESTS: u16 = 7;
const DOORS: u16 = 8;
const POSITION: u16 = 9;
const SPEED: u16 = 10;
const SCORES: u16 = 11;

const QUEST: &str = "record{id:string,progress:i32}";
const DOOR: &str = "record{open:bool,tries:i32}";
const SCORE: &str = "record{best:list<i32>,by:dict<string,i32>}";
const EPOCH: u64 = 0x0123_4567_89ab_cdef;
/// The version that requests speak of.
const BASE: u64 = 300;
/// The number of the batches that are shown alone.
const BATCH: u64 = 12;

fn type_of(name: &str) -> ValueType {
    ValueType::from_name(name).unwrap()
}

fn schema() -> Arc<Schema> {
    Schema::builder()
        .property(Property::new("gold", 0_i64))
        .property(Property::new("level", 0))
        .property(Property::new("health", 0))
        .property(Property::new("alive", false))
        .property(Property::new("title", ""))
        .property(Property::list("bag", ScalarType::String))
        .property(Property::dict("counts", KeyType::String, ScalarType::I64))
        .property(Property::list("quests", type_of(QUEST)))
        .property(Property::dict("doors", KeyType::String, type_of(DOOR)))
        .property(Property::of_type("position", ScalarType::Vector3).sync(SyncClass::Volatile))
        .property(Property::new("speed", 0.0_f32))
        .property(Property::of_type("scores", type_of(SCORE)))
        .build()
        .unwrap()
}

fn types() -> Vec<ValueType> {
    schema().properties().iter().map(|property| property.value_type().clone()).collect()
}

fn quest(id: &str, progress: i32) -> Value {
    let quest = type_of(QUEST).record().unwrap().clone();
    Record::new(&quest, [("id", id.into()), ("progress", progress.into())]).unwrap().into()
}

fn quests(count: i32) -> Value {
    let quests = (0..count).map(|i| quest(&format!("q{i}"), i)).collect();
    Value::List(List::from_items(type_of(QUEST), quests).unwrap())
}

fn door(open: bool, tries: i32) -> Value {
    let door = type_of(DOOR).record().unwrap().clone();
    Record::new(&door, [("open", open.into()), ("tries", tries.into())]).unwrap().into()
}

fn doors<const N: usize>(doors: [(&str, Value); N]) -> Value {
    let doors = doors.map(|(key, door)| (Key::from(key), door));
    Value::Dict(Dict::from_entries(KeyType::String, type_of(DOOR), doors).unwrap())
}

fn scores<const N: usize, const M: usize>(best: [i32; N], by: [(&str, i32); M]) -> Value {
    let score = type_of(SCORE).record().unwrap().clone();
    let best = List::from_items(ScalarType::I32, best.map(Value::I32).to_vec()).unwrap();
    let by = by.map(|(key, score)| (Key::from(key), Value::I32(score)));
    let by = Dict::from_entries(KeyType::String, ScalarType::I32, by).unwrap();
    Record::new(&score, [("best", best.into()), ("by", by.into())]).unwrap().into()
}

fn texts<const N: usize>(texts: [&str; N]) -> List {
    List::from_items(ScalarType::String, texts.map(Value::from).to_vec()).unwrap()
}

fn counts<const N: usize>(counts: [(&str, i64); N]) -> Value {
    let counts = counts.map(|(key, count)| (Key::from(key), Value::I64(count)));
    Value::Dict(Dict::from_entries(KeyType::String, ScalarType::I64, counts).unwrap())
}

/// The numbers of keys at the master, and what the observer knows of them.
#[derive(Default)]
struct Numbering {
    numbers: BTreeMap<u16, KeyNumbers>,
    told: ToldKeys,
}

impl Numbering {
    /// `arrow` and `rope` of the counts, and `gate` of the doors, are known.
    fn told() -> Self {
        let mut numbering = Self::default();
        for (property, key) in [(COUNTS, "arrow"), (COUNTS, "rope"), (DOORS, "gate")] {
            numbering.number(property, &Key::from(key));
        }
        numbering
    }
}

impl PutKeys for Numbering {
    const NUMBERED: bool = true;

    fn number(&mut self, property: u16, key: &Key) -> Option<(u32, bool)> {
        let number = self.numbers.entry(property).or_default().number(key);
        Some((number, self.told.tell(property, number)))
    }

    fn removed(&mut self, property: u16, key: &Key) -> Option<u32> {
        let number = self.numbers.get(&property)?.find(key)?;
        self.told.take_back(property, number).then_some(number)
    }

    fn forget(&mut self, property: u16) {
        self.told.forget(property);
    }
}

/// What the observer knows.
fn known() -> KnownKeys {
    let mut known = KnownKeys::default();
    for (property, number, key) in [(COUNTS, 0, "arrow"), (COUNTS, 1, "rope"), (DOORS, 0, "gate")] {
        known.learn(property, number, &Key::from(key));
    }
    known
}

fn number_of(property: u16, key: &Key) -> Option<u32> {
    known().number(property, key)
}

fn meaning(property: u16, number: u32) -> Option<Meaning> {
    known().key(property, number).cloned().map(Meaning::Key)
}

/// The body of the only frame of some bytes.
fn only_frame(bytes: &[u8]) -> Vec<u8> {
    let mut buffer = FrameBuffer::default();
    buffer.push(bytes);
    let body = buffer.next_frame().unwrap().unwrap().to_vec();
    assert_eq!(buffer.next_frame().unwrap(), None);
    body
}

/// Names, and the bytes that the code writes.
struct Checks(Vec<(&'static str, Vec<u8>)>);

impl Checks {
    fn add(&mut self, name: &'static str, bytes: Vec<u8>) {
        assert!(self.0.iter().all(|(other, _)| *other != name), "{name} twice");
        self.0.push((name, bytes));
    }

    /// Adds what is written, and reads all of it back.
    fn check<T: PartialEq + Debug>(
        &mut self,
        name: &'static str,
        expected: T,
        write: impl FnOnce(&mut Vec<u8>),
        read: impl FnOnce(&mut Reader<'_>) -> T,
    ) {
        let mut bytes = Vec::new();
        write(&mut bytes);
        let mut reader = Reader::new(&bytes);
        assert_eq!(read(&mut reader), expected, "{name}");
        assert!(reader.is_empty(), "{name}");
        self.add(name, bytes);
    }

    fn conventions(&mut self) {
        for (name, int) in [("varint-127", 127), ("varint-300", 300), ("varint-max", u64::MAX)] {
            self.check(name, Some(int), |out| put_u64(out, int), |reader| reader.u64());
        }
        for (name, int) in [("signed-1", 1), ("signed-minus-1", -1), ("signed-minus-300", -300)] {
            self.check(name, Some(int), |out| put_i64(out, int), |reader| reader.i64());
        }
        self.check(
            "text",
            "Zoë".to_owned(),
            |out| put_text(out, "Zoë"),
            |r| read_text(r, 100).unwrap().into(),
        );

        let confirm = |out: &mut Vec<u8>| out.extend_from_slice(&[KIND_CONFIRM, 0, 1]);
        self.check(
            "frame-short",
            vec![KIND_CONFIRM, 0, 1],
            |out| put_frame(out, confirm),
            |reader| {
                let frame = only_frame(reader.rest());
                reader.bytes(reader.len());
                frame
            },
        );
        for (name, length, head) in [("frame-of-126-bytes", 126, 3), ("frame-of-65536-bytes", 65_536, 5)] {
            let mut bytes = Vec::new();
            put_frame(&mut bytes, |out| out.resize(out.len() + length, 7));
            assert_eq!(only_frame(&bytes).len(), length);
            bytes.truncate(head);
            self.add(name, bytes);
        }

        let config = bincode::config::standard();
        for (name, int) in [
            ("control-250", 250_u64),
            ("control-251", 251),
            ("control-70000", 70_000),
            ("control-2-40", 1 << 40),
        ] {
            let bytes = bincode::serde::encode_to_vec(int, config).unwrap();
            assert_eq!(
                bincode::serde::decode_from_slice::<u64, _>(&bytes, config).unwrap(),
                (int, bytes.len())
            );
            self.add(name, bytes);
        }
    }

    fn schema(&mut self) {
        self.add("property-key", property_key("gold").to_le_bytes().to_vec());
        self.add("fingerprint", schema().fingerprint().to_le_bytes().to_vec());
    }

    fn message<M: Control + PartialEq + Debug>(&mut self, name: &'static str, message: &M) {
        let mut bytes = Vec::new();
        put_control(&mut bytes, message);
        assert_eq!(&decode::<M>(&only_frame(&bytes)[1..]).unwrap(), message, "{name}");
        self.add(name, bytes);
    }

    fn control(&mut self) {
        let properties = vec![
            (property_key("gold"), DeclaredType::of(&ScalarType::I64.into())),
            (property_key("bag"), DeclaredType::of(&ValueType::list(ScalarType::String))),
            (property_key("doors"), DeclaredType::of(&ValueType::dict(KeyType::String, type_of(DOOR)))),
        ];
        self.message(
            "hello",
            &Up::Hello {
                version_min: 1,
                version_max: 1,
                token: "dev:ann".into(),
                writer: 0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100,
                fingerprint: EPOCH,
                properties,
                describe: false,
            },
        );
        self.message("welcome", &Down::Welcome { version: 1, properties: None });
        let gold = Property::new("gold", 0_i64).range(0..=1000).writers(Writers::Owner).merge(Merge::Sum);
        let described = Described::of(&Schema::builder().property(gold).build().unwrap().properties()[0]);
        self.message("welcome-described", &Down::Welcome { version: 1, properties: Some(vec![described]) });
        let user = || "ann".to_owned();
        let (heard, applied, durable, last, volatile) = (4, 5, 4, 9, 70);
        self.message(
            "open",
            &Up::Open {
                channel: 0,
                user: user(),
                cursor: None,
                heard: 0,
                applied: 0,
                durable: 0,
                last: 0,
                volatile: 0,
            },
        );
        let cursor = Some(Cursor { epoch: EPOCH, version: BASE });
        self.message(
            "open-again",
            &Up::Open { channel: 7, user: user(), cursor, heard, applied, durable, last, volatile },
        );
        self.message(
            "opened",
            &Down::Opened { channel: 0, epoch: EPOCH, resumed: None, applied: 0, durable: 0, volatile: 0 },
        );
        self.message(
            "opened-again",
            &Down::Opened {
                channel: 7,
                epoch: EPOCH,
                resumed: Some(BASE),
                applied: 6,
                durable: 5,
                volatile: 80,
            },
        );
        self.message("snapshot-announced", &Down::Snapshot { channel: 0, serial: 1 });
        let code = ErrorCode::NoSuchProfile as i32;
        self.message("open-failed", &Down::OpenFailed { channel: 7, code, text: "no profile".into() });
        let code = ErrorCode::NotPermitted as i32;
        self.message(
            "refused",
            &Down::Refused { channel: 0, number: BATCH, code, property: Some(LEVEL), text: "no".into() },
        );
        let error = Error::UnknownPropertyNumber { what: "key", number: 7946 };
        let (code, text) = (error.code() as i32, error.to_string());
        self.message(
            "absent",
            &Down::Refused { channel: NO_CHANNEL, number: 0, code, property: Some(2), text },
        );
        self.message("expired", &Down::Expired { channel: 7, through: BATCH });
        self.message("repeated", &Down::Repeated { channel: 7, number: BATCH });
        self.message("resync", &Up::Resync { channel: 7 });
        self.message("release", &Up::Release { channel: 7, drained: true });
        self.message("released", &Down::Released { channel: 7 });
        self.message("ask-get", &Up::Ask { request: 1, query: Query::Get { user: user() } });
        let query = Query::History { user: user(), after: 100, limit: 50 };
        self.message("ask-history", &Up::Ask { request: 2, query });
        self.message("answer", &Down::Answer { request: 3, code: 0, more: false, text: "true".into() });
    }

    fn value(&mut self, name: &'static str, value: Value) {
        let value_type = value.value_type();
        self.check(
            name,
            value.clone(),
            |out| put_value(out, 0, &value, &mut WrittenOut),
            |reader| read_value(reader, 0, &value_type, &mut WrittenOut).unwrap(),
        );
    }

    fn values(&mut self) {
        self.value("bool", Value::Bool(true));
        self.value("i32", Value::I32(-40_000));
        self.value("i64", Value::I64(1000));
        self.value("f64", Value::F64(0.25));
        self.value("string", Value::from("Ann"));
        self.value("f32", Value::F32(1.5));
        self.value("bytes", Value::from(vec![1, 2, 255]));
        self.value("vector2", Value::Vector2([1.0, -1.0]));
        self.value("vector3", Value::Vector3([1.0, 2.0, -3.0]));
        self.value("quaternion", Value::from([0.0_f32, 0.0, 0.0, 1.0]));
        self.value("color", Value::Color([255, 128, 0, 255]));
        self.value("datetime", Value::DateTime(DateTime::parse("2026-01-02T03:04:05Z").unwrap()));
        self.value("uuid", Value::from([0x12_u8; 16]));
        self.value("custom", Value::from(Custom::new(Some("loadout"), [1, 2, 3])));
        self.value("record", quest("q1", 3));
        self.value("list", Value::List(texts(["bow", "axe"])));
        self.value("list-of-records", quests(2));
        self.value("dict-written-out", counts([("arrow", 12), ("rope", 2)]));
        let squares = [(Key::Int(-5), Value::Bool(true)), (Key::Int(300), Value::Bool(false))];
        let squares = Dict::from_entries(KeyType::I32, ScalarType::Bool, squares).unwrap();
        self.value("dict-of-integer-keys", Value::Dict(squares));
        let key = Key::from("rope");
        self.check(
            "key-text",
            key.clone(),
            |out| put_key(out, &key),
            |reader| read_key(reader, KeyType::String).unwrap(),
        );

        // As a connection sends it: with numbers.
        let numbered = counts([("arrow", 12), ("rope", 2)]);
        for (name, before) in [("dict-dense", &[][..]), ("dict-sparse", &["lamp", "arrow", "tent", "rope"])] {
            let mut numbering = Numbering::default();
            for key in before {
                numbering.number(COUNTS, &Key::from(*key));
            }
            let mut learnt = KnownKeys::default();
            let value_type = numbered.value_type();
            self.check(
                name,
                numbered.clone(),
                |out| put_value(out, COUNTS, &numbered, &mut numbering),
                |reader| read_value(reader, COUNTS, &value_type, &mut learnt).unwrap(),
            );
            let numbers = ["arrow", "rope"].map(|key| learnt.number(COUNTS, &Key::from(key)).unwrap());
            assert_eq!(numbers, if before.is_empty() { [0, 1] } else { [1, 3] });
        }
    }

    fn snapshots(&mut self) {
        let values = [
            Some(Value::I64(1000)),
            Some(Value::I32(70)),
            Some(Value::I32(95)),
            Some(Value::Bool(true)),
            Some(Value::from("Ann")),
            Some(Value::List(texts(["bow"]))),
            Some(counts([("arrow", 12), ("rope", 2)])),
            Some(quests(1)),
            Some(doors([("gate", door(false, 1))])),
            None,
            Some(Value::F32(1.5)),
            Some(scores([5], [("bob", 3)])),
        ];
        let head = |out: &mut Vec<u8>| {
            put_u64(out, 0);
            put_u64(out, 1);
            out.extend_from_slice(&EPOCH.to_le_bytes());
            put_u64(out, BASE);
            put_u64(out, 4);
            out.push(relation_code(Relation::Owner));
        };
        let mut bytes = Vec::new();
        head(&mut bytes);
        let body = bytes.len();
        put_snapshot(&mut bytes, values.len(), |i| values[i].as_ref(), &mut Numbering::default());
        let read = read_snapshot(Reader::new(&bytes[body..]), &types()[..], &mut KnownKeys::default());
        assert_eq!(read.unwrap(), values);
        self.add("snapshot", bytes);

        // A longer one, of which the document shows what is before the deflated bytes.
        let title = Value::from("a long title, ".repeat(400));
        let long = |i: usize| if usize::from(TITLE) == i { Some(&title) } else { values[i].as_ref() };
        let mut bytes = Vec::new();
        head(&mut bytes);
        let mut plain = Vec::new();
        put_snapshot(&mut plain, values.len(), long, &mut Numbering::default());
        bytes.extend_from_slice(&plain);
        // No byte may become more than 64: some of it is not so even.
        let noise =
            |out: &mut Vec<u8>| out.extend((0..200_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8));
        noise(&mut plain);
        noise(&mut bytes);
        assert!(compress(&mut bytes, body));
        bytes[body - 1] |= COMPRESSED;
        let mut reader = Reader::new(&bytes[body..]);
        assert_eq!(expand(&mut reader.clone()).unwrap(), plain);
        reader.u64();
        bytes.truncate(bytes.len() - reader.len());
        self.add("snapshot-compressed-head", bytes);

        let text = b"aaaaaaaaaa";
        let mut bytes = Vec::new();
        put_u64(&mut bytes, text.len() as u64);
        bytes.extend_from_slice(&compress_to_vec(text, 1));
        assert_eq!(expand(&mut Reader::new(&bytes)).unwrap(), text);
        self.add("deflated", bytes);
    }

    /// A delta as sent, after one of the channel zero.
    fn delta(
        &mut self,
        name: &'static str,
        head: DeltaHead,
        expected: &[(u16, Effect)],
        own: &[u32],
        write: impl FnOnce(&mut DeltaWriter<'_>, &mut Numbering),
    ) {
        let (mut frame, mut body) = (Vec::new(), Vec::new());
        write(&mut DeltaWriter::new(&mut body), &mut Numbering::told());
        put_delta(&mut frame, head, 0, &body);
        let got = only_frame(&frame);
        let mut reader = Reader::new(&got);
        let Head::Delta(got) = read_head(&mut reader, 0).unwrap() else { panic!("{name} is no delta") };
        assert_eq!(got, head, "{name}");
        let mut entries = Vec::new();
        read_delta(reader, &types()[..], &mut known(), &mut entries).unwrap();
        let entry = |(property, effect): &(u16, Effect)| DeltaEntry {
            property: *property,
            effect: effect.clone(),
            own: own.to_vec(),
        };
        assert_eq!(entries, expected.iter().map(entry).collect::<Vec<_>>(), "{name}");
        self.add(name, frame);
    }

    fn deltas(&mut self) {
        let ints = [(GOLD, Value::I64(1000)), (LEVEL, Value::I32(70)), (HEALTH, Value::I32(100))];
        let set = |(property, value): &(u16, Value)| (*property, Effect::Value(value.clone()));
        self.delta("delta-three-values", USUAL, &ints.each_ref().map(set), &[], |writer, keys| {
            ints.iter().for_each(|(property, value)| writer.put(*property, value, None, keys));
        });
        let raised = [(GOLD, 1000, 25), (LEVEL, 70, 1), (HEALTH, 95, 5)];
        let raise = |(property, _, by): &(u16, i64, i64)| (*property, Effect::Diff(*by));
        self.delta("delta-three-raises", USUAL, &raised.each_ref().map(raise), &[], |writer, keys| {
            for (property, before, by) in raised {
                let value = match property {
                    GOLD => Value::I64(before + by),
                    _ => Value::I32((before + by) as i32),
                };
                writer.put(property, &value, Some(before), keys);
            }
        });
        let dead = [(ALIVE, Effect::Value(Value::Bool(false))), (TITLE, Effect::Value(Value::from("Ann")))];
        self.delta("delta-bool-and-text", USUAL, &dead, &[], |writer, keys| {
            writer.put(ALIVE, &Value::Bool(false), None, keys);
            writer.put(TITLE, &Value::from("Ann"), None, keys);
        });
        self.delta("delta-of-nothing", USUAL, &[], &[], |_, _| {});
        let level = [(LEVEL, Effect::Value(Value::I32(7)))];
        let head = DeltaHead { channel: 300, step: 5, own: 2 };
        self.delta("delta-with-head", head, &level, &[], |writer, keys| {
            writer.put(LEVEL, &Value::I32(7), None, keys);
        });
        self.delta("delta-of-a-refusal", DeltaHead { step: 0, own: 1, ..USUAL }, &[], &[], |_, _| {});
    }

    fn list_delta(&mut self, name: &'static str, own: bool, effects: Vec<ListEffect>) {
        let long = texts(["a torch", "a lantern", "a rope ladder", "a tent"]);
        let told = if own { vec![0] } else { vec![] };
        self.delta(name, USUAL, &[(BAG, Effect::List(effects.clone().into()))], &told, |writer, _| {
            assert!(writer.put_list(BAG, &long, effects.len(), effects.iter().map(|effect| (effect, own))));
        });
    }

    fn dict_delta(&mut self, name: &'static str, key: &str, value: Option<i64>, diff: Option<i64>) {
        let key = Key::from(key);
        let effect = match (value, diff) {
            (_, Some(diff)) => DictEffect::Diff { key: key.clone(), diff },
            (Some(value), None) => DictEffect::Put { key: key.clone(), value: Value::I64(value) },
            (None, None) => DictEffect::Remove { key: key.clone() },
        };
        self.delta(
            name,
            USUAL,
            &[(COUNTS, Effect::Dict(smallvec::smallvec![effect]))],
            &[],
            |writer, keys| {
                let value = value.map(Value::I64);
                let before = diff.map(|diff| value.as_ref().unwrap().as_int().unwrap() - diff);
                writer.put_entries(COUNTS, [(&key, value.as_ref(), before)].into_iter(), keys);
            },
        );
    }

    fn steps_of_lists_and_dictionaries(&mut self) {
        let bow = || Value::from("bow");
        self.list_delta("delta-list-item", false, vec![ListEffect::Set { index: 2, value: bow() }]);
        self.list_delta("delta-list-insert", false, vec![ListEffect::Insert { index: 2, value: bow() }]);
        self.list_delta("delta-list-insert-own", true, vec![ListEffect::Insert { index: 4, value: bow() }]);
        self.list_delta("delta-list-remove", false, vec![ListEffect::Remove { index: 1 }]);
        self.list_delta("delta-list-move", false, vec![ListEffect::Move { from: 3, to: 0 }]);
        self.list_delta("delta-list-clear", false, vec![ListEffect::Clear]);
        self.list_delta(
            "delta-list-steps",
            false,
            vec![ListEffect::Remove { index: 1 }, ListEffect::Set { index: 0, value: bow() }],
        );
        let whole = Value::List(texts(["bow"]));
        self.delta("delta-list-whole", USUAL, &[(BAG, Effect::Value(whole.clone()))], &[], |writer, keys| {
            writer.put(BAG, &whole, None, keys);
        });
        self.dict_delta("delta-entry-by-number", "rope", Some(1_000_005), None);
        self.dict_delta("delta-entry-difference", "rope", Some(1_000_005), Some(5));
        self.dict_delta("delta-entry-new-key", "tent", Some(1), None);
        self.dict_delta("delta-entry-removed", "rope", None, None);
        self.dict_delta("delta-entry-removed-unknown", "lamp", None, None);
        let both = vec![
            DictEffect::Put { key: Key::from("arrow"), value: Value::I64(11) },
            DictEffect::Remove { key: Key::from("rope") },
        ];
        self.delta("delta-entries", USUAL, &[(COUNTS, Effect::Dict(both.into()))], &[], |writer, keys| {
            let (arrow, rope) = (Key::from("arrow"), Key::from("rope"));
            let eleven = Value::I64(11);
            writer.put_entries(
                COUNTS,
                [(&arrow, Some(&eleven), None), (&rope, None, None)].into_iter(),
                keys,
            );
        });
        let whole = counts([("tent", 1)]);
        self.delta(
            "delta-dict-whole",
            USUAL,
            &[(COUNTS, Effect::Value(whole.clone()))],
            &[],
            |writer, keys| {
                writer.put(COUNTS, &whole, None, keys);
            },
        );
    }

    /// Steps within a value; of each the integer before, and whether it is the receiver's own insertion.
    fn parts(
        &mut self,
        name: &'static str,
        (property, value): (u16, Value),
        steps: &[(&str, PartChange, Option<i64>, bool)],
    ) {
        let effects: Vec<PartEffect> = steps
            .iter()
            .map(|(path, what, ..)| PartEffect {
                path: Path::parse(&value.value_type(), path).unwrap(),
                what: what.clone(),
            })
            .collect();
        let mut expected = effects.clone();
        for (effect, (_, what, before, _)) in expected.iter_mut().zip(steps) {
            if let (PartChange::Value(value), Some(before)) = (what, before) {
                effect.what = PartChange::Diff(value.as_int().unwrap() - before);
            }
        }
        let own: Vec<u32> = (0..).zip(steps).filter(|(_, step)| step.3).map(|(place, _)| place).collect();
        self.delta(name, USUAL, &[(property, Effect::Parts(expected))], &own, |writer, keys| {
            let steps: Vec<_> = effects
                .iter()
                .zip(steps)
                .map(|(effect, (_, _, before, own))| OutStep { effect, own: *own, before: *before })
                .collect();
            assert!(writer.put_parts(property, &value, steps.into_iter(), 0, keys));
        });
    }

    fn steps_within_values(&mut self) {
        let quests = || (QUESTS, quests(5));
        let gates = || (DOORS, doors([("gate", door(true, 2)), ("tower", door(false, 0))]));
        let raised = PartChange::Value(Value::I32(100));
        self.parts("delta-within-difference", quests(), &[("[3].progress", raised, Some(99), false)]);
        let many = || (SCORES, scores([100; 20], [("ann", 200), ("bob", 300), ("cleo", 400)]));
        let hundred = PartChange::Value(Value::I32(100));
        self.parts("delta-within-item-difference", many(), &[("best[2]", hundred, Some(99), false)]);
        let put = PartChange::Value(Value::I32(300));
        self.parts("delta-within-written-key", many(), &[(r#"by["bob"]"#, put.clone(), None, false)]);
        let path = r#"by["bob"]"#;
        self.parts("delta-within-written-key-difference", many(), &[(path, put, Some(299), false)]);
        self.parts("delta-within-written-key-removed", many(), &[(path, PartChange::Remove, None, false)]);
        let named = PartChange::Value(Value::from("q9"));
        self.parts("delta-within-field", quests(), &[("[3].id", named.clone(), None, false)]);
        self.parts("delta-within-item", quests(), &[("[3]", PartChange::Value(quest("q9", 0)), None, false)]);
        self.parts(
            "delta-within-insert",
            quests(),
            &[("[0]", PartChange::Insert(quest("q9", 0)), None, true)],
        );
        self.parts("delta-within-remove", quests(), &[("[2]", PartChange::Remove, None, false)]);
        self.parts("delta-within-move", quests(), &[("[2]", PartChange::Move(0), None, false)]);
        self.parts("delta-within-clear", quests(), &[("", PartChange::Clear, None, false)]);
        let opened = PartChange::Value(Value::Bool(true));
        self.parts("delta-within-entry", gates(), &[(r#"["gate"].open"#, opened, None, false)]);
        let tower = PartChange::Value(door(false, 0));
        self.parts("delta-within-new-entry", gates(), &[(r#"["tower"]"#, tower, None, false)]);
        let opened = PartChange::Value(Value::Bool(true));
        self.parts("delta-within-unknown-entry", gates(), &[(r#"["tower"].open"#, opened, None, false)]);
        self.parts(
            "delta-within-entry-removed",
            gates(),
            &[(r#"["gate"]"#, PartChange::Remove, None, false)],
        );
        self.parts("delta-within-dict-clear", gates(), &[("", PartChange::Clear, None, false)]);
        self.parts(
            "delta-within-steps",
            quests(),
            &[("[1]", PartChange::Remove, None, false), ("[0].id", named, None, false)],
        );
    }

    /// The operations of one batch, without the frame.
    fn batch(&mut self, name: &'static str, changes: Vec<(u16, Change)>) {
        let ops = ops(changes);
        self.check(
            name,
            ops.clone(),
            |out| put_batch(out, BATCH, &ops, BASE, &number_of),
            |reader| read_batch(reader, BATCH, &types()[..], &meaning).unwrap(),
        );
    }

    fn batches(&mut self) {
        let add = |Addition(add)| Change::Add(add);
        self.batch("op-set", vec![(TITLE, Change::Set(Value::from("Ann")))]);
        self.batch("op-set-integer", vec![(LEVEL, Change::Set(Value::I32(70)))]);
        self.batch("op-set-bool", vec![(ALIVE, Change::Set(Value::Bool(true)))]);
        self.batch("op-add", vec![(GOLD, add(Addition::int(25)))]);
        self.batch("op-add-float", vec![(SPEED, add(Addition::float(0.5)))]);
        self.batch("op-add-clamped", vec![(HEALTH, add(Addition::int_clamped(80, ..=100)))]);
        self.batch("op-add-guarded", vec![(GOLD, add(Addition::int_guarded(-30, 0..)))]);
        self.batch("op-require", vec![(LEVEL, Change::Require(Value::I32(70)))]);
        self.batch("op-require-bool", vec![(ALIVE, Change::Require(Value::Bool(true)))]);
        self.batch("op-add-float-clamped", vec![(SPEED, add(Addition::float_clamped(0.5, 0.0..=2.0)))]);
        self.batch(
            "batch-of-three",
            vec![
                (LEVEL, Change::Require(Value::I32(70))),
                (GOLD, add(Addition::int_guarded(-30, 0..))),
                (LEVEL, Change::Set(Value::I32(71))),
            ],
        );

        let two = [ops(vec![(GOLD, add(Addition::int(25)))]), ops(vec![(ALIVE, Change::Set(false.into()))])];
        self.check(
            "batches",
            two.to_vec(),
            |out| {
                put_frame(out, |out| {
                    out.push(KIND_BATCHES);
                    put_u64(out, 0);
                    put_u64(out, BATCH);
                    (BATCH..)
                        .zip(&two)
                        .for_each(|(number, ops)| put_batch(out, number, ops, BASE, &number_of));
                });
            },
            |reader| {
                let frame = only_frame(reader.bytes(reader.len()).unwrap());
                let mut frame = Reader::new(&frame);
                assert_eq!(
                    (frame.u8(), frame.u64(), frame.u64()),
                    (Some(KIND_BATCHES), Some(0), Some(BATCH))
                );
                let batches =
                    [BATCH, BATCH + 1].map(|n| read_batch(&mut frame, n, &types()[..], &meaning).unwrap());
                assert!(frame.is_empty());
                batches.to_vec()
            },
        );
        let once = ops(vec![(GOLD, add(Addition::int(25)))]);
        self.check(
            "batch-once",
            once.clone(),
            |out| {
                put_frame(out, |out| {
                    out.push(KIND_BATCH_ONCE);
                    put_u64(out, 0);
                    put_u64(out, BATCH);
                    put_text(out, "pay-7");
                    put_batch(out, BATCH, &once, BASE, &number_of);
                });
            },
            |reader| {
                let frame = only_frame(reader.bytes(reader.len()).unwrap());
                let mut frame = Reader::new(&frame);
                let head = (frame.u8(), frame.u64(), frame.u64());
                assert_eq!(head, (Some(KIND_BATCH_ONCE), Some(0), Some(BATCH)));
                assert_eq!(read_text(&mut frame, 100).unwrap(), "pay-7");
                let batch = read_batch(&mut frame, BATCH, &types()[..], &meaning).unwrap();
                assert!(frame.is_empty());
                batch
            },
        );
    }

    fn operations_on_lists_and_dictionaries(&mut self) {
        let bow = || Value::from("bow");
        let item = |index| ItemRef::Base { index, since: BASE };
        let own = ItemRef::Own(OwnOp { batch: BATCH - 2, op: 1 });
        let list = |change| vec![(BAG, Change::List(change))];
        self.batch("op-list-insert-end", list(ListChange::Insert { after: Anchor::End, value: bow() }));
        self.batch("op-list-insert-front", list(ListChange::Insert { after: Anchor::Front, value: bow() }));
        let after = Anchor::After(item(2));
        self.batch("op-list-insert-after", list(ListChange::Insert { after, value: bow() }));
        self.batch("op-list-set", list(ListChange::Set { item: item(2), value: bow() }));
        self.batch("op-list-set-own", list(ListChange::Set { item: own, value: bow() }));
        self.batch("op-list-remove", list(ListChange::Remove { item: item(0) }));
        self.batch("op-list-remove-gone", list(ListChange::Remove { item: ItemRef::Gone }));
        self.batch("op-list-move", list(ListChange::Move { item: item(2), after: Anchor::After(own) }));
        self.batch("op-list-clear", list(ListChange::Clear));
        let dict = |change| vec![(COUNTS, Change::Dict(change))];
        let (rope, tent) = (|| Key::from("rope"), Key::from("tent"));
        let value = Value::I64(9);
        self.batch("op-dict-put", dict(DictChange::Put { key: rope(), value: value.clone() }));
        self.batch("op-dict-put-new", dict(DictChange::Put { key: tent, value }));
        self.batch("op-dict-remove", dict(DictChange::Remove { key: rope() }));
        self.batch("op-dict-add", dict(DictChange::Add { key: rope(), add: Addition::int(2).0 }));
        let guarded = Addition::int_guarded(-1, 0..).0;
        self.batch("op-dict-add-guarded", dict(DictChange::Add { key: rope(), add: guarded }));
        self.batch("op-dict-clear", dict(DictChange::Clear));
    }

    fn operations_within_values(&mut self) {
        let quest_type = ValueType::list(type_of(QUEST));
        let door_type = ValueType::dict(KeyType::String, type_of(DOOR));
        // A place of the version, which says it when there is an item on the way to it.
        let at = |path: &str| {
            let path = Path::parse(&quest_type, path).unwrap();
            let since = if path.has_items() { BASE } else { 0 };
            Target { origin: Origin::Base { since }, path }
        };
        let own = |path: &str| Target {
            origin: Origin::Own { op: OwnOp { batch: BATCH - 2, op: 0 }, steps: 1 },
            path: Path::parse(&quest_type, path).unwrap(),
        };
        let entry = |path: &str| Target {
            origin: Origin::Base { since: 0 },
            path: Path::parse(&door_type, path).unwrap(),
        };
        let change = |target, what| Change::At(Box::new(At { target, what }));
        let quest_op = |target, what| vec![(QUESTS, change(target, what))];
        let door_op = |path: &str, what| vec![(DOORS, change(entry(path), what))];
        let one = Add::Int { amount: 1, mode: crate::value::Mode::Plain };
        self.batch("op-within-set", quest_op(at("[3].progress"), AtChange::Set(Value::I32(7))));
        self.batch("op-within-add", quest_op(at("[3].progress"), AtChange::Add(one)));
        let clamped = Addition::int_clamped(1, ..=10).0;
        self.batch("op-within-add-clamped", quest_op(at("[3].progress"), AtChange::Add(clamped)));
        let insert = |gap| AtChange::Insert { gap, value: quest("q9", 0) };
        self.batch("op-within-insert", quest_op(at(""), insert(Gap::End)));
        self.batch("op-within-insert-after", quest_op(at(""), insert(Gap::After(at("[2]")))));
        self.batch("op-within-own", quest_op(own("[0].progress"), AtChange::Add(one)));
        self.batch("op-within-remove", quest_op(at("[2]"), AtChange::Remove));
        let gone = Target { origin: Origin::Gone, path: at("[2]").path };
        self.batch("op-within-gone", quest_op(gone, AtChange::Remove));
        self.batch("op-within-move", quest_op(at("[2]"), AtChange::Move { gap: Gap::Front }));
        self.batch("op-within-clear", quest_op(at(""), AtChange::Clear));
        let after = AtChange::Move { gap: Gap::After(own("[4]")) };
        self.batch("op-within-move-after", quest_op(at("[2]"), after));
        let score_type = type_of(SCORE);
        let by = Path::parse(&score_type, r#"by["bob"]"#).unwrap();
        let by = Target { origin: Origin::Base { since: 0 }, path: by };
        self.batch("op-within-written-key", vec![(SCORES, change(by, AtChange::Add(one)))]);
        let open = AtChange::Set(Value::Bool(true));
        self.batch("op-within-entry", door_op(r#"["gate"].open"#, open));
        self.batch("op-within-new-entry", door_op(r#"["tower"]"#, AtChange::Set(door(false, 0))));
    }

    fn short_frames(&mut self) {
        let pairs: &[(&'static str, u8, &[u64])] = &[
            ("confirm", KIND_CONFIRM, &[0, 1]),
            ("confirm-another-epoch", KIND_CONFIRM, &[7, 0]),
            ("durable", KIND_DURABLE, &[0, BATCH, 7, 300]),
        ];
        for (name, kind, numbers) in pairs {
            self.check(
                name,
                numbers.to_vec(),
                |out| {
                    put_frame(out, |out| {
                        out.push(*kind);
                        numbers.iter().for_each(|number| put_u64(out, *number));
                    });
                },
                |reader| {
                    let frame = only_frame(reader.bytes(reader.len()).unwrap());
                    let mut frame = Reader::new(&frame);
                    assert!(matches!(read_head(&mut frame, 0).unwrap(), Head::Kind(k) if k == *kind));
                    std::iter::from_fn(|| (!frame.is_empty()).then(|| frame.u64().unwrap())).collect()
                },
            );
        }
        let (gold, title) = (Value::I64(1000), Value::from("Ann"));
        let (gold, title) = ((0, property_key("gold"), &gold), (1, property_key("title"), &title));
        let sum =
            |properties: &[(usize, u16, &Value)]| Hashes::default().sum(EPOCH, 2, properties.iter().copied());
        assert_eq!(sum(&[gold, title]), sum(&[gold]).wrapping_add(sum(&[title])));
        self.add("hash-of-gold", sum(&[gold]).to_le_bytes().to_vec());
        self.add("hash-of-title", sum(&[title]).to_le_bytes().to_vec());
        let mut frame = Vec::new();
        put_frame(&mut frame, |out| {
            out.push(KIND_HASH);
            put_u64(out, 0);
            out.extend_from_slice(&sum(&[gold, title]).to_le_bytes());
        });
        let body = only_frame(&frame);
        let mut reader = Reader::new(&body[1..]);
        assert_eq!((reader.u64(), reader.fixed_u64()), (Some(0), Some(sum(&[gold, title]))));
        self.add("hash", frame);
    }

    fn volatile(&mut self) {
        let value = Value::Vector3([1.0, 2.0, -3.0]);
        let entry = |own| VolatileEntry { property: POSITION, number: 301, own, value: value.clone() };
        for (name, own) in [("volatile-up", None), ("volatile-down", Some(70))] {
            self.check(
                name,
                vec![(0, entry(own))],
                |out| put_volatile(out, 0, &[entry(own)]),
                |reader| {
                    let mut got = Vec::new();
                    let bytes = Reader::new(reader.bytes(reader.len()).unwrap());
                    read_volatile(bytes, own.is_some(), &types()[..], |channel, entry| {
                        got.push((channel, entry))
                    })
                    .unwrap();
                    got
                },
            );
        }
        let mut frame = Vec::new();
        put_frame(&mut frame, |out| {
            out.push(KIND_VOLATILE);
            put_volatile(out, 0, &[entry(None)]);
        });
        self.add("volatile-frame", frame);
    }

    fn stand_alone(&mut self) {
        let schema = schema();
        let mut profile = Profile::new(schema.clone());
        let mut other = Profile::new(schema.clone());
        let gold = schema.index(u32::from(GOLD)).unwrap();
        let counts = schema.index(u32::from(COUNTS)).unwrap();
        profile.set(gold, 1000_i64).unwrap();
        profile.dict_put(counts, "rope", 2_i64).unwrap();
        profile.dict_put(counts, "arrow", 12_i64).unwrap();
        profile.take_delta().unwrap();
        other.apply_snapshot(&profile.snapshot()).unwrap();
        profile.set(gold, 1025_i64).unwrap();
        profile.dict_put(counts, "rope", 3_i64).unwrap();
        let delta = profile.take_delta().unwrap();
        other.apply_delta(&delta).unwrap();
        assert_eq!(other.to_json(), profile.to_json());
        self.add("stand-alone-delta", delta);
        let small = Schema::builder()
            .property(Property::new("gold", 1000_i64))
            .property(Property::new("title", "Ann"))
            .build()
            .unwrap();
        let snapshot = Profile::new(small.clone()).snapshot();
        Profile::new(small).apply_snapshot(&snapshot).unwrap();
        self.add("stand-alone-snapshot", snapshot);
    }

    fn journal(&mut self) {
        const NAMES: [&str; 4] = ["gold", "bag", "quests", "progress"];
        let name = |number: u32| NAMES.get(number as usize).map(|name| Arc::from(*name));
        let number_of = |name: &Arc<str>| {
            NAMES.iter().position(|known| **known == **name).map(|place| place as u32).ok_or(())
        };
        let path = Path::parse(&ValueType::list(type_of(QUEST)), "[3].progress").unwrap();
        let raise = PartEffect { path, what: PartChange::Diff(1) };
        let insert = ListEffect::Insert { index: 2, value: Value::from("bow") };
        let rows = [
            ("journal-value", 0, Effect::Value(Value::I64(1000))),
            ("journal-difference", 0, Effect::Diff(25)),
            ("journal-list", 1, Effect::List(smallvec::smallvec![insert])),
            ("journal-within", 2, Effect::Parts(vec![raise])),
        ];
        for (row, number, effect) in rows {
            let mut bytes = Vec::new();
            encode_effects(&[(name(number).unwrap(), effect.clone())], number_of, &mut bytes).unwrap();
            let read = decode_effects(&bytes, name).unwrap();
            // A journal names fields alone: where they are, the schema says.
            match effect {
                Effect::Parts(_) => assert_eq!(read.len(), 1),
                effect => assert_eq!(read, [(name(number).unwrap(), effect)]),
            }
            self.add(row, bytes);
        }
        let refused = vec![(BATCH, ErrorCode::NotPermitted)];
        let outcomes = vec![KeyedOutcome { key: Arc::from("s:pay-7"), refused: None }];
        let mut bytes = Vec::new();
        encode_refused(&refused, &outcomes, &mut bytes);
        assert_eq!(decode_refused(&bytes).unwrap(), (refused, outcomes));
        self.add("journal-refused", bytes);
    }
}

/// A delta of the channel of the one before, of one version and no own batches.
const USUAL: DeltaHead = DeltaHead { channel: 0, step: 1, own: 0 };

fn ops(changes: Vec<(u16, Change)>) -> Ops {
    changes.into_iter().map(|(property, change)| Op { property, change }).collect()
}
