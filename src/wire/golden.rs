//! What protocol version 1 looks like, byte by byte: released peers send and expect exactly this.
//!
//! `MST_BLESS=1 cargo test --lib wire::golden` writes the file anew, which is right only before a version is released.

use std::fmt::Write as _;

use super::control::{Control, Cursor, Down, Up, decode, encode};
use super::frames::{
    DeltaHead, Head, KIND_BATCHES, KIND_CONFIRM, KIND_DURABLE, Op, Ops, put_batch, put_control,
    put_delta_head, put_frame, read_batch, read_head,
};
use super::values::{DeltaWriter, put_snapshot, read_delta, read_snapshot};
use super::varint::{Reader, put_u64};
use crate::value::{Change, Effect, Value, ValueType};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/protocol-1.txt");
const TYPES: &[ValueType] =
    &[ValueType::Bool, ValueType::I32, ValueType::I64, ValueType::F64, ValueType::String];

fn values() -> [Value; 5] {
    [Value::Bool(true), Value::I32(-40_000), Value::I64(1 << 40), Value::F64(1512.375), Value::from("Fürst")]
}

fn ups() -> Vec<(&'static str, Up)> {
    let cursor = Some(Cursor { epoch: 0x0123_4567_89ab_cdef, version: 300 });
    let token = "dev:ann".to_string();
    let properties = vec![(57487, 3), (57225, 2)];
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
            },
        ),
        (
            "open again",
            Up::Open { channel: 7, user: "bob".into(), cursor, heard: 4, applied: 5, durable: 4, last: 9 },
        ),
        ("release", Up::Release { channel: 7, drained: true }),
    ]
}

fn downs() -> Vec<(&'static str, Down)> {
    let text = "the owner may not write property `gold`".to_string();
    vec![
        ("welcome", Down::Welcome { version: 1 }),
        ("opened anew", Down::Opened { channel: 0, epoch: 1 << 60, resumed: None, applied: 0, durable: 0 }),
        ("opened again", Down::Opened { channel: 7, epoch: 9, resumed: Some(300), applied: 6, durable: 5 }),
        ("snapshot announced", Down::Snapshot { channel: 0, serial: 1 }),
        ("open failed", Down::OpenFailed { channel: 7, code: -603, text: "corrupt".into() }),
        ("refused", Down::Refused { channel: 0, number: 12, code: -304, property: Some(3), text }),
        ("expired", Down::Expired { channel: 7, through: 12 }),
        ("released", Down::Released { channel: 7 }),
    ]
}

fn ops() -> Vec<Ops> {
    let set = |property: u16| Op { property, change: Change::Set(values()[usize::from(property)].clone()) };
    let add = |property, amount| Op { property, change: Change::AddInt(amount) };
    vec![
        Ops::from_iter([set(0)]),
        Ops::from_iter([add(1, 5)]),
        Ops::from_iter([add(2, -300), set(4), Op { property: 3, change: Change::AddFloat(0.25) }]),
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
        ops().iter().for_each(|ops| put_batch(out, ops));
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
    let heads = [
        ("down: delta", DeltaHead { channel: 0, step: 1, own: 0 }),
        (
            "down: delta of another channel, several versions and own batches",
            DeltaHead { channel: 300, step: 5, own: 2 },
        ),
    ];
    for (name, head) in heads {
        let mut frame = Vec::new();
        put_frame(&mut frame, |out| {
            put_delta_head(out, head, 0);
            let mut writer = DeltaWriter::new(out);
            for (index, value) in (0..).zip(values()) {
                // The second as a difference of 50.
                writer.put(index, &value, (index == 1).then_some(-40_050));
            }
        });
        vectors.push((name.into(), frame));
    }
    let mut snapshot = Vec::new();
    let shown = values();
    put_snapshot(&mut snapshot, 5, |i| (i != 2).then_some(&shown[i]));
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
        let mut reader = Reader::new(&bytes);
        if name.contains("snapshot whose") {
            let read = read_snapshot(reader, TYPES).unwrap();
            let expected: Vec<_> =
                values().into_iter().enumerate().map(|(i, v)| (i != 2).then_some(v)).collect();
            assert_eq!(read, expected);
            continue;
        }
        let length = reader.u64().unwrap();
        assert_eq!(length, reader.len() as u64, "{name}");
        match read_head(&mut reader, 0).unwrap() {
            Head::Delta(head) => {
                let mut effects = Vec::new();
                read_delta(reader, TYPES, &mut effects).unwrap();
                let mut expected: Vec<(u16, Effect)> = (0..).zip(values().map(Effect::Value)).collect();
                expected[1].1 = Effect::Diff(50);
                assert_eq!(effects, expected, "{head:?}");
            }
            Head::Kind(KIND_BATCHES) => {
                assert_eq!((reader.u64(), reader.u64()), (Some(7), Some(1000)));
                for expected in ops() {
                    assert_eq!(read_batch(&mut reader, TYPES).unwrap(), expected);
                }
                assert!(reader.is_empty());
            }
            Head::Kind(_) => {}
        }
    }
}
