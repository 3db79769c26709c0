//! Importing through a running master: each profile is given its values in one batch, as by a game server.

use std::sync::Arc;

use mst_profiles::{
    Error, ErrorCode, Event, Profile, ProfileId, PropertyIndex, Query, Schema, SyncClass, Writers,
};
use serde_json::{Map, Value as Json};

use super::report::Report;
use super::source::{Finding, Incoming};
use super::{OnConflict, Outcome, Target};
use crate::Failure;
use crate::profile::place::Place;
use crate::profile::session::Session;

/// Profiles that are open at a time: as many as there may be questions to the master.
const WINDOW: usize = 64;

pub(super) struct IntoMaster {
    session: Session,
    schema: Arc<Schema>,
    on_conflict: OnConflict,
    /// A profile that nobody has changed.
    untouched: String,
}

impl IntoMaster {
    pub(super) fn open(
        place: &Place,
        schema: &Arc<Schema>,
        on_conflict: OnConflict,
    ) -> Result<Self, Failure> {
        let session = Session::open(place, schema)?;
        let untouched = Profile::new(Arc::clone(schema)).to_json();
        Ok(Self { session, schema: Arc::clone(schema), on_conflict, untouched })
    }

    /// Leaves only values that a game server may set in a document.
    fn settable(&self, incoming: &mut Incoming) -> Result<(), String> {
        let mut object: Map<String, Json> =
            serde_json::from_str(&incoming.document).map_err(|error| error.to_string())?;
        let Incoming { findings, .. } = incoming;
        let mut find = |what: &str, why: &str| findings.push(Finding { what: what.into(), why: why.into() });
        if let Some(meta) = object.remove("$mst") {
            for name in meta["aside"].as_object().into_iter().flat_map(Map::keys) {
                find(name, "is kept aside in the document, which a master is not given");
            }
        }
        object.retain(|name, json| {
            let Ok(index) = self.schema.index_of(name) else {
                find(name, "no property has this name");
                return false;
            };
            let why = self.unsettable(index, json);
            if let Some(why) = &why {
                find(name, why);
            }
            why.is_none()
        });
        incoming.document = Json::Object(object).to_string();
        Ok(())
    }

    fn unsettable(&self, index: PropertyIndex, json: &Json) -> Option<String> {
        let info = self.schema.property(index);
        if info.writers() == Writers::Master {
            return Some("only the master's own code may set it".into());
        }
        if info.sync() == SyncClass::Volatile {
            return Some("it is volatile".into());
        }
        // All that a value can be wrong in for its type, a profile without a master tells.
        let one = Json::Object(Map::from_iter([(info.name().to_owned(), json.clone())]));
        Profile::new(Arc::clone(&self.schema))
            .apply_json(&one.to_string())
            .err()
            .map(|error| error.to_string())
    }

    /// Those that are to have their values set.
    fn unopposed(&mut self, batch: &[Incoming]) -> Result<Vec<Option<Outcome>>, Failure> {
        if self.on_conflict == OnConflict::Overwrite {
            return Ok(batch.iter().map(|_| None).collect());
        }
        let queries: Vec<_> = batch.iter().map(|i| Query::Get { user: i.user.clone() }).collect();
        let answers = self.session.ask_all(&queries)?;
        let outcome = |(incoming, answer): (&Incoming, Result<String, Error>)| match answer {
            Err(error) if error.code() == ErrorCode::NoSuchProfile => None,
            Err(error) => Some(Outcome::Failed(error.to_string())),
            // Made by an import that was interrupted before it gave it its values.
            Ok(json) if json == self.untouched => None,
            Ok(json) if has_all(&json, &incoming.document) => Some(Outcome::Imported),
            Ok(_) if self.on_conflict == OnConflict::Skip => Some(Outcome::Skipped),
            Ok(_) => Some(Outcome::Failed(format!("there is a profile of `{}` already", incoming.user))),
        };
        Ok(batch.iter().zip(answers).map(outcome).collect())
    }
}

