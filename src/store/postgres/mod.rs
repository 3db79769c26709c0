//! PostgreSQL, and what speaks its protocol and its SQL.
//!
//! Writes go over one connection, reads over some others, so that profiles are loaded beside what is written. Every write
//! proves in its own transaction that this store is the owner still. What another master had under way is committed before a
//! claim or never: it holds the owner's row until then.

mod append;
mod connect;
mod failure;
mod layout;
mod read;
mod save;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Transaction};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use self::append::Cache;
pub use self::connect::PostgresOptions;
use self::connect::Target;
use self::failure::Failure;
use self::read::Reader;
use self::save::Save;
use super::{
    DocumentSave, HistoryLimits, JournalRow, ProfileStore, Restored, StoredHistory, StoredProfile,
    store_error,
};
use crate::error::{Error, ErrorCode, Result};

/// Times that a write is made when others are in its way.
const ATTEMPTS: u32 = 6;
/// The longest pause after the first of them; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Time for deleting what nobody refers to any more. It is no loss when that does not succeed.
const SWEEP_TIMEOUT: Duration = Duration::from_secs(2);

/// Profiles in a PostgreSQL database, in tables whose names begin with `mst_`.
///
/// It blocks, so it must not be used from asynchronous code.
pub struct PostgresStore {
    target: Target,
    timeout: Duration,
    reader: Arc<Reader>,
    /// None while there is no connection that could be used.
    writer: Option<ClientWrapper>,
    /// The number that this store's claim drew.
    owner: Option<i64>,
    cache: Cache,
    history: HistoryLimits,
    /// None only while it is dropped.
    runtime: Option<Runtime>,
}

impl PostgresStore {
    /// Connects, and makes the tables in the first schema of the connection's `search_path` if there are none.
    ///
    /// `database` is a URL, such as `postgres://user:password@host/name?sslmode=require`, or a text of keys and values, such as
    /// `host=localhost user=game dbname=profiles`. With `sslmode=prefer`, which is the default, the connection is encrypted if
    /// the server can; and wherever it is, the server's certificate must be valid.
    ///
    /// # Errors
    /// [`ErrorCode::StoreOpen`] if the text can't be understood, the server not be reached, or there are tables of another program;
    /// [`ErrorCode::StoreNewer`] if a newer version of this library has laid the tables out; [`ErrorCode::StoreCorrupt`];
    /// [`ErrorCode::TlsConfig`]; [`ErrorCode::System`].
    pub fn connect(database: &str, options: PostgresOptions) -> Result<Self> {
        let target = Target::new(database, &options)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(2)
            .thread_name("mst-postgres")
            .enable_all()
            .build()
            .map_err(|error| Error::System { what: "the database's thread", text: error.to_string() })?;
        let connected = runtime.block_on(async {
            let opening = async {
                let connected = tokio::time::timeout(options.timeout, target.connect()).await;
                let mut writer = connected.unwrap_or(Err(Failure::Timeout))?;
                // Which takes its time where there is an older layout; what else the server would wait for it ends by itself.
                layout::lay_out(&mut writer, &target.name, layout::STEPS).await?;
                Ok(writer)
            };
            let writer = opening.await.map_err(|failure| match failure {
                Failure::Known(error) => error,
                failure => {
                    let text = failure.explain(&target.name, "opening it").to_string();
                    store_error(ErrorCode::StoreOpen, text)
                }
            })?;
            let pool = target.readers(options.readers)?;
            Ok::<_, Error>((writer, Reader::new(target.name.clone(), pool, options.timeout)))
        });
        let (writer, reader) = match connected {
            Ok(connected) => connected,
            Err(error) => {
                runtime.shutdown_background();
                return Err(error);
            }
        };
        Ok(Self {
            target,
            timeout: options.timeout,
            reader: Arc::new(reader),
            writer: Some(writer),
            owner: None,
            cache: Cache::default(),
            history: HistoryLimits::NONE,
            runtime: Some(runtime),
        })
    }

    /// Whether a text means a database server, and not a file: it begins with `postgres://` or `postgresql://`, or one of its
    /// words with `host=` or `hostaddr=`.
    #[must_use]
    pub fn is_meant_by(database: &str) -> bool {
        let mut words = database.split_whitespace();
        ["postgres://", "postgresql://"].iter().any(|scheme| database.starts_with(scheme))
            || words.any(|word| word.starts_with("host=") || word.starts_with("hostaddr="))
    }

