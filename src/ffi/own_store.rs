//! What a master wants of a database that is the host's own, by numbers: taken and answered, or told to callbacks.
//!
//! As with events, nothing is locked while a callback runs, and none runs but on a thread that dispatches.

use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use libc::c_char;

use super::master::MstMaster;
use super::result::{Failure, Outcome};
use super::store::{MST_STORE_ALL, MstStoreDocument, MstStoreRequest, MstStoreRequestType};
use crate::error::{Error, ErrorCode};
use crate::limits::MAX_QUEUED_EVENTS;
use crate::store::{
    DocumentSave, HostRequest, RestoreCompletion, StoreRequests, UpdateCompletion, UpdateManyCompletion,
};

/// How often requests are looked for that nobody answers any more.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

pub(super) type Callback = unsafe extern "C" fn(
    master: *mut MstMaster,
    request: u64,
    documents: *const MstStoreDocument,
    count: u32,
    user_data: *mut c_void,
);

/// Who is called for what.
#[derive(Clone, Copy)]
pub(super) struct Callbacks {
    pub(super) restore: Callback,
    pub(super) update: Callback,
    pub(super) update_many: Callback,
    /// Never followed; a pointer that may go from thread to thread.
    pub(super) user_data: usize,
}

/// The requests of one master.
pub(super) struct OwnStore {
    requests: StoreRequests,
    table: Mutex<Table>,
    is_closed: AtomicBool,
}

#[derive(Default)]
struct Table {
    /// What was taken and waits for its answer.
    pending: HashMap<u64, Pending>,
    /// The number of the request taken last.
    last: u64,
    swept: Option<Instant>,
    callbacks: Option<Callbacks>,
    /// The thread whose dispatch is under way.
    dispatching: Option<ThreadId>,
}

struct Pending {
    saves: Arc<Vec<DocumentSave>>,
    answer: Answer,
}

enum Answer {
    Restore(RestoreCompletion),
    Update(UpdateCompletion),
    UpdateMany(UpdateManyCompletion, Vec<Option<Result<(), Error>>>),
}

impl OwnStore {
    pub(super) fn new(requests: StoreRequests) -> Self {
        Self { requests, table: Mutex::default(), is_closed: AtomicBool::new(false) }
    }

    pub(super) fn requests(&self) -> &StoreRequests {
        &self.requests
    }

