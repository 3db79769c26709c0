//! Questions about profiles that nobody need have open: what they are, were, and who changed them; and their deletion.
//!
//! Hosts ask them, and game servers over the network. Answers are JSON, of what is durable where the store is asked.

use std::sync::Arc;

use super::document;
use super::history;
use super::profile::{Deleting, Entry, Loading};
use super::session::PeerInfo;
use super::{Action, Master, MasterEvent, Now, PeerRole, StoreRequest};
use crate::error::{Error, ErrorCode, Result};
use crate::json::profile_to_json;
use crate::limits::{ANSWER_PART_BYTES, MAX_ANSWER_BYTES, MAX_ASKED_ROWS, MAX_ASKED_USERS, MAX_ASKS};
use crate::schema::check_user_id;
use crate::store::{StoredHistory, StoredProfile};
use crate::wire::control::Down;
pub(crate) use crate::wire::control::Query;

/// Who wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// The host, by a number of its driver's.
    Host(u64),
    /// A peer, by a number of its own.
    Session { session: u64, request: u64 },
}

/// A question that the store has to answer first.
pub(super) struct Ask {
    asker: Asker,
    query: Query,
}

impl Master {
    /// The host asks; the answer is an [`Action::Answer`].
    pub(crate) fn ask(&mut self, token: u64, query: Query) {
        self.asked(Asker::Host(token), query);
    }

    /// A peer asks.
    pub(super) fn peer_asked(&mut self, session: u64, peer: &PeerInfo, request: u64, query: Query) {
        let asker = Asker::Session { session, request };
        if peer.identity.role == PeerRole::Client {
            let reason = "clients may not ask about profiles that they do not have open".into();
            return self.answer(asker, Err(Error::AuthFailed { reason }));
        }
        self.asked(asker, query);
    }

    fn asked(&mut self, asker: Asker, query: Query) {
        let user = match &query {
            Query::Get { user }
            | Query::At { user, .. }
            | Query::History { user, .. }
            | Query::Delete { user } => Some(user),
            Query::List { .. } => None,
        };
        let refusal = if self.stopping || self.fatal.is_some() {
            Some(super::stopping())
        } else if self.asks.len() >= MAX_ASKS {
            Some(Error::LimitReached { what: "questions that wait for the database", limit: MAX_ASKS })
        } else if matches!(query, Query::Delete { .. }) && !self.config.deletes {
            // Before anybody loses what the store would keep.
            Some(Error::store(ErrorCode::FeatureDisabled, "this database can't delete profiles"))
        } else {
            user.and_then(|user| check_user_id(user).err())
        };
        if let Some(error) = refusal {
            return self.answer(asker, Err(error));
        }
        let user: Arc<str> = Arc::from(user.map_or("", |user| user));
        let ask = self.last_ask + 1;
        let request = match &query {
            Query::Get { .. } => {
                // As everybody sees it now, when it is in memory.
                if let Some(json) = self.profile_json(&user) {
                    return self.answer(asker, Ok(json));
                }
                StoreRequest::Look { ask, user }
            }
            Query::At { version, .. } => StoreRequest::History { ask, user, after: *version, limit: 0 },
            Query::History { after, limit, .. } => {
                let limit = usize::try_from(*limit).unwrap_or(usize::MAX).clamp(1, MAX_ASKED_ROWS);
                StoreRequest::History { ask, user, after: *after, limit }
            }
            Query::List { after, limit } => {
                let limit = usize::try_from(*limit).unwrap_or(usize::MAX).clamp(1, MAX_ASKED_USERS);
                StoreRequest::List { ask, after: after.clone(), limit }
            }
            Query::Delete { .. } => return self.delete(asker, user),
        };
        self.last_ask = ask;
        self.asks.insert(ask, Ask { asker, query });
        self.actions.push_back(Action::Store(request));
    }

    pub(super) fn looked(&mut self, now: Now, ask: u64, result: Result<Option<StoredProfile>>) {
        let Some(Ask { asker, query: Query::Get { user } }) = self.asks.remove(&ask) else { return };
        let user: Arc<str> = Arc::from(user);
        // It may have come into memory since.
        let result = match self.profile_json(&user) {
            Some(json) => Ok(json),
            None => result.and_then(|stored| {
                let stored = stored.ok_or(Error::NoSuchProfile { user: user.clone() })?;
                let (profile, _) = document::load(&self.config.schema, &user, stored, now.unix_ms)?;
                Ok(profile_to_json(&self.config.schema, |i| Some(&profile.values[i.usize()])))
            }),
        };
        self.answer(asker, result);
    }

    pub(super) fn history_read(&mut self, now: Now, ask: u64, result: Result<Option<StoredHistory>>) {
        let Some(Ask { asker, query }) = self.asks.remove(&ask) else { return };
        let schema = &self.config.schema;
        let answer = |user: &str, told: &dyn Fn(StoredHistory) -> Result<String>| {
            told(result?.ok_or_else(|| Error::NoSuchProfile { user: Arc::from(user) })?)
        };
        let result = match query {
            Query::At { user, version } => {
                answer(&user, &|stored| history::profile_at(schema, &user, stored, version, now.unix_ms))
            }
            Query::History { user, after, .. } => {
                answer(&user, &|stored| history::told(schema, &user, stored, after))
            }
            _ => return,
        };
        self.answer(asker, result);
    }

