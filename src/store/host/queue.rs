//! The queue between a [`HostStore`](super::HostStore) and its host.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{Answer, HostRequest, RestoreCompletion, UpdateCompletion, UpdateManyCompletion};
use crate::error::{Error, ErrorCode, Result};
use crate::store::{DocumentSave, Restored, StoredProfile, store_error};

pub(super) struct Shared {
    state: Mutex<State>,
    /// An update was answered.
    updated: Condvar,
    /// There is something in the channel as long as there is something in the queue.
    ring: Sender<()>,
    pub(super) bell: Receiver<()>,
}

pub(super) struct State {
    pub(super) timeout: Duration,
    /// What nobody took yet.
    pub(super) queue: VecDeque<Waiting>,
    pub(super) restores: HashMap<Arc<str>, Restore>,
    /// Restores that were taken, in that order, and until when they are to be answered.
    taken: VecDeque<(Instant, Arc<str>, u64)>,
    update: Option<Update>,
    /// The number of the last request.
    last: u64,
    pub(super) store_closed: bool,
    host_is_gone: bool,
}

pub(super) enum Waiting {
    Restore { user: Arc<str>, number: u64 },
    Update { saves: Vec<DocumentSave>, number: u64 },
}

/// A profile that is being read, and who waits for it. While it is, it is not loaded, so nothing of it is written: who asks meanwhile
/// may have the same answer.
pub(super) struct Restore {
    pub(super) number: u64,
    done: Vec<Restored>,
}

pub(super) struct Update {
    number: u64,
    result: Option<Result<Vec<Result<()>>>>,
}

impl Shared {
    pub(super) fn new(timeout: Duration) -> Arc<Self> {
        let (ring, bell) = bounded(1);
        Arc::new(Self { state: Mutex::new(State::new(timeout)), updated: Condvar::new(), ring, bell })
    }

    /// Lets whatever is pending fail, for good: the store is closed.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.store_closed = true;
        state.queue.clear();
        let restores = std::mem::take(&mut state.restores);
        // For ever, so that nobody goes on waiting.
        let _ = self.ring.try_send(());
        drop(state);
        let done = restores.into_values().flat_map(|restore| restore.done).collect();
        tell(done, Err(failed("the store was closed")));
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
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

    pub(super) fn begin_restore(&self, user: &Arc<str>, done: Restored) {
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

    pub(super) fn update(&self, saves: &[DocumentSave]) -> Result<Vec<Result<()>>> {
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

    pub(super) fn take(self: &Arc<Self>) -> Option<HostRequest> {
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
    pub(super) fn expire(&self) {
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

    pub(super) fn restored(
        &self,
        user: &Arc<str>,
        number: u64,
        result: Result<Option<StoredProfile>>,
    ) -> bool {
        self.expire();
        let Some(done) = self.lock().end_restore(user, number) else { return false };
        tell(done, result);
        true
    }

    pub(super) fn updated(&self, number: u64, result: Result<Vec<Result<()>>>) -> bool {
        let mut state = self.lock();
        let update =
            state.update.as_mut().filter(|update| update.number == number && update.result.is_none());
        let Some(update) = update else { return false };
        update.result = Some(result);
        self.updated.notify_all();
        true
    }

    pub(super) fn is_update_over(&self, number: u64) -> bool {
        self.lock().update.as_ref().is_none_or(|update| update.number != number || update.result.is_some())
    }

    pub(super) fn host_is_gone(&self) {
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

    pub(super) fn too_late(&self) -> Error {
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

/// Gives an answer to all who wait for it. Nothing is locked meanwhile.
fn tell(mut done: Vec<Restored>, result: Result<Option<StoredProfile>>) {
    let last = done.pop();
    done.into_iter().for_each(|done| done(result.clone()));
    if let Some(last) = last {
        last(result);
    }
}

pub(super) fn failed(text: impl Into<String>) -> Error {
    store_error(ErrorCode::StoreFailed, format!("the host's database: {}", text.into()))
}

pub(super) fn dropped() -> Error {
    failed("the request was dropped without an answer")
}

fn gone() -> Error {
    failed("the host takes no more requests")
}
