//! What a game does to a profile: random changes of all kinds, each told to the model as the game sees it.

use super::outcome::may_be_refused;
use super::plain::{Plain, PlainKey, plain, plain_key, with_identity};
use super::player::Opened;
use super::replay::{After, Amount, Bounds, Num, Op};
use super::report::{Met, finding};
use super::schemas::Plan;
use super::world::World;
use crate::error::{Error, ErrorCode, Result};
use crate::profile::Profile;
use crate::schema::{PropertyIndex, Relation};
use crate::sync::Rng;
use crate::value::{Addition, Key, KeyType, ScalarType, Value, ValueType};

/// A change and the call that makes it.
struct Request {
    op: Op,
    call: Call,
}

enum Call {
    Set(Value),
    Add(Addition),
    Insert(u32, Value),
    Replace(u32, Value),
    Remove(u32),
    Move(u32, u32),
    Put(Key, Value),
    Drop(Key),
    AddEntry(Key, Addition),
    Clear,
}

impl World {
    /// A game does something to one of its profiles.
    pub(super) fn play(&mut self, player: usize) {
        let game = &self.players[player];
        let user = self.rng.below(game.opened.len() as u64) as usize;
        let Opened { id: Some(id), loaded: true, leaving: false, .. } = game.opened[user] else { return };
        let relation = game.relation(user);
        let dice = self.rng.below(100);
        if game.opened[user].bracket {
            match dice {
                0..=24 => return self.commit_bracket(player, user),
                25..=34 => return self.cancel_bracket(player, user),
                _ => {}
            }
        } else if dice < 3 {
            return self.release(player, user);
        } else if dice < 10 && game.writes {
            // Few keys, so that others and later processes ask under the same.
            let name = format!("once{}", self.rng.below(3));
            let once = self.rng.below(2) == 0;
            let begun = self.players[player].peer.change(id, |profile| match once {
                true => profile.begin_batch_once(&name),
                false => profile.begin_batch(),
            });
            let scope = if relation == Relation::Server { "s" } else { "c" };
            let writer = (self.players[player].writer, user);
            self.model.began_bracket(writer, once.then(|| format!("{scope}:{name}")));
            if let Err(error) = begun {
                finding("local refusals", format!("a bracket can't be begun: {error}"));
            }
            self.players[player].opened[user].bracket = true;
            return self.tell(|w| format!("{} begins a bracket of user {user}", w.players[player].name));
        }
        if dice.is_multiple_of(7) {
            // Nothing is in the way: the windows are wide.
            if let Err(error) = self.players[player].peer.flush_profile(id) {
                finding("local refusals", format!("a flush: {error}"));
            }
        }
        let game = &self.players[player];
        if !game.writes {
            return;
        }
        let view = game.view.clone();
        let layout = self.layout.clone();
        for _ in 0..4 {
            let place = self.rng.below(view.properties.len() as u64) as usize;
            let property = view.properties[place];
            let plan = &layout.plans[property];
            let writable = plan.writable_by(relation);
            let alone = !self.players[player].opened[user].bracket;
            if writable && alone && plan.value_type.is_container() && self.rng.below(8) == 0 {
                return self.assign(player, user, place, plan);
            }
            if writable || self.rng.below(12) == 0 {
                return self.change(player, user, place, plan);
            }
        }
    }

