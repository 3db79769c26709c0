//! What can fail while talking to the server, and what to make of it.

use tokio_postgres::error::SqlState;

use super::connect::told;
use crate::error::{Error, ErrorCode};
use crate::store::store_error;

/// What failed within a call: something that is to be told with the database and the operation, or an error that says all.
pub(super) enum Failure {
    Sql(tokio_postgres::Error),
    /// The call took too long. What came of it is not known.
    Timeout,
    Known(Error),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Known(error)
    }
}

impl From<deadpool_postgres::PoolError> for Failure {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        use deadpool_postgres::{HookError, PoolError};
        match error {
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
                Self::Sql(error)
            }
            PoolError::Timeout(_) => Self::Timeout,
            error => Self::Known(store_error(ErrorCode::StoreFailed, error.to_string())),
        }
    }
}

impl Failure {
    fn state(&self) -> Option<&SqlState> {
        match self {
            Self::Sql(error) => error.code(),
            _ => None,
        }
    }

    /// Whether the server took all of it back because of what others did at the same time, so that it is to be done again.
    pub(super) fn is_conflict(&self) -> bool {
        self.state().is_some_and(|state| {
            // CockroachDB's restarts have the first of them.
            *state == SqlState::T_R_SERIALIZATION_FAILURE || *state == SqlState::T_R_DEADLOCK_DETECTED
        })
    }

    /// Whether it may be the fault of one of several rows: of its contents, or of a rule of the database's owner.
    pub(super) fn is_of_a_row(&self) -> bool {
        self.state().is_some_and(|state| {
            ["21", "22", "23", "44", "54", "P0", "XX"].contains(&state.code().get(..2).unwrap_or_default())
        })
    }

    /// Whether the connection, or what was prepared on it, is of no use any more.
    pub(super) fn breaks_the_connection(&self) -> bool {
        match self {
            Self::Known(_) => false,
            Self::Timeout => true,
            Self::Sql(error) => error.code().is_none_or(|state| {
                ["08", "0A", "25", "26", "57"].contains(&state.code().get(..2).unwrap_or_default())
            }),
        }
    }

    /// Whether the connection ended, of which it is not known whether that was before or after.
    pub(super) fn is_lost_connection(&self) -> bool {
        match self {
            Self::Sql(error) => {
                error.is_closed()
                    || std::error::Error::source(error).is_some_and(|cause| cause.is::<std::io::Error>())
                    || self.state().is_some_and(|state| ["08", "57"].contains(&&state.code()[..2]))
            }
            _ => false,
        }
    }

    pub(super) fn explain(self, database: &str, operation: &str) -> Error {
        match self {
            Self::Known(error) => error,
            Self::Timeout => {
                store_error(ErrorCode::StoreFailed, format!("{database}: {operation}: took too long"))
            }
            Self::Sql(error) => {
                let code = match error.code() {
                    Some(state) if *state == SqlState::DATA_CORRUPTED => ErrorCode::StoreCorrupt,
                    Some(state) if *state == SqlState::INDEX_CORRUPTED => ErrorCode::StoreCorrupt,
                    _ => ErrorCode::StoreFailed,
                };
                store_error(code, format!("{database}: {operation}: {}", told(&error)))
            }
        }
    }
}
