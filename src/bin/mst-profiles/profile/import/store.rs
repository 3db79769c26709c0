//! Importing into a database that no master runs on.

use std::sync::Arc;

use mst_profiles::store::{DocumentSave, HistoryLimits, ProfileStore, import_document};
use mst_profiles::{ErrorCode, Schema};

use super::report::Report;
use super::source::{Finding, Incoming};
use super::{OnConflict, Outcome, Target};
use crate::Failure;
use crate::profile::place::Database;

/// Profiles in one transaction.
const WINDOW: usize = 1000;

pub(super) struct IntoStore {
    store: Box<dyn ProfileStore>,
    schema: Arc<Schema>,
    on_conflict: OnConflict,
    /// What was made of those that were checked, in their order.
    saves: Vec<DocumentSave>,
}

impl IntoStore {
    pub(super) fn open(
        database: &Database<'_>,
        schema: &Arc<Schema>,
        on_conflict: OnConflict,
    ) -> Result<Self, Failure> {
        let mut store = database.open_to_own()?;
        // What is there of the past stays.
        store.keep_history(HistoryLimits::default());
        store.claim()?;
        Ok(Self { store, schema: Arc::clone(schema), on_conflict, saves: Vec::new() })
    }
}

impl Target for IntoStore {
    fn window(&self) -> usize {
        WINDOW
    }

    fn check(&mut self, incoming: &mut Incoming, is_retry: bool) -> Result<Option<Outcome>, Failure> {
        let there = match self.store.restore(&incoming.user) {
            // It can't be told what has to be kept of it.
            Err(error) if error.code() == ErrorCode::StoreCorrupt => {
                return Ok(Some(Outcome::Failed(format!("{error}; delete it before"))));
            }
            there => there?,
        };
        match (&there, self.on_conflict) {
            // It was not there when this was begun: it is what this import has made.
            (Some(_), OnConflict::Fail) if is_retry => return Ok(Some(Outcome::Imported)),
            (Some(_), OnConflict::Fail) => {
                let reason = format!("there is a profile of `{}` already", incoming.user);
                return Ok(Some(Outcome::Failed(reason)));
            }
            (Some(_), OnConflict::Skip) => return Ok(Some(Outcome::Skipped)),
            _ => {}
        }
        match import_document(&self.schema, &incoming.user, &incoming.document, there) {
            Ok(brought) => {
                let findings = brought.aside.into_iter();
                incoming.findings.extend(findings.map(|(what, why)| Finding { what: what.to_string(), why }));
                self.saves.push(brought.save);
                incoming.document = String::new();
                Ok(None)
            }
            Err(error) => Ok(Some(Outcome::Failed(error.to_string()))),
        }
    }

    fn write(&mut self, batch: &mut [Incoming], report: &mut Report) -> Result<Vec<Outcome>, Failure> {
        let saves = std::mem::take(&mut self.saves);
        let results = if saves.is_empty() { Vec::new() } else { self.store.update_many(&saves)? };
        for incoming in batch {
            report.aside(&incoming.user, &incoming.findings)?;
        }
        let outcome = |result: mst_profiles::Result<()>| match result {
            Ok(()) => Outcome::Imported,
            Err(error) => Outcome::Failed(error.to_string()),
        };
        Ok(results.into_iter().map(outcome).collect())
    }

    fn close(self: Box<Self>) -> Result<(), Failure> {
        Ok(())
    }
}
