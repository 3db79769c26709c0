//! Questions about profiles: to a running master, or to a database, beside whoever owns it.

use std::sync::Arc;

use mst_profiles::store::{ProfileStore, history_json, profile_json, profile_json_at};
use mst_profiles::{Error, Query, Schema};
use serde_json::Value as Json;

use super::place::{Place, Where};
use super::session::Session;
use crate::Failure;

pub(super) enum Look {
    Master(Box<Session>),
    /// What is in the database: a master may have changes that it is just writing.
    Database {
        store: Box<dyn ProfileStore>,
        schema: Arc<Schema>,
    },
}

impl Look {
    pub(super) fn open(place: &Place, schema: &Arc<Schema>) -> Result<Self, Failure> {
        Ok(match place.find(schema)? {
            Where::Master(_) => Self::Master(Box::new(Session::open(place, schema)?)),
            Where::Database(database) => {
                Self::Database { store: database.open_to_read()?, schema: Arc::clone(schema) }
            }
        })
    }

    pub(super) fn ask(&mut self, query: &Query) -> Result<Json, Failure> {
        let answer = match self {
            Self::Master(session) => session.ask(query)?,
            Self::Database { store, schema } => read(&mut **store, schema, query)?,
        };
        Ok(serde_json::from_str(&answer).map_err(|error| format!("the answer: {error}"))?)
    }

    pub(super) fn close(self) -> Result<(), Failure> {
        match self {
            Self::Master(session) => session.close(),
            Self::Database { .. } => Ok(()),
        }
    }
}

/// What a master would answer.
fn read(store: &mut dyn ProfileStore, schema: &Schema, query: &Query) -> Result<String, Failure> {
    let none = |user: &str| Error::NoSuchProfile { user: Arc::from(user) };
    Ok(match query {
        Query::Get { user } => {
            let stored = store.restore(user)?.ok_or_else(|| none(user))?;
            profile_json(schema, user, stored)?
        }
        Query::At { user, version } => {
            let stored = store.history(user, *version, 0)?.ok_or_else(|| none(user))?;
            profile_json_at(schema, user, stored, *version)?
        }
        Query::History { user, after, limit } => {
            let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
            let stored = store.history(user, *after, limit)?.ok_or_else(|| none(user))?;
            history_json(schema, user, stored, *after)?
        }
        other => return Err(format!("nothing to be asked of a database: {other:?}").into()),
    })
}
