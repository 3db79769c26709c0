//! The plain model. It knows what each game did, batch by batch, takes the order in which the store committed them as the
//! truth, and compares every view with what follows from it.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::plain::{Plain, plain, same};
use super::replay::{After, Cannot, Op, less, put_together, step};
use super::report::finding;
use super::schemas::{Layout, Plan, View};
use crate::error::ErrorCode;
use crate::profile::Profile;
use crate::schema::{PropertyIndex, Relation};
use crate::store::{Effect, JournalRow, ListEffect};
use crate::value::Value;

/// A writer session's batches of one user's profile.
pub(super) type WriterKey = (u128, usize);

pub(super) struct Model {
    layout: Rc<Layout>,
    users: Vec<History>,
    writers: HashMap<WriterKey, Writer>,
    /// Whether the clock jumped so far that writer sessions may have expired.
    pub(super) may_expire: bool,
}

/// The values of a profile's properties.
type State = Vec<Rc<Plain>>;

/// What the store committed of one profile.
struct History {
    rows: Vec<Committed>,
    /// The values at each version from zero.
    states: Vec<State>,
    epochs: HashMap<u64, Epoch>,
    /// Views of versions that are not committed yet.
    waiting: Vec<Waiting>,
}

struct Committed {
    epoch: u64,
    writer: u128,
    number: u64,
}

struct Epoch {
    /// The version at which it began.
    base: u64,
    /// The values then: what is not saved has its default.
    state: State,
}

struct Waiting {
    epoch: u64,
    version: u64,
    view: Seen,
    values: Vec<Value>,
}

/// Who sees a profile.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) who: &'static str,
    pub(super) relation: Relation,
    pub(super) view: Rc<View>,
}

#[derive(Default)]
struct Writer {
    batches: BTreeMap<u64, Batch>,
    /// What was done in a bracket that is not committed.
    bracket: Vec<(usize, Op)>,
    last_committed: u64,
    /// Up to which number the game was told that batches are applied.
    applied: u64,
}

struct Batch {
    is_bracket: bool,
    ops: Vec<(usize, Op)>,
    outcome: Outcome,
    /// Whether its game was told that it expired: it is taken back there, whether or not it was applied.
    expired: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    Open,
    Committed,
    Refused,
}

impl Batch {
    /// Whether nothing came of it yet.
    fn is_open(&self) -> bool {
        self.outcome == Outcome::Open && !self.expired
    }
}

impl Model {
    pub(super) fn new(layout: Rc<Layout>, users: usize) -> Self {
        let defaults: State = layout.plans.iter().map(|plan| Rc::new(plan.default.clone())).collect();
        let history = || History {
            rows: Vec::new(),
            states: vec![defaults.clone()],
            epochs: HashMap::new(),
            waiting: Vec::new(),
        };
        let users = (0..users).map(|_| history()).collect();
        Self { layout, users, writers: HashMap::new(), may_expire: false }
    }

    // ---- what games do and are told ----

    /// A writer session begins with a profile; its numbers go on after `base`.
    pub(super) fn began(&mut self, key: WriterKey, base: u64) {
        let writer = self.writers.entry(key).or_default();
        if let Some((number, _)) = writer.batches.iter().find(|(_, b)| b.is_open()) {
            finding("released too early", format!("batch {number} was let go undecided"));
        }
        *writer = Writer { last_committed: base, applied: base, ..Writer::default() };
    }

    /// A change outside of brackets was recorded in a batch.
    pub(super) fn changed(&mut self, key: WriterKey, number: u64, property: usize, op: Op) {
        let batch = self.writers.entry(key).or_default().batches.entry(number);
        let batch = batch.or_insert(Batch {
            is_bracket: false,
            ops: Vec::new(),
            outcome: Outcome::Open,
            expired: false,
        });
        if batch.outcome != Outcome::Open || batch.ops.first().is_some_and(|(p, _)| *p != property) {
            finding("batches", format!("{op:?} went into batch {number}, which is of something else"));
        }
        batch.ops.push((property, op));
    }

    /// A change in the bracket that is begun.
    pub(super) fn changed_in_bracket(&mut self, key: WriterKey, property: usize, op: Op) {
        self.writers.entry(key).or_default().bracket.push((property, op));
    }

