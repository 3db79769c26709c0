//! The thread on which the store works, one request after the other.

use std::sync::Arc;

use crossbeam_channel::{Sender, unbounded};

use super::system;
use super::thread::Input;
use crate::error::{Error, ErrorCode, Result};
use crate::store::{ProfileStore, Restored, store_error};
use crate::sync::master::{StoreAnswer, StoreRequest};

/// Starts the thread. It ends, and closes the store, when the sender that is returned is dropped.
pub(super) fn start(
    mut store: Box<dyn ProfileStore>,
    answers: Sender<Input>,
) -> Result<Sender<StoreRequest>> {
    let (requests, inbox) = unbounded::<StoreRequest>();
    let work = move || {
        for request in inbox {
            if let StoreRequest::Restore { user } = request {
                // Answered when it is read; the store may go on meanwhile.
                let (told, who) = (answers.clone(), Arc::clone(&user));
                let done: Restored = Box::new(move |result| {
                    let _ = told.send(Input::Store(StoreAnswer::Restored { user: who, result }));
                });
                if guarded(|| store.begin_restore(&user, done)).is_err() {
                    let result = Err(panicked());
                    let _ = answers.send(Input::Store(StoreAnswer::Restored { user, result }));
                }
                continue;
            }
            let answer = match guarded(|| request.clone().execute(&mut *store)) {
                Ok(answer) => answer,
                Err(error) => request.failed(error),
            };
            if answers.send(Input::Store(answer)).is_err() {
                return;
            }
        }
        // Tells the master's thread that the store is closed.
        drop(store);
        let _ = answers.send(Input::StoreClosed);
    };
    std::thread::Builder::new()
        .name("mst-store".into())
        .spawn(work)
        .map_err(|e| system("the store's thread", &e))?;
    Ok(requests)
}

/// A store that panics has failed, as one that says so; the master waits for an answer to each request.
fn guarded<T>(call: impl FnOnce() -> T) -> Result<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).map_err(|_| panicked())
}

fn panicked() -> Error {
    store_error(ErrorCode::StoreFailed, "the store panicked")
}
