//! A thread that reads profiles on a connection of its own, so that a load does not wait for a commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{SendError, Sender, unbounded};
use rusqlite::Connection;

use super::append::Cache;
use super::failure::Failure;
use super::open::connect_read_only;
use super::read::read_profile;
use crate::error::{ErrorCode, Result};
use crate::store::{Reader, Restored, StoredProfile, store_error};

/// What errors of it are about.
pub(super) const READING: &str = "reading a profile";

/// The thread. It and its connection end when this is dropped, after what was asked for before.
pub(super) struct ReaderThread {
    jobs: Sender<Job>,
    thread: Option<JoinHandle<()>>,
}

enum Job {
    Read { user: Arc<str>, done: Restored },
    End,
}

impl ReaderThread {
    /// Opens a second connection on a database that this process has open, and owns under a number. `path` is its full name,
    /// `name` how errors call it. `None` when there is no such connection to be had.
    pub(super) fn start(path: &Path, name: Arc<str>, owner: i64) -> Option<Self> {
        let mut connection = connect_read_only(path).ok()?;
        let sql = "SELECT value FROM meta WHERE key = 'owner'";
        let found: i64 = connection.query_row(sql, [], |row| row.get(0)).ok()?;
        // Somebody may have given the file another name, and this one to another.
        if found != owner {
            return None;
        }
        let (jobs, inbox) = unbounded();
        let work = move || {
            let mut cache = Cache::default();
            while let Ok(Job::Read { user, done }) = inbox.recv() {
                // Whoever waits for an answer gets one.
                let read = AssertUnwindSafe(|| read(&mut connection, &mut cache, &name, &user));
                done(catch_unwind(read).unwrap_or_else(|_| {
                    let text = format!("database `{name}`: {READING}: the thread that reads panicked");
                    Err(store_error(ErrorCode::StoreFailed, text))
                }));
            }
        };
        let thread = std::thread::Builder::new().name("mst-store-read".into()).spawn(work).ok()?;
        Some(Self { jobs, thread: Some(thread) })
    }

    /// A way to ask it, which does not keep it.
    pub(super) fn door(&self, name: Arc<str>) -> Reader {
        let jobs = self.jobs.clone();
        Box::new(move |user, done| {
            if let Err(SendError(Job::Read { done, .. })) =
                jobs.send(Job::Read { user: Arc::clone(user), done })
            {
                let text = format!("database `{name}`: {READING}: it is closed");
                done(Err(store_error(ErrorCode::StoreFailed, text)));
            }
        })
    }
}

impl Drop for ReaderThread {
    fn drop(&mut self) {
        let _ = self.jobs.send(Job::End);
        if let Some(thread) = self.thread.take()
            // Its own callback may hold the store; then it ends by itself.
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

fn read(
    connection: &mut Connection,
    cache: &mut Cache,
    name: &str,
    user: &str,
) -> Result<Option<StoredProfile>> {
    let transaction = connection.transaction().map_err(Failure::from);
    let profile = transaction.and_then(|transaction| read_profile(&transaction, cache, name, user));
    profile.map_err(|failure| failure.explain(name, READING))
}