    /// A property that was changed in the bracket that is begun.
    pub(super) fn bracket_property(&self, key: WriterKey) -> Option<usize> {
        self.writers.get(&key)?.bracket.first().map(|(property, _)| *property)
    }

    pub(super) fn committed_bracket(&mut self, key: WriterKey, number: u64) {
        let writer = self.writers.entry(key).or_default();
        let ops = std::mem::take(&mut writer.bracket);
        let batch = Batch { is_bracket: true, ops, outcome: Outcome::Open, expired: false };
        if writer.batches.insert(number, batch).is_some() {
            finding("batches", format!("batch {number} was there before its bracket"));
        }
    }

    pub(super) fn cancelled_bracket(&mut self, key: WriterKey) {
        self.writers.entry(key).or_default().bracket.clear();
    }

    pub(super) fn told_applied(&mut self, key: WriterKey, through: u64) {
        self.writers.entry(key).or_default().applied = through;
    }

    /// A game was told that batches are durable: they are in the store now.
    pub(super) fn told_durable(&mut self, key: WriterKey, through: u64) {
        let writer = self.writers.entry(key).or_default();
        if through > writer.applied {
            finding("durable before applied", format!("{through} durable, {} applied", writer.applied));
        }
        for (number, batch) in writer.batches.range(..=through) {
            if batch.is_open() {
                finding("durable", format!("batch {number} was told to be durable, and is not in the store"));
            }
        }
    }

    /// A game was told that a batch is refused.
    pub(super) fn told_refused(&mut self, key: WriterKey, number: u64, code: ErrorCode) {
        let plans = &self.layout.plans;
        let writer = self.writers.entry(key).or_default();
        let Some(batch) = writer.batches.get_mut(&number) else {
            finding("refusals", format!("batch {number} was refused ({}) and never made", code.name()))
        };
        if code == ErrorCode::WriterExpired {
            if !self.may_expire {
                finding("refusals", format!("batch {number} expired within moments"));
            }
            batch.expired = true;
            return;
        }
        match batch.outcome {
            Outcome::Open => batch.outcome = Outcome::Refused,
            outcome => finding(
                "refusals",
                format!("batch {number} was refused ({}), and was {outcome:?} before", code.name()),
            ),
        }
        let understood = batch.ops.iter().any(|(p, op)| may_be_refused(&plans[*p], op, code, true));
        if !understood {
            let text =
                format!("batch {number} was refused without a reason: {}, {:?}", code.name(), batch.ops);
            finding("refusals", text);
        }
    }

    /// Whether a writer has batches of which nothing was told.
    pub(super) fn undecided(&self, key: WriterKey) -> usize {
        let batches = self.writers.get(&key).into_iter().flat_map(|writer| writer.batches.values());
        batches.filter(|batch| batch.is_open()).count()
    }

    // ---- what the store does ----

    pub(super) fn version(&self, user: usize) -> u64 {
        self.users[user].rows.len() as u64
    }

    /// A master has loaded a profile.
    pub(super) fn loaded(&mut self, user: usize, epoch: u64, base: u64, stored: u64) {
        let history = &mut self.users[user];
        if base != stored {
            finding("load", format!("loaded at version {base}, with {stored} in the store"));
        }
        let mut state = history.states[base as usize].clone();
        for (value, plan) in state.iter_mut().zip(&self.layout.plans).filter(|(_, plan)| !plan.saved) {
            *value = Rc::new(plan.default.clone());
        }
        history.epochs.insert(epoch, Epoch { base, state });
    }

