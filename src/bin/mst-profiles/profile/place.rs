//! Where the profiles are that a command is about.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use mst_profiles::store::ProfileStore;
use mst_profiles::{ConnectOptions, Schema, Trust};

use crate::Failure;

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
    /// The database, when no master runs on it: an SQLite file, or the address of a PostgreSQL database (postgres://…).
    #[arg(long, value_name = "DATABASE")]
    database: Option<PathBuf>,
}

/// One of the two.
pub(super) enum Where<'p> {
    Master(Box<ConnectOptions>),
    Database(&'p Path),
}

impl Place {
    pub(super) fn schema(&self) -> Result<Arc<Schema>, Failure> {
        read_schema(&self.schema)
    }

    pub(super) fn find(&self, schema: &Arc<Schema>) -> Result<Where<'_>, Failure> {
        match (&self.connect, &self.database) {
            (Some(address), _) => Ok(Where::Master(Box::new(self.master(address, schema)?))),
            (None, Some(database)) => Ok(Where::Database(database)),
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

/// Checks that there is a database: a slip must not make one.
pub(super) fn must_exist(database: &Path) -> Result<(), Failure> {
    // What has no name in the file system says so itself.
    let is_address = database.to_str().is_some_and(|text| text.contains("://"));
    match is_address || database.exists() {
        true => Ok(()),
        false => Err(format!("database `{}`: there is none", database.display()).into()),
    }
}

/// Opens a database to read from it, beside a master that may run on it.
pub(super) fn open_to_read(database: &Path) -> Result<Box<dyn ProfileStore>, Failure> {
    crate::database::open(database, None)
}
