//! A database of the host's own: what the master wants of it waits in a queue, and is answered when the host likes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{DocumentSave, JournalRow, ProfileStore, Restored, StoredProfile, store_error};
use crate::error::{Error, ErrorCode, Result};
use crate::limits::HOST_STORE_TIMEOUT;

/// The master's side of a database that the host has: a store that puts requests into a queue, from which the host takes them by
/// [`StoreRequests`]. The host answers each when it likes, from any thread, and in any order.
///
/// There may be many requests to restore profiles at once, and besides at most one to update. Documents are JSON texts, given
/// whole, and must come back with the same members; their order and white space are free.
///
/// It has no journal: a change is durable when a document that contains it was written, which is soon after a rest, and then as
/// often as [`save_interval`](crate::MasterOptions::save_interval) says. It can't
/// delete, list, or tell of the past. Nor has it an owner's number: [`claim`](ProfileStore::claim) does nothing, and the host sees
/// to it that only one master at a time works on its database. If its database can tell that another one took it over, an
/// update's answer [`ErrorCode::StoreFenced`] ends this master.
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
        let (ring, bell) = bounded(1);
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(options.timeout)),
            updated: Condvar::new(),
            ring,
            bell,
        });
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
        let mut state = self.shared.lock();
        state.store_closed = true;
        state.queue.clear();
        let restores = std::mem::take(&mut state.restores);
        // For ever, so that nobody goes on waiting.
        let _ = self.shared.ring.try_send(());
        drop(state);
        let done = restores.into_values().flat_map(|restore| restore.done).collect();
        tell(done, Err(failed("the store was closed")));
    }
}

struct Shared {
    state: Mutex<State>,
    /// An update was answered.
    updated: Condvar,
    /// There is something in the channel as long as there is something in the queue.
    ring: Sender<()>,
    bell: Receiver<()>,
}

struct State {
    timeout: Duration,
    /// What nobody took yet.
    queue: VecDeque<Waiting>,
    restores: HashMap<Arc<str>, Restore>,
    /// Restores that were taken, in that order, and until when they are to be answered.
    taken: VecDeque<(Instant, Arc<str>, u64)>,
    update: Option<Update>,
    /// The number of the last request.
    last: u64,
    store_closed: bool,
    host_is_gone: bool,
}

enum Waiting {
    Restore { user: Arc<str>, number: u64 },
    Update { saves: Vec<DocumentSave>, number: u64 },
}

/// A profile that is being read, and who waits for it. While it is, it is not loaded, so nothing of it is written: who asks meanwhile
/// may have the same answer.
struct Restore {
    number: u64,
    done: Vec<Restored>,
}

