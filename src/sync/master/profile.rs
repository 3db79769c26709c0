//! One profile in the master's memory.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use super::Retry;
use super::asks::Asker;
use super::evolution::Aside;
use super::log::{Last, Log};
use super::outcomes::Outcomes;
use super::volatile::ProfileVolatile;
use crate::error::{Error, ErrorCode};
use crate::limits::{MAX_EPOCHS, MAX_LIST_STEPS, MAX_RECENT_CHANGES};
use crate::planted::{Bug, planted};
use crate::schema::PropertyIndex;
use crate::store::WriterInfo;
use crate::sync::Timers;
use crate::value::{Key, Logged, OwnOp, Step, Value, ValueChange};
use crate::wire::by_index::ByIndex;
use crate::wire::control::Cursor;
use crate::wire::hash::Hashes;
use crate::wire::keys::KeyNumbers;

pub(super) enum Entry {
    /// It is being read.
    Loading(Loading),
    Live(Box<MasterProfile>),
    /// It is being deleted.
    Deleting(Deleting),
}

impl Entry {
    pub(super) fn live(&mut self) -> Option<&mut MasterProfile> {
        match self {
            Self::Live(profile) => Some(profile),
            Self::Loading(_) | Self::Deleting(_) => None,
        }
    }
}

pub(super) struct Loading {
    pub(super) user: Arc<str>,
    pub(super) waiters: Vec<Waiter>,
    /// Those who want it deleted as soon as it is read.
    pub(super) doomed: Vec<Asker>,
    /// Whether the store is at it.
    pub(super) asked: bool,
    /// When the store is asked again, after it failed.
    pub(super) retry: Retry,
}

impl Loading {
    pub(super) fn new(user: Arc<str>) -> Self {
        Self { user, waiters: Vec::new(), doomed: Vec::new(), asked: false, retry: Retry::default() }
    }
}

/// A session's channel that waits for a profile, and until when.
pub(super) struct Waiter {
    pub(super) session: u64,
    pub(super) channel: u64,
    pub(super) until: Duration,
}

pub(super) struct Deleting {
    pub(super) user: Arc<str>,
    /// Its rows that are on their way into the journal. Before these nothing is deleted.
    pub(super) unjournaled: usize,
    /// Whether the store is at it.
    pub(super) asked: bool,
    pub(super) askers: Vec<Asker>,
    /// Those who came since, and wait for what is there afterwards.
    pub(super) waiters: Vec<Waiter>,
}

impl Deleting {
    pub(super) fn new(user: Arc<str>) -> Self {
        Self { user, unjournaled: 0, asked: false, askers: Vec::new(), waiters: Vec::new() }
    }
}

pub(super) struct MasterProfile {
    pub(super) user: Arc<str>,
    pub(super) values: Vec<Value>,
    /// The sizes of all values together.
    pub(super) size: usize,
    /// The numbers of the keys of each dictionary, by the master's index of it.
    pub(super) keys: ByIndex<KeyNumbers>,
    pub(super) epoch: u64,
    pub(super) version: u64,
    /// The version that last changed each property.
    pub(super) property_versions: Vec<u64>,
    /// Earlier epochs and the version at which each ended, oldest first.
    pub(super) epochs: VecDeque<(u64, u64)>,
    pub(super) writers: HashMap<u128, WriterState>,
    pub(super) volatile: ProfileVolatile,
    /// Of what observers have.
    pub(super) hashes: Hashes,
    /// What became of batches with idempotency keys.
    pub(super) outcomes: Outcomes,
    pub(super) recent: Log<Recent, MAX_RECENT_CHANGES>,
    /// What happened to each list lately, by the master's index of it.
    pub(super) lists: ByIndex<ListLog>,
    /// The version at which the epoch began.
    pub(super) epoch_version: u64,
    /// Every step of a list after this version is in its log: that of the document from which the profile was loaded.
    pub(super) logged_from: u64,
    /// Every change after this version is in `recent`.
    pub(super) recent_from: u64,
    pub(super) observers: Vec<(u64, u64)>,
    /// When all observers were last told of changes; when they are to be because of a property's own interval, and whether
    /// without waiting for the update interval.
    pub(super) told_at: Option<Duration>,
    pub(super) tell_at: Option<(Duration, bool)>,
    pub(super) tell_timers: Timers,
    /// Rows in the journal's queue.
    pub(super) unjournaled: usize,
    /// The version of the last document written; none for a profile that the store does not have.
    pub(super) saved: Option<u64>,
    /// Whether its document differs from what `saved` says for another reason than the version.
    pub(super) touched: bool,
    pub(super) save_at: Option<Duration>,
    pub(super) save_retry: Retry,
    pub(super) saving: bool,
    /// When its last save began, of a master without a journal.
    pub(super) saved_at: Option<Duration>,
    /// Whether it is among those that are to be told as modified.
    pub(super) modified: bool,
    pub(super) unload_at: Option<Duration>,
    /// Whether a timer for it is running.
    pub(super) unload_armed: bool,
    /// Members of the document that no property has.
    pub(super) kept: Map<String, Json>,
    /// Versions of properties that the schema does not have (any more).
    pub(super) kept_versions: BTreeMap<String, u64>,
    /// Their types and those of the other members that no property has, by name.
    pub(super) kept_types: BTreeMap<String, String>,
    /// Values that do not fit their property, the latest last.
    pub(super) aside: BTreeMap<String, Vec<Aside>>,
    /// Properties that the store does not have in their present form: the next row says the whole value, so that it can be
    /// folded into whatever is there.
    pub(super) unstored: BTreeSet<PropertyIndex>,
    /// Whether the values are others than those at any cursor, of which no version tells: they were converted.
    pub(super) cursors_end: bool,
    /// The greatest version that a writer session made which is forgotten without having let the profile go.
    pub(super) forgotten_version: u64,
}

