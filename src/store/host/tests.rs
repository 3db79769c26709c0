use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread::{self, JoinHandle};

use super::super::conformance::{documents_are_kept, row, save};
use super::*;

const PATIENCE: Duration = Duration::from_secs(60);

type Database = Arc<Mutex<HashMap<Arc<str>, String>>>;
type Read = Result<Option<StoredProfile>>;

/// A host's accessor on a thread of its own: it gathers what is asked, and answers the last first.
fn accessor(requests: StoreRequests, database: Database) -> JoinHandle<usize> {
    thread::spawn(move || {
        let mut most = 0;
        while !requests.is_over() {
            let _ = requests.wait(PATIENCE);
            let mut gathered = Vec::new();
            while requests.wait(Duration::from_millis(2)) {
                gathered.extend(requests.next_request());
            }
            most = most.max(gathered.len());
            let mut database = database.lock().unwrap();
            for request in gathered.into_iter().rev() {
                assert!(answer(&mut database, request));
            }
        }
        most
    })
}

fn answer(database: &mut HashMap<Arc<str>, String>, request: HostRequest) -> bool {
    match request {
        HostRequest::Restore { user, completion } => completion.restored(Ok(database.get(&user).cloned())),
        HostRequest::Update { save, completion } => {
            database.insert(save.user, save.document);
            completion.updated(Ok(()))
        }
        HostRequest::UpdateMany { saves, completion } => {
            assert!(saves.len() > 1);
            let written = saves.into_iter().map(|save| {
                database.insert(save.user, save.document);
                Ok(())
            });
            let written = written.collect();
            completion.updated_many(written)
        }
    }
}

#[test]
fn conforms_as_a_store_without_a_journal() {
    let database = Database::default();
    let threads = Mutex::new(Vec::new());
    documents_are_kept(|| {
        let (store, requests) = HostStore::new(HostStoreOptions::default());
        threads.lock().unwrap().push(accessor(requests, database.clone()));
        Box::new(store)
    });
    let gathered: Vec<usize> = threads.into_inner().unwrap().into_iter().map(|t| t.join().unwrap()).collect();
    assert_eq!(gathered.len(), 2);
    assert!(gathered[0] > 1, "several restores were under way at once");
}

/// A store, and a thread that calls it as the master's does.
struct Lab {
    requests: StoreRequests,
    calls: mpsc::Sender<Call>,
    updates: mpsc::Receiver<Result<Vec<Result<()>>>>,
    reads: mpsc::Receiver<(u32, Read)>,
    thread: JoinHandle<()>,
}

enum Call {
    Restore(&'static str, u32),
    Update(Vec<DocumentSave>),
}

impl Lab {
    fn new(timeout: Duration) -> Self {
        let (mut store, requests) = HostStore::new(HostStoreOptions { timeout });
        let (calls, inbox) = mpsc::channel();
        let (updated, updates) = mpsc::channel();
        let (read, reads) = mpsc::channel();
        let thread = thread::spawn(move || {
            for call in inbox {
                match call {
                    Call::Restore(user, mark) => {
                        let read = read.clone();
                        store.begin_restore(&Arc::from(user), Box::new(move |r| drop(read.send((mark, r)))));
                    }
                    Call::Update(saves) => updated.send(store.update_many(&saves)).unwrap(),
                }
            }
        });
        Self { requests, calls, updates, reads, thread }
    }

    /// For what is asked from now on.
    fn set_timeout(&self, timeout: Duration) {
        self.requests.taker.shared.lock().timeout = timeout;
    }

    fn call(&self, call: Call) {
        self.calls.send(call).unwrap();
    }

    fn next(&self) -> HostRequest {
        assert!(self.requests.wait(PATIENCE));
        self.requests.next_request().unwrap()
    }

    fn restore(&self) -> RestoreCompletion {
        match self.next() {
            HostRequest::Restore { completion, .. } => completion,
            other => panic!("{other:?}"),
        }
    }

    fn update(&self, version: u64) -> UpdateCompletion {
        match self.next() {
            HostRequest::Update { save, completion } if save.version == version => completion,
            other => panic!("{other:?}"),
        }
    }

    fn updated(&self) -> Result<Vec<Result<()>>> {
        self.updates.recv_timeout(PATIENCE).unwrap()
    }