    /// Ends it for good: whatever is pending fails, and nobody is called any more.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.requests.close();
        let mut table = self.table();
        table.callbacks = None;
        let pending = std::mem::take(&mut table.pending);
        drop(table);
        drop(pending);
    }

    pub(super) fn set_callbacks(&self, callbacks: Option<Callbacks>) {
        let mut table = self.table();
        table.callbacks = callbacks.filter(|_| !self.is_closed.load(Ordering::Acquire));
    }

    pub(super) fn has_callbacks(&self) -> bool {
        self.table().callbacks.is_some()
    }

    /// Whether this thread is in a callback.
    pub(super) fn is_within_callback(&self) -> bool {
        self.table().dispatching == Some(std::thread::current().id())
    }

    /// The oldest request that was not taken; one of no type when there is none.
    pub(super) fn take(&self) -> MstStoreRequest {
        self.take_with_saves().map_or(MstStoreRequest::NONE, |(request, _)| request)
    }

    fn take_with_saves(&self) -> Option<(MstStoreRequest, Arc<Vec<DocumentSave>>)> {
        use MstStoreRequestType as Type;
        let Some(request) = self.requests.next_request() else {
            self.sweep();
            return None;
        };
        let (request_type, saves, answer) = match request {
            HostRequest::Restore { user, completion } => {
                let asked = DocumentSave { user, version: 0, document: String::new() };
                (Type::MST_STORE_REQUEST_RESTORE, vec![asked], Answer::Restore(completion))
            }
            HostRequest::Update { save, completion } => {
                (Type::MST_STORE_REQUEST_UPDATE, vec![save], Answer::Update(completion))
            }
            HostRequest::UpdateMany { saves, completion } => {
                let results = vec![None; saves.len()];
                (Type::MST_STORE_REQUEST_UPDATE_MANY, saves, Answer::UpdateMany(completion, results))
            }
        };
        let saves = Arc::new(saves);
        let mut table = self.table();
        if self.is_closed.load(Ordering::Acquire) {
            return None;
        }
        table.last += 1;
        let id = table.last;
        table.pending.insert(id, Pending { saves: saves.clone(), answer });
        Some((MstStoreRequest { id, request_type: request_type as i32, count: saves.len() as u32 }, saves))
    }

    /// Drops what the host never answered, now that it is too late.
    fn sweep(&self) {
        let mut table = self.table();
        if table.swept.is_none_or(|swept| swept.elapsed() >= SWEEP_INTERVAL) {
            table.pending.retain(|_, pending| !pending.is_over());
            table.swept = Some(Instant::now());
        }
    }

    /// One of the documents of a pending request, or the user of which one is asked.
    pub(super) fn with_save<T>(
        &self,
        id: u64,
        index: u32,
        f: impl FnOnce(&DocumentSave, bool) -> Outcome<T>,
    ) -> Outcome<T> {
        let (saves, is_restore) = {
            let mut table = self.table();
            let pending = table.find(id)?;
            (pending.saves.clone(), matches!(pending.answer, Answer::Restore(_)))
        };
        f(saves.get(index as usize).ok_or_else(|| no_document(index, saves.len()))?, is_restore)
    }

    /// Answers a request to restore.
    pub(super) fn restored(&self, id: u64, document: Option<String>) -> Outcome {
        let mut table = self.table();
        if !matches!(table.find(id)?.answer, Answer::Restore(_)) {
            return Err(Failure::argument("request", format!("{id} is no request to restore")));
        }
        let Some(Pending { answer: Answer::Restore(completion), .. }) = table.pending.remove(&id) else {
            return Err(table.what_is_wrong(id));
        };
        drop(table);
        in_time(id, completion.restored(Ok(document)))
    }

    /// Answers a request to update, or one or all documents of one to update many.
    pub(super) fn updated(&self, id: u64, index: u32) -> Outcome {
        self.settle(id, index, &Ok(()))
    }

    /// Lets a request fail, or one or all documents of one to update many.
    pub(super) fn failed(&self, id: u64, index: u32, error: Error) -> Outcome {
        self.settle(id, index, &Err(error))
    }

    fn settle(&self, id: u64, index: u32, result: &Result<(), Error>) -> Outcome {
        let mut table = self.table();
        let pending = table.find(id)?;
        if result.is_ok() && matches!(pending.answer, Answer::Restore(_)) {
            return Err(Failure::argument("request", format!("{id} is no request to update")));
        }
        let count = pending.saves.len();
        if index != MST_STORE_ALL && index as usize >= count {
            return Err(no_document(index, count));
        }
        let mut is_untouched = true;
        if let Answer::UpdateMany(_, results) = &mut pending.answer {
            is_untouched = results.iter().all(Option::is_none);
            match results.get_mut(index as usize) {
                Some(Some(_)) => {
                    let text = format!("document {index} of request {id} was answered already");
                    return Err(Failure::new(ErrorCode::Stale, text));
                }
                Some(place) => *place = Some(result.clone()),
                // Those that have an answer keep it.
                None => results.iter_mut().filter(|p| p.is_none()).for_each(|p| *p = Some(result.clone())),
            }
            if results.iter().any(Option::is_none) {
                return Ok(());
            }
        }
        let Some(Pending { answer, .. }) = table.pending.remove(&id) else {
            return Err(table.what_is_wrong(id));
        };
        drop(table);
        // What concerns all of them is a failure of the database.
        let whole = result.as_ref().err().filter(|_| index == MST_STORE_ALL && is_untouched).cloned();
        let was_in_time = match (answer, whole) {
            (Answer::Restore(completion), _) => completion.restored(result.clone().map(|()| None)),
            (Answer::Update(completion), Some(error)) => completion.failed(error),
            (Answer::Update(completion), None) => completion.updated(result.clone()),
            (Answer::UpdateMany(completion, _), Some(error)) => completion.failed(error),
            (Answer::UpdateMany(completion, results), None) => {
                completion.updated_many(results.into_iter().flatten().collect())
            }
        };
        in_time(id, was_in_time)
    }

    /// Takes request after request and calls whom it is for, until there is none, or the time is over. Gives how many there
    /// were; none while another dispatch is under way.
    pub(super) fn dispatch(&self, master: *mut MstMaster, until: Option<Instant>) -> u32 {
        let Some(_turn) = Turn::begin(self) else { return 0 };
        let mut documents = Vec::new();
        let mut dispatched = 0;
        // Bounded, as each callback may bring about another request. Looked up each time, as each may change them.
        while (dispatched as usize) < MAX_QUEUED_EVENTS
            && let Some(callbacks) = { self.table().callbacks }
            && let Some((request, saves)) = self.take_with_saves()
        {
            dispatched += 1;
            let callback = match request.request_type {
                t if t == MstStoreRequestType::MST_STORE_REQUEST_RESTORE as i32 => callbacks.restore,
                t if t == MstStoreRequestType::MST_STORE_REQUEST_UPDATE as i32 => callbacks.update,
                _ => callbacks.update_many,
            };
            documents.clear();
            documents.extend(saves.iter().map(document));
            // SAFETY: who set the callbacks promised that they can be called so; the texts live as long as `saves`.
            unsafe {
                callback(
                    master,
                    request.id,
                    documents.as_ptr(),
                    documents.len() as u32,
                    callbacks.user_data as *mut c_void,
                );
            }
            if until.is_some_and(|until| until <= Instant::now()) {
                break;
            }
        }
        dispatched
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing that is done to it panics.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// A request that waits for its answer still.
    fn find(&mut self, id: u64) -> Outcome<&mut Pending> {
        if self.pending.get(&id).is_some_and(Pending::is_over) {
            self.pending.remove(&id);
        }
        if !self.pending.contains_key(&id) {
            return Err(self.what_is_wrong(id));
        }
        self.pending.get_mut(&id).ok_or_else(|| too_late(id))
    }

    fn what_is_wrong(&self, id: u64) -> Failure {
        match id {
            0 => Failure::argument("request", "is zero"),
            id if id > self.last => {
                Failure::argument("request", format!("there was none with the number {id}"))
            }
            id => too_late(id),
        }
    }
}

