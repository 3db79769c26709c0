//! What protocol version 1 looks like, byte by byte: released peers send and expect exactly this.
//!
//! `MST_BLESS=1 cargo test --lib wire::golden` writes the file anew, which is right only before a version is released.

use std::fmt::Write as _;

use super::control::{Control, Cursor, DeclaredType, Described, Down, Query, Up, decode, encode};
use super::delta::{DeltaWriter, read_delta};
use super::frames::{
    DeltaHead, FrameBuffer, Head, KIND_BATCH_ONCE, KIND_BATCHES, KIND_CONFIRM, KIND_DURABLE, KIND_HASH,
    KIND_VOLATILE, Op, Ops, put_batch, put_control, put_delta, put_frame, read_batch, read_head,
};
use super::keys::{KeyNumbers, KnownKeys, Meaning, PutKeys, ToldKeys};
use super::values::{put_snapshot, put_text, read_snapshot};
use super::varint::{Reader, put_u64};
use super::volatile::{VolatileEntry, put_volatile};
use crate::schema::{Merge, Property, Schema, Writers};
use crate::value::{
    Addition, Anchor, Change, DateTime, Dict, DictChange, Effect, ItemRef, Key, KeyType, List, ListChange,
    ListEffect, OwnOp, ScalarType, Value, ValueType,
};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/protocol-1.txt");

/// A value of each scalar type, a list and two dictionaries.
fn values() -> Vec<Value> {
    let texts = ["sword", "potion"].map(Value::from).to_vec();
    let counts = [("a", 1), ("b", -2)].map(|(key, count)| (Key::from(key), Value::I64(count)));
    vec![
        Value::Bool(true),
        Value::I32(-40_000),
        Value::I64(1 << 40),
        Value::F64(1512.375),
        Value::from("Fürst"),
        Value::F32(0.75),
        Value::from(vec![1, 2, 255]),
        Value::Vector2([1.0, -1.0]),
        Value::Vector3([12.5, 0.25, -81.125]),
        Value::from([0.0_f32, 0.0, 0.0, 1.0]),
        Value::Color([255, 128, 0, 255]),
        Value::DateTime(DateTime::parse("2026-01-02T03:04:05Z").unwrap()),
        Value::from([0x12_u8; 16]),
        Value::List(List::from_items(ScalarType::String, texts).unwrap()),
        Value::Dict(Dict::from_entries(KeyType::String, ScalarType::I64, counts).unwrap()),
        Value::Dict(
            Dict::from_entries(KeyType::I32, ScalarType::Bool, [(Key::Int(-5), Value::Bool(true))]).unwrap(),
        ),
    ]
}

fn types() -> Vec<ValueType> {
    values().iter().map(Value::value_type).collect()
}

/// The master's numbers: keys are known by them after they were first told.
#[derive(Default)]
struct Numbering(KeyNumbers, ToldKeys);

impl PutKeys for Numbering {
    const NUMBERED: bool = true;

    fn number(&mut self, property: u16, key: &Key) -> Option<(u32, bool)> {
        let number = self.0.number(key);
        Some((number, self.1.tell(property, number)))
    }

    fn removed(&mut self, property: u16, key: &Key) -> Option<u32> {
        self.0.find(key).filter(|number| self.1.take_back(property, *number))
    }

    fn forget(&mut self, property: u16) {
        self.1.forget(property);
    }
}

fn number_of(_: u16, key: &Key) -> Option<u32> {
    (*key == Key::from("a")).then_some(7)
}

fn meaning(_: u16, number: u32) -> Option<Meaning> {
    (number == 7).then(|| Meaning::Key(Key::from("a")))
}

