//! The thread on which the store works, one request after the other; profiles are read beside it where the store can.

use std::sync::Arc;

use crossbeam_channel::{Sender, unbounded};

use super::system;
use super::thread::Input;
use crate::error::{Error, ErrorCode, Result};
use crate::store::{ProfileStore, Reader, Restored, store_error};
use crate::sync::master::{StoreAnswer, StoreRequest};

/// Where requests go. The thread ends, and closes the store, when this is dropped.
pub(super) struct Storage {
    requests: Sender<StoreRequest>,
    reader: Option<Reader>,
    answers: Sender<Input>,
}

impl Storage {
    /// Starts the thread.
    pub(super) fn start(mut store: Box<dyn ProfileStore>, answers: Sender<Input>) -> Result<Self> {
        let reader = guarded(|| store.reader()).unwrap_or(None);
        let (requests, inbox) = unbounded::<StoreRequest>();
        let told = answers.clone();
        let work = move || {
            for request in inbox {
                if let StoreRequest::Restore { user } = request {
                    // Answered when it is read; the store may go on meanwhile.
                    begin_restore(&user, &told, |done| store.begin_restore(&user, done));
                    continue;
                }
                let answer = match guarded(|| request.clone().execute(&mut *store)) {
                    Ok(answer) => answer,
                    Err(error) => request.failed(error),
                };
                if told.send(Input::Store(answer)).is_err() {
                    return;
                }
            }
            // Tells the master's thread that the store is closed.
            drop(store);
            let _ = told.send(Input::StoreClosed);
        };
        std::thread::Builder::new()
            .name("mst-store".into())
            .spawn(work)
            .map_err(|e| system("the store's thread", &e))?;
        Ok(Self { requests, reader, answers })
    }

    /// Lets the store do what is wanted; the answer comes as an input.
    pub(super) fn send(&mut self, request: StoreRequest) {
        match (&mut self.reader, request) {
            // Not behind a commit: nothing of this profile is being written.
            (Some(reader), StoreRequest::Restore { user }) => {
                begin_restore(&user, &self.answers, |done| reader(&user, done));
            }
            (Some(reader), StoreRequest::Look { ask, user }) => {
                let told = self.answers.clone();
                let done: Restored = Box::new(move |result| {
                    drop(told.send(Input::Store(StoreAnswer::Looked { ask, result })))
                });
                if guarded(|| reader(&user, done)).is_err() {
                    let result = Err(panicked());
                    let _ = self.answers.send(Input::Store(StoreAnswer::Looked { ask, result }));
                }
            }
            // The store's thread ends after this one.
            (_, request) => drop(self.requests.send(request)),
        }
    }
}

fn begin_restore(user: &Arc<str>, answers: &Sender<Input>, begin: impl FnOnce(Restored)) {
    let (told, who) = (answers.clone(), Arc::clone(user));
    let done: Restored = Box::new(move |result| {
        let _ = told.send(Input::Store(StoreAnswer::Restored { user: who, result }));
    });
    if guarded(|| begin(done)).is_err() {
        let (user, result) = (Arc::clone(user), Err(panicked()));
        let _ = answers.send(Input::Store(StoreAnswer::Restored { user, result }));
    }
}

/// A store that panics has failed, as one that says so; the master waits for an answer to each request.
fn guarded<T>(call: impl FnOnce() -> T) -> Result<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).map_err(|_| panicked())
}

fn panicked() -> Error {
    store_error(ErrorCode::StoreFailed, "the store panicked")
}
