//! The one network runtime of the process: made at first use, ended on request, made again when used again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use once_cell::sync::OnceCell;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::{Error, Result};

/// Ends the network runtime, if there is one, waiting at most `timeout` for its threads. Connections that are still
/// open end with [`crate::error::ErrorCode::Closed`] and their peers are not told: close them before.
///
/// Called with no lock that a sink takes. From within an asynchronous task, of this runtime or the host's, it does
/// not wait.
pub(crate) fn shutdown_runtime(timeout: Duration) {
    // Taken out of the lock first: the tasks that end now may ask for the runtime.
    let Some(network) = current().take() else { return };
    if Handle::try_current().is_ok() {
        // Tokio panics when a runtime is waited for in an asynchronous context.
        network.runtime.shutdown_background();
    } else {
        network.runtime.shutdown_timeout(timeout);
    }
}

/// The runtime to start tasks on; made when there is none.
pub(super) fn runtime() -> Result<NetworkHandle> {
    let current = current();
    let network = current.get_or_try_init(Network::start)?;
    Ok(NetworkHandle { handle: network.runtime.handle().clone(), generation: network.generation })
}

/// A way to start tasks that does not keep the runtime alive.
#[derive(Clone)]
pub(super) struct NetworkHandle {
    pub(super) handle: Handle,
    /// Which runtime of the process this is: a socket lives and dies with the one it was opened on.
    #[cfg_attr(not(any(feature = "client", feature = "server")), allow(dead_code))]
    pub(super) generation: u64,
}

struct Network {
    runtime: Runtime,
    generation: u64,
}

/// Threads that serve all connections. Two, so that one busy sink does not stop the others' acknowledgements.
const WORKER_THREADS: usize = 2;
/// Threads that resolve names.
const BLOCKING_THREADS: usize = 4;

// A static is never dropped, so the runtime is dropped by `shutdown_runtime` alone. The mutex is held while one is
// being made, so none can slip past a shutdown.
static CURRENT: Mutex<OnceCell<Network>> = Mutex::new(OnceCell::new());

fn current() -> MutexGuard<'static, OnceCell<Network>> {
    CURRENT.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Network {
    fn start() -> Result<Self> {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT_GENERATION: AtomicU64 = AtomicU64::new(0);

        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKER_THREADS)
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_name("mst-net")
            .enable_io()
            .enable_time()
            .build()
            .map_err(|e| Error::System { what: "starting the network threads", text: e.to_string() })?;
        Ok(Self { runtime, generation: NEXT_GENERATION.fetch_add(1, Ordering::Relaxed) })
    }
}
