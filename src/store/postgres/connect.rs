//! Connections: where to, how protected, and how each is set up.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Hook, HookError, Manager, Pool, Runtime};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_postgres::config::{Config, Host};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::failure::Failure;
use crate::error::{Error, ErrorCode, Result};
use crate::store::store_error;

/// How a database server is used.
#[derive(Clone, Debug)]
#[must_use]
pub struct PostgresOptions {
    /// A PEM file with the authorities that may vouch for the server; those that are usual on the web when `None`.
    pub ca_file: Option<PathBuf>,
    /// Time that any call may take, with all its attempts; 10 s unless set.
    pub timeout: Duration,
    /// Connections for reading, beside the one for writing; 4 unless set.
    pub readers: usize,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { ca_file: None, timeout: Duration::from_secs(10), readers: 4 }
    }
}

/// A database, and how to reach it.
pub(super) struct Target {
    /// As the errors name it: without what is secret.
    pub(super) name: Arc<str>,
    config: Config,
    tls: MakeRustlsConnect,
    timeout: Duration,
}

impl Target {
    pub(super) fn new(text: &str, options: &PostgresOptions) -> Result<Self> {
        let open = |reason: String| store_error(ErrorCode::StoreOpen, format!("PostgreSQL: {reason}"));
        // The parser names keys in its errors, and never values.
        let mut config: Config = text.parse().map_err(|error: tokio_postgres::Error| {
            open(format!("its URL, or text of keys and values: {}", told(&error)))
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(open("its URL, or text of keys and values, names no host".into()));
        }
        if config.get_application_name().is_none() {
            config.application_name("mst-profiles");
        }
        let connect_timeout = config.get_connect_timeout().copied().unwrap_or(options.timeout);
        config.connect_timeout(connect_timeout.min(options.timeout));
        let name = Arc::from(name_of(&config));
        Ok(Self { name, config, tls: tls(options.ca_file.as_deref())?, timeout: options.timeout })
    }

    /// A connection for writing.
    pub(super) async fn connect(&self) -> Result<ClientWrapper, Failure> {
        let (client, connection) = self.config.connect(self.tls.clone()).await?;
        // Its end is seen at the client.
        let task = tokio::spawn(async move { drop(connection.await) });
        let client = ClientWrapper::new(client, task);
        client.batch_execute(&set_up(self.timeout)).await?;
        Ok(client)
    }

    /// Connections for reading, made as they are needed.
    pub(super) fn readers(&self, count: usize) -> Result<Pool> {
        let timeout = self.timeout;
        let set_up = Hook::async_fn(move |client: &mut ClientWrapper, _| {
            Box::pin(async move { client.batch_execute(&set_up(timeout)).await.map_err(HookError::Backend) })
        });
        Pool::builder(Manager::new(self.config.clone(), self.tls.clone()))
            .max_size(count.max(1))
            .runtime(Runtime::Tokio1)
            .post_create(set_up)
            .build()
            .map_err(|error| store_error(ErrorCode::StoreOpen, format!("{}: {error}", self.name)))
    }
}

/// What each session is told first. A role's own settings may promise less than what `Ok` means here; more, which is
/// `remote_apply`, they may. The server ends by itself what this side does not wait for any more, so that no lock outlives a
/// master that hangs.
fn set_up(timeout: Duration) -> String {
    let millis = timeout.as_millis().clamp(1, i32::MAX as u128);
    format!(
        "SELECT set_config('synchronous_commit', 'on', false)
             WHERE current_setting('synchronous_commit') <> 'remote_apply';
         SET statement_timeout = {millis};
         SET idle_in_transaction_session_timeout = {millis};"
    )
}

/// The server's certificate is always checked, whatever the text says of TLS.
fn tls(ca_file: Option<&Path>) -> Result<MakeRustlsConnect> {
    let mut roots = rustls::RootCertStore::empty();
    match ca_file {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let unusable = |reason: &dyn fmt::Display| {
                Error::transport(ErrorCode::TlsConfig, format!("{}: {reason}", path.display()))
            };
            let certificates = CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| unusable(&error))?;
            for certificate in certificates {
                roots.add(certificate).map_err(|error| unusable(&error))?;
            }
            if roots.is_empty() {
                return Err(unusable(&"has no certificate in PEM form"));
            }
        }
    }
    // A process may have no usual provider, or another one.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::transport(ErrorCode::TlsConfig, error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn name_of(config: &Config) -> String {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    });
    let mut hosts: Vec<String> = hosts.collect();
    if hosts.is_empty() {
        hosts = config.get_hostaddrs().iter().map(ToString::to_string).collect();
    }
    let ports = config.get_ports();
    for (place, host) in hosts.iter_mut().enumerate() {
        let port = ports.get(place).or(ports.first()).copied().unwrap_or(5432);
        *host = format!("{host}:{port}");
    }
    let name = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("database `{name}` at {}", hosts.join(", "))
}

/// An error with what caused it, which the crate's own text leaves out.
pub(super) fn told(error: &tokio_postgres::Error) -> String {
    if let Some(error) = error.as_db_error() {
        return format!("{} (SQLSTATE {})", error.message(), error.code().code());
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