    /// The store has committed a row. What is there already must be the same.
    pub(super) fn committed(&mut self, user: usize, row: &JournalRow) {
        let history = &mut self.users[user];
        if let Some(there) = history.rows.get(row.version as usize - 1) {
            if (there.epoch, there.writer, there.number) != (row.epoch, row.writer.id, row.number) {
                finding("journal", format!("version {} is there, of another batch", row.version));
            }
            return;
        }
        if row.version != history.rows.len() as u64 + 1 {
            let text = format!("version {} follows version {}", row.version, history.rows.len());
            finding("journal", text);
        }
        let before = match history.epochs.get(&row.epoch) {
            Some(epoch) if epoch.base + 1 == row.version => &epoch.state,
            Some(_) if history.rows.last().is_some_and(|last| last.epoch == row.epoch) => {
                &history.states[row.version as usize - 1]
            }
            _ => {
                finding("journal", format!("version {} is of another epoch than the one before", row.version))
            }
        };
        let mut state = before.clone();
        let key = (row.writer.id, user);
        let number = row.number;
        let Some(writer) = self.writers.get_mut(&key) else {
            finding("exactly once", format!("version {} is of an unknown writer", row.version))
        };
        let Some(batch) = writer.batches.get_mut(&number) else {
            finding(
                "exactly once",
                format!("version {} is batch {number}, which was never made", row.version),
            )
        };
        match batch.outcome {
            Outcome::Open => batch.outcome = Outcome::Committed,
            Outcome::Committed => {
                finding("exactly once", format!("version {} is batch {number}, once more", row.version))
            }
            Outcome::Refused => {
                finding("refusals", format!("version {} is batch {number}, which was refused", row.version))
            }
        }
        if number <= writer.last_committed {
            finding("order", format!("batch {number} follows batch {}", writer.last_committed));
        }
        writer.last_committed = number;
        apply(&self.layout.plans, batch, &mut state, row);
        history.rows.push(Committed { epoch: row.epoch, writer: row.writer.id, number });
        let waiting = &mut history.waiting;
        let mut place = 0;
        while place < waiting.len() {
            if waiting[place].version > row.version {
                place += 1;
                continue;
            }
            let Waiting { epoch, version, view, values } = waiting.swap_remove(place);
            // Else it is of a version that a crash took back.
            if (epoch, version) == (row.epoch, row.version) {
                compare(&self.layout.plans, &state, &view, version, |i| &values[i]);
            }
        }
        history.states.push(state);
    }

    // ---- what everybody sees ----

    /// A view at a cursor has these confirmed values.
    pub(super) fn sees(&mut self, user: usize, cursor: (u64, u64), seen: &Seen, profile: &Profile) {
        let (epoch, version) = cursor;
        let history = &mut self.users[user];
        let Some(began) = history.epochs.get(&epoch) else {
            finding("cursors", format!("{} is in an epoch that never was", seen.who))
        };
        let confirmed = |i: usize| profile.confirmed(PropertyIndex(i as u16));
        let state = match history.rows.get((version as usize).wrapping_sub(1)) {
            _ if version < began.base => {
                finding("cursors", format!("{} is at a version before its epoch", seen.who))
            }
            _ if version == began.base => &began.state,
            Some(row) if row.epoch == epoch => &history.states[version as usize],
            // A crash took it back.
            Some(_) => return,
            None => {
                let values = (0..seen.view.properties.len()).map(|i| confirmed(i).clone()).collect();
                history.waiting.push(Waiting { epoch, version, view: seen.clone(), values });
                return;
            }
        };
        compare(&self.layout.plans, state, seen, version, confirmed);
    }

    /// What a view shows is what is confirmed, with the game's own undecided changes over it.
    pub(super) fn shows(&self, key: WriterKey, seen: &Seen, profile: &Profile) {
        let none = Writer::default();
        let writer = self.writers.get(&key).unwrap_or(&none);
        let decided = profile.applied_through();
        let open = |batch: &&Batch| batch.outcome != Outcome::Refused && !batch.expired;
        // Of what was refused it does not matter whether it counts as decided.
        let (from, to) = (decided.min(writer.applied) + 1, decided.max(writer.applied));
        if from <= to && writer.batches.range(from..=to).map(|(_, b)| b).any(|b| open(&b)) {
            let text = format!("{}: {decided} decided, {} told to be", seen.who, writer.applied);
            finding("overlay", text);
        }
        let bracket =
            Batch { is_bracket: true, ops: writer.bracket.clone(), outcome: Outcome::Open, expired: false };
        let undecided: Vec<&Batch> = writer.batches.range(decided + 1..).map(|(_, b)| b).collect();
        let undecided: Vec<&Batch> = undecided.into_iter().filter(open).chain([&bracket]).collect();
        for (index, property) in seen.view.properties.iter().enumerate() {
            let place = PropertyIndex(index as u16);
            let any = undecided.iter().any(|batch| batch.ops.iter().any(|(p, _)| p == property));
            if any != profile.is_pending(place) {
                let text =
                    format!("{}: property {property} is{} pending", seen.who, if any { " not" } else { "" });
                finding("overlay", text);
            }
            let plan = &self.layout.plans[*property];
            let shown = profile.get(place);
            if any && plan.replays_exactly() {
                let confirmed = plain(profile.confirmed(place));
                if !shows_replayed(plan, *property, &confirmed, &undecided, shown) {
                    let ops: Vec<_> =
                        undecided.iter().flat_map(|b| &b.ops).filter(|(p, _)| p == property).collect();
                    let text = format!(
                        "{}: property {property} shows {shown}, not {} with {ops:?}",
                        seen.who,
                        profile.confirmed(place),
                    );
                    finding("overlay", text);
                }
            }
            if any && !plan.allows(&plain(shown)) {
                finding("limits", format!("{} shows {shown} as property {property}", seen.who));
            }
        }
    }
}

