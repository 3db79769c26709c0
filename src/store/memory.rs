//! A database that is this process's memory: for tests, and for games that keep nothing.

use std::collections::{BTreeMap, btree_map};
use std::convert::Infallible;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::past::look_back;
use super::{
    DocumentSave, HistoryLimits, JournalRow, ProfileStore, StoredHistory, StoredProfile, store_error,
};
use crate::error::{Error, ErrorCode, Result};
use crate::limits::HISTORY_STRIDE_ROWS;
use crate::planted::{Bug, planted};

/// Profiles in memory, lost when the last handle goes.
///
/// A clone is another handle on the same profiles, as a restarted master would open; the handle that claimed
/// last is the owner, and the others' writes are fenced.
pub struct MemoryStore {
    shared: Arc<Mutex<Shared>>,
    /// The number that this handle's claim drew; a clone has none yet.
    owner: Option<u64>,
    history: HistoryLimits,
}

#[derive(Default)]
struct Shared {
    /// The last owner's number.
    owner: u64,
    profiles: BTreeMap<Arc<str>, MemoryProfile>,
    fault: Option<FaultHook>,
    /// The user whose documents can't be written.
    refused: Option<Arc<str>>,
}

#[derive(Default)]
struct MemoryProfile {
    document: Option<String>,
    version: u64,
    saved_at: Option<Instant>,
    rows: BTreeMap<u64, JournalRow>,
    /// Documents that were written over, by version, with when they were written.
    checkpoints: BTreeMap<u64, (Option<Instant>, String)>,
}

impl MemoryProfile {
    /// Writes a document, if it is not older than what is there, and lets go what of the past the limits do not keep.
    fn save(&mut self, save: &DocumentSave, limits: HistoryLimits) {
        if self.document.is_some() && self.version > save.version {
            return;
        }
        if let Some(document) = self.document.take()
            && !limits.is_none()
            && self.version < save.version
        {
            let last = self.checkpoints.last_key_value();
            if last.is_none_or(|(last, _)| self.version >= last.saturating_add(HISTORY_STRIDE_ROWS)) {
                self.checkpoints.insert(self.version, (self.saved_at, document));
            }
        }
        self.document = Some(save.document.clone());
        self.version = save.version;
        self.saved_at = Some(Instant::now());
        if limits.is_none() {
            self.checkpoints.clear();
            self.rows.retain(|version, _| *version > save.version);
            return;
        }
        let goes = |(version, (saved_at, _)): &(&u64, &(Option<Instant>, String))| {
            let is_old = saved_at.is_none_or(|at| at.elapsed() > limits.age);
            is_old || version.saturating_add(limits.rows) <= save.version
        };
        if let Some(base) = self.checkpoints.iter().rfind(goes).map(|(version, _)| *version) {
            self.checkpoints.retain(|version, _| *version >= base);
            self.rows.retain(|version, _| *version > base);
        }
    }

    fn past(&self, after: u64, limit: usize) -> StoredHistory {
        let mut documents: Vec<u64> = self.checkpoints.keys().copied().collect();
        documents.extend(self.document.is_some().then_some(self.version));
        let rows = |beyond: u64, through: u64| {
            let rows = self.rows.range(beyond.saturating_add(1)..);
            let rows = rows.take_while(|(version, _)| **version <= through);
            Ok::<_, Infallible>(rows.map(|(_, row)| row.clone()).collect())
        };
        let Ok((base, rows)) = look_back(&documents, after, limit, rows);
        let document = |version: u64| match self.checkpoints.get(&version) {
            Some((_, document)) => Some(document.clone()),
            None => self.document.clone(),
        };
        StoredHistory { base: base.and_then(|version| Some((version, document(version)?))), rows }
    }
}

/// Which call a fault hook is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreCall {
    Claim,
    Restore,
    UpdateMany,
    Append,
    Delete,
    List,
    History,
}

/// What a fault hook makes of a call. The caller sees the same error for either failure, as with a real
/// database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) enum Fault {
    None,
    /// It fails and has done nothing.
    BeforeCommit,
    /// It fails and has done all of it.
    AfterCommit,
}

/// Asked before each call, with no lock held, so that it may also wait: that is a slow database.
pub(crate) type FaultHook = Arc<dyn Fn(StoreCall) -> Fault + Send + Sync>;

impl MemoryStore {
    /// An empty database.
    #[must_use]
    pub fn new() -> Self {
        Self { shared: Arc::default(), owner: None, history: HistoryLimits::NONE }
    }

    /// Makes calls fail, on all handles of this database.
    #[cfg_attr(not(test), allow(dead_code))]
    pub(crate) fn set_fault(&self, hook: Option<FaultHook>) {
        self.lock().fault = hook;
    }

    /// Makes the documents of one user fail, and of no other.
    #[cfg(test)]
    pub(crate) fn refuse_document_of(&self, user: Option<&str>) {
        self.lock().refused = user.map(Arc::from);
    }

