//! The traffic with the store: journal rows by group commit, documents lazily, each tried again until it succeeds.

use std::cmp::Reverse;
use std::sync::Arc;

use super::document;
use super::profile::Entry;
use super::{Action, Due, Group, Master, MasterEvent, Now, StoreAnswer, StoreRequest};
use crate::error::{Error, ErrorCode};
use crate::limits::{GROUP_TARGET_BYTES, MAX_GROUP_ROWS, MAX_SAVE_DOCUMENTS};
use crate::planted::{Bug, planted};
use crate::store::{DocumentSave, JournalRow};

impl Master {
    /// The store answered a request.
    pub(crate) fn stored(&mut self, now: Now, answer: StoreAnswer) {
        match answer {
            StoreAnswer::Restored { user, result } => self.restored(now, &user, result),
            StoreAnswer::Appended { result } => self.appended(now, result.err()),
            StoreAnswer::Updated { result } => {
                let documents = self.saving.as_ref().map_or(0, Vec::len);
                let results = match result {
                    Ok(results) if results.len() == documents => results,
                    Ok(results) => {
                        let text = format!("{} results for {documents} documents", results.len());
                        vec![Err(Error::store(ErrorCode::StoreFailed, text)); documents]
                    }
                    Err(error) => vec![Err(error); documents],
                };
                self.updated(now, results);
            }
        }
    }

