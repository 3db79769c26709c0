//! What the master lets each role write and see, whatever a peer believes: every role by every right by every operation,
//! as bytes from a peer that keeps no rules of its own.

use std::sync::Arc;

use super::net::{Net, Sent, events, hello, open};
use crate::error::ErrorCode;
use crate::schema::{Property, PropertyIndex, Schema, Visibility, Writers};
use crate::store::MemoryStore;
use crate::value::{
    Addition, Anchor, Change, Dict, DictChange, ItemRef, Key, KeyType, List, ListChange, ScalarType, Value,
};
use crate::wire::control::{Down, decode};
use crate::wire::frames::{
    FrameBuffer, Head, KIND_BATCHES, KIND_CONFIRM, KIND_CONTROL, Op, put_batch, put_frame, read_head,
};
use crate::wire::varint::{Reader, put_u64};

const ROLES: [(&str, &str); 3] =
    [("the owner", "client:ann"), ("another player", "client:bob"), ("a server", "server:a")];

/// Each operation that there is, and the kind of property that it is for.
fn operations() -> Vec<(&'static str, usize, Change)> {
    let first = || ItemRef::Base { index: 0, since: 0 };
    let list = |change| Change::List(change);
    let key = || Key::from("kills");
    vec![
        ("set", 0, Change::Set(Value::I64(7))),
        ("add", 0, Change::Add(Addition::int(1).0)),
        ("clamped add", 0, Change::Add(Addition::int_clamped(1, 0..=50).0)),
        ("guarded add", 0, Change::Add(Addition::int_guarded(-1, 0..).0)),
        ("push", 1, list(ListChange::Insert { after: Anchor::End, value: Value::from("x") })),
        ("insert", 1, list(ListChange::Insert { after: Anchor::Front, value: Value::from("x") })),
        ("set item", 1, list(ListChange::Set { item: first(), value: Value::from("y") })),
        ("move", 1, list(ListChange::Move { item: first(), after: Anchor::End })),
        ("remove", 1, list(ListChange::Remove { item: first() })),
        ("clear list", 1, list(ListChange::Clear)),
        ("put", 2, Change::Dict(DictChange::Put { key: key(), value: Value::I64(5) })),
        ("add to entry", 2, Change::Dict(DictChange::Add { key: key(), add: Addition::int(1).0 })),
        ("remove entry", 2, Change::Dict(DictChange::Remove { key: key() })),
        ("clear dictionary", 2, Change::Dict(DictChange::Clear)),
    ]
}

const RIGHTS: [Writers; 3] = [Writers::Servers, Writers::Owner, Writers::Master];

/// A number, a list and a dictionary under each right.
fn schema() -> Arc<Schema> {
    let mut builder = Schema::builder();
    for right in RIGHTS {
        let texts = List::from_items(ScalarType::String, ["a", "b"].map(Value::from).to_vec()).unwrap();
        let counts = [(Key::from("kills"), Value::I64(3))];
        let counts = Dict::from_entries(KeyType::String, ScalarType::I64, counts).unwrap();
        for (kind, default) in [("number", Value::I64(10)), ("list", texts.into()), ("dict", counts.into())] {
            builder.add(
                Property::new(&format!("{right:?}.{kind}"), default)
                    .writers(right)
                    .visibility(Visibility::Public),
            );
        }
    }
    builder.build().unwrap()
}

fn batch(number: u64, ops: &[Op]) -> Vec<u8> {
    let mut out = Vec::new();
    put_frame(&mut out, |out| {
        out.push(KIND_BATCHES);
        put_u64(out, 0);
        put_u64(out, number);
        put_batch(out, number, ops, 0, &|_, _| None);
    });
    out
}

