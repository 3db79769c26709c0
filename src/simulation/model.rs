//! The plain model. It knows what each game did, batch by batch, takes the order in which the store committed them as the
//! truth, and compares every view with what follows from it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use super::outcome::{commit_batch, committed_once, may_be_refused};
use super::plain::{Plain, plain};
use super::replay::Op;
use super::report::finding;
use super::schemas::{Layout, View};
use super::views::{compare, shows_replayed};
use crate::error::ErrorCode;
use crate::profile::Profile;
use crate::schema::{PropertyIndex, Relation};
use crate::store::JournalRow;
use crate::value::Value;

/// A writer session's batches of one user's profile.
pub(super) type WriterKey = (u128, usize);

pub(super) struct Model {
    layout: Rc<Layout>,
    users: Vec<History>,
    writers: BTreeMap<WriterKey, Writer>,
    /// Items that some game asked to remove, and lists that one asked to clear, of each user. A crash may bring an item back
    /// that a peer saw go.
    removals: BTreeSet<(usize, usize, Option<i64>)>,
    /// Whether the clock jumped so far that writer sessions may have expired.
    pub(super) may_expire: bool,
}

/// The values of a profile's properties.
pub(super) type State = Vec<Rc<Plain>>;

/// What the store committed of one profile.
struct History {
    rows: Vec<Committed>,
    /// The values at each version from zero.
    states: Vec<State>,
    epochs: HashMap<u64, Epoch>,
    /// What the store knows of batches with idempotency keys: why they were refused, or that they were applied.
    keys: BTreeMap<String, Option<ErrorCode>>,
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
    /// The idempotency key of the bracket that is begun, as it is stored.
    bracket_key: Option<String>,
    last_committed: u64,
    /// Up to which number the game was told that batches are applied.
    applied: u64,
}

struct Batch {
    is_bracket: bool,
    key: Option<String>,
    ops: Vec<(usize, Op)>,
    outcome: Outcome,
    /// Whether its game was told that it expired: it is taken back there, whether or not it was applied.
    expired: bool,
}

/// What is not decided of a writer: whether it is a bracket, and the changes.
pub(super) type Undecided<'a> = (bool, &'a [(usize, Op)]);

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
            keys: BTreeMap::new(),
            waiting: Vec::new(),
        };
        let users = (0..users).map(|_| history()).collect();
        Self { layout, users, writers: BTreeMap::new(), removals: BTreeSet::new(), may_expire: false }
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
        self.note_removal(key.1, property, &op);
        let batch = self.writers.entry(key).or_default().batches.entry(number);
        let batch = batch.or_insert(Batch {
            is_bracket: false,
            key: None,
            ops: Vec::new(),
            outcome: Outcome::Open,
            expired: false,
        });
        if batch.outcome != Outcome::Open || batch.ops.first().is_some_and(|(p, _)| *p != property) {
            finding("batches", format!("{op:?} went into batch {number}, which is of something else"));
        }
        batch.ops.push((property, op));
    }

    /// A bracket is begun, perhaps under an idempotency key.
    pub(super) fn began_bracket(&mut self, key: WriterKey, once: Option<String>) {
        self.writers.entry(key).or_default().bracket_key = once;
    }

    /// Whether the bracket that is begun is under an idempotency key.
    pub(super) fn is_keyed(&self, key: WriterKey) -> bool {
        self.writers.get(&key).is_some_and(|writer| writer.bracket_key.is_some())
    }

    /// A change in the bracket that is begun.
    pub(super) fn changed_in_bracket(&mut self, key: WriterKey, property: usize, op: Op) {
        self.note_removal(key.1, property, &op);
        self.writers.entry(key).or_default().bracket.push((property, op));
    }

    fn note_removal(&mut self, user: usize, property: usize, op: &Op) {
        match op {
            Op::Remove { identity } => drop(self.removals.insert((user, property, Some(*identity)))),
            Op::Clear => drop(self.removals.insert((user, property, None))),
            _ => {}
        }
    }

    /// A property that was changed in the bracket that is begun.
    pub(super) fn bracket_property(&self, key: WriterKey) -> Option<usize> {
        self.writers.get(&key)?.bracket.first().map(|(property, _)| *property)
    }

    pub(super) fn committed_bracket(&mut self, key: WriterKey, number: u64) {
        let writer = self.writers.entry(key).or_default();
        let ops = std::mem::take(&mut writer.bracket);
        let key = writer.bracket_key.take();
        let batch = Batch { is_bracket: true, key, ops, outcome: Outcome::Open, expired: false };
        if writer.batches.insert(number, batch).is_some() {
            finding("batches", format!("batch {number} was there before its bracket"));
        }
    }

    pub(super) fn cancelled_bracket(&mut self, key: WriterKey) {
        let writer = self.writers.entry(key).or_default();
        writer.bracket.clear();
        writer.bracket_key = None;
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
        // Of one that is refused as another one was before, that other one has the reason.
        let is_keyed = batch.key.is_some();
        let understood =
            is_keyed || batch.ops.iter().any(|(p, op)| may_be_refused(&plans[*p], op, code, true));
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
        let removals = &self.removals;
        let was_gone = |property: usize, identity: i64| {
            let removed = |what: Option<i64>| removals.contains(&(user, property, what));
            removed(Some(identity)) || removed(None)
        };
        let is_repeated = committed_once(&mut history.keys, batch.key.as_deref(), row, self.may_expire);
        // What is done again does nothing.
        let ops = if is_repeated { &[] } else { batch.ops.as_slice() };
        commit_batch(&self.layout.plans, (batch.is_bracket, ops), &mut state, row, &was_gone);
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
        let open = |batch: &Batch| batch.outcome != Outcome::Refused && !batch.expired;
        // Of what was refused it does not matter whether it counts as decided.
        let (from, to) = (decided.min(writer.applied) + 1, decided.max(writer.applied));
        if from <= to && writer.batches.range(from..=to).any(|(_, b)| open(b)) {
            let text = format!("{}: {decided} decided, {} told to be", seen.who, writer.applied);
            finding("overlay", text);
        }
        let mut undecided: Vec<Undecided<'_>> = Vec::new();
        for (_, batch) in writer.batches.range(decided + 1..).filter(|(_, batch)| open(batch)) {
            undecided.push((batch.is_bracket, &batch.ops));
        }
        if !writer.bracket.is_empty() {
            undecided.push((true, &writer.bracket));
        }
        for (index, property) in seen.view.properties.iter().enumerate() {
            let place = PropertyIndex(index as u16);
            let any = undecided.iter().any(|(_, ops)| ops.iter().any(|(p, _)| p == property));
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
                        undecided.iter().flat_map(|(_, ops)| *ops).filter(|(p, _)| p == property).collect();
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