struct Update {
    number: u64,
    result: Option<Result<Vec<Result<()>>>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing here can panic half way through a change, so what a poisoned lock guards is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, state: &mut State, waiting: Waiting) {
        state.queue.push_back(waiting);
        let _ = self.ring.try_send(());
    }

    /// The bell is silent when there is nothing to take.
    fn hush(&self, state: &State) {
        if state.queue.is_empty() && !state.store_closed {
            let _ = self.bell.try_recv();
        }
    }

    fn begin_restore(&self, user: &Arc<str>, done: Restored) {
        self.expire();
        let mut state = self.lock();
        if state.host_is_gone {
            drop(state);
            return done(Err(gone()));
        }
        if let Some(restore) = state.restores.get_mut(user) {
            return restore.done.push(done);
        }
        state.last += 1;
        let number = state.last;
        state.restores.insert(user.clone(), Restore { number, done: vec![done] });
        self.push(&mut state, Waiting::Restore { user: user.clone(), number });
    }

    fn update(&self, saves: &[DocumentSave]) -> Result<Vec<Result<()>>> {
        let mut state = self.lock();
        let until = Instant::now() + state.timeout;
        if state.host_is_gone {
            return Err(gone());
        }
        state.last += 1;
        let number = state.last;
        state.update = Some(Update { number, result: None });
        self.push(&mut state, Waiting::Update { saves: saves.to_vec(), number });
        loop {
            if let Some(Update { result: Some(result), .. }) =
                state.update.take_if(|update| update.result.is_some())
            {
                return result;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.update = None;
                state.queue.retain(|waiting| !matches!(waiting, Waiting::Update { .. }));
                self.hush(&state);
                return Err(state.too_late());
            }
            state = self.updated.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn take(self: &Arc<Self>) -> Option<HostRequest> {
        self.expire();
        let mut state = self.lock();
        let waiting = state.queue.pop_front()?;
        self.hush(&state);
        let answer = |number| Answer { shared: Arc::clone(self), number, due: true };
        Some(match waiting {
            Waiting::Restore { user, number } => {
                let until = Instant::now() + state.timeout;
                state.taken.push_back((until, user.clone(), number));
                let completion = RestoreCompletion { user: user.clone(), answer: answer(number) };
                HostRequest::Restore { user, completion }
            }
            Waiting::Update { mut saves, number } if saves.len() == 1 => {
                let save = saves.remove(0);
                HostRequest::Update { save, completion: UpdateCompletion { answer: answer(number) } }
            }
            Waiting::Update { saves, number } => {
                let completion = UpdateManyCompletion { documents: saves.len(), answer: answer(number) };
                HostRequest::UpdateMany { saves, completion }
            }
        })
    }

    /// Lets those restores fail that took the host too long. Whoever comes by looks after them.
    fn expire(&self) {
        let mut state = self.lock();
        let now = Instant::now();
        let mut done = Vec::new();
        while let Some((_, user, number)) = state.taken.pop_front_if(|(until, ..)| *until <= now) {
            done.extend(state.end_restore(&user, number).into_iter().flatten());
        }
        let too_late = state.too_late();
        drop(state);
        tell(done, Err(too_late));
    }

    fn restored(&self, user: &Arc<str>, number: u64, result: Result<Option<StoredProfile>>) -> bool {
        self.expire();
        let Some(done) = self.lock().end_restore(user, number) else { return false };
        tell(done, result);
        true
    }

    fn updated(&self, number: u64, result: Result<Vec<Result<()>>>) -> bool {
        let mut state = self.lock();
        let update =
            state.update.as_mut().filter(|update| update.number == number && update.result.is_none());
        let Some(update) = update else { return false };
        update.result = Some(result);
        self.updated.notify_all();
        true
    }

    fn is_update_over(&self, number: u64) -> bool {
        self.lock().update.as_ref().is_none_or(|update| update.number != number || update.result.is_some())
    }

    fn host_is_gone(&self) {
        let mut state = self.lock();
        state.host_is_gone = true;
        let mut done = Vec::new();
        for waiting in std::mem::take(&mut state.queue) {
            match waiting {
                Waiting::Restore { user, number } => {
                    done.extend(state.end_restore(&user, number).into_iter().flatten())
                }
                Waiting::Update { .. } => {
                    if let Some(update) = &mut state.update {
                        update.result = Some(Err(gone()));
                        self.updated.notify_all();
                    }
                }
            }
        }
        self.hush(&state);
        drop(state);
        tell(done, Err(gone()));
    }
}

impl State {
    fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            queue: VecDeque::new(),
            restores: HashMap::new(),
            taken: VecDeque::new(),
            update: None,
            last: 0,
            store_closed: false,
            host_is_gone: false,
        }
    }

    fn too_late(&self) -> Error {
        let millis = self.timeout.as_millis() as u64;
        Error::Timeout { what: "the answer of the host's database", millis }
    }

    /// Who waits for what a restore gives, if it has this number still.
    fn end_restore(&mut self, user: &Arc<str>, number: u64) -> Option<Vec<Restored>> {
        if self.restores.get(user)?.number != number {
            return None;
        }
        // Few are under way, and the older ones are answered first, as a rule.
        if let Some(place) = self.taken.iter().position(|(.., taken)| *taken == number) {
            self.taken.remove(place);
        }
        Some(self.restores.remove(user)?.done)
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

/// Gives an answer to all who wait for it. Nothing is locked meanwhile.
fn tell(mut done: Vec<Restored>, result: Result<Option<StoredProfile>>) {
    let last = done.pop();
    done.into_iter().for_each(|done| done(result.clone()));
    if let Some(last) = last {
        last(result);
    }
}

fn failed(text: impl Into<String>) -> Error {
    store_error(ErrorCode::StoreFailed, format!("the host's database: {}", text.into()))
}

fn dropped() -> Error {
    failed("the request was dropped without an answer")
}

fn gone() -> Error {
    failed("the host takes no more requests")
}

fn cannot(what: &str) -> Error {
    store_error(ErrorCode::FeatureDisabled, format!("the host's database can not {what}"))
}

#[cfg(test)]
mod tests;
