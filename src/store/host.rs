//! A database of the host's own: what the master wants of it waits in a queue, and is answered when the host likes.

mod queue;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};

use self::queue::{Shared, dropped, failed};
use super::{DocumentSave, JournalRow, ProfileStore, Reader, Restored, StoredProfile, store_error};
use crate::error::{Error, ErrorCode, Result};
use crate::limits::HOST_STORE_TIMEOUT;

/// The master's side of a database that the host has: a store that puts requests into a queue, from which the host takes them by
/// [`StoreRequests`]. The host answers each when it likes, from any thread, and in any order.
///
/// There may be many requests to restore profiles at once, and besides at most one to update. Documents are JSON texts, given
/// whole, and must come back with the same members; their order and white space are free.
///
/// It has no journal: a change is durable when a document that contains it was written, which is soon after a rest, and then as
/// often as [`save_interval`](crate::MasterOptions::save_interval) says. It can't delete, list, or tell of the past. Nor has it an
/// owner's number: [`claim`](ProfileStore::claim) does nothing, and the host sees to it that only one master at a time works on its
/// database. If its database can tell that another one took it over, an update's answer [`ErrorCode::StoreFenced`] ends this master.
pub struct HostStore {
    shared: Arc<Shared>,
}

/// How a [`HostStore`] behaves.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct HostStoreOptions {
    /// Time for the host to answer a request; 30 s unless set. After it the request counts as failed and is made again, and the
    /// late answer is ignored. But what was too late may be at work still, beside the next request: if it could overtake that,
    /// the host's database must not write a document over one of a greater [version](DocumentSave::version).
    pub timeout: Duration,
}

impl Default for HostStoreOptions {
    fn default() -> Self {
        Self { timeout: HOST_STORE_TIMEOUT }
    }
}

/// Takes what the master wants of the host's database, on any thread. When it is dropped with all of its clones, whatever the master
/// wants fails.
#[derive(Clone)]
pub struct StoreRequests {
    taker: Arc<Taker>,
}

/// What the master wants of the host's database. One that is dropped without an answer has failed, and is made again later.
#[derive(Debug)]
#[non_exhaustive]
pub enum HostRequest {
    /// To read a document.
    Restore {
        /// Whose.
        user: Arc<str>,
        /// Takes the answer.
        completion: RestoreCompletion,
    },
    /// To write a document.
    Update {
        /// The document.
        save: DocumentSave,
        /// Takes the answer.
        completion: UpdateCompletion,
    },
    /// To write several, each of which may fail alone.
    UpdateMany {
        /// The documents, at least two, each of another user.
        saves: Vec<DocumentSave>,
        /// Takes the answers.
        completion: UpdateManyCompletion,
    },
}

/// Takes the document that a [`HostRequest::Restore`] asks for.
#[derive(Debug)]
pub struct RestoreCompletion {
    user: Arc<str>,
    answer: Answer,
}

/// Takes what came of a [`HostRequest::Update`].
#[derive(Debug)]
pub struct UpdateCompletion {
    answer: Answer,
}

/// Takes what came of a [`HostRequest::UpdateMany`].
#[derive(Debug)]
pub struct UpdateManyCompletion {
    documents: usize,
    answer: Answer,
}

impl HostStore {
    /// A store, and where its requests come out.
    pub fn new(options: HostStoreOptions) -> (Self, StoreRequests) {
        let shared = Shared::new(options.timeout);
        let taker = Arc::new(Taker { shared: Arc::clone(&shared) });
        (Self { shared }, StoreRequests { taker })
    }
}

impl StoreRequests {
    /// The oldest request that nobody took yet.
    #[must_use]
    pub fn next_request(&self) -> Option<HostRequest> {
        self.taker.shared.take()
    }

    /// Waits at most `timeout` for a request. Whether there is one; another thread may take it. Once the store is closed there is
    /// nothing to wait for: see [`is_over`](Self::is_over).
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> bool {
        let shared = &self.taker.shared;
        let until = Instant::now() + timeout;
        shared.expire();
        loop {
            let state = shared.lock();
            if state.store_closed || !state.queue.is_empty() {
                return !state.queue.is_empty();
            }
            drop(state);
            let mut select = crossbeam_channel::Select::new();
            select.recv(&shared.bell);
            if select.ready_deadline(until).is_err() {
                return false;
            }
        }
    }

    /// Whether there is a request that nobody took yet.
    #[must_use]
    pub fn has_requests(&self) -> bool {
        self.taker.shared.expire();
        !self.taker.shared.lock().queue.is_empty()
    }

    /// Whether the master has closed the store, so that no more requests will come.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let state = self.taker.shared.lock();
        state.store_closed && state.queue.is_empty()
    }

    /// Becomes ready when there is a request, or the store is closed. Nothing is to be taken out of it.
    pub(crate) fn bell(&self) -> Receiver<()> {
        self.taker.shared.bell.clone()
    }

    /// Lets whatever was not taken fail, and all that will be asked.
    pub(crate) fn close(&self) {
        self.taker.shared.host_is_gone();
    }
}