    pub(super) fn listed(&mut self, ask: u64, result: Result<Vec<String>>) {
        let Some(Ask { asker, .. }) = self.asks.remove(&ask) else { return };
        self.answer(asker, result.map(|users| serde_json::to_string(&users).unwrap_or_default()));
    }

    /// Gives an answer, to a peer in parts.
    fn answer(&mut self, asker: Asker, result: Result<String>) {
        let (session, request) = match asker {
            Asker::Host(token) => return self.actions.push_back(Action::Answer { token, result }),
            Asker::Session { session, request } => (session, request),
        };
        let result = result.and_then(|text| match text.len() {
            0..=MAX_ANSWER_BYTES => Ok(text),
            _ => Err(Error::LimitReached { what: "bytes of an answer", limit: MAX_ANSWER_BYTES }),
        });
        let Some(state) = self.sessions.get_mut(&session) else { return };
        match result {
            Err(error) => {
                let code = error.code() as i32;
                state.send(&Down::Answer { request, code, more: false, text: error.to_string() });
            }
            Ok(text) => {
                let mut rest = &*text;
                loop {
                    let (part, after) = rest.split_at(rest.floor_char_boundary(ANSWER_PART_BYTES));
                    rest = after;
                    let (more, text) = (!rest.is_empty(), part.to_owned());
                    state.send(&Down::Answer { request, code: 0, more, text });
                    if !more {
                        break;
                    }
                }
            }
        }
        self.send_outbox(session);
    }

    /// Who has the profile open loses it at once. It is deleted when nothing of it is on its way to the store any more.
    pub(super) fn delete(&mut self, asker: Asker, user: Arc<str>) {
        let place = match self.by_user.get(&user) {
            Some(place) => *place,
            None => {
                let place = self.place_for(user.clone());
                self.profiles[place] = Some(Entry::Deleting(Deleting::new(user)));
                place
            }
        };
        match &mut self.profiles[place] {
            // First it has to be known what comes of that.
            Some(Entry::Loading(loading)) => return loading.doomed.push(asker),
            Some(Entry::Deleting(deleting)) => deleting.askers.push(asker),
            Some(Entry::Live(_)) => self.doom(place, vec![asker]),
            None => {}
        }
        self.advance_delete(place);
    }

    /// Takes a profile out of memory to delete it.
    pub(super) fn doom(&mut self, place: usize, askers: Vec<Asker>) {
        let Some(Entry::Live(profile)) = self.profiles[place].take() else { return };
        let error = Error::NoSuchProfile { user: profile.user.clone() };
        for (session, channel) in &profile.observers {
            if let Some(state) = self.sessions.get_mut(session) {
                state.channels.remove(channel);
            }
            self.open_failed(*session, *channel, &error);
            self.send_outbox(*session);
        }
        let deleting =
            Deleting { unjournaled: profile.unjournaled, askers, ..Deleting::new(profile.user.clone()) };
        self.profiles[place] = Some(Entry::Deleting(deleting));
    }

    /// Asks the store to delete a profile, if it is to be and nothing of it is under way.
    pub(super) fn advance_delete(&mut self, place: usize) {
        let is_saving = self.saving.iter().flatten().any(|saving| saving.place == place);
        let Some(Entry::Deleting(deleting)) = &mut self.profiles[place] else { return };
        if !deleting.asked && deleting.unjournaled == 0 && !is_saving {
            deleting.asked = true;
            self.actions.push_back(Action::Store(StoreRequest::Delete { user: deleting.user.clone() }));
        }
    }

    pub(super) fn deleted(&mut self, now: Now, user: &Arc<str>, result: Result<bool>) {
        let Some(place) = self.by_user.get(user).copied() else { return };
        let Some(Entry::Deleting(deleting)) = &mut self.profiles[place] else { return };
        let Deleting { askers, waiters, .. } = std::mem::replace(deleting, Deleting::new(user.clone()));
        match &result {
            Ok(true) => self.events.push(MasterEvent::ProfileDeleted { user: user.clone() }),
            Ok(false) => {}
            Err(error) if error.code() == ErrorCode::StoreFenced => self.fenced(now, error.clone()),
            Err(error) => self.tell_failure(now, error.clone()),
        }
        if waiters.is_empty() {
            self.free(place, user);
        } else {
            // They have come since, and get what is there now.
            let loading = Loading { waiters, ..Loading::new(user.clone()) };
            self.profiles[place] = Some(Entry::Loading(loading));
            self.ask_for(now, place);
        }
        for asker in askers {
            self.answer(asker, result.clone().map(|existed| existed.to_string()));
        }
    }
}
