//! What becomes of a writer's batches when crashes and the expiry of its session fall together.

use std::sync::Arc;

use super::net::{COINS, Net, hello, lost, open, schema};
use crate::error::ErrorCode;
use crate::store::{DocumentSave, Effect, JournalRow, MemoryStore, ProfileStore, WriterInfo};
use crate::value::Value;
use crate::wire::control::{Down, decode};
use crate::wire::frames::{FrameBuffer, KIND_CONTROL};

const START: u64 = 1_700_000_000_000;

/// What a master that starts says of the writer session 1 to whoever opens the profile, `days` after the document.
fn answers(
    days: u64,
    meta_writer: &str,
    number: u64,
    refused: Vec<(u64, ErrorCode)>,
    row_days: u64,
) -> Vec<Down> {
    let schema = schema();
    let mut store = MemoryStore::new();
    store.claim().unwrap();
    let document = format!(r#"{{"$mst":{{"version":7,"epoch":"a","writers":{{{meta_writer}}}}}}}"#);
    store.update(&DocumentSave { user: "ann".into(), version: 7, document }).unwrap();
    let row = JournalRow {
        user: "ann".into(),
        epoch: 10,
        version: 8,
        writer: Arc::new(WriterInfo { id: 1, subject: "a".into(), role: "server".into() }),
        number,
        refused,
        effects: vec![("coins".into(), Effect::Value(Value::I32(1)))],
        outcomes: Vec::new(),
        unix_ms: START + row_days * 86_400_000,
    };
    store.append(&[row]).unwrap();
    let mut net = Net::new(schema.clone(), store);
    net.days = days;
    net.accept(1);
    net.receive(1, &hello(&schema, "server:a", 1));
    net.receive(1, &open("ann", 0));
    net.pump();
    let mut frames = FrameBuffer::default();
    net.out[&1].0.iter().for_each(|bytes| frames.push(bytes));
    let mut all = Vec::new();
    while let Some(frame) = frames.next_frame().unwrap() {
        if frame[0] == KIND_CONTROL {
            all.push(decode(&frame[1..]).unwrap());
        }
    }
    all
}

fn refused(answers: &[Down]) -> Vec<u64> {
    let number = |answer: &Down| if let Down::Refused { number, .. } = answer { Some(*number) } else { None };
    answers.iter().filter_map(number).collect()
}

const SILENT: &str =
    r#""1":{"subject":"a","role":"server","last":5,"version":6,"refused":{"2":-217},"seen":1700000000000}"#;

#[test]
fn a_writer_whose_row_is_younger_than_its_document_keeps_its_refusals() {
    // By the document alone it has expired.
    assert_eq!(refused(&answers(8, SILENT, 6, vec![], 7)), [2]);
}

#[test]
fn a_writer_that_began_anew_has_no_refusals_of_before() {
    let answers = answers(8, SILENT, 1, vec![], 7);
    assert_eq!(refused(&answers), [0; 0]);
    assert!(answers.iter().any(|a| matches!(a, Down::Opened { applied: 1, durable: 1, .. })), "{answers:?}");
}

#[test]
fn an_expired_writer_is_known_until_a_document_is_without_it() {
    // Else its numbers begin anew, and come back with the next load by a clock that was set back.
    let answers = answers(8, SILENT, 6, vec![], 0);
    assert!(answers.iter().any(|a| matches!(a, Down::Opened { applied: 6, .. })), "{answers:?}");
    assert_eq!(refused(&answers), [2]);
}

#[test]
fn that_a_writer_expired_is_known_from_its_first_row() {
    let answers = answers(0, "", 4, vec![(3, ErrorCode::WriterExpired)], 0);
    assert!(answers.iter().any(|a| matches!(a, Down::Expired { through: 3, .. })), "{answers:?}");
    assert_eq!(refused(&answers), [0; 0]);
}

#[test]
fn a_late_hello_does_not_close_a_later_connection() {
    let schema = schema();
    let mut net = Net::new(schema.clone(), MemoryStore::new());
    net.accept(1);
    net.accept(2);
    net.receive(2, &hello(&schema, "server:a", 1));
    net.receive(1, &hello(&schema, "server:a", 1));
    net.pump();
    let closed: Vec<_> = net.closed.iter().map(|(session, error)| (*session, error.code())).collect();
    assert_eq!(closed, [(1, ErrorCode::Superseded)]);
}

#[test]
fn what_is_durable_stays_shown_over_a_snapshot_from_before_it() {
    let schema = schema();
    let store = MemoryStore::new();
    let mut net = Net::new(schema.clone(), store.clone());
    let (mut server, id) = net.join("server:a", 1, 1);
    // Applied, and lost with the master.
    net.hold_store = true;
    server.change(id, |p| p.add_int(COINS, 1)).unwrap();
    net.settle(&mut server, 1);
    assert_eq!(server.profile(id).unwrap().applied_through(), 1);
    server.disconnected(net.now, lost());
    let mut next = Net::new(schema, store);
    next.now = net.now;
    let net = &mut next;
    net.connect(&mut server, 2);
    net.up(&mut server, 2);
    net.pump();
    net.down(&mut server, 2);
    // The snapshot is made before the batch that is sent again.
    let bytes = server.take_output().unwrap();
    net.receive(2, &bytes);
    net.pump();
    let (ordered, snapshots) = net.out.remove(&2).unwrap();
    ordered.iter().for_each(|bytes| server.received(net.now, bytes));
    for bytes in snapshots {
        server.received_snapshot(net.now, bytes);
        assert_eq!(server.profile(id).unwrap().get(COINS), &Value::I32(101));
    }
    net.settle(&mut server, 2);
    assert_eq!(server.profile(id).unwrap().get(COINS), &Value::I32(101));
    assert!(!server.profile(id).unwrap().has_retained());
}
