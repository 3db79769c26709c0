//! Where the profiles are that a command is about.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use mst_profiles::store::{ProfileStore, SqliteStore};
use mst_profiles::{ConnectOptions, Error, ErrorCode, Schema, Trust};

use crate::{Failure, database};

/// The variable of the environment that may have the token: what is on the command line, others on the machine can see.
const TOKEN_VARIABLE: &str = "MST_TOKEN";

#[derive(Args)]
pub(super) struct Place {
    /// The schema of the profiles (JSON).
    #[arg(long, value_name = "FILE")]
    pub(super) schema: PathBuf,
    /// Where a master runs, which is joined as a game server.
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "database")]
    connect: Option<String>,
    /// The fingerprint of that master's certificate, as it prints it. Without this and --ca, the certificate must be of an
    /// authority that web browsers trust.
    #[arg(long, value_name = "HEX", requires = "connect", conflicts_with = "ca")]
    fingerprint: Option<String>,
    /// The certificate of the authority that has signed the master's (PEM).
    #[arg(long, value_name = "FILE", requires = "connect")]
    ca: Option<PathBuf>,
    /// What tells the master who this is; if not given, what the variable MST_TOKEN says.
    #[arg(long, value_name = "TOKEN", requires = "connect")]
    token: Option<String>,
    /// The database itself: an SQLite file, or the address of a PostgreSQL database (postgres://…). To change it, no master may
    /// run on it.
    #[arg(long, value_name = "DATABASE")]
    database: Option<PathBuf>,
    /// The certificates of the authorities that the PostgreSQL server's certificate may be of (PEM).
    #[arg(long, value_name = "FILE", requires = "database")]
    database_ca: Option<PathBuf>,
    /// That no master runs on a PostgreSQL database that is to be changed. One that does loses it and ends.
    #[arg(long, requires = "database")]
    take_over: bool,
}

/// One of the two.
pub(super) enum Where<'p> {
    Master(Box<ConnectOptions>),
    Database(Database<'p>),
}

impl Place {
    pub(super) fn schema(&self) -> Result<Arc<Schema>, Failure> {
        read_schema(&self.schema)
    }

    pub(super) fn find(&self, schema: &Arc<Schema>) -> Result<Where<'_>, Failure> {
        match (&self.connect, &self.database) {
            (Some(address), _) => Ok(Where::Master(Box::new(self.master(address, schema)?))),
            (None, Some(path)) => {
                let ca = self.database_ca.as_deref();
                Ok(Where::Database(Database { path, ca, take_over: self.take_over }))
            }
            (None, None) => {
                Err("say where the profiles are: --connect HOST:PORT of a running master, or --database"
                    .into())
            }
        }
    }

    fn master(&self, address: &str, schema: &Arc<Schema>) -> Result<ConnectOptions, Failure> {
        let trust = match (&self.fingerprint, &self.ca) {
            (Some(hex), _) => Trust::from_hex(hex)?,
            (None, Some(file)) => Trust::CaFile(file.clone()),
            (None, None) => Trust::WebPki,
        };
        let token = match &self.token {
            Some(token) => token.clone(),
            None => std::env::var(TOKEN_VARIABLE).map_err(|_| {
                format!("the master wants a token: say --token TOKEN, or set the variable {TOKEN_VARIABLE}")
            })?,
        };
        let mut options = ConnectOptions::new(address, token, Arc::clone(schema), trust);
        options.flush_interval = Some(std::time::Duration::ZERO);
        Ok(options)
    }
}

pub(super) fn read_schema(path: &Path) -> Result<Arc<Schema>, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
    Ok(Schema::from_json(&text).map_err(|error| format!("{shown}: {error}"))?)
}

/// A database, and how to open it.
#[derive(Clone, Copy)]
pub(super) struct Database<'p> {
    pub(super) path: &'p Path,
    pub(super) ca: Option<&'p Path>,
    pub(super) take_over: bool,
}

impl Database<'_> {
    /// Opens it to read from it, beside a master that may run on it. Makes none.
    pub(super) fn open_to_read(&self) -> Result<Box<dyn ProfileStore>, Failure> {
        match database::is_server(self.path) {
            // Who does not claim it only reads.
            true => database::open(self.path, self.ca),
            false => Ok(Box::new(SqliteStore::open_read_only(self.path)?)),
        }
    }

    /// Opens it to change it: for one who owns it from then on.
    pub(super) fn open_to_own(&self) -> Result<Box<dyn ProfileStore>, Failure> {
        if database::is_server(self.path) && !self.take_over {
            return Err("a master that runs on this database would lose it and end: say --connect HOST:PORT to go through \
                        it, or --take-over if there is none"
                .into());
        }
        database::open(self.path, self.ca).map_err(|error| match error.downcast_ref::<Error>() {
            Some(told) if told.code() == ErrorCode::StoreInUse => {
                format!("{told}; a master runs on it: say --connect HOST:PORT instead of --database").into()
            }
            _ => error,
        })
    }

    /// Checks that there is one: a slip must not make it.
    pub(super) fn must_exist(&self) -> Result<(), Failure> {
        match database::is_server(self.path) || self.path.exists() {
            true => Ok(()),
            false => Err(format!("database `{}`: there is none", self.path.display()).into()),
        }
    }
}
