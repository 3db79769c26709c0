//! The database interface of the master, and its implementations.
//!
//! A stored profile is a JSON document and, in engines that have one, the tail of a journal: the batches applied
//! after the document was written. Loading folds the tail into the document.

#[cfg(test)]
mod conformance;
mod documents;
mod host;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) mod journal;
mod memory;
mod past;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::sync::Arc;
use std::time::Duration;

pub use self::documents::{
    BroughtIn, folded_document, history_json, import_document, profile_json, profile_json_at,
};
pub use self::host::{
    HostRequest, HostStore, HostStoreOptions, RestoreCompletion, StoreRequests, UpdateCompletion,
    UpdateManyCompletion,
};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use self::journal::{decode_effects, encode_effects};
#[cfg(all(any(feature = "sqlite", feature = "postgres"), feature = "simulation"))]
#[cfg_attr(not(all(feature = "client", feature = "server")), allow(unused_imports))]
pub(crate) use self::journal::{decode_refused, encode_refused};
pub use self::memory::MemoryStore;
#[cfg(test)]
#[allow(unused_imports)]
pub(crate) use self::memory::{Fault, StoreCall};
#[cfg(feature = "postgres")]
pub use self::postgres::{PostgresOptions, PostgresStore};
#[cfg(feature = "sqlite")]
pub use self::sqlite::{Finding, Replaced, SqliteStore, Verified};
use crate::error::{Error, ErrorCode, Result};
pub use crate::value::{DictEffect, Effect, ListEffect};

/// A database of profiles: documents by user id, and a journal of what came after each.
///
/// The master calls it from one thread of its own, one call at a time, and in order. A call may block. Whatever a
/// call returns `Ok` for is committed and synced, in whole; after an `Err` the master does not know whether it took
/// effect and makes the same call again, so each call must do no harm when repeated.
pub trait ProfileStore: Send {
    /// Makes this process the only owner of the database: later writes of an earlier owner must fail with
    /// [`ErrorCode::StoreFenced`]. Called once, before anything else.
    ///
    /// # Errors
    /// [`ErrorCode::StoreInUse`] while another live owner is known to hold it, or what the engine says.
    fn claim(&mut self) -> Result<()>;

    /// Whether it has a journal. Without one, nothing is ever appended, and a batch is durable only when a document that
    /// contains it was written.
    fn has_journal(&self) -> bool {
        true
    }

    /// Whether it can delete profiles.
    fn can_delete(&self) -> bool {
        true
    }

    /// How much of the journal to keep as history when documents contain it. Called before anything is written; a store that
    /// keeps no history does nothing.
    fn keep_history(&mut self, limits: HistoryLimits) {
        let _ = limits;
    }

    /// Reads a profile. `None` when there is none.
    ///
    /// # Errors
    /// [`ErrorCode::StoreCorrupt`], [`ErrorCode::StoreFailed`].
    fn restore(&mut self, user: &str) -> Result<Option<StoredProfile>>;

    /// Begins to read a profile, and gives what [`restore`](Self::restore) would to `done`, once, from any thread. A store that
    /// can read while it writes returns before. The master never asks for a profile while something of it is being written.
    fn begin_restore(&mut self, user: &Arc<str>, done: Restored) {
        done(self.restore(user));
    }

    /// A way to read profiles, from another thread, that does not wait for whatever call this store is busy with. Asked for once,
    /// after the claim; while the store lives the master then reads by it alone. A store without one is asked by
    /// [`begin_restore`](Self::begin_restore), in turn with the other calls.
    fn reader(&mut self) -> Option<Reader> {
        None
    }

    /// Writes documents, each only over an older version of itself; journal rows that a written document
    /// contains may be pruned in the same transaction. One result a document, in order.
    ///
    /// # Errors
    /// The outer error is one that concerns all of them, and then none is known to be written.
    fn update_many(&mut self, saves: &[DocumentSave]) -> Result<Vec<Result<()>>>;

    /// Writes one document: see [`update_many`](Self::update_many).
    ///
    /// # Errors
    /// As there.
    fn update(&mut self, save: &DocumentSave) -> Result<()> {
        self.update_many(std::slice::from_ref(save))?.pop().unwrap_or(Ok(()))
    }

    /// Appends applied batches to the journal, all in one transaction. A row whose user and version are there
    /// already is left as it is.
    ///
    /// # Errors
    /// [`ErrorCode::StoreFailed`], [`ErrorCode::StoreFenced`].
    fn append(&mut self, rows: &[JournalRow]) -> Result<()>;

    /// Removes a profile and its journal. False when there was none.
    ///
    /// # Errors
    /// [`ErrorCode::StoreFailed`], [`ErrorCode::StoreFenced`].
    fn delete(&mut self, user: &str) -> Result<bool>;