/// A step of what batches did, with what is needed to send it as such.
pub(super) struct Recent {
    pub(super) version: u64,
    pub(super) property: PropertyIndex,
    pub(super) what: RecentStep,
}

pub(super) enum RecentStep {
    /// A scalar changed; the integer before it.
    Scalar { before: Option<i64> },
    /// Something happened to a list, or within a value with parts in parts: see [`ListLog`].
    List,
    /// An entry of a dictionary changed or went; the integer before it.
    Entry { key: Key, before: Option<i64> },
    /// A dictionary was cleared.
    Cleared,
}

/// What happened to a list, or within a value with parts in parts, lately.
#[derive(Default)]
pub(super) struct ListLog {
    steps: Log<ListStep, MAX_LIST_STEPS>,
    /// Every step after this version is there.
    from: u64,
    /// Every step after this version that moved items is there.
    moved_from: u64,
}

impl ListLog {
    /// Whether all that happened after this version is there.
    pub(super) fn reaches(&self, since: u64) -> bool {
        since >= self.from
    }

    /// Whether it is known where items of this version stand now.
    fn follows(&self, since: u64) -> bool {
        since >= self.moved_from
    }

    /// A writer session is forgotten and may number its batches anew: what it will call its own is none of these.
    fn disown(&mut self, writer: u128) {
        for step in self.steps.iter_mut().filter(|step| step.writer == writer) {
            // No batch has the number zero.
            step.own.batch = 0;
        }
    }

    /// The steps after a version, oldest first.
    pub(super) fn since(&self, version: u64) -> Last<'_, ListStep> {
        self.steps.last_while(|step| step.version > version)
    }

    fn push(&mut self, step: ListStep) {
        if let Some(dropped) = self.steps.next_to_go() {
            self.from = dropped.version;
            if dropped.effect.moves_items() {
                self.moved_from = dropped.version;
            }
        }
        self.steps.push(step);
    }
}

/// A step of what happened to a list, by an operation of a writer session.
pub(super) struct ListStep {
    pub(super) version: u64,
    pub(super) effect: Logged,
    /// The integer before it, of a step that gave one another value.
    pub(super) before: Option<i64>,
    pub(super) writer: u128,
    pub(super) own: OwnOp,
}

/// What a batch did to one property in one of its operations.
pub(super) struct Done {
    pub(super) property: PropertyIndex,
    pub(super) op: u32,
    pub(super) step: Step,
    pub(super) change: Option<ValueChange>,
}

