//! Changes that coalesce before they are sent lead where they lead when each is sent by itself, also when somebody else has
//! changed the same meanwhile.

use proptest::prelude::*;

use super::net::{BAG, COINS, HEALTH, LIMIT, SCORE, STATS, TITLE, schema};
use super::net::{Net, events};
use crate::error::Result;
use crate::store::MemoryStore;
use crate::sync::peer::{Peer, ProfileId};
use crate::value::Addition;

/// Something a game server does that can't be refused, whatever others did.
#[derive(Clone, Debug)]
struct Step {
    kind: u8,
    place: u32,
    other: u32,
    amount: i64,
}

fn any_steps(kinds: std::ops::Range<u8>) -> impl Strategy<Value = Vec<Step>> {
    let step = (kinds, any::<u32>(), any::<u32>(), -50..50_i64);
    let step = step.prop_map(|(kind, place, other, amount)| Step { kind, place, other, amount });
    proptest::collection::vec(step, 0..25)
}

/// Kinds below this one take no item of a list away, so that nobody's changes become stale by them.
const HARMLESS: u8 = 12;

impl Step {
    fn take(&self, peer: &mut Peer, id: ProfileId, fresh: i64) {
        let (place, other, amount) = (self.place, self.other, self.amount);
        let key = format!("key{}", place % 3);
        let result: Result<bool> = peer.change(id, |p| {
            let count = p.get(BAG).as_list().unwrap().len() as u32;
            match self.kind {
                0 => p.set(SCORE, amount),
                1 => p.add(SCORE, amount),
                2 => p.set(TITLE, format!("title {amount}")).or(Ok(false)),
                3 => p.add(HEALTH, Addition::int_clamped(amount, 0..=100)),
                4 => p.add(HEALTH, Addition::int_clamped(amount, 20..=60)),
                5 => p.add(COINS, amount),
                6 => p.dict_put(STATS, key, amount),
                7 => p.dict_add(STATS, key, amount),
                8 => p.dict_remove(STATS, key),
                9 => p.list_push(BAG, fresh),
                10 => p.list_insert(BAG, place % (count + 1), fresh),
                11 if count > 0 => p.list_set(BAG, place % count, fresh),
                12 if count > 0 => p.list_remove(BAG, place % count),
                13 if count > 0 => p.list_move(BAG, place % count, other % count),
                14 => p.clear(STATS),
                15 => p.add(LIMIT, -i64::from(place % 3)),
                _ => Ok(false),
            }
        });
        result.unwrap();
    }
}

/// What the master has after one server took `foreign` steps and another one, which does not know of them, its own; all
/// of these at once or each by itself.
fn outcome(start: &[Step], foreign: &[Step], own: &[Step], at_once: bool) -> String {
    let mut net = Net::new(schema(), MemoryStore::new());
    let (mut other, at_other) = net.join("server:b", 2, 2);
    let (mut writer, at_writer) = net.join("server:a", 1, 1);
    let mut fresh = 0;
    let mut take = |steps: &[Step], peer: &mut Peer, id, flush: bool| {
        for step in steps {
            fresh += 1;
            step.take(peer, id, fresh);
            if flush {
                peer.flush_profile(id).unwrap();
            }
        }
        peer.flush_profile(id).unwrap();
    };
    take(start, &mut other, at_other, false);
    for _ in 0..2 {
        net.settle(&mut other, 2);
        net.settle(&mut writer, 1);
    }
    take(foreign, &mut other, at_other, false);
    net.settle(&mut other, 2);
    take(own, &mut writer, at_writer, !at_once);
    for _ in 0..2 {
        net.settle(&mut writer, 1);
        net.settle(&mut other, 2);
    }
    let refused =
        events(&mut writer).into_iter().find(|e| matches!(e, crate::sync::peer::Event::Refused { .. }));
    assert!(refused.is_none(), "{refused:?}");
    let json = net.master.profile_json("ann").unwrap();
    // And everybody shows it.
    assert_eq!(writer.profile(at_writer).unwrap().to_json(), json);
    assert_eq!(other.profile(at_other).unwrap().to_json(), json);
    json
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn coalescing_changes_no_outcome(
        start in any_steps(0..HARMLESS),
        foreign in any_steps(0..HARMLESS),
        own in any_steps(0..16),
    ) {
        let (at_once, one_by_one) =
            (outcome(&start, &foreign, &own, true), outcome(&start, &foreign, &own, false));
        prop_assert_eq!(at_once, one_by_one);
    }
}