fn ups() -> Vec<(&'static str, Up)> {
    let cursor = Some(Cursor { epoch: 0x0123_4567_89ab_cdef, version: 300 });
    let token = "dev:ann".to_string();
    let properties = vec![
        (57487, DeclaredType::Number(3)),
        (57225, DeclaredType::Number(2)),
        (7, DeclaredType::Name("list<record{id:string,n:i32}>".into())),
    ];
    vec![
        (
            "hello",
            Up::Hello {
                version_min: 1,
                version_max: 1,
                token,
                writer: 1 << 100,
                fingerprint: 1 << 63,
                properties,
                describe: false,
            },
        ),
        (
            "open anew",
            Up::Open {
                channel: 0,
                user: "ann".into(),
                cursor: None,
                heard: 0,
                applied: 0,
                durable: 0,
                last: 0,
                volatile: 0,
            },
        ),
        (
            "open again",
            Up::Open {
                channel: 7,
                user: "bob".into(),
                cursor,
                heard: 4,
                applied: 5,
                durable: 4,
                last: 9,
                volatile: 300,
            },
        ),
        ("release", Up::Release { channel: 7, drained: true }),
        ("resync", Up::Resync { channel: 7 }),
        ("ask for a profile", Up::Ask { request: 1, query: Query::Get { user: "ann".into() } }),
        (
            "ask for a version",
            Up::Ask { request: 300, query: Query::At { user: "ann".into(), version: 300 } },
        ),
        (
            "ask for history",
            Up::Ask { request: 2, query: Query::History { user: "ann".into(), after: 300, limit: 50 } },
        ),
        (
            "ask for users",
            Up::Ask { request: 3, query: Query::List { after: Some("ann".into()), limit: 50 } },
        ),
        ("ask to delete", Up::Ask { request: 4, query: Query::Delete { user: "ann".into() } }),
    ]
}

fn downs() -> Vec<(&'static str, Down)> {
    let text = "the owner may not write property `gold`".to_string();
    let gold = Property::new("gold", 0_i64).range(0..=1000).writers(Writers::Owner).merge(Merge::Sum);
    let schema = Schema::builder().property(gold).build().unwrap();
    let described = Described::of(&schema.properties()[0]);
    vec![
        ("welcome", Down::Welcome { version: 1, properties: None }),
        ("welcome with a description", Down::Welcome { version: 1, properties: Some(vec![described]) }),
        (
            "opened anew",
            Down::Opened { channel: 0, epoch: 1 << 60, resumed: None, applied: 0, durable: 0, volatile: 0 },
        ),
        (
            "opened again",
            Down::Opened { channel: 7, epoch: 9, resumed: Some(300), applied: 6, durable: 5, volatile: 70 },
        ),
        ("snapshot announced", Down::Snapshot { channel: 0, serial: 1 }),
        ("open failed", Down::OpenFailed { channel: 7, code: -603, text: "corrupt".into() }),
        ("refused", Down::Refused { channel: 0, number: 12, code: -304, property: Some(3), text }),
        ("expired", Down::Expired { channel: 7, through: 12 }),
        ("released", Down::Released { channel: 7 }),
        ("repeated", Down::Repeated { channel: 7, number: 12 }),
        ("answer", Down::Answer { request: 300, code: -607, more: false, text: "no history".into() }),
        ("part of an answer", Down::Answer { request: 3, code: 0, more: true, text: "{".into() }),
    ]
}

fn ops() -> Vec<Ops> {
    let op = |property, change| Op { property, change };
    let set = |property: u16| op(property, Change::Set(values()[usize::from(property)].clone()));
    let add = |property, Addition(add)| op(property, Change::Add(add));
    let list = |change| op(13, Change::List(change));
    let dict = |change| op(14, Change::Dict(change));
    let item = ItemRef::Base { index: 1, since: 300 };
    let own = ItemRef::Own(OwnOp { batch: 1000, op: 0 });
    let shield = || Value::from("shield");
    vec![
        Ops::from_iter([set(0)]),
        Ops::from_iter([add(1, Addition::int(5))]),
        Ops::from_iter([add(2, Addition::int(-300)), set(4), add(3, Addition::float(0.25))]),
        Ops::from_iter([add(1, Addition::int_clamped(80, ..=100)), add(2, Addition::int_guarded(-30, 0..))]),
        Ops::from_iter([
            op(2, Change::Require(Value::I64(7))),
            op(0, Change::Require(Value::Bool(false))),
            set(0),
        ]),
        Ops::from_iter((5..13).map(set)),
        Ops::from_iter([
            list(ListChange::Insert { after: Anchor::End, value: shield() }),
            list(ListChange::Insert { after: Anchor::Front, value: shield() }),
            list(ListChange::Insert { after: Anchor::After(item), value: shield() }),
            list(ListChange::Set { item: own, value: shield() }),
            list(ListChange::Remove { item: ItemRef::Gone }),
            list(ListChange::Move { item, after: Anchor::End }),
            list(ListChange::Clear),
        ]),
        Ops::from_iter([
            dict(DictChange::Put { key: Key::from("a"), value: Value::I64(9) }),
            dict(DictChange::Put { key: Key::from("c"), value: Value::I64(9) }),
            dict(DictChange::Remove { key: Key::from("a") }),
            dict(DictChange::Add { key: Key::from("a"), add: Addition::int_guarded(-1, 0..).0 }),
            dict(DictChange::Clear),
        ]),
    ]
}