/// What a writer session has done to a profile.
pub(super) struct WriterState {
    pub(super) info: Arc<WriterInfo>,
    /// The last number decided.
    pub(super) last: u64,
    /// The last number applied.
    pub(super) applied: u64,
    /// The last number known to be in the database.
    pub(super) durable: u64,
    /// Refused numbers above what the writer has heard.
    pub(super) refused: BTreeMap<u64, Refusal>,
    /// Numbers above what the writer has heard of batches that were done before, under their idempotency key.
    pub(super) repeated: BTreeSet<u64>,
    /// Refused ones up to this number are in a journal row or in the document.
    pub(super) refused_journaled: u64,
    /// The version that the last applied batch made.
    pub(super) applied_version: u64,
    /// Numbers up to this one were made before the session was forgotten: whether they were applied is not known.
    pub(super) expired_through: u64,
    pub(super) seen_unix_ms: u64,
    /// The writer has let the profile go: the next document leaves it out, and then it is forgotten. Not before, or a
    /// crash would bring back its numbers while it counts anew.
    pub(super) closed: bool,
}

impl WriterState {
    pub(super) fn new(info: Arc<WriterInfo>, unix_ms: u64) -> Self {
        Self {
            info,
            last: 0,
            applied: 0,
            durable: 0,
            refused: BTreeMap::new(),
            repeated: BTreeSet::new(),
            refused_journaled: 0,
            applied_version: 0,
            expired_through: 0,
            seen_unix_ms: unix_ms,
            closed: false,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) code: ErrorCode,
    pub(super) property: Option<PropertyIndex>,
    /// The writer's own index of a property that the master does not have.
    pub(super) absent: Option<u16>,
    pub(super) text: String,
}

impl Refusal {
    pub(super) fn new(property: Option<PropertyIndex>, error: &Error) -> Self {
        Self { code: error.code(), property, absent: None, text: error.to_string() }
    }

    /// That of a batch with a property that the master does not have.
    pub(super) fn absent(index: u16, error: &Error) -> Self {
        Self { absent: Some(index), ..Self::new(None, error) }
    }
}

impl MasterProfile {
    pub(super) fn new(user: Arc<str>, epoch: u64, values: Vec<Value>) -> Self {
        Self {
            user,
            size: values.iter().map(Value::size).sum(),
            keys: ByIndex::default(),
            property_versions: vec![0; values.len()],
            values,
            epoch,
            version: 0,
            epochs: VecDeque::new(),
            writers: HashMap::new(),
            volatile: ProfileVolatile::default(),
            hashes: Hashes::default(),
            outcomes: Outcomes::default(),
            recent: Log::default(),
            lists: ByIndex::default(),
            epoch_version: 0,
            logged_from: 0,
            recent_from: 0,
            observers: Vec::new(),
            told_at: None,
            tell_at: None,
            tell_timers: Timers::default(),
            unjournaled: 0,
            saved: None,
            touched: false,
            save_at: None,
            save_retry: Retry::default(),
            saving: false,
            saved_at: None,
            modified: false,
            unload_at: None,
            kept: Map::new(),
            kept_versions: BTreeMap::new(),
            kept_types: BTreeMap::new(),
            aside: BTreeMap::new(),
            unstored: BTreeSet::new(),
            cursors_end: false,
            forgotten_version: 0,
            unload_armed: false,
        }
    }

    /// What was loaded goes on under a new epoch.
    pub(super) fn begin_epoch(&mut self, epoch: u64) {
        self.epoch_version = self.version;
        if std::mem::take(&mut self.cursors_end) {
            self.epochs.clear();
        } else {
            self.epochs.push_back((self.epoch, self.version));
        }
        while self.epochs.len() > MAX_EPOCHS {
            self.epochs.pop_front();
        }
        self.epoch = epoch;
        self.recent.clear();
        self.recent_from = self.version;
    }

    /// Whether an observer at this cursor can be told what changed since; else it needs a snapshot.
    pub(super) fn serves(&self, cursor: Cursor) -> bool {
        if cursor.epoch == self.epoch {
            return cursor.version <= self.version;
        }
        let believed = |end: u64| cursor.version <= end || planted(Bug::LostCursorBelieved);
        self.epochs.iter().any(|(epoch, end)| *epoch == cursor.epoch && believed(*end))
    }

