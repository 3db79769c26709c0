//! Futures for those who want to wait for the outcome of a batch instead of looking for it among the events.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use super::{Peer, ProfileId, State, closed};
use crate::error::{Error, Result};
use crate::limits::MAX_CONFIRMATIONS;

/// How certain the outcome of a batch has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// The master has applied it. A crash of the master can take that back before it is durable; then it is sent again by
    /// itself, and [`Event::TakenBack`](crate::Event::TakenBack) tells.
    Applied,
    /// It is in the database, committed and synced.
    Durable,
}

/// The outcome of the batches of a profile up to a number, once it is known: by [`Endpoint::applied`],
/// [`Endpoint::durable`] or [`Endpoint::confirmation`].
///
/// It is a future for any executor, and needs none: [`try_result`](Self::try_result) asks. It makes progress in the
/// endpoint's ticks alone, and takes nothing from the event queue. Dropping it costs nothing.
///
/// [`Endpoint::applied`]: crate::Endpoint::applied
/// [`Endpoint::durable`]: crate::Endpoint::durable
/// [`Endpoint::confirmation`]: crate::Endpoint::confirmation
#[derive(Debug)]
#[must_use = "it tells what came of the batch"]
pub struct Confirmation(Arc<Mutex<Shared>>);

impl Confirmation {
    fn waiting() -> Self {
        Self(Arc::default())
    }

    fn known(result: Result<()>) -> Self {
        Self(Arc::new(Mutex::new(Shared { result: Some(result), waker: None })))
    }

    /// Whether the outcome is known.
    #[must_use]
    pub fn is_done(&self) -> bool {
        lock(&self.0).result.is_some()
    }

    /// The outcome, once it is known: what the future gives.
    #[must_use]
    pub fn try_result(&self) -> Option<Result<()>> {
        lock(&self.0).result.clone()
    }
}

impl Future for Confirmation {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let mut shared = lock(&self.0);
        if let Some(result) = &shared.result {
            return Poll::Ready(result.clone());
        }
        // The one of the last poll counts.
        match &mut shared.waker {
            Some(waker) => waker.clone_from(context.waker()),
            None => shared.waker = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

#[derive(Debug, Default)]
struct Shared {
    result: Option<Result<()>>,
    waker: Option<Waker>,
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What callers of one peer wait for.
#[derive(Debug, Default)]
pub(super) struct Confirmations {
    waiting: HashMap<ProfileId, Vec<Waiting>>,
    count: usize,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    level: Level,
    /// Gone when the caller has dropped it.
    shared: Weak<Mutex<Shared>>,
}

impl Waiting {
    fn tell(self, result: Result<()>) {
        let Some(shared) = self.shared.upgrade() else { return };
        let waker = {
            let mut shared = lock(&shared);
            shared.result = Some(result);
            shared.waker.take()
        };
        // Not under the lock: an executor may poll at once.
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Confirmations {
    fn wait(&mut self, profile: ProfileId, number: u64, level: Level) -> Confirmation {
        if self.count >= MAX_CONFIRMATIONS {
            self.forget_dropped();
        }
        if self.count >= MAX_CONFIRMATIONS {
            let what = "confirmations waited for";
            return Confirmation::known(Err(Error::LimitReached { what, limit: MAX_CONFIRMATIONS }));
        }
        let confirmation = Confirmation::waiting();
        let shared = Arc::downgrade(&confirmation.0);
        self.waiting.entry(profile).or_default().push(Waiting { number, level, shared });
        self.count += 1;
        confirmation
    }

    fn forget_dropped(&mut self) {
        self.waiting.retain(|_, waiting| {
            waiting.retain(|one| one.shared.strong_count() > 0);
            !waiting.is_empty()
        });
        self.count = self.waiting.values().map(Vec::len).sum();
    }

    /// Tells those of one profile whose outcome `result` knows.
    fn tell(&mut self, profile: ProfileId, result: impl Fn(&Waiting) -> Option<Result<()>>) {
        let Some(waiting) = self.waiting.get_mut(&profile) else { return };
        let before = waiting.len();
        let told: Vec<_> =
            waiting.extract_if(.., |one| one.shared.strong_count() == 0 || result(one).is_some()).collect();
        self.count -= before - waiting.len();
        if waiting.is_empty() {
            self.waiting.remove(&profile);
        }
        for one in told {
            if let Some(result) = result(&one) {
                one.tell(result);
            }
        }
    }

    /// This batch was refused.
    pub(super) fn refused(&mut self, profile: ProfileId, number: u64, error: &Error) {
        self.tell(profile, |one| (one.number == number).then(|| Err(error.clone())));
    }

    /// No more is heard of a profile.
    fn gone(&mut self, profile: ProfileId, error: &Error) {
        self.tell(profile, |_| Some(Err(error.clone())));
    }

    /// No more is heard of any.
    pub(super) fn all_gone(&mut self, error: &Error) {
        for one in std::mem::take(&mut self.waiting).into_values().flatten() {
            one.tell(Err(error.clone()));
        }
        self.count = 0;
    }
}

impl Drop for Confirmations {
    fn drop(&mut self) {
        self.all_gone(&closed());
    }
}

impl Peer {
    /// Waits for the outcome of a profile's batches up to a number.
    pub(crate) fn confirmation(&mut self, profile: ProfileId, number: u64, level: Level) -> Confirmation {
        match self.outcome(profile) {
            _ if matches!(self.state, State::Stopped) => {
                Confirmation::known(Err(self.failure.clone().unwrap_or_else(closed)))
            }
            Err(error) => Confirmation::known(Err(error)),
            Ok(known) if number <= known.through(level) => Confirmation::known(Ok(())),
            Ok(_) => self.confirmations.wait(profile, number, level),
        }
    }

    /// Tells those who wait for batches of a profile what is known by now.
    pub(super) fn confirm(&mut self, profile: ProfileId) {
        if self.confirmations.count > 0
            && let Ok(known) = self.outcome(profile)
        {
            self.confirmations
                .tell(profile, |one| (one.number <= known.through(one.level)).then_some(Ok(())));
        }
    }

    /// A profile's id is no longer good.
    pub(super) fn confirm_last(&mut self, profile: ProfileId) {
        self.confirm(profile);
        self.confirmations.gone(profile, &Error::Released);
    }

    fn outcome(&self, id: ProfileId) -> Result<Outcome> {
        let profile = self.profile(id)?;
        let durable = self.replica(id.slot).map_or(0, |replica| replica.durable_told);
        Ok(Outcome { applied: profile.applied_through(), durable })
    }
}

/// Up to which number batches of a profile are decided.
struct Outcome {
    applied: u64,
    durable: u64,
}

impl Outcome {
    fn through(&self, level: Level) -> u64 {
        match level {
            Level::Applied => self.applied,
            Level::Durable => self.durable,
        }
    }
}