/// Whether a change of a property may be refused for this reason.
pub(super) fn may_be_refused(plan: &Plan, op: &Op, code: ErrorCode, by_master: bool) -> bool {
    let amount = match op {
        Op::Add(amount) | Op::AddEntry { amount, .. } => Some(amount),
        _ => None,
    };
    match code {
        ErrorCode::GuardFailed => amount.is_some_and(|amount| amount.is_guarded()),
        ErrorCode::Overflow => amount.is_some(),
        ErrorCode::OutOfRange => plan.range.is_some(),
        ErrorCode::NotMonotonic => plan.monotonic,
        ErrorCode::TooLong => plan.max_length.is_some() && !by_master,
        ErrorCode::TooMany => plan.max_count.is_some(),
        ErrorCode::TooFew => plan.min_count > 0,
        ErrorCode::Stale => {
            by_master
                && matches!(
                    op,
                    Op::Revise { .. }
                        | Op::Remove { .. }
                        | Op::Move { .. }
                        | Op::Insert { after: After::Item(_), .. }
                )
        }
        _ => false,
    }
}

/// What the store committed of a batch. It must be possible.
fn apply(plans: &[Plan], batch: &Batch, state: &mut State, row: &JournalRow) {
    let impossible = |what: &dyn std::fmt::Debug, why: &dyn std::fmt::Debug| -> ! {
        let text = format!("version {} has {what:?}, which can't be: {why:?}", row.version);
        finding("whole batches", text)
    };
    let effects = |property: usize| -> Vec<&ListEffect> {
        let of_it = row.effects.iter().filter(|(name, _)| **name == *plans[property].name);
        of_it
            .flat_map(|(_, effect)| if let Effect::List(steps) = effect { steps.as_slice() } else { &[] })
            .collect()
    };
    let first = batch.ops.first().map_or(0, |(property, _)| *property);
    if !batch.is_bracket && !plans[first].value_type.is_container() {
        for together in put_together(&plans[first], batch.ops.iter().map(|(_, op)| op)) {
            match together.apply(&plans[first], &state[first]) {
                Ok(value) => state[first] = Rc::new(value),
                Err(why) => impossible(&batch.ops, &why),
            }
        }
        return;
    }
    let mut touched: Vec<usize> = Vec::new();
    // How many steps that move the items of each list were seen.
    let mut moved: BTreeMap<usize, usize> = BTreeMap::new();
    for (property, op) in relevant(batch) {
        let plan = &plans[*property];
        let before = state[*property].clone();
        let moves: Vec<&ListEffect> =
            effects(*property).into_iter().filter(|effect| effect.moves_items()).collect();
        let next = moved.entry(*property).or_default();
        let mut adrift = |op: &Op, from: usize| Some(where_put(moves.get(*next).copied(), op, from));
        if let Err(why) = step(plan, Rc::make_mut(&mut state[*property]), op, &mut adrift) {
            impossible(op, &why);
        }
        if !matches!(op, Op::Revise { .. }) && state[*property] != before {
            *next += 1;
        }
        if plan.monotonic && less(&state[*property], &before) {
            impossible(op, &Cannot::Limits);
        }
        touched.push(*property);
        if batch.is_bracket && !plan.allows(&state[*property]) {
            impossible(op, &Cannot::Limits);
        }
    }
    for property in touched {
        if !plans[property].allows(&state[property]) {
            finding("limits", format!("version {} has {:?}", row.version, state[property]));
        }
    }
}

