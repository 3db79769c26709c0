//! The database, and what each master has asked of it: in order, slowly, failing before or after the commit.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use super::report::{Met, finding};
use super::world::World;
use crate::error::{Error, ErrorCode};
use crate::store::{JournalRow, MemoryStore, ProfileStore};
use crate::sync::master::{Master, StoreAnswer, StoreRequest};

/// A master's orders; the first is under way.
pub(super) struct Desk {
    pub(super) handle: MemoryStore,
    pub(super) orders: VecDeque<Order>,
}

pub(super) struct Order {
    request: StoreRequest,
    /// Rows that the documents of a save contain and that may not be in the journal.
    implied: Vec<JournalRow>,
    /// By dice: 0 fails, 1 fails after the commit.
    fault: u64,
    due: Duration,
    pub(super) answer: Option<StoreAnswer>,
    /// The version that a profile had when it was read.
    read_at: u64,
}

/// What an order is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Restore,
    Append,
    Update,
    Other,
}

impl Desk {
    pub(super) fn new(handle: MemoryStore) -> Self {
        Self { handle, orders: VecDeque::new() }
    }
}

impl Order {
    pub(super) fn new(request: StoreRequest, master: &Master, fault: u64, due: Duration) -> Self {
        let implied = match &request {
            StoreRequest::Update { saves } => {
                let is_in = |row: &&JournalRow| {
                    saves.iter().any(|save| save.user == row.user && row.version <= save.version)
                };
                master.unjournaled().filter(is_in).cloned().collect()
            }
            _ => Vec::new(),
        };
        Self { request, implied, fault, due, answer: None, read_at: 0 }
    }

    pub(super) fn kind(&self) -> Kind {
        match self.request {
            StoreRequest::Restore { .. } => Kind::Restore,
            StoreRequest::Append { .. } => Kind::Append,
            StoreRequest::Update { .. } => Kind::Update,
            _ => Kind::Other,
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.request {
            StoreRequest::Restore { user } => write!(f, "load {user}"),
            StoreRequest::Append { rows } => {
                write!(f, "append")?;
                rows.iter().try_for_each(|row| write!(f, " {}@{}", row.user, row.version))
            }
            StoreRequest::Update { saves } => {
                write!(f, "save")?;
                saves.iter().try_for_each(|save| write!(f, " {}@{}", save.user, save.version))
            }
            other => write!(f, "{other:?}"),
        }
    }
}

impl World {
    /// The database does one thing for somebody, or answers.
    pub(super) fn serve_store(&mut self) {
        if !self.late.is_empty() && self.rng.below(3) == 0 {
            let (mut handle, order) = self.late.remove(0);
            self.met.meet(Met::StoreLate, 1);
            self.tell(|_| format!("the store is late with: {order}"));
            self.execute(&mut handle, order);
            return;
        }
        let busy = self.masters.iter().filter(|seat| !seat.desk.orders.is_empty()).count() as u64;
        if busy > 0 {
            let nth = self.rng.below(busy) as usize;
            let mut places = (0..self.masters.len()).filter(|i| !self.masters[*i].desk.orders.is_empty());
            if let Some(place) = places.nth(nth) {
                let at_once = self.rng.below(2) == 0;
                self.serve(place, at_once);
            }
        }
    }

    /// The database does all that it was asked for.
    pub(super) fn serve_all(&mut self) {
        while let Some((mut handle, order)) = self.late.pop() {
            self.execute(&mut handle, order);
        }
        for place in 0..self.masters.len() {
            for _ in 0..64 {
                if self.masters[place].desk.orders.is_empty() {
                    break;
                }
                self.serve(place, true);
            }
        }
        self.bury_masters();
    }