    /// Does what `body` does as the owner, and again where others were in its way. `until` is when to give up.
    fn write<T>(
        &mut self,
        until: Instant,
        body: impl AsyncFn(&mut Writing<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let Self { target, writer, owner, cache, runtime, .. } = self;
        let Some(owner) = *owner else {
            let text = format!("{}: written to before it was claimed", target.name);
            return Err(store_error(ErrorCode::StoreFenced, text).into());
        };
        let database = target.name.clone();
        let body = async |client: &mut ClientWrapper, cache: &mut Cache| {
            body(&mut Writing { client, cache, owner, database: &database }).await
        };
        run(runtime.as_ref(), target, writer, cache, until, body)
    }

    /// When a call that begins now must have ended.
    fn until(&self) -> Instant {
        Instant::now() + self.timeout
    }

    fn read<T>(&self, reading: impl Future<Output = Result<T>>) -> Result<T> {
        match &self.runtime {
            Some(runtime) => runtime.block_on(reading),
            None => Err(closed()),
        }
    }
}

/// Runs something over the connection for writing, which is made anew when there is none.
fn run<T>(
    runtime: Option<&Runtime>,
    target: &Target,
    writer: &mut Option<ClientWrapper>,
    cache: &mut Cache,
    until: Instant,
    body: impl AsyncFn(&mut ClientWrapper, &mut Cache) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let Some(runtime) = runtime else { return Err(closed().into()) };
    runtime.block_on(async {
        let mut attempt = 1;
        loop {
            let trying = async {
                let client = match writer.take().filter(|client| !client.is_closed()) {
                    Some(client) => writer.insert(client),
                    None => writer.insert(target.connect().await?),
                };
                body(client, cache).await
            };
            let result = tokio::time::timeout_at(until, trying).await.unwrap_or(Err(Failure::Timeout));
            let failure = match result {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            // Whatever of it was numbered in this transaction is not in the database now.
            *cache = Cache::default();
            if failure.breaks_the_connection() {
                *writer = None;
            }
            if !failure.is_conflict() || attempt == ATTEMPTS {
                return Err(failure);
            }
            let longest = FIRST_PAUSE * 2_u32.pow(attempt - 1);
            // Two that are in each other's way should not meet again.
            let random = getrandom::u32().unwrap_or(u32::MAX);
            tokio::time::sleep(longest / 2 + (longest / 2).mul_f64(f64::from(random) / f64::from(u32::MAX)))
                .await;
            attempt += 1;
        }
    })
}

fn closed() -> Error {
    store_error(ErrorCode::StoreFailed, "the database is closed")
}

/// The connection for writing, as the owner with this number.
struct Writing<'w> {
    client: &'w mut ClientWrapper,
    cache: &'w mut Cache,
    owner: i64,
    database: &'w str,
}

impl Writing<'_> {
    /// Begins a transaction that holds the owner's row, so that nobody else becomes the owner before it ends.
    async fn begin(&mut self) -> Result<(Transaction<'_>, &mut Cache), Failure> {
        let sql = "SELECT value FROM mst_meta WHERE key = 'owner' FOR SHARE";
        let statement = self.client.prepare_cached(sql).await?;
        let (owner, database) = (self.owner, self.database);
        let transaction = self.client.transaction().await?;
        let current: Option<i64> = transaction.query_opt(&statement, &[]).await?.map(|row| row.get(0));
        if current != Some(owner) {
            return Err(fenced(database, owner, current));
        }
        Ok((transaction, self.cache))
    }

    fn fenced(&self, current: Option<i64>) -> Failure {
        fenced(self.database, self.owner, current)
    }
}

fn fenced(database: &str, owner: i64, current: Option<i64>) -> Failure {
    let other = current.map_or(String::new(), |current| format!("owner {current}, "));
    let text = format!("{database}: another master took it over ({other}this is {owner})");
    store_error(ErrorCode::StoreFenced, text).into()
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        // Without waiting, so that it may be dropped anywhere.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("database", &self.target.name)
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}

impl ProfileStore for PostgresStore {
    fn claim(&mut self) -> Result<()> {
        let until = self.until();
        let Self { target, writer, owner, cache, runtime, .. } = self;
        // Another owner may have written since the cache was filled.
        *cache = Cache::default();
        let claim = async |client: &mut ClientWrapper, _: &mut Cache| {
            let sql = "UPDATE mst_meta SET value = value + 1 WHERE key = 'owner' RETURNING value";
            let statement = client.prepare_cached(sql).await?;
            Ok(client.query_one(&statement, &[]).await?.get(0))
        };
        let number = run(runtime.as_ref(), target, writer, cache, until, claim)
            .map_err(|failure| failure.explain(&target.name, "claiming it"))?;
        *owner = Some(number);
        // Sessions come and go with every connection; those that no row mentions any more would pile up. This is the one
        // moment when nobody waits, and not for long: all rows are gone through.
        let until = Instant::now() + SWEEP_TIMEOUT.min(self.timeout);
        let swept = self.write(until, async |writing| {
            let (transaction, _) = writing.begin().await?;
            let sql = "DELETE FROM mst_sessions s
                       WHERE NOT EXISTS (SELECT 1 FROM mst_journal j WHERE j.session = s.id)";
            transaction.execute(sql, &[]).await?;
            transaction.commit().await?;
            Ok(())
        });
        match swept {
            Err(Failure::Known(error)) => Err(error),
            _ => Ok(()),
        }
    }