fn list_effects() -> Vec<ListEffect> {
    vec![
        ListEffect::Insert { index: 0, value: Value::from("bow") },
        ListEffect::Insert { index: 3, value: Value::from("own") },
        ListEffect::Set { index: 1, value: Value::from("axe") },
        ListEffect::Move { from: 2, to: 0 },
        ListEffect::Remove { index: 1 },
    ]
}

fn control<M: Control + PartialEq + std::fmt::Debug>(message: &M) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(message, &mut bytes);
    assert_eq!(&decode::<M>(&bytes).unwrap(), message);
    let mut frame = Vec::new();
    put_control(&mut frame, message);
    frame
}

/// Every kind of frame and snapshot, by name.
fn vectors() -> Vec<(String, Vec<u8>)> {
    let mut vectors: Vec<(String, Vec<u8>)> = Vec::new();
    vectors.extend(ups().iter().map(|(name, message)| (format!("up: {name}"), control(message))));
    vectors.extend(downs().iter().map(|(name, message)| (format!("down: {name}"), control(message))));

    let mut batches = Vec::new();
    put_frame(&mut batches, |out| {
        out.push(KIND_BATCHES);
        put_u64(out, 7);
        put_u64(out, 1000);
        for (number, ops) in (1000..).zip(ops()) {
            put_batch(out, number, &ops, 300, &number_of);
        }
    });
    vectors.push(("up: batches".into(), batches));
    for (name, kind) in [("up: confirm", KIND_CONFIRM), ("down: durable", KIND_DURABLE)] {
        let mut frame = Vec::new();
        put_frame(&mut frame, |out| {
            out.push(kind);
            put_u64(out, 7);
            put_u64(out, 1000);
        });
        vectors.push((name.into(), frame));
    }
    let mut once = Vec::new();
    put_frame(&mut once, |out| {
        out.push(KIND_BATCH_ONCE);
        put_u64(out, 7);
        put_u64(out, 1000);
        put_text(out, "payment-2041");
        put_batch(out, 1000, &ops()[2], 300, &number_of);
    });
    vectors.push(("up: batch with an idempotency key".into(), once));
    let mut hash = Vec::new();
    put_frame(&mut hash, |out| {
        out.push(KIND_HASH);
        put_u64(out, 7);
        out.extend_from_slice(&0x0123_4567_89ab_cdef_u64.to_le_bytes());
    });
    vectors.push(("down: hash".into(), hash));
    for (name, own) in [("up: volatile values", None), ("down: volatile values", Some(300))] {
        let entry = |property: u16, number| {
            let value = values()[usize::from(property)].clone();
            VolatileEntry { property, number, own, value }
        };
        let mut frame = Vec::new();
        put_frame(&mut frame, |out| {
            out.push(KIND_VOLATILE);
            put_volatile(out, 7, &[entry(1, 301), entry(8, 5)]);
            put_volatile(out, 300, &[entry(0, 6)]);
        });
        vectors.push((name.into(), frame));
    }
    let heads = [
        ("down: delta", DeltaHead { channel: 0, step: 1, own: 0 }),
        (
            "down: delta of another channel, several versions and own batches",
            DeltaHead { channel: 300, step: 5, own: 2 },
        ),
    ];
    for (name, head) in heads {
        let (mut frame, mut body) = (Vec::new(), Vec::new());
        let mut writer = DeltaWriter::new(&mut body);
        for (index, value) in (0..).zip(values()) {
            // The second as a difference of 50.
            writer.put(index, &value, (index == 1).then_some(-40_050), &mut Numbering::default());
        }
        put_delta(&mut frame, head, 0, &body);
        vectors.push((name.into(), frame));
    }
    let mut steps = Vec::new();
    {
        let out = &mut Vec::new();
        let mut writer = DeltaWriter::new(out);
        let long = List::from_items(ScalarType::String, vec![Value::from("a long text"); 20]).unwrap();
        let effects = list_effects();
        writer.put_list(
            13,
            &long,
            effects.len(),
            effects.iter().enumerate().map(|(place, effect)| (effect, place == 1)),
        );
        let mut numbering = Numbering::default();
        let (a, b) = (Key::from("a"), Key::from("b"));
        let value = Value::I64(1_000_005);
        writer.put_entries(14, [(&a, Some(&value), None), (&b, None, None)].into_iter(), &mut numbering);
        let mut writer = DeltaWriter::new(out);
        writer.put_entries(14, [(&a, Some(&value), Some(1_000_000))].into_iter(), &mut numbering);
        put_delta(&mut steps, DeltaHead { channel: 0, step: 1, own: 1 }, 0, out);
    }
    vectors.push(("down: steps of a list and of a dictionary (the last entry by number)".into(), steps));
    let mut snapshot = Vec::new();
    let shown = values();
    put_snapshot(&mut snapshot, shown.len(), |i| (i != 2).then_some(&shown[i]), &mut Numbering::default());
    vectors.push(("down: body of a snapshot whose third property is not to be seen".into(), snapshot));
    vectors
}