    /// User ids greater than `after`, in byte order, at most `limit` of them.
    ///
    /// # Errors
    /// [`ErrorCode::StoreFailed`].
    fn list(&mut self, after: Option<&str>, limit: usize) -> Result<Vec<String>>;

    /// What the journal keeps of a profile: at most `limit` rows beyond the version `after`, with what they go on from. `None`
    /// when there is no such profile.
    ///
    /// # Errors
    /// [`ErrorCode::StoreCorrupt`], [`ErrorCode::StoreFailed`]; [`ErrorCode::StoreNoHistory`] of a store that keeps none.
    fn history(&mut self, user: &str, after: u64, limit: usize) -> Result<Option<StoredHistory>> {
        let _ = (user, after, limit);
        Err(store_error(ErrorCode::StoreNoHistory, "this store keeps no history"))
    }
}

/// Takes what came of reading a profile.
pub type Restored = Box<dyn FnOnce(Result<Option<StoredProfile>>) + Send>;

/// Begins to read a profile and returns, as [`ProfileStore::begin_restore`] does.
pub type Reader = Box<dyn FnMut(&Arc<str>, Restored) + Send>;

/// How long rows of the journal are kept once a document contains them. What exceeds either limit goes, though not always at
/// once; rows that no document contains always stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// The age of the oldest row. Zero keeps no history.
    pub age: Duration,
    /// Rows of one profile. Zero keeps no history.
    pub rows: u64,
}

impl HistoryLimits {
    /// Nothing is kept.
    pub const NONE: Self = Self { age: Duration::ZERO, rows: 0 };

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.age.is_zero() || self.rows == 0
    }
}

impl Default for HistoryLimits {
    fn default() -> Self {
        Self { age: crate::limits::HISTORY_AGE, rows: crate::limits::HISTORY_ROWS }
    }
}

/// What a store knows of a profile's past.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredHistory {
    /// The latest document of a version not beyond the one asked for, or else the earliest there is; with its version. `None`
    /// when the rows are from the very beginning.
    pub base: Option<(u64, String)>,
    /// The rows from there on, without a gap, and up to `limit` beyond the version asked for.
    pub rows: Vec<JournalRow>,
}

/// A profile as the database holds it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredProfile {
    /// The document, as [`DocumentSave::document`] gave it; `None` while only journal rows have been written.
    pub document: Option<String>,
    /// The journal's rows whose version is greater than the document's, in order.
    pub rows: Vec<JournalRow>,
}

/// A document to write.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentSave {
    /// Whose profile.
    pub user: Arc<str>,
    /// The version it has reached; the document says it too.
    pub version: u64,
    /// JSON text.
    pub document: String,
}

/// One applied batch.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalRow {
    /// Whose profile.
    pub user: Arc<str>,
    /// The epoch of the profile's load in which it was applied.
    pub epoch: u64,
    /// The profile's version after it.
    pub version: u64,
    /// Who wrote it.
    pub writer: Arc<WriterInfo>,
    /// The writer's number for it.
    pub number: u64,
    /// Numbers of this writer's batches that were refused since its last row, with the codes. The code
    /// [`ErrorCode::WriterExpired`] is of all numbers up to that one.
    pub refused: Vec<(u64, ErrorCode)>,
    /// What it did, by property name. At most one entry a property.
    pub effects: Vec<(Arc<str>, Effect)>,
    /// What became of batches with idempotency keys since the profile's last row: none, or this batch, or such as were refused.
    pub outcomes: Vec<KeyedOutcome>,
    /// When, in milliseconds since 1970 UTC.
    pub unix_ms: u64,
}

/// What became of a batch with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyedOutcome {
    /// The key: that of the writer, after `c:` for a client's and `s:` for others.
    pub key: Arc<str>,
    /// Why it was refused; `None` when it was applied.
    pub refused: Option<ErrorCode>,
}

impl JournalRow {
    /// About what it takes in memory, and at most in the database.
    pub(crate) fn bytes(&self) -> usize {
        let effect = |(_, effect): &(Arc<str>, Effect)| effect.size();
        size_of::<Self>()
            + self.refused.len() * size_of::<(u64, ErrorCode)>()
            + self.outcomes.iter().map(|o| size_of::<KeyedOutcome>() + o.key.len()).sum::<usize>()
            + self.effects.iter().map(|e| size_of::<(Arc<str>, Effect)>() + effect(e)).sum::<usize>()
    }
}

/// A writer session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WriterInfo {
    /// The random id that the writer drew.
    pub id: u128,
    /// The user or the game server's name that its token said.
    pub subject: Arc<str>,
    /// `"client"` or `"server"`.
    pub role: Arc<str>,
}

/// An error of a store, for implementations.
#[must_use]
pub fn store_error(code: ErrorCode, text: impl Into<String>) -> Error {
    Error::store(code, text)
}