    /// Another handle of the same owner, as a write that is under way when its master is killed.
    #[cfg(feature = "simulation")]
    pub(crate) fn same_owner(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), owner: self.owner, history: self.history }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Nothing here can panic half way through a change, so what a poisoned lock guards is whole.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call<T>(&self, call: StoreCall, body: impl FnOnce(&mut Shared) -> Result<T>) -> Result<T> {
        let hook = self.lock().fault.clone();
        let fault = hook.map_or(Fault::None, |hook| hook(call));
        if fault == Fault::BeforeCommit {
            return Err(injected(call));
        }
        let result = body(&mut self.lock())?;
        if fault == Fault::AfterCommit {
            return Err(injected(call));
        }
        Ok(result)
    }

    fn write<T>(&self, call: StoreCall, body: impl FnOnce(&mut Shared) -> T) -> Result<T> {
        self.call(call, |shared| match self.owner {
            Some(owner) if owner == shared.owner || planted(Bug::OwnerIgnored) => Ok(body(shared)),
            Some(_) => Err(store_error(
                ErrorCode::StoreFenced,
                "memory store: another master took the database over",
            )),
            None => Err(store_error(ErrorCode::StoreFenced, "memory store: not claimed")),
        })
    }
}

impl Clone for MemoryStore {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), owner: None, history: HistoryLimits::NONE }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl ProfileStore for MemoryStore {
    fn claim(&mut self) -> Result<()> {
        let owner = self.call(StoreCall::Claim, |shared| {
            shared.owner += 1;
            Ok(shared.owner)
        })?;
        self.owner = Some(owner);
        Ok(())
    }

    fn keep_history(&mut self, limits: HistoryLimits) {
        self.history = limits;
    }

    fn restore(&mut self, user: &str) -> Result<Option<StoredProfile>> {
        self.call(StoreCall::Restore, |shared| {
            Ok(shared.profiles.get(user).map(|profile| StoredProfile {
                document: profile.document.clone(),
                rows: profile
                    .rows
                    .range(profile.version.saturating_add(1)..)
                    .map(|(_, row)| row.clone())
                    .collect(),
            }))
        })
    }

    fn update_many(&mut self, saves: &[DocumentSave]) -> Result<Vec<Result<()>>> {
        self.write(StoreCall::UpdateMany, |shared| {
            let mut results = Vec::with_capacity(saves.len());
            for save in saves {
                if shared.refused.as_ref() == Some(&save.user) {
                    results.push(Err(injected(StoreCall::UpdateMany)));
                    continue;
                }
                results.push(Ok(()));
                shared.profiles.entry(save.user.clone()).or_default().save(save, self.history);
            }
            results
        })
    }

    fn append(&mut self, rows: &[JournalRow]) -> Result<()> {
        self.write(StoreCall::Append, |shared| {
            for row in rows {
                let profile = shared.profiles.entry(row.user.clone()).or_default();
                if planted(Bug::JournalPrunedTooFar) && row.version <= profile.version + 1 {
                    continue;
                }
                if let btree_map::Entry::Vacant(place) = profile.rows.entry(row.version) {
                    place.insert(row.clone());
                }
            }
        })
    }

    fn delete(&mut self, user: &str) -> Result<bool> {
        self.write(StoreCall::Delete, |shared| shared.profiles.remove(user).is_some())
    }

    fn list(&mut self, after: Option<&str>, limit: usize) -> Result<Vec<String>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.call(StoreCall::List, |shared| {
            let users = shared.profiles.range::<str, _>((from, Bound::Unbounded));
            Ok(users.take(limit).map(|(user, _)| user.to_string()).collect())
        })
    }

    fn history(&mut self, user: &str, after: u64, limit: usize) -> Result<Option<StoredHistory>> {
        self.call(StoreCall::History, |shared| {
            Ok(shared.profiles.get(user).map(|profile| profile.past(after, limit)))
        })
    }
}

fn injected(call: StoreCall) -> Error {
    store_error(ErrorCode::StoreFailed, format!("memory store: {call:?} failed on purpose"))
}

#[cfg(test)]
mod tests {
    use super::super::conformance::{conformance, history_is_kept, row, save};
    use super::*;

    #[test]
    fn conforms() {
        let store = MemoryStore::new();
        conformance(|| Box::new(store.clone()));
    }

    #[test]
    fn keeps_history() {
        let store = MemoryStore::new();
        history_is_kept(|| Box::new(store.clone()));
    }

    #[test]
    fn a_later_claim_fences_the_earlier_handle() {
        let mut first = MemoryStore::new();
        assert_eq!(first.append(&[row("ann", 1, 1)]).unwrap_err().code(), ErrorCode::StoreFenced);
        first.claim().unwrap();
        first.append(&[row("ann", 1, 1)]).unwrap();
        let mut second = first.clone();
        assert_eq!(second.delete("ann").unwrap_err().code(), ErrorCode::StoreFenced);
        second.claim().unwrap();
        let fenced = |result: Result<()>| assert_eq!(result.unwrap_err().code(), ErrorCode::StoreFenced);
        fenced(first.append(&[row("ann", 1, 2)]));
        fenced(first.update(&save("ann", 2)));
        fenced(first.delete("ann").map(drop));
        assert_eq!(second.restore("ann").unwrap().unwrap().rows, [row("ann", 1, 1)]);
    }

    #[test]
    fn faults_come_before_or_after_the_commit() {
        let mut store = MemoryStore::new();
        store.claim().unwrap();
        for (fault, rows) in [(Fault::BeforeCommit, 0), (Fault::AfterCommit, 1), (Fault::None, 1)] {
            store.set_fault(Some(Arc::new(move |call| match call {
                StoreCall::Append => fault,
                _ => Fault::None,
            })));
            let failed = store.append(&[row("ann", 1, 1)]).is_err();
            assert_eq!(failed, fault != Fault::None);
            assert_eq!(store.restore("ann").unwrap().map_or(0, |p| p.rows.len()), rows);
        }
    }
}