/// Whether a profile has these values already.
fn has_all(profile: &str, values: &str) -> bool {
    let read = |text: &str| serde_json::from_str::<Map<String, Json>>(text).unwrap_or_default();
    let profile = read(profile);
    read(values).iter().all(|(name, value)| profile.get(name) == Some(value))
}

impl Target for IntoMaster {
    fn window(&self) -> usize {
        WINDOW
    }

    fn check(&mut self, incoming: &mut Incoming, _: bool) -> Result<Option<Outcome>, Failure> {
        Ok(self.settable(incoming).err().map(Outcome::Failed))
    }

    fn write(&mut self, batch: &mut [Incoming], report: &mut Report) -> Result<Vec<Outcome>, Failure> {
        let mut outcomes = self.unopposed(batch)?;
        let mut open: Vec<Open> = Vec::new();
        for (place, incoming) in batch.iter().enumerate() {
            if outcomes[place].is_some() {
                continue;
            }
            match self.session.endpoint.fill(&incoming.user) {
                Ok(id) => open.push(Open { id, place, number: None }),
                Err(error) => outcomes[place] = Some(Outcome::Failed(error.to_string())),
            }
        }
        let mut left = open.len();
        while left > 0 {
            self.session.until("making the profiles durable", |endpoint, event| {
                let (id, failure) = match event {
                    Event::ProfileLoaded { profile } => (profile, None),
                    Event::OpenFailed { profile, error } | Event::Refused { profile, error, .. } => {
                        (profile, Some(error))
                    }
                    Event::Durable { profile, .. } => (profile, None),
                    Event::Released { profile } => {
                        left -= usize::from(open.iter().any(|open| open.id == profile));
                        return Ok(Some(()));
                    }
                    _ => return Ok(None),
                };
                let Some(open) = open.iter_mut().find(|open| open.id == id) else { return Ok(None) };
                let outcome = &mut outcomes[open.place];
                if let Some(error) = failure {
                    *outcome = Some(Outcome::Failed(error.to_string()));
                } else if open.number.is_none() {
                    match set(endpoint, id, &batch[open.place].document) {
                        Ok(number) => open.number = Some(number),
                        Err(error) => *outcome = Some(Outcome::Failed(error.to_string())),
                    }
                }
                if outcome.is_some() || endpoint.pending(id).is_ok_and(|p| p.undurable == 0 && !p.unsent) {
                    outcome.get_or_insert(Outcome::Imported);
                    // One that could not be opened is gone already, and then there is nothing to let go.
                    left -= usize::from(endpoint.release(id).is_err());
                }
                Ok(Some(()))
            })?;
        }
        for (incoming, outcome) in batch.iter().zip(&outcomes) {
            if matches!(outcome, Some(Outcome::Imported)) {
                report.aside(&incoming.user, &incoming.findings)?;
            }
        }
        Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::Imported)).collect())
    }

    fn close(self: Box<Self>) -> Result<(), Failure> {
        self.session.close()
    }
}

/// A profile that is being given its values.
struct Open {
    id: ProfileId,
    /// Which of the batch it is.
    place: usize,
    /// The last batch of changes, once they are made.
    number: Option<u64>,
}

/// Gives a profile its values, all at once, or where they are too many for that one property after the other.
fn set(endpoint: &mut mst_profiles::Endpoint, id: ProfileId, values: &str) -> mst_profiles::Result<u64> {
    match endpoint.change(id, |profile| profile.apply_json(values)) {
        Err(error) if matches!(error.code(), ErrorCode::TooLong | ErrorCode::LimitReached) => {
            let values: Map<String, Json> = serde_json::from_str(values).unwrap_or_default();
            for (name, json) in values {
                let one = Json::Object(Map::from_iter([(name, json)])).to_string();
                endpoint.change(id, |profile| profile.apply_json(&one))?;
            }
        }
        result => result?,
    }
    endpoint.flush_profile(id)
}