/// The refusals among what the master sent to a session.
fn refusals(net: &mut Net, session: u64) -> Vec<(u64, ErrorCode, Option<u16>, String)> {
    let mut buffer = FrameBuffer::default();
    let (ordered, _) = net.out.remove(&session).unwrap_or_default();
    ordered.iter().for_each(|bytes| buffer.push(bytes));
    let mut refusals = Vec::new();
    while let Some(frame) = buffer.next_frame().unwrap() {
        let mut reader = Reader::new(frame);
        if let Head::Kind(KIND_CONTROL) = read_head(&mut reader, 0).unwrap()
            && let Down::Refused { number, code, property, text, .. } = decode(reader.rest()).unwrap()
        {
            refusals.push((number, ErrorCode::from_i32(code).unwrap(), property, text));
        }
    }
    refusals
}

/// A session of a peer that keeps no rules, with the profile of `ann` open.
fn intrude(net: &mut Net, schema: &Schema, session: u64, token: &str) -> Sent {
    net.accept(session);
    for bytes in [hello(schema, token, u128::from(session)), open("ann", 0)] {
        net.receive(session, &bytes);
        net.pump();
    }
    // The first snapshot of a session has the number one.
    let mut confirm = Vec::new();
    put_frame(&mut confirm, |out| out.extend_from_slice(&[KIND_CONFIRM, 0, 1]));
    let sent = net.out.remove(&session).unwrap_or_default();
    net.receive(session, &confirm);
    net.pump();
    sent
}

#[test]
fn every_role_by_every_right_by_every_operation() {
    let schema = schema();
    for (who, token) in ROLES {
        for (nth, right) in RIGHTS.into_iter().enumerate() {
            for (what, kind, change) in operations() {
                let case = format!("{what} by {who} of what {right:?} may write");
                let mut net = Net::new(schema.clone(), MemoryStore::new());
                let (mut witness, id) = net.join("server:witness", 900, 9);
                let before = witness.profile(id).unwrap().to_json();
                intrude(&mut net, &schema, 1, token);
                let property = (nth * 3 + kind) as u16;
                net.receive(1, &batch(1, &[Op { property, change: change.clone() }]));
                net.pump();
                let refused = refusals(&mut net, 1);
                net.settle(&mut witness, 9);
                let changed = witness.profile(id).unwrap().to_json() != before;
                let allowed = match right {
                    Writers::Servers => who == "a server",
                    Writers::Owner => who != "another player",
                    Writers::Master => false,
                };
                assert!(net.closed.is_empty(), "{case}: {:?}", net.closed);
                assert_eq!(changed, allowed, "{case}");
                if allowed {
                    assert_eq!(refused, [], "{case}");
                } else {
                    let (number, code, at, text) = &refused[0];
                    assert_eq!((*number, *code), (1, ErrorCode::NotPermitted), "{case}: {text}");
                    assert_eq!(*at, Some(property), "{case}");
                    let name = schema.property(PropertyIndex(property)).name();
                    assert!(text.contains(name) && text.contains("may not write"), "{case}: {text}");
                }
            }
        }
    }
}

/// A batch in which one operation is not allowed leaves nothing of the others, wherever in it that stands.
#[test]
fn a_batch_with_one_forbidden_operation_changes_nothing() {
    let schema = schema();
    // Of the owner: numbers 3 to 5 are his to write, 0 to 2 are not.
    let allowed = |kind: usize| operations().into_iter().filter(move |op| op.1 == kind).map(|op| op.2);
    let fine: Vec<Op> = (0..3)
        .flat_map(|kind| allowed(kind).map(move |change| Op { property: 3 + kind as u16, change }))
        // Items that an earlier one has taken would be stale.
        .filter(|op| !matches!(op.change, Change::List(ListChange::Remove { .. })))
        .collect();
    for place in 0..=fine.len() {
        let mut ops = fine.clone();
        ops.insert(place, Op { property: 0, change: Change::Set(Value::I64(1)) });
        let mut net = Net::new(schema.clone(), MemoryStore::new());
        let (mut witness, id) = net.join("server:witness", 900, 9);
        let before = witness.profile(id).unwrap().to_json();
        intrude(&mut net, &schema, 1, "client:ann");
        net.receive(1, &batch(1, &ops));
        net.pump();
        assert_eq!(refusals(&mut net, 1)[0].1, ErrorCode::NotPermitted);
        net.settle(&mut witness, 9);
        assert_eq!(witness.profile(id).unwrap().to_json(), before, "at {place}");
        // The same without it is applied whole, so that it was for this one alone.
        net.receive(1, &batch(2, &fine));
        net.pump();
        assert_eq!(refusals(&mut net, 1), []);
        net.settle(&mut witness, 9);
        assert_ne!(witness.profile(id).unwrap().to_json(), before);
    }
}