    /// Gives the store what waits for it. While a group commits, the next one gathers.
    pub(super) fn submit(&mut self, now: Now) {
        if self.fatal.is_some() {
            return;
        }
        if self.group.is_none() && !self.journal.is_empty() {
            let mut bytes = 0;
            let fits = |(_, row): &&(usize, JournalRow)| {
                let fits = bytes < GROUP_TARGET_BYTES;
                bytes += row.bytes();
                fits
            };
            let count = self.journal.iter().take(MAX_GROUP_ROWS).take_while(fits).count();
            let (places, rows): (Vec<_>, Vec<JournalRow>) = self.journal.drain(..count).unzip();
            self.journal_bytes -= rows.iter().map(JournalRow::bytes).sum::<usize>();
            self.group = Some(Group { places, rows: Arc::new(rows), submitted: false });
        }
        if let Some(group) = &mut self.group
            && !group.submitted
            && self.append_retry.is_due(now.mono)
        {
            group.submitted = true;
            let rows = Arc::clone(&group.rows);
            if planted(Bug::DurableBeforeCommit) {
                for row in rows.iter() {
                    let Some(session) = self.writers.get(&row.writer.id) else { continue };
                    let Some(state) = self.sessions.get_mut(session) else { continue };
                    let channels = state.channels.iter();
                    let channel =
                        channels.filter(|(_, open)| self.by_user.get(&row.user) == Some(&open.profile));
                    if let Some(channel) = channel.map(|(channel, _)| *channel).next() {
                        state.durable.push((channel, row.number));
                    }
                }
            }
            self.actions.push_back(Action::Store(StoreRequest::Append { rows }));
        }
        if self.saving.is_none() && !self.save_queue.is_empty() && self.save_retry.is_due(now.mono) {
            let mut saves = Vec::new();
            let mut saving = Vec::new();
            while saves.len() < MAX_SAVE_DOCUMENTS
                && let Some(place) = self.save_queue.pop_front()
            {
                let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) else { continue };
                if !profile.unsaved() {
                    profile.saving = false;
                    continue;
                }
                profile.touched = false;
                saves.push(DocumentSave {
                    user: profile.user.clone(),
                    version: profile.version,
                    document: document::write(&self.config.schema, profile, now.unix_ms),
                });
                saving.push((place, profile.version));
            }
            if !saves.is_empty() {
                self.saving = Some(saving);
                self.actions.push_back(Action::Store(StoreRequest::Update { saves: Arc::new(saves) }));
            }
        }
    }

    fn appended(&mut self, now: Now, error: Option<Error>) {
        let Some(mut group) = self.group.take() else { return };
        if let Some(error) = error.filter(|error| !drops_group(error)) {
            // The same rows again: whether they were committed is not known, and does not matter.
            group.submitted = false;
            self.group = Some(group);
            return self.store_failed(now, error, true);
        }
        let rows = &group.rows;
        self.append_retry.succeeded();
        self.stats.journal_groups += 1;
        self.stats.journal_rows += rows.len() as u64;
        for (place, row) in group.places.iter().zip(rows.iter()) {
            let Some(profile) = self.profiles[*place].as_mut().and_then(Entry::live) else { continue };
            profile.unjournaled -= 1;
            if let Some(writer) = profile.writers.get_mut(&row.writer.id) {
                writer.durable = writer.durable.max(row.number);
            }
            let Some(session) = self.writers.get(&row.writer.id).copied() else { continue };
            let Some(state) = self.sessions.get_mut(&session) else { continue };
            let open = profile.observers.iter().find(|(observer, _)| *observer == session);
            if let Some((_, channel)) = open {
                state.durable.push((*channel, row.number));
                if !state.listed {
                    state.listed = true;
                    self.flush.push(session);
                }
            }
        }
    }

    fn updated(&mut self, now: Now, results: Vec<Result<(), Error>>) {
        let Some(saving) = self.saving.take() else { return };
        let all_failed = results.iter().all(Result::is_err);
        let mut failure = None;
        for ((place, version), result) in saving.into_iter().zip(results) {
            let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) else { continue };
            profile.saving = false;
            match result {
                Ok(()) => {
                    profile.saved = Some(profile.saved.map_or(version, |saved| saved.max(version)));
                    profile.unstored.clear();
                    self.stats.documents_saved += 1;
                    profile.save_retry.succeeded();
                    if !profile.touched {
                        // The document is without them.
                        let closed = profile.writers.iter().filter(|(_, writer)| writer.closed);
                        for writer in closed.map(|(id, _)| *id).collect::<Vec<_>>() {
                            profile.forget_writer(writer);
                        }
                    }
                    // It may have changed while it was being written.
                    if !profile.unsaved() {
                        continue;
                    }
                    if profile.observers.is_empty() || self.stopping {
                        self.queue_save(place);
                    } else {
                        self.schedule_save(now, place);
                    }
                }
                Err(error) => {
                    profile.touched = true;
                    if all_failed || self.stopping {
                        self.queue_save(place);
                        failure = Some(error);
                    } else {
                        // A document that can't be written must not slow down the others: it has a back-off of its own.
                        let at = now.mono + profile.save_retry.failed(now.mono, &mut self.rng);
                        profile.save_at = Some(at);
                        self.timers.push(Reverse((at, Due::Save(place))));
                        self.events.push(MasterEvent::StoreFailed { error });
                    }
                }
            }
        }
        match failure {
            Some(error) => self.store_failed(now, error, false),
            None => self.save_retry.succeeded(),
        }
    }

    fn store_failed(&mut self, now: Now, error: Error, append: bool) {
        if error.code() == ErrorCode::StoreFenced {
            self.fatal = Some(error.clone());
            for session in self.session_numbers() {
                let text = "the master lost its database to another one".into();
                self.close(now, session, Error::Unavailable { reason: text });
            }
            return;
        }
        self.events.push(MasterEvent::StoreFailed { error });
        let retry = if append { &mut self.append_retry } else { &mut self.save_retry };
        retry.failed(now.mono, &mut self.rng);
    }

    pub(super) fn save_due(&mut self, now: Now, place: usize) {
        let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) else { return };
        if profile.save_at.is_some_and(|at| at <= now.mono) {
            profile.save_at = None;
            self.queue_save(place);
        }
    }

    /// Lets a profile be saved after the interval, unless it is about to be.
    pub(super) fn schedule_save(&mut self, now: Now, place: usize) {
        let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) else { return };
        if profile.save_at.is_none() {
            let at = now.mono + self.config.save_interval;
            profile.save_at = Some(at);
            self.timers.push(Reverse((at, Due::Save(place))));
        }
    }

    /// Puts a profile among those to be saved, if it is not there and the store lacks something of it.
    pub(super) fn queue_save(&mut self, place: usize) {
        let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) else { return };
        if !profile.saving && profile.unsaved() {
            profile.saving = true;
            self.save_queue.push_back(place);
        }
    }
}

fn drops_group(error: &Error) -> bool {
    planted(Bug::FailedGroupDropped) && error.code() == ErrorCode::StoreFailed
}
