//! The thread on which the store works, one request after the other.

use crossbeam_channel::{Sender, unbounded};

use super::system;
use super::thread::Input;
use crate::error::{ErrorCode, Result};
use crate::store::{ProfileStore, store_error};
use crate::sync::master::{StoreAnswer, StoreRequest};

/// Starts the thread. It ends, and closes the store, when the sender that is returned is dropped.
pub(super) fn start(
    mut store: Box<dyn ProfileStore>,
    answers: Sender<Input>,
) -> Result<Sender<StoreRequest>> {
    let (requests, inbox) = unbounded::<StoreRequest>();
    let work = move || {
        for request in inbox {
            let answer = match request {
                StoreRequest::Restore { user } => {
                    StoreAnswer::Restored { result: guarded(|| store.restore(&user)), user }
                }
                StoreRequest::Append { rows } => {
                    StoreAnswer::Appended { result: guarded(|| store.append(&rows)) }
                }
                StoreRequest::Update { saves } => {
                    StoreAnswer::Updated { result: guarded(|| store.update_many(&saves)) }
                }
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
fn guarded<T>(call: impl FnOnce() -> Result<T>) -> Result<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(call))
        .unwrap_or_else(|_| Err(store_error(ErrorCode::StoreFailed, "the store panicked")))
}