impl Pending {
    fn is_over(&self) -> bool {
        match &self.answer {
            Answer::Restore(completion) => completion.is_over(),
            Answer::Update(completion) => completion.is_over(),
            Answer::UpdateMany(completion, _) => completion.is_over(),
        }
    }
}

/// The one dispatch that is under way.
struct Turn<'s>(&'s OwnStore);

impl<'s> Turn<'s> {
    fn begin(store: &'s OwnStore) -> Option<Self> {
        let mut table = store.table();
        if table.dispatching.is_some() {
            return None;
        }
        table.dispatching = Some(std::thread::current().id());
        Some(Self(store))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.table().dispatching = None;
    }
}

fn document(save: &DocumentSave) -> MstStoreDocument {
    let text = |text: &str| match text {
        "" => std::ptr::null(),
        text => text.as_ptr().cast::<c_char>(),
    };
    MstStoreDocument {
        user: text(&save.user),
        document: text(&save.document),
        version: save.version,
        user_len: save.user.len() as u32,
        document_len: save.document.len() as u32,
    }
}

fn in_time(id: u64, was_in_time: bool) -> Outcome {
    if was_in_time { Ok(()) } else { Err(too_late(id)) }
}

fn too_late(id: u64) -> Failure {
    Failure::new(ErrorCode::Stale, format!("request {id} was answered already, or too late"))
}

fn no_document(index: u32, count: usize) -> Failure {
    Failure::new(ErrorCode::IndexOutOfRange, format!("the request has no document {index}; it has {count}"))
}