    /// One change of a property.
    fn change(&mut self, player: usize, user: usize, place: usize, plan: &Plan) {
        let index = PropertyIndex(place as u16);
        let game = &mut self.players[player];
        let Some(id) = game.opened[user].id else { return };
        let relation = game.relation(user);
        let key = (game.writer, user);
        let property = game.view.properties[place];
        let Ok(profile) = game.peer.profile(id) else { return };
        let (pending, sealed) = (profile.is_pending(index), profile.last_number());
        let shown = profile.get(index);
        self.next_identity += 1;
        let Some(request) = make(&mut self.rng, plan, shown, user, self.next_identity) else { return };
        self.met.meet(Met::Operations, 1);
        self.operations += 1;
        let Request { op, call } = request;
        let result = game.peer.change(id, |profile| call.make(profile, index));
        let code = result.as_ref().err().map(Error::code);
        self.tape.number(code.map_or(1, |code| code as i32 as u64));
        let name = game.name;
        self.tape.tell(|| format!("{name} makes {op:?} of property {property} of user {user}: {result:?}"));
        match result {
            Ok(changed) => {
                if !plan.writable_by(relation) {
                    finding("rights", format!("{name} may write property {property}"));
                }
                let bounded = match &op {
                    Op::Add(amount) | Op::AddEntry { amount, .. } => !amount.is_plain(),
                    _ => false,
                };
                // Under a key all that is asked for is known to have been.
                let keyed = game.opened[user].bracket && self.model.is_keyed(key);
                if !changed && !pending && !bounded && !keyed {
                    return;
                }
                if game.opened[user].bracket {
                    return self.model.changed_in_bracket(key, property, op);
                }
                let number = game.peer.profile(id).map_or(0, |profile| profile.last_batch_of(index));
                if number <= sealed {
                    finding("batches", format!("{op:?} went into batch {number}, which was sealed"));
                }
                self.model.changed(key, number, property, op);
            }
            Err(error) => {
                self.met.meet(Met::LocalRefusals, 1);
                let understood = match error.code() {
                    ErrorCode::NotPermitted => !plan.writable_by(relation),
                    code => may_be_refused(plan, &op, code, false),
                };
                if !understood {
                    finding("local refusals", format!("{name}: {op:?} was refused: {error}"));
                }
            }
        }
    }

    fn commit_bracket(&mut self, player: usize, user: usize) {
        let game = &mut self.players[player];
        let Some(id) = game.opened[user].id else { return };
        let key = (game.writer, user);
        game.opened[user].bracket = false;
        if let Err(error) = game.peer.change(id, Profile::commit_batch) {
            finding("local refusals", format!("a bracket can't be committed: {error}"));
        }
        // An empty one is none.
        let Some(property) = self.model.bracket_property(key) else {
            return self.model.cancelled_bracket(key);
        };
        let place = game.view.properties.iter().position(|p| *p == property).unwrap_or(0);
        let profile = game.peer.profile(id);
        let number = profile.map_or(0, |profile| profile.last_batch_of(PropertyIndex(place as u16)));
        self.model.committed_bracket(key, number);
        self.met.meet(Met::Brackets, 1);
        self.tell(|w| format!("{} commits its bracket as batch {number}", w.players[player].name));
    }

    fn cancel_bracket(&mut self, player: usize, user: usize) {
        let game = &mut self.players[player];
        let Some(id) = game.opened[user].id else { return };
        game.opened[user].bracket = false;
        if let Err(error) = game.peer.change(id, Profile::cancel_batch) {
            finding("local refusals", format!("a bracket can't be cancelled: {error}"));
        }
        self.model.cancelled_bracket((game.writer, user));
        self.met.meet(Met::CancelledBrackets, 1);
        self.tell(|w| format!("{} cancels its bracket", w.players[player].name));
    }

    /// Lets a profile go; sometimes changes its mind.
    fn release(&mut self, player: usize, user: usize) {
        let again = self.rng.below(3) == 0;
        let game = &mut self.players[player];
        let Some(id) = game.opened[user].id else { return };
        if let Err(error) = game.peer.release(id) {
            finding("local refusals", format!("a profile can't be let go: {error}"));
        }
        game.opened[user].leaving = true;
        game.opened[user].bracket = false;
        self.model.cancelled_bracket((game.writer, user));
        self.tell(|w| format!("{} lets user {user} go", w.players[player].name));
        if again {
            self.fill(player, user);
        }
    }

    /// Ends what a game has begun.
    pub(super) fn end_brackets(&mut self, player: usize) {
        for user in 0..self.players[player].opened.len() {
            if self.players[player].opened[user].bracket {
                self.commit_bracket(player, user);
            }
        }
    }
}