impl RestoreCompletion {
    /// Gives the document, `None` when there is no such profile, or why it can't be read. False when it came too late, and was ignored.
    pub fn restored(mut self, result: Result<Option<String>>) -> bool {
        let found = result
            .map(|found| found.map(|document| StoredProfile { document: Some(document), rows: Vec::new() }));
        self.answer.is_due() && self.answer.shared.restored(&self.user, self.answer.number, found)
    }

    /// Whether it is too late for an answer.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.answer.shared.expire();
        let state = self.answer.shared.lock();
        state.restores.get(&self.user).is_none_or(|restore| restore.number != self.answer.number)
    }
}

impl UpdateCompletion {
    /// Says whether the document was written; an error is one of this document. False when it came too late, and was ignored.
    pub fn updated(mut self, result: Result<()>) -> bool {
        self.answer.is_due() && self.answer.shared.updated(self.answer.number, Ok(vec![result]))
    }

    /// Says why the database can write nothing now. False when it came too late, and was ignored.
    pub fn failed(mut self, error: Error) -> bool {
        self.answer.is_due() && self.answer.shared.updated(self.answer.number, Err(error))
    }

    /// Whether it is too late for an answer.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.answer.shared.is_update_over(self.answer.number)
    }
}

impl UpdateManyCompletion {
    /// Says of each document, in their order, whether it was written. False when it came too late, and was ignored.
    pub fn updated_many(mut self, results: Vec<Result<()>>) -> bool {
        let (given, wanted) = (results.len(), self.documents);
        let results = match given == wanted {
            true => Ok(results),
            false => Err(failed(format!("{given} answers for {wanted} documents"))),
        };
        self.answer.is_due() && self.answer.shared.updated(self.answer.number, results)
    }

    /// Says why the database can write nothing now. False when it came too late, and was ignored.
    pub fn failed(mut self, error: Error) -> bool {
        self.answer.is_due() && self.answer.shared.updated(self.answer.number, Err(error))
    }

    /// Whether it is too late for an answer.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.answer.shared.is_update_over(self.answer.number)
    }
}

impl Drop for RestoreCompletion {
    fn drop(&mut self) {
        if self.answer.is_due() {
            self.answer.shared.restored(&self.user, self.answer.number, Err(dropped()));
        }
    }
}

impl Drop for UpdateCompletion {
    fn drop(&mut self) {
        if self.answer.is_due() {
            self.answer.shared.updated(self.answer.number, Err(dropped()));
        }
    }
}

impl Drop for UpdateManyCompletion {
    fn drop(&mut self) {
        if self.answer.is_due() {
            self.answer.shared.updated(self.answer.number, Err(dropped()));
        }
    }
}

impl ProfileStore for HostStore {
    /// Does nothing: whose the database is, is the host's business.
    fn claim(&mut self) -> Result<()> {
        Ok(())
    }

    fn has_journal(&self) -> bool {
        false
    }

    fn restore(&mut self, user: &str) -> Result<Option<StoredProfile>> {
        let (answer, answered) = bounded(1);
        self.begin_restore(&Arc::from(user), Box::new(move |result| drop(answer.send(result))));
        // Somebody has to look at the clock when the host does not.
        let timeout = self.shared.lock().timeout;
        answered.recv_timeout(timeout).unwrap_or_else(|_| Err(self.shared.lock().too_late()))
    }

    fn begin_restore(&mut self, user: &Arc<str>, done: Restored) {
        self.shared.begin_restore(user, done);
    }

    fn reader(&mut self) -> Option<Reader> {
        let shared = Arc::clone(&self.shared);
        Some(Box::new(move |user, done| shared.begin_restore(user, done)))
    }

    fn can_delete(&self) -> bool {
        false
    }

    fn update_many(&mut self, saves: &[DocumentSave]) -> Result<Vec<Result<()>>> {
        match saves {
            [] => Ok(Vec::new()),
            saves => self.shared.update(saves),
        }
    }

    fn append(&mut self, _rows: &[JournalRow]) -> Result<()> {
        Err(cannot("keep a journal"))
    }

    fn delete(&mut self, _user: &str) -> Result<bool> {
        Err(cannot("delete profiles"))
    }

    fn list(&mut self, _after: Option<&str>, _limit: usize) -> Result<Vec<String>> {
        Err(cannot("list profiles"))
    }
}

impl Drop for HostStore {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// The host's end of it.
struct Taker {
    shared: Arc<Shared>,
}

impl Drop for Taker {
    fn drop(&mut self) {
        self.shared.host_is_gone();
    }
}

/// The answer that is due to a request, at most once.
struct Answer {
    shared: Arc<Shared>,
    number: u64,
    due: bool,
}

impl Answer {
    fn is_due(&mut self) -> bool {
        std::mem::take(&mut self.due)
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "request {}", self.number)
    }
}

fn cannot(what: &str) -> Error {
    store_error(ErrorCode::FeatureDisabled, format!("the host's database can not {what}"))
}