    fn read(&self) -> (u32, Read) {
        self.reads.recv_timeout(PATIENCE).unwrap()
    }

    /// Closes the store.
    fn close(self) -> (StoreRequests, mpsc::Receiver<(u32, Read)>) {
        drop(self.calls);
        self.thread.join().unwrap();
        (self.requests, self.reads)
    }
}

fn code<T: std::fmt::Debug>(result: Result<T>) -> ErrorCode {
    result.unwrap_err().code()
}

#[test]
fn an_update_that_takes_too_long_has_failed_and_its_late_answer_is_nobodys() {
    let lab = Lab::new(Duration::from_secs(1));
    lab.call(Call::Update(vec![save("ann", 1)]));
    let first = lab.update(1);
    assert_eq!(code(lab.updated()), ErrorCode::Timeout);
    assert!(first.is_over());
    lab.set_timeout(PATIENCE);
    lab.call(Call::Update(vec![save("ann", 2)]));
    let second = lab.update(2);
    assert!(!second.is_over());
    // The next one is under way, and is not answered by it.
    assert!(!first.updated(Ok(())));
    lab.updates.try_recv().unwrap_err();
    assert!(second.updated(Err(store_error(ErrorCode::StoreFenced, "ours no more"))));
    assert_eq!(lab.updated(), Ok(vec![Err(store_error(ErrorCode::StoreFenced, "ours no more"))]));

    // One that says that the database fails altogether.
    lab.call(Call::Update(vec![save("ann", 2)]));
    assert!(lab.update(2).failed(store_error(ErrorCode::StoreFailed, "full")));
    assert_eq!(lab.updated(), Err(store_error(ErrorCode::StoreFailed, "full")));

    lab.set_timeout(Duration::from_millis(10));
    // One that nobody took is not there any more, and nobody is woken for it.
    lab.call(Call::Update(vec![save("ann", 3)]));
    assert_eq!(code(lab.updated()), ErrorCode::Timeout);
    assert!(!lab.requests.wait(Duration::ZERO));
    assert!(lab.requests.next_request().is_none());
    lab.close();
}

#[test]
fn each_of_several_documents_may_fail_alone_but_answers_must_be_as_many() {
    let lab = Lab::new(PATIENCE);
    let saves = vec![save("ann", 1), save("bob", 2), save("cem", 3)];
    let ask = || {
        lab.call(Call::Update(saves.clone()));
        match lab.next() {
            HostRequest::UpdateMany { saves: asked, completion } if asked == saves => completion,
            other => panic!("{other:?}"),
        }
    };
    let full = store_error(ErrorCode::StoreFailed, "full");
    assert!(ask().updated_many(vec![Ok(()), Err(full.clone()), Ok(())]));
    assert_eq!(lab.updated(), Ok(vec![Ok(()), Err(full.clone()), Ok(())]));
    assert!(ask().failed(full.clone()));
    assert_eq!(lab.updated(), Err(full));
    assert!(ask().updated_many(vec![Ok(()); 2]));
    assert!(lab.updated().unwrap_err().to_string().contains("2 answers for 3 documents"));
    drop(ask());
    assert_eq!(code(lab.updated()), ErrorCode::StoreFailed);
    lab.close();
}

#[test]
fn restores_are_answered_in_any_order_and_those_of_one_profile_together() {
    let lab = Lab::new(PATIENCE);
    for (user, mark) in [("ann", 1), ("bob", 2), ("ann", 3), ("cem", 4)] {
        lab.call(Call::Restore(user, mark));
    }
    let (ann, bob, cem) = (lab.restore(), lab.restore(), lab.restore());
    lab.call(Call::Restore("ann", 5));
    // An update is under way beside them.
    lab.call(Call::Update(vec![save("eve", 9)]));
    let update = lab.update(9);
    assert!(lab.requests.next_request().is_none());
    assert!(cem.restored(Ok(None)));
    assert_eq!(lab.read(), (4, Ok(None)));
    assert!(ann.restored(Ok(Some("{}".into()))));
    let found = StoredProfile { document: Some("{}".into()), rows: vec![] };
    for mark in [1, 3, 5] {
        assert_eq!(lab.read(), (mark, Ok(Some(found.clone()))));
    }
    drop(bob);
    let (mark, result) = lab.read();
    assert_eq!((mark, code(result)), (2, ErrorCode::StoreFailed));
    assert!(update.updated(Ok(())));
    assert_eq!(lab.updated(), Ok(vec![Ok(())]));
    // Asked again it is another request.
    lab.call(Call::Restore("ann", 6));
    assert!(lab.restore().restored(Err(store_error(ErrorCode::StoreCorrupt, "torn"))));
    let (mark, result) = lab.read();
    assert_eq!((mark, code(result)), (6, ErrorCode::StoreCorrupt));
    lab.close();
}

#[test]
fn a_restore_that_takes_too_long_has_failed_and_its_late_answer_is_nobodys() {
    let lab = Lab::new(Duration::from_millis(50));
    lab.call(Call::Restore("ann", 1));
    let first = lab.restore();
    // Whoever comes by looks at the clock.
    let until = Instant::now() + PATIENCE;
    while lab
        .reads
        .try_recv()
        .map(|(mark, result)| assert_eq!((mark, code(result)), (1, ErrorCode::Timeout)))
        .is_err()
    {
        assert!(Instant::now() < until);
        assert!(lab.requests.next_request().is_none());
        thread::sleep(Duration::from_millis(1));
    }
    assert!(first.is_over());
    lab.set_timeout(PATIENCE);
    lab.call(Call::Restore("ann", 2));
    let second = lab.restore();
    assert!(!second.is_over());
    assert!(!first.restored(Ok(None)));
    lab.reads.try_recv().unwrap_err();
    drop(second);
    assert_eq!(lab.read().0, 2);
    lab.close();
}

#[test]
fn a_closed_store_wakes_the_host_and_answers_who_waits() {
    let lab = Lab::new(PATIENCE);
    lab.call(Call::Restore("ann", 1));
    lab.call(Call::Restore("bob", 2));
    let ann = lab.restore();
    let waiting = {
        let requests = lab.requests.clone();
        assert!(requests.next_request().is_some(), "bob's, which fails at once, is dropped here");
        thread::spawn(move || requests.wait(PATIENCE))
    };
    assert!(!lab.requests.is_over());
    let (requests, reads) = lab.close();
    assert!(!waiting.join().unwrap());
    assert!(requests.is_over());
    assert!(!requests.wait(PATIENCE));
    assert!(ann.is_over());
    assert!(!ann.restored(Ok(None)));
    let told: Vec<u32> = reads.iter().map(|(mark, result)| (mark, code(result)).0).collect();
    assert_eq!(told, [2, 1]);
}

#[test]
fn a_host_that_is_gone_fails_whatever_is_asked() {
    let (mut store, requests) = HostStore::new(HostStoreOptions::default());
    let told = Arc::new(AtomicUsize::new(0));
    let other = requests.clone();
    drop(requests);
    let counted = told.clone();
    let count = move |result: Read| {
        assert_eq!(code(result), ErrorCode::StoreFailed);
        counted.fetch_add(1, Ordering::Relaxed);
    };
    store.begin_restore(&Arc::from("ann"), Box::new(count.clone()));
    assert_eq!(told.load(Ordering::Relaxed), 0);
    drop(other);
    assert_eq!(told.load(Ordering::Relaxed), 1);
    store.begin_restore(&Arc::from("ann"), Box::new(count));
    assert_eq!(told.load(Ordering::Relaxed), 2);
    assert_eq!(code(store.update(&save("ann", 1))), ErrorCode::StoreFailed);
    assert_eq!(code(store.restore("ann")), ErrorCode::StoreFailed);
}

#[test]
fn what_it_can_not_do_it_says() {
    let (mut store, _requests) = HostStore::new(HostStoreOptions::default());
    assert_eq!(code(store.append(&[row("ann", 1, 1)])), ErrorCode::FeatureDisabled);
    assert_eq!(code(store.delete("ann")), ErrorCode::FeatureDisabled);
    assert_eq!(code(store.list(None, 1)), ErrorCode::FeatureDisabled);
    assert_eq!(code(store.history("ann", 0, 1)), ErrorCode::StoreNoHistory);
}