    /// Remembers what a batch under the number did, whose steps are taken already and made this version.
    pub(super) fn remember(&mut self, version: u64, writer: u128, number: u64, done: &mut Vec<Done>) {
        for Done { property, op, step, change } in done.iter_mut() {
            let Some(change) = change else { continue };
            let property = *property;
            self.property_versions[property.usize()] = version;
            self.hashes.forget(property.usize());
            let what = match (&step, &*change) {
                (Step::Value(_), ValueChange::Replaced { old, .. }) => {
                    RecentStep::Scalar { before: old.as_int() }
                }
                (Step::List(_) | Step::Part(_), change) => {
                    match change {
                        ValueChange::EntryRemoved { key, .. } => self.key_removed(property, key),
                        ValueChange::Cleared { old } => self.keys_removed(property, old),
                        _ => {}
                    }
                    let (own, before) = (OwnOp { batch: number, op: *op }, change.integer_before());
                    let step = std::mem::replace(step, Step::Value(Value::Bool(false)));
                    let Some(effect) = step.into_logged() else { continue };
                    self.log_list_step(property, ListStep { version, effect, before, writer, own });
                    RecentStep::List
                }
                (_, ValueChange::EntryPut { key, old, .. }) => {
                    RecentStep::Entry { key: key.clone(), before: old.as_ref().and_then(Value::as_int) }
                }
                (_, ValueChange::EntryRemoved { key, .. }) => {
                    self.key_removed(property, key);
                    RecentStep::Entry { key: key.clone(), before: None }
                }
                (_, ValueChange::Cleared { old }) => {
                    self.keys_removed(property, old);
                    RecentStep::Cleared
                }
                _ => continue,
            };
            if let Some(dropped) = self.recent.next_to_go() {
                self.recent_from = dropped.version;
            }
            self.recent.push(Recent { version, property, what });
        }
        done.clear();
    }

    fn keys_removed(&mut self, property: PropertyIndex, old: &Value) {
        for (key, _) in old.as_dict().into_iter().flatten() {
            self.key_removed(property, key);
        }
    }

    /// What happened after a version, as far as it is remembered.
    pub(super) fn recent_since(&self, version: u64) -> Last<'_, Recent> {
        self.recent.last_while(|recent| recent.version > version)
    }

    /// Remembers a step of what happened to a list.
    pub(super) fn log_list_step(&mut self, property: PropertyIndex, step: ListStep) {
        let from = self.logged_from;
        let log = self.lists.or_insert_with(property.get(), || ListLog {
            from,
            moved_from: from,
            ..ListLog::default()
        });
        log.push(step);
    }

    /// What happened to a property up to a version is not known.
    pub(super) fn forget_steps(&mut self, property: PropertyIndex, version: u64) {
        self.lists
            .insert(property.get(), ListLog { steps: Log::default(), from: version, moved_from: version });
    }

    /// Forgets a writer session.
    pub(super) fn forget_writer(&mut self, writer: u128) -> Option<WriterState> {
        self.lists.values_mut().for_each(|log| log.disown(writer));
        self.writers.remove(&writer)
    }

    fn key_removed(&mut self, property: PropertyIndex, key: &Key) {
        let Value::Dict(dict) = &self.values[property.usize()] else { return };
        if let Some(numbers) = self.keys.get_mut(property.get()) {
            numbers.removed(key, |key| dict.get(key).is_some());
        }
    }

    /// Whether it is known where the items of lists in a property of this version stand now.
    pub(super) fn follows(&self, property: PropertyIndex, since: u64) -> bool {
        let known = self.lists.get(property.get()).is_some_and(|log| log.follows(since));
        since <= self.version && (known || self.property_versions[property.usize()] <= since)
    }

    /// What happened to a property after a version that is known, oldest first.
    pub(super) fn logged_since(&self, property: PropertyIndex, version: u64) -> Last<'_, ListStep> {
        self.lists.get(property.get()).map_or_else(Last::default, |log| log.since(version))
    }

    /// Puts what changed after `since` into `out`, in ascending order.
    pub(super) fn changed_since(&self, since: u64, out: &mut Vec<PropertyIndex>) {
        out.clear();
        if since < self.recent_from {
            let versions = self.property_versions.iter().zip(0_u16..);
            out.extend(versions.filter(|(v, _)| **v > since).map(|(_, i)| PropertyIndex(i)));
            return;
        }
        out.extend(self.recent_since(since).map(|recent| recent.property));
        out.sort_unstable();
        out.dedup();
    }

    /// Whether the store lacks something of it.
    pub(super) fn unsaved(&self) -> bool {
        self.saved != Some(self.version) || self.touched
    }
}