    fn keep_history(&mut self, limits: HistoryLimits) {
        self.history = limits;
    }

    fn restore(&mut self, user: &str) -> Result<Option<StoredProfile>> {
        self.read(self.reader.restore(user))
    }

    fn begin_restore(&mut self, user: &Arc<str>, done: Restored) {
        let Some(runtime) = &self.runtime else { return done(Err(closed())) };
        let (reader, user) = (Arc::clone(&self.reader), Arc::clone(user));
        runtime.spawn(async move { done(reader.restore(&user).await) });
    }

    fn reader(&mut self) -> Option<crate::store::Reader> {
        let (handle, reader) = (self.runtime.as_ref()?.handle().clone(), Arc::clone(&self.reader));
        Some(Box::new(move |user, done| {
            let (reader, user) = (Arc::clone(&reader), Arc::clone(user));
            handle.spawn(async move { done(reader.restore(&user).await) });
        }))
    }

    fn update_many(&mut self, saves: &[DocumentSave]) -> Result<Vec<Result<()>>> {
        let (until, history) = (self.until(), self.history);
        let mut results = vec![Ok(()); saves.len()];
        let mut known = Vec::with_capacity(saves.len());
        for (place, save) in saves.iter().enumerate() {
            match sql_version(save.version) {
                Ok(version) => known.push((place, Save { save, version })),
                Err(error) => results[place] = Err(error),
            }
        }
        let (places, known): (Vec<usize>, Vec<Save<'_>>) = known.into_iter().unzip();
        // One document that can't be written must not hold up the others: what fails because of it is halved until it is alone.
        let mut parts = vec![(&known[..], &places[..])];
        while let Some((saves, places)) = parts.pop() {
            if saves.is_empty() {
                continue;
            }
            let Err(failure) = self.write(until, async |writing| save::save(writing, saves, history).await)
            else {
                continue;
            };
            match saves {
                _ if !failure.is_of_a_row() => {
                    return Err(failure.explain(&self.target.name, "writing documents"));
                }
                [save] => {
                    let operation = format!("writing the document of `{}`", save.save.user);
                    results[places[0]] = Err(failure.explain(&self.target.name, &operation));
                }
                _ => {
                    let middle = saves.len() / 2;
                    parts.push((&saves[middle..], &places[middle..]));
                    parts.push((&saves[..middle], &places[..middle]));
                }
            }
        }
        Ok(results)
    }

    fn append(&mut self, rows: &[JournalRow]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.write(self.until(), async |writing| append::append(writing, rows).await)
            .map_err(|failure| failure.explain(&self.target.name, "appending to the journal"))
    }

    fn delete(&mut self, user: &str) -> Result<bool> {
        let deleted = self.write(self.until(), async |writing| {
            let (transaction, cache) = writing.begin().await?;
            cache.forget(user);
            let sql = "DELETE FROM mst_profiles WHERE user_id = $1 RETURNING id";
            let Some(profile) = transaction.query_opt(sql, &[&user]).await? else { return Ok(false) };
            let id: i64 = profile.get(0);
            for sql in [
                "DELETE FROM mst_journal WHERE profile = $1",
                "DELETE FROM mst_epochs WHERE profile = $1",
                "DELETE FROM mst_checkpoints WHERE profile = $1",
            ] {
                transaction.execute(sql, &[&id]).await?;
            }
            transaction.commit().await?;
            Ok(true)
        });
        deleted.map_err(|failure| failure.explain(&self.target.name, "deleting a profile"))
    }

    fn list(&mut self, after: Option<&str>, limit: usize) -> Result<Vec<String>> {
        self.read(self.reader.list(after, limit))
    }

    fn history(&mut self, user: &str, after: u64, limit: usize) -> Result<Option<StoredHistory>> {
        self.read(self.reader.history(user, after, limit))
    }
}

/// PostgreSQL's integers are signed, and versions are compared there. A version that does not fit can't have been counted up to.
fn sql_version(version: u64) -> Result<i64> {
    i64::try_from(version).map_err(|_| Error::InvalidArgument {
        argument: "version",
        reason: format!("{version} is out of range"),
    })
}
