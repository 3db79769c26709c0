//! Errors of SQLite in the words of stores.

use rusqlite::ffi;

use crate::error::{Error, ErrorCode};
use crate::store::store_error;

/// What failed inside a transaction: something that is to be told with the database and the operation, or an
/// error that says all.
pub(super) enum Failure {
    Sql(rusqlite::Error),
    Known(Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Known(error)
    }
}

impl Failure {
    pub(super) fn explain(self, path: &str, operation: &str) -> Error {
        match self {
            Self::Known(error) => error,
            Self::Sql(error) => {
                let code = match error.sqlite_error_code() {
                    Some(ffi::ErrorCode::DatabaseCorrupt) => ErrorCode::StoreCorrupt,
                    Some(ffi::ErrorCode::NotADatabase) => ErrorCode::StoreOpen,
                    _ if is_conversion(&error) => ErrorCode::StoreCorrupt,
                    _ => ErrorCode::StoreFailed,
                };
                store_error(code, format!("database `{path}`: {operation}: {error}"))
            }
        }
    }
}

/// A value of a type or with contents that this library never writes is a broken value, told in the words of
/// `text`; any other error stays what it is.
pub(super) fn broken(error: rusqlite::Error, text: impl FnOnce(String) -> String) -> Failure {
    if is_conversion(&error) {
        return store_error(ErrorCode::StoreCorrupt, text(error.to_string())).into();
    }
    error.into()
}

fn is_conversion(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as Sql;
    matches!(
        error,
        Sql::FromSqlConversionFailure(..)
            | Sql::IntegralValueOutOfRange(..)
            | Sql::InvalidColumnType(..)
            | Sql::Utf8Error(..)
    )
}