    fn serve(&mut self, place: usize, at_once: bool) {
        let now = self.now;
        let faulty = self.faulty;
        let desk = &mut self.masters[place].desk;
        let Some(mut order) = desk.orders.pop_front() else { return };
        if order.due > now && faulty {
            return desk.orders.push_front(order);
        }
        if order.answer.is_none() {
            // Taken out for the while.
            let mut handle = std::mem::take(&mut desk.handle);
            order = self.execute(&mut handle, order);
            self.masters[place].desk.handle = handle;
            if !at_once {
                return self.masters[place].desk.orders.push_front(order);
            }
        }
        let Some(answer) = order.answer else { return };
        let user = match &answer {
            StoreAnswer::Restored { user, result: Ok(_) } => Some(user.clone()),
            _ => None,
        };
        let moment = self.moment();
        let seat = &mut self.masters[place];
        let was_there = user.as_ref().is_some_and(|user| seat.master.epoch_of(user).is_some());
        seat.master.stored(moment, answer);
        if let Some(user) = user
            && !was_there
            && let Some((epoch, base)) = seat.master.epoch_of(&user)
        {
            let user = self.user(&user);
            self.model.loaded(user, epoch, base, order.read_at);
        }
        self.after_master(place);
    }

    /// Does what an order says, or not; what is committed, the model is told.
    pub(super) fn execute(&mut self, handle: &mut MemoryStore, mut order: Order) -> Order {
        let fails = |fault: u64| Error::store(ErrorCode::StoreFailed, format!("planted failure {fault}"));
        let fault = if self.faulty { order.fault } else { 99 };
        let loads = order.kind() == Kind::Restore;
        match fault {
            0 if loads => self.met.meet(Met::RestoreFailed, 1),
            0 => self.met.meet(Met::StoreFailed, 1),
            1 if !loads => self.met.meet(Met::StoreFailedAfter, 1),
            _ => {}
        }
        let result = |result, fault| if fault == 1 { Err(fails(1)) } else { result };
        let answer = match order.request.clone() {
            StoreRequest::Restore { user } => {
                order.read_at = self.model.version(self.user(&user));
                let result = if fault == 0 { Err(fails(0)) } else { handle.restore(&user) };
                StoreAnswer::Restored { user, result }
            }
            StoreRequest::Append { .. } if fault == 0 => StoreAnswer::Appended { result: Err(fails(0)) },
            StoreRequest::Append { rows } => {
                let appended = handle.append(&rows);
                self.note(appended.as_ref().err());
                if appended.is_ok() {
                    rows.iter().for_each(|row| self.commit(row));
                }
                StoreAnswer::Appended { result: result(appended, fault) }
            }
            StoreRequest::Update { .. } if fault == 0 => StoreAnswer::Updated { result: Err(fails(0)) },
            StoreRequest::Update { saves } => {
                let updated = handle.update_many(&saves);
                self.note(updated.as_ref().err());
                if updated.is_ok() {
                    for row in &order.implied {
                        self.commit(row);
                    }
                    for save in saves.iter() {
                        self.tape.bytes(save.document.as_bytes());
                        let stored = self.model.version(self.user(&save.user));
                        if save.version > stored {
                            let text =
                                format!("a document is at version {}, the rows at {stored}", save.version);
                            finding("journal", text);
                        }
                    }
                }
                let failed = || Err(fails(1));
                StoreAnswer::Updated { result: if fault == 1 { failed() } else { updated } }
            }
            // Nobody asks here.
            other => other.execute(handle),
        };
        order.answer = Some(answer);
        order
    }

    fn note(&mut self, error: Option<&Error>) {
        self.tape.number(error.map_or(0, |error| error.code() as i32 as u64));
        if let Some(error) = error {
            if error.code() != ErrorCode::StoreFenced {
                finding("store", error.to_string());
            }
            self.met.meet(Met::StoreFenced, 1);
        }
    }

    fn commit(&mut self, row: &JournalRow) {
        let user = self.user(&row.user);
        self.tape.number(row.version);
        self.tape.number(row.number);
        self.tape.number(row.writer.id as u64);
        self.tape.tell(|| {
            format!(
                "the store has {}@{}: batch {} of {:08x}, {:?}",
                row.user, row.version, row.number, row.writer.id as u32, row.effects
            )
        });
        self.model.committed(user, row);
    }

    pub(super) fn user(&self, name: &str) -> usize {
        self.users.iter().position(|user| *user == name).unwrap_or_else(|| {
            finding("store", format!("there is no user `{name}`"));
        })
    }
}
