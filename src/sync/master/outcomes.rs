//! What became of batches with idempotency keys, kept with their profile.

use std::collections::HashMap;
use std::sync::Arc;

use super::PeerRole;
use super::profile::Refusal;
use crate::error::{Error, Result};
use crate::limits::{IDEMPOTENCY_EXPIRY, MAX_CLIENT_IDEMPOTENCY_KEYS, MAX_IDEMPOTENCY_KEYS};
use crate::planted::{Bug, planted};
use crate::store::KeyedOutcome;

const CLIENTS: &str = "c:";
const OTHERS: &str = "s:";

/// A key as it is kept: a client must not be able to use up those of the servers.
pub(super) fn scoped(role: PeerRole, key: &str) -> Arc<str> {
    let scope = match role {
        PeerRole::Client => CLIENTS,
        PeerRole::Server | PeerRole::Master => OTHERS,
    };
    Arc::from(format!("{scope}{key}"))
}

/// What became of one batch.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// Why it was refused, if it was.
    pub(super) refusal: Option<Refusal>,
    pub(super) unix_ms: u64,
}

/// The outcomes that a profile remembers, by scoped key.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    known: HashMap<Arc<str>, Outcome>,
    /// Those that no journal row has told yet.
    unjournaled: Vec<KeyedOutcome>,
}

impl Outcomes {
    /// What became of the batch with this key, unless that was too long ago.
    pub(super) fn find(&self, key: &str, unix_ms: u64) -> Option<&Outcome> {
        self.known.get(key).filter(|outcome| !is_over(outcome.unix_ms, unix_ms))
    }

    /// Whether one more of its kind can be remembered, if need be after forgetting what is over.
    pub(super) fn make_room(&mut self, key: &str, unix_ms: u64) -> Result<()> {
        let (scope, what, limit) = match key.starts_with(CLIENTS) {
            true => (CLIENTS, "a client's idempotency keys of a profile", MAX_CLIENT_IDEMPOTENCY_KEYS),
            false => (OTHERS, "idempotency keys of a profile", MAX_IDEMPOTENCY_KEYS),
        };
        if self.known.len() < limit {
            return Ok(());
        }
        self.known.retain(|_, outcome| !is_over(outcome.unix_ms, unix_ms));
        let count = self.known.keys().filter(|key| key.starts_with(scope)).count();
        if count < limit { Ok(()) } else { Err(Error::LimitReached { what, limit }) }
    }

    pub(super) fn applied(&mut self, key: Arc<str>, unix_ms: u64) {
        self.unjournaled.push(KeyedOutcome { key: key.clone(), refused: None });
        self.insert(key, None, unix_ms);
    }

    /// True when that is not known already.
    pub(super) fn refused(&mut self, key: Arc<str>, refusal: Refusal, unix_ms: u64) -> bool {
        if self.find(&key, unix_ms).is_some() {
            return false;
        }
        self.unjournaled.push(KeyedOutcome { key: key.clone(), refused: Some(refusal.code) });
        self.insert(key, Some(refusal), unix_ms);
        true
    }

    /// One that is in the store.
    pub(super) fn insert(&mut self, key: Arc<str>, refusal: Option<Refusal>, unix_ms: u64) {
        self.known.insert(key, Outcome { refusal, unix_ms });
    }

    /// Those that the next journal row has to tell.
    pub(super) fn take_unjournaled(&mut self) -> Vec<KeyedOutcome> {
        let outcomes = std::mem::take(&mut self.unjournaled);
        if planted(Bug::KeysNotJournaled) { Vec::new() } else { outcomes }
    }

    /// All of them that are not over.
    pub(super) fn iter(&self, unix_ms: u64) -> impl Iterator<Item = (&Arc<str>, &Outcome)> {
        self.known.iter().filter(move |(_, outcome)| !is_over(outcome.unix_ms, unix_ms))
    }
}

/// Of clocks that jump back, at worst an outcome is kept longer.
fn is_over(since: u64, unix_ms: u64) -> bool {
    unix_ms.saturating_sub(since) > IDEMPOTENCY_EXPIRY.as_millis() as u64
}