impl Call {
    fn make(self, profile: &mut Profile, index: PropertyIndex) -> Result<bool> {
        match self {
            Self::Set(value) => profile.set(index, value),
            Self::Add(addition) => profile.add(index, addition),
            Self::Insert(place, value) => profile.list_insert(index, place, value),
            Self::Replace(place, value) => profile.list_set(index, place, value),
            Self::Remove(place) => profile.list_remove(index, place),
            Self::Move(from, to) => profile.list_move(index, from, to),
            Self::Put(key, value) => profile.dict_put(index, key, value),
            Self::Drop(key) => profile.dict_remove(index, key),
            Self::AddEntry(key, addition) => profile.dict_add(index, key, addition),
            Self::Clear => profile.clear(index),
        }
    }
}

/// A change of a property that shows a value; none when the dice are against it.
fn make(rng: &mut Rng, plan: &Plan, shown: &Value, user: usize, identity: i64) -> Option<Request> {
    let tag = plan.tag(user);
    let element = plan.scalar();
    match &plan.value_type {
        // What is set and may only grow is not added to: the sum would depend on whether the set can be made.
        ValueType::Scalar(scalar)
            if scalar.is_number() && rng.below(4) > 0 && (plan.sum || !plan.monotonic) =>
        {
            let amount = amount(rng, *scalar, plan.monotonic);
            Some(Request { op: Op::Add(amount), call: Call::Add(amount.addition()) })
        }
        ValueType::Scalar(scalar) if scalar.is_number() => {
            let value = assigned(rng, plan, shown);
            let op = match (plan.sum, plain(&value), plain(shown)) {
                (true, Plain::Int(after), Plain::Int(before)) => plain_amount(Num::Int(after - before)),
                (true, Plain::Float(after), Plain::Float(before)) => plain_amount(Num::Float(after - before)),
                (_, value, _) => Op::Set(value),
            };
            if let Op::Add(Amount { number: Num::Int(0) | Num::Float(0.0), .. }) = op {
                return None;
            }
            Some(Request { op, call: Call::Set(value) })
        }
        ValueType::Scalar(scalar) => {
            let value = match scalar {
                ScalarType::Bool => Value::Bool(rng.below(2) == 0),
                ScalarType::String if rng.below(8) == 0 => {
                    Value::from(format!("{tag}{identity}-{:0>9}.0", 1))
                }
                _ => with_identity(*scalar, identity, rng.below(64) as i64, &tag),
            };
            Some(Request { op: Op::Set(plain(&value)), call: Call::Set(value) })
        }
        // None of the pool is one.
        ValueType::Custom(_) | ValueType::Record(_) => None,
        ValueType::List(_) => list_change(rng, plan, shown, identity, &tag),
        ValueType::Dict(key_type, _) => {
            let key = match key_type {
                KeyType::String => Key::from(format!("k{}", rng.below(7))),
                _ => Key::Int(rng.below(7) as i64 - 3),
            };
            let plain_key = plain_key(&key);
            Some(dict_change(rng, element, key, plain_key, identity, &tag))
        }
    }
}

fn list_change(rng: &mut Rng, plan: &Plan, shown: &Value, identity: i64, tag: &str) -> Option<Request> {
    let element = plan.scalar();
    let items: Vec<i64> = shown.as_list()?.iter().map(|item| plain(item).identity()).collect();
    let count = items.len() as u64;
    let at = |place: u64| items[place as usize];
    // What is not saved is in no row, from which the model would see where the master put something.
    let inner = plan.saved;
    match rng.below(12) {
        0..=4 => {
            let place = match rng.below(3) {
                0 => count,
                1 if !inner => 0,
                _ if !inner => count,
                _ => rng.below(count + 1),
            };
            let after = match place {
                _ if place == count => After::End,
                0 => After::Front,
                _ => After::Item(at(place - 1)),
            };
            let value = with_identity(element, identity, 0, tag);
            let op = Op::Insert { after, item: plain(&value) };
            Some(Request { op, call: Call::Insert(place as u32, value) })
        }
        _ if count == 0 => None,
        5..=6 => {
            let place = rng.below(count);
            let value = with_identity(element, at(place), identity, tag);
            let op = Op::Revise { identity: at(place), item: plain(&value) };
            Some(Request { op, call: Call::Replace(place as u32, value) })
        }
        7..=8 => {
            let place = rng.below(count);
            Some(Request { op: Op::Remove { identity: at(place) }, call: Call::Remove(place as u32) })
        }
        9..=10 => {
            let from = rng.below(count);
            let to = if inner { rng.below(count) } else { rng.below(2) * (count - 1) };
            let after = match to {
                0 => After::Front,
                _ if to == count - 1 => After::End,
                _ => After::Item(at(to - 1 + u64::from(from < to))),
            };
            let op = Op::Move { identity: at(from), after };
            Some(Request { op, call: Call::Move(from as u32, to as u32) })
        }
        _ if rng.below(4) == 0 => Some(Request { op: Op::Clear, call: Call::Clear }),
        _ => None,
    }
}