/// Nothing that a role may not see is in any byte that the master sends to it.
#[test]
fn what_a_role_may_not_see_is_never_sent_to_it() {
    let property = |name: &str, value: &str, visibility| {
        [
            Property::new(&format!("{name}.text"), value).visibility(visibility),
            Property::list(&format!("{name}.list"), ScalarType::String).visibility(visibility),
            Property::dict(&format!("{name}.dict"), KeyType::String, ScalarType::String)
                .visibility(visibility),
        ]
    };
    let mut builder = Schema::builder();
    for (name, visibility) in
        [("servers", Visibility::Servers), ("owner", Visibility::Owner), ("public", Visibility::Public)]
    {
        for property in property(name, &format!("default-of-{name}"), visibility) {
            builder.add(property);
        }
    }
    let schema = builder.build().unwrap();
    let mut net = Net::new(schema.clone(), MemoryStore::new());
    let (mut server, id) = net.join("server:a", 1, 1);
    // Who watches: from before the changes, and (at the end) by a snapshot after them.
    let watchers = [(2, "client:ann", "owner"), (3, "client:bob", "public"), (4, "server:b", "servers")];
    let mut seen: Vec<(u64, Vec<u8>)> = Vec::new();
    let mut keep = |session: u64, (ordered, snapshots): Sent| {
        seen.push((session, ordered.into_iter().chain(snapshots).flatten().collect()));
    };
    for (session, token, _) in watchers {
        keep(session, intrude(&mut net, &schema, session, token));
    }
    for name in ["servers", "owner", "public"] {
        let index = |kind: &str| schema.index_of(&format!("{name}.{kind}")).unwrap();
        server
            .change(id, |p| {
                p.set(index("text"), format!("value-of-{name}"))?;
                p.list_push(index("list"), format!("item-of-{name}"))?;
                p.dict_put(index("dict"), format!("key-of-{name}"), format!("entry-of-{name}"))
            })
            .unwrap();
        net.settle(&mut server, 1);
        server.change(id, |p| p.dict_remove(index("dict"), format!("key-of-{name}"))).unwrap();
        net.settle(&mut server, 1);
        server.change(id, |p| p.dict_put(index("dict"), format!("late-of-{name}"), "x")).unwrap();
        net.settle(&mut server, 1);
    }
    for (session, token, _) in watchers {
        keep(session, net.out.remove(&session).unwrap_or_default());
        keep(session, intrude(&mut net, &schema, session + 10, token));
    }
    events(&mut server);
    for (session, token, may) in watchers {
        let bytes: Vec<u8> =
            seen.iter().filter(|(s, _)| *s == session).flat_map(|(_, b)| b.clone()).collect();
        let text = String::from_utf8_lossy(&bytes);
        let sees = |what: &str| text.contains(what);
        for (name, visible) in [("servers", may == "servers"), ("owner", may != "public"), ("public", true)] {
            for what in ["default-of", "value-of", "item-of", "key-of", "entry-of", "late-of"] {
                assert_eq!(sees(&format!("{what}-{name}")), visible, "{token}: {what}-{name}");
            }
        }
    }
}