#[test]
fn the_bytes_are_those_of_protocol_version_1() {
    let mut text = String::new();
    for (name, bytes) in vectors() {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(text, "{name}\n    {hex}").unwrap();
    }
    if std::env::var_os("MST_BLESS").is_some() {
        std::fs::write(PATH, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(PATH).unwrap_or_default(), text);
}

#[test]
fn the_bytes_are_read_as_what_they_were_made_of() {
    for (name, bytes) in vectors() {
        let reader = Reader::new(&bytes);
        if name.contains("snapshot whose") {
            let read = read_snapshot(reader, &types()[..], &mut KnownKeys::default()).unwrap();
            let expected: Vec<_> =
                values().into_iter().enumerate().map(|(i, v)| (i != 2).then_some(v)).collect();
            assert_eq!(read, expected);
            continue;
        }
        if name.contains("steps of") {
            // Read with two deltas' entries in one, it names properties out of order: only their bytes are held.
            continue;
        }
        let mut buffer = FrameBuffer::default();
        buffer.push(&bytes);
        let mut reader = Reader::new(buffer.next_frame().unwrap().unwrap());
        match read_head(&mut reader, 0).unwrap() {
            Head::Delta(head) => {
                let mut read = Vec::new();
                read_delta(reader, &types()[..], &mut KnownKeys::default(), &mut read).unwrap();
                let mut expected: Vec<Effect> = values().into_iter().map(Effect::Value).collect();
                expected[1] = Effect::Diff(50);
                assert_eq!(read.into_iter().map(|e| e.effect).collect::<Vec<_>>(), expected, "{head:?}");
            }
            Head::Kind(KIND_BATCHES) => {
                assert_eq!((reader.u64(), reader.u64()), (Some(7), Some(1000)));
                for (number, expected) in (1000..).zip(ops()) {
                    assert_eq!(read_batch(&mut reader, number, &types()[..], &meaning).unwrap(), expected);
                }
                assert!(reader.is_empty());
            }
            Head::Kind(_) => {}
        }
    }
}
