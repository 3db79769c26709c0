//! Lists and dictionaries that a game sets as a whole, of which the library makes a bracket of single changes.

use super::outcome::may_be_refused;
use super::plain::{plain, plain_key, with_identity};
use super::replay::{After, Op};
use super::report::{Met, finding};
use super::schemas::{Plan, scalar_of};
use super::world::World;
use crate::schema::PropertyIndex;
use crate::value::{Dict, Key, List, Value};

impl World {
    /// A game gives a list or dictionary another value, which differs in a few places.
    pub(super) fn assign(&mut self, player: usize, user: usize, place: usize, plan: &Plan) {
        let index = PropertyIndex(place as u16);
        self.next_identity += 1;
        let (identity, game) = (self.next_identity, &mut self.players[player]);
        let Some(id) = game.opened[user].id else { return };
        let Ok(profile) = game.peer.profile(id) else { return };
        let tag = plan.tag(user);
        let dice = self.rng.next();
        let changed = match profile.get(index) {
            Value::List(list) => other_list(list, dice, identity, &tag),
            Value::Dict(dict) => other_dict(dict, dice, identity, &tag),
            _ => None,
        };
        let Some((value, ops)) = changed else { return };
        let (key, property, name) = ((game.writer, user), game.view.properties[place], game.name);
        let result = game.peer.change(id, |profile| profile.set(index, value));
        self.met.meet(Met::Operations, 1);
        self.operations += 1;
        self.tape.tell(|| format!("{name} sets property {property} of user {user} with {ops:?}: {result:?}"));
        match result {
            Ok(true) => {
                for op in ops {
                    self.model.changed_in_bracket(key, property, op);
                }
                let number = game.peer.profile(id).map_or(0, |profile| profile.last_batch_of(index));
                self.model.committed_bracket(key, number);
                self.met.meet(Met::Brackets, 1);
            }
            Ok(false) => finding("local refusals", format!("{name}: {ops:?} changes nothing")),
            Err(error) => {
                self.met.meet(Met::LocalRefusals, 1);
                if !ops.iter().any(|op| may_be_refused(plan, op, error.code(), false)) {
                    finding("local refusals", format!("{name}: {ops:?} was refused: {error}"));
                }
            }
        }
    }
}

/// One item has another revision, and one is added at the end; or one is removed. (An item that is set stays the same item
/// for whoever names it, so it keeps its identity.)
fn other_list(list: &List, dice: u64, identity: i64, tag: &str) -> Option<(Value, Vec<Op>)> {
    let mut items = list.iter().cloned().collect::<Vec<_>>();
    let mut ops = Vec::new();
    let place = (dice >> 8) as usize % items.len().max(1);
    if items.len() > 1 && dice.is_multiple_of(3) {
        let removed = items.remove(place);
        ops.push(Op::Remove { identity: plain(&removed).identity() });
    } else {
        if let Some(item) = items.get_mut(place) {
            let before = plain(item).identity();
            let revised = with_identity(scalar_of(list.item_type()), before, identity, tag);
            if *item != revised {
                *item = revised;
                ops.push(Op::Revise { identity: before, item: plain(item) });
            }
        }
        let added = with_identity(scalar_of(list.item_type()), identity, 0, tag);
        ops.push(Op::Insert { after: After::End, item: plain(&added) });
        items.push(added);
    }
    Some((Value::List(List::from_items(list.item_type().clone(), items)?), ops))
}

/// One entry goes, and one is put; or all go.
fn other_dict(dict: &Dict, dice: u64, identity: i64, tag: &str) -> Option<(Value, Vec<Op>)> {
    let mut entries: Vec<(Key, Value)> = dict.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    let mut ops = Vec::new();
    if entries.is_empty() {
        return None;
    }
    if entries.len() > 1 && dice.is_multiple_of(5) {
        entries.clear();
        ops.push(Op::Clear);
    } else {
        let place = (dice >> 8) as usize % entries.len();
        if entries.len() > 1 && dice.is_multiple_of(2) {
            let (key, _) = entries.remove(place);
            ops.push(Op::Drop { key: plain_key(&key) });
        }
        let place = (dice >> 16) as usize % entries.len();
        let (key, value) = &mut entries[place];
        let fresh = with_identity(scalar_of(dict.item_type()), identity, 0, tag);
        if *value != fresh {
            *value = fresh;
            ops.push(Op::Put { key: plain_key(key), value: plain(value) });
        }
    }
    if ops.is_empty() {
        return None;
    }
    Some((Value::Dict(Dict::from_entries(dict.key_type(), dict.item_type().clone(), entries)?), ops))
}