fn dict_change(
    rng: &mut Rng,
    element: ScalarType,
    key: Key,
    plain_key: PlainKey,
    identity: i64,
    tag: &str,
) -> Request {
    match rng.below(12) {
        0..=4 if element.is_number() => {
            let amount = amount(rng, element, false);
            let op = Op::AddEntry { key: plain_key, amount };
            Request { op, call: Call::AddEntry(key, amount.addition()) }
        }
        5..=8 => Request { op: Op::Drop { key: plain_key }, call: Call::Drop(key) },
        9 if rng.below(4) == 0 => Request { op: Op::Clear, call: Call::Clear },
        _ => {
            let value = with_identity(element, identity, rng.below(64) as i64, tag);
            let op = Op::Put { key: plain_key, value: plain(&value) };
            Request { op, call: Call::Put(key, value) }
        }
    }
}

/// A number that a game sets.
fn assigned(rng: &mut Rng, plan: &Plan, shown: &Value) -> Value {
    let near = rng.below(130) as i64 - 10;
    match plan.scalar() {
        ScalarType::I32 if plan.monotonic => Value::I32(shown.as_int().unwrap_or(0) as i32 + near as i32),
        ScalarType::I32 => Value::I32(near as i32),
        ScalarType::I64 if plan.monotonic => Value::I64(shown.as_int().unwrap_or(0) + near),
        ScalarType::I64 => Value::I64(near),
        // Sums of these are exact in either type.
        ScalarType::F32 => Value::F32(near as f32 * 0.25),
        _ => Value::F64(near as f64 * 0.25),
    }
}

fn amount(rng: &mut Rng, scalar: ScalarType, grows: bool) -> Amount {
    let mut number = 1 + rng.below(60) as i64;
    if rng.below(3) == 0 && !grows {
        number = -number;
    }
    let bounds = match rng.below(10) {
        0..=5 => Bounds::None,
        6..=7 => {
            [Bounds::Clamp(0, 100), Bounds::Clamp(-50, 80), Bounds::Clamp(0, 1 << 40)][rng.below(3) as usize]
        }
        _ => {
            number = if grows { number } else { -number.abs() };
            [Bounds::Guard(0, 1 << 40), Bounds::Guard(0, 100)][rng.below(2) as usize]
        }
    };
    let number = match scalar {
        ScalarType::F32 | ScalarType::F64 => Num::Float(number as f64 * 0.25),
        _ => Num::Int(number),
    };
    Amount { number, bounds }
}

fn plain_amount(number: Num) -> Op {
    Op::Add(Amount { number, bounds: Bounds::None })
}

impl Amount {
    fn addition(self) -> Addition {
        let float = |(min, max): (i64, i64)| min as f64..=max as f64;
        match (self.number, self.bounds) {
            (Num::Int(int), Bounds::None) => Addition::int(int),
            (Num::Int(int), Bounds::Clamp(min, max)) => Addition::int_clamped(int, min..=max),
            (Num::Int(int), Bounds::Guard(min, max)) => Addition::int_guarded(int, min..=max),
            (Num::Float(v), Bounds::None) => Addition::float(v),
            (Num::Float(v), Bounds::Clamp(min, max)) => Addition::float_clamped(v, float((min, max))),
            (Num::Float(v), Bounds::Guard(min, max)) => Addition::float_guarded(v, float((min, max))),
        }
    }
}
