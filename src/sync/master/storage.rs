//! The traffic with the store: journal rows by group commit, documents lazily, each tried again until it succeeds.

use std::cmp::Reverse;
use std::sync::Arc;

use super::document;
use super::health::Area;
use super::profile::{Entry, MasterProfile, WriterState};
use super::{Action, Due, Group, Master, Now, StoreAnswer, StoreRequest};
use crate::error::{Error, ErrorCode};
use crate::limits::{FIRST_SAVE_DELAY, GROUP_TARGET_BYTES, MAX_GROUP_ROWS, MAX_SAVE_DOCUMENTS};
use crate::planted::{Bug, planted};
use crate::store::{DocumentSave, JournalRow};

/// A document that is with the store.
pub(super) struct Saving {
    pub(super) place: usize,
    pub(super) version: u64,
    /// The last applied number of each writer that it has; told without a journal alone.
    writers: Vec<(u128, u64)>,
}

impl Master {
    /// The store answered a request.
    pub(crate) fn stored(&mut self, now: Now, answer: StoreAnswer) {
        match answer {
            StoreAnswer::Restored { user, result } => self.restored(now, &user, result),
            StoreAnswer::Appended { result } => self.appended(now, result.err()),
            StoreAnswer::Updated { result } => {
                let documents = self.saving.as_ref().map_or(0, Vec::len);
                let result = result.and_then(|results| match results.len() {
                    length if length == documents => Ok(results),
                    length => {
                        let text = format!("{length} results for {documents} documents");
                        Err(Error::store(ErrorCode::StoreFailed, text))
                    }
                });
                self.updated(now, result);
            }
            StoreAnswer::Deleted { user, result } => self.deleted(now, &user, result),
            StoreAnswer::Looked { ask, result } => self.looked(now, ask, result),
            StoreAnswer::History { ask, result } => self.history_read(now, ask, result),
            StoreAnswer::Listed { ask, result } => self.listed(ask, result),
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
                profile.saved_at = Some(now.mono);
                saves.push(DocumentSave {
                    user: profile.user.clone(),
                    version: profile.version,
                    document: document::write(&self.config.schema, profile, now.unix_ms),
                });
                let applied = |(id, writer): (&u128, &WriterState)| (*id, writer.applied);
                let writers = match self.config.journal {
                    true => Vec::new(),
                    false => profile.writers.iter().map(applied).collect(),
                };
                saving.push(Saving { place, version: profile.version, writers });
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
            return self.append_failed(now, error);
        }
        let rows = &group.rows;
        self.append_retry.succeeded();
        self.out_of_trouble(now, Area::Journal);
        self.stats.journal_groups += 1;
        self.stats.journal_rows += rows.len() as u64;
        for (place, row) in group.places.iter().zip(rows.iter()) {
            match &mut self.profiles[*place] {
                Some(Entry::Live(profile)) => profile.unjournaled -= 1,
                Some(Entry::Deleting(deleting)) => {
                    deleting.unjournaled -= 1;
                    self.advance_delete(*place);
                    continue;
                }
                _ => continue,
            }
            self.durable(*place, row.writer.id, row.number);
        }
    }

    /// The batches of a writer up to a number are in the store.
    fn durable(&mut self, place: usize, writer: u128, number: u64) {
        let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) else { return };
        if let Some(writer) = profile.writers.get_mut(&writer) {
            writer.durable = writer.durable.max(number);
        }
        let Some(session) = self.writers.get(&writer).copied() else { return };
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let open = profile.observers.iter().find(|(observer, _)| *observer == session);
        if let Some((_, channel)) = open {
            state.durable.push((*channel, number));
            if !state.listed {
                state.listed = true;
                self.flush.push(session);
            }
        }
    }

    fn updated(&mut self, now: Now, result: Result<Vec<Result<(), Error>>, Error>) {
        let Some(saving) = self.saving.take() else { return };
        let results = match result {
            Ok(results) => {
                self.save_retry.succeeded();
                self.out_of_trouble(now, Area::Documents);
                results
            }
            Err(error) => {
                // It concerns all of them, and whatever else is to be written.
                for Saving { place, .. } in saving {
                    if let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) {
                        (profile.saving, profile.touched) = (false, true);
                        self.queue_save(place);
                    }
                    self.advance_delete(place);
                }
                return self.save_failed(now, error);
            }
        };
        for (saved, result) in saving.into_iter().zip(results) {
            let place = saved.place;
            match result {
                Ok(()) => self.saved(now, saved),
                Err(error) => self.not_saved(now, place, error),
            }
            self.advance_delete(place);
        }
    }

    /// A document was written.
    fn saved(&mut self, now: Now, Saving { place, version, writers }: Saving) {
        for (writer, number) in writers.into_iter().filter(|(_, number)| *number > 0) {
            let known =
                |profile: &mut MasterProfile| profile.writers.get(&writer).map(|writer| writer.durable);
            let durable = self.profiles[place].as_mut().and_then(Entry::live).and_then(known);
            if durable.is_some_and(|durable| durable < number) {
                self.durable(place, writer, number);
            }
        }
        let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) else { return };
        profile.saving = false;
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
            return;
        }
        if profile.observers.is_empty() || self.stopping {
            self.queue_save(place);
        } else {
            self.schedule_save(now, place);
        }
    }

    /// A document could not be written, though others perhaps could. It must not slow these down: it has a back-off of its own.
    fn not_saved(&mut self, now: Now, place: usize, error: Error) {
        if error.code() == ErrorCode::StoreFenced {
            return self.fenced(now, error);
        }
        let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) else { return };
        (profile.saving, profile.touched) = (false, true);
        let at = now.mono + profile.save_retry.failed(now.mono, &mut self.rng);
        profile.save_at = Some(at);
        self.timers.push(Reverse((at, Due::Save(place))));
        self.tell_failure(now, error);
    }

    fn append_failed(&mut self, now: Now, error: Error) {
        if error.code() == ErrorCode::StoreFenced {
            return self.fenced(now, error);
        }
        self.append_retry.failed(now.mono, &mut self.rng);
        self.in_trouble(now, Area::Journal, error);
    }

    fn save_failed(&mut self, now: Now, error: Error) {
        if error.code() == ErrorCode::StoreFenced {
            return self.fenced(now, error);
        }
        self.save_retry.failed(now.mono, &mut self.rng);
        self.in_trouble(now, Area::Documents, error);
    }

    /// Another master took the database over.
    pub(super) fn fenced(&mut self, now: Now, error: Error) {
        self.fatal = Some(error);
        for session in self.session_numbers() {
            let text = "the master lost its database to another one".into();
            self.close(now, session, Error::Unavailable { reason: text });
        }
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
            let at = match (self.config.journal, profile.saved_at) {
                (true, _) => now.mono + self.config.save_interval,
                // Somebody may wait for it to be durable: at once after a rest, and then as often as the interval says.
                (false, last) => {
                    let first = now.mono + FIRST_SAVE_DELAY.min(self.config.save_interval);
                    last.map_or(first, |last| first.max(last + self.config.save_interval))
                }
            };
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