/// The changes of a batch, without those of a list or dictionary outside of brackets that was cleared after them.
fn relevant(batch: &Batch) -> &[(usize, Op)] {
    let cleared = batch.ops.iter().rposition(|(_, op)| matches!(op, Op::Clear));
    &batch.ops[cleared.filter(|_| !batch.is_bracket).unwrap_or(0)..]
}

/// Where the master put what was to stand after an item that is gone, by the step that it took. Where the gap is, is known
/// only to those that saw the item go, so any place is right.
fn where_put(effect: Option<&ListEffect>, op: &Op, from: usize) -> usize {
    match (effect, op) {
        (Some(ListEffect::Insert { index, value }), Op::Insert { item, .. })
            if plain(value).identity() == item.identity() =>
        {
            *index as usize
        }
        (Some(ListEffect::Move { from: before, to }), Op::Move { .. }) if *before as usize == from => {
            *to as usize
        }
        _ => from,
    }
}

fn compare<'v>(
    plans: &[Plan],
    state: &State,
    seen: &Seen,
    version: u64,
    confirmed: impl Fn(usize) -> &'v Value,
) {
    for (index, property) in seen.view.properties.iter().enumerate() {
        let value = confirmed(index);
        if !plans[*property].visible_to(seen.relation) {
            if *value != seen.view.defaults[index] {
                finding("visibility", format!("{} has {value} of property {property}", seen.who));
            }
        } else if !same(value, &state[*property]) {
            let model = &state[*property];
            let text = format!("{} at {version}: property {property} is {value}, not {model:?}", seen.who);
            finding("views", text);
        }
    }
}

/// Whether a property shows what follows from its confirmed value and the undecided changes. Those that can't be made are
/// left out. A list that came whole takes from the changes before it what they know of its items; which ones those are, the
/// game is not told, so each may have lost it.
fn shows_replayed(
    plan: &Plan,
    property: usize,
    confirmed: &Plain,
    undecided: &[&Batch],
    shown: &Value,
) -> bool {
    let of_it = |batch: &Batch| batch.ops.iter().any(|(p, _)| *p == property);
    let undecided = undecided.iter().filter(|batch| of_it(batch));
    if !plan.value_type.is_container() {
        let mut value = confirmed.clone();
        for batch in undecided {
            let ops = batch.ops.iter().filter(|(p, _)| *p == property).map(|(_, op)| op);
            let mut take = |together: super::replay::Together| {
                if let Ok(new) = together.apply(plan, &value) {
                    value = new;
                }
            };
            if batch.is_bracket {
                ops.for_each(|op| put_together(plan, std::iter::once(op)).into_iter().for_each(&mut take));
            } else {
                put_together(plan, ops).into_iter().for_each(take);
            }
        }
        return same(shown, &value);
    }
    let ops: Vec<&Op> =
        undecided.flat_map(|b| relevant(b)).filter(|(p, _)| *p == property).map(|(_, op)| op).collect();
    // Whatever names an item may have lost it.
    let names_item = |op: &Op| {
        let other = matches!(op, Op::Insert { after: After::Item(_), .. });
        other || matches!(op, Op::Revise { .. } | Op::Remove { .. } | Op::Move { .. })
    };
    let naming: Vec<usize> = (0..ops.len()).filter(|place| names_item(ops[*place])).collect();
    // There are few, but for worlds that are long without a connection.
    (0..1_u32 << naming.len().min(10)).any(|lost| {
        let is_lost = |place: usize| {
            naming.iter().take(10).position(|p| *p == place).is_some_and(|nth| lost >> nth & 1 == 1)
        };
        let mut value = confirmed.clone();
        for (_, op) in ops.iter().enumerate().filter(|(place, _)| !is_lost(*place)) {
            if let Err(Cannot::Adrift) = step(plan, &mut value, op, &mut |_, _| None) {
                return true;
            }
        }
        same(shown, &value) || naming.len() > 10 && lost > 0
    })
}
