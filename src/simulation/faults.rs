//! What goes wrong.

use std::time::Duration;

use super::desk::Kind;
use super::player::Opened;
use super::report::Met;
use super::world::World;
use crate::error::{Error, ErrorCode};

impl World {
    /// Something goes wrong.
    pub(super) fn fault(&mut self) {
        self.faults += 1;
        let player = self.rng.below(self.players.len() as u64) as usize;
        match self.rng.below(20) {
            0..=5 => self.disconnect(player),
            6..=7 => self.stall(),
            8..=11 => self.crash_peer(player),
            12..=15 => {
                let place = self.rng.below(self.masters.len() as u64) as usize;
                self.crash_master(place);
            }
            16 => self.take_over(),
            17 => self.stop_master(),
            _ => self.jump(),
        }
    }

    /// A connection breaks; the master may notice later, after more has arrived that was sent before.
    fn disconnect(&mut self, player: usize) {
        let Some(session) = self.players[player].session else { return };
        let Some(place) = self.links.iter().position(|link| link.session == session) else { return };
        let link = &self.links[place];
        let opened = &self.players[player].opened;
        let points = [
            (Met::CutInsideUp, link.inside_up),
            (Met::CutInsideDown, link.inside_down),
            (Met::CutBetween, !link.inside_up && !link.inside_down),
            (Met::LostDown, !link.down.is_empty()),
            (Met::LostSnapshot, !link.snapshots.is_empty()),
            (Met::CutSnapshot, !link.snapshots.is_empty()),
            (Met::CutGreeting, !self.players[player].peer.is_ready()),
            (Met::CutOpening, opened.iter().any(|o| o.id.is_some() && !o.loaded)),
        ];
        for (met, is) in points {
            self.met.meet(met, u64::from(is));
        }
        let name = self.players[player].name;
        self.tell(|_| format!("{name} loses session {session}"));
        let error = || Error::transport(ErrorCode::ConnectionLost, "the connection was lost");
        let kind = self.rng.below(3);
        let link = &mut self.links[place];
        if kind > 0 {
            // What was under way is lost, or some of it.
            let keep = if kind == 1 { 0 } else { self.rng.below(link.up.len() as u64 + 1) as usize };
            self.met.meet(Met::LostUp, u64::from(keep < link.up.len()));
            link.up.truncate(keep);
        }
        if kind != 1 {
            self.met.meet(Met::OldConnection, u64::from(link.there));
        }
        self.peer_left(player);
        if kind == 1 {
            let link = self.links.remove(place);
            let moment = self.moment();
            if link.there
                && let Some(seat) = self.masters.iter().position(|seat| seat.number == link.master)
            {
                self.masters[seat].master.closed(moment, session, error());
                self.after_master(seat);
            }
        }
        self.players[player].peer.disconnected(self.now, error());
        self.after_peer(player);
    }

    /// A connection stands still for a while.
    fn stall(&mut self) {
        if self.links.is_empty() {
            return;
        }
        let place = self.rng.below(self.links.len() as u64) as usize;
        self.links[place].stalled_until = self.now + Duration::from_millis(self.rng.below(400));
        self.met.meet(Met::Stalled, 1);
        let session = self.links[place].session;
        self.tell(|_| format!("session {session} stands still"));
    }

    /// A game ends without a word. Another one takes its place, under another writer id.
    fn crash_peer(&mut self, player: usize) {
        let game = &self.players[player];
        let pending = |o: &Opened| o.id.and_then(|id| game.peer.pending(id).ok());
        let pending: Vec<_> = game.opened.iter().filter_map(pending).collect();
        let any = |is: &dyn Fn(&crate::Pending) -> bool| pending.iter().any(is);
        let points = [
            (any(&|p| p.unsent), Met::ServerUnsealed, Met::ClientUnsealed),
            (any(&|p| p.unapplied > 0), Met::ServerUndecided, Met::ClientUndecided),
            (any(&|p| p.undurable > p.unapplied), Met::ServerUndurable, Met::ClientUndurable),
            (game.session.is_some() && !game.peer.is_ready(), Met::ServerGreeting, Met::ClientGreeting),
            (
                game.peer.is_ready() && game.opened.iter().any(|o| o.id.is_some() && !o.loaded),
                Met::ServerOpening,
                Met::ClientOpening,
            ),
            (game.opened.iter().any(|o| o.bracket), Met::ServerBracket, Met::ClientBracket),
            (!any(&|p| p.unsent || p.undurable > 0), Met::ServerIdle, Met::ClientIdle),
        ];
        let is_server = game.user.is_none();
        let again = game.peer.stats().batches_resent;
        self.met.meet(Met::SentAgain, again);
        for (is, server, client) in points {
            self.met.meet(if is_server { server } else { client }, u64::from(is));
        }
        let name = game.name;
        self.tell(|_| format!("{name} crashes"));
        self.peer_left(player);
        let (token, view) = (self.players[player].token.clone(), self.players[player].view.clone());
        let (writer, peer) = self.new_peer(&token, &view);
        let game = &mut self.players[player];
        (game.writer, game.peer) = (writer, peer);
        game.opened.fill(Opened::default());
    }

    /// SIGKILL of a master: what the store was asked is done in part, or later. Another one starts.
    pub(super) fn crash_master(&mut self, place: usize) {
        let seat = &self.masters[place];
        let number = seat.number;
        let has = |kind, answered: bool| {
            seat.desk.orders.iter().any(|order| order.kind() == kind && order.answer.is_some() == answered)
        };
        let points = [
            (Met::MasterIdle, seat.desk.orders.is_empty()),
            (Met::MasterBeforeAppend, has(Kind::Append, false)),
            (Met::MasterAfterAppend, has(Kind::Append, true)),
            (Met::MasterBeforeUpdate, has(Kind::Update, false)),
            (Met::MasterAfterUpdate, has(Kind::Update, true)),
            (
                Met::MasterBetween,
                has(Kind::Append, true) && has(Kind::Update, false)
                    || has(Kind::Update, true) && has(Kind::Append, false),
            ),
            (Met::MasterLoading, has(Kind::Restore, false) || has(Kind::Restore, true)),
            (Met::MasterUnsent, !seat.master.is_flushed()),
            (Met::Duplicates, seat.master.stats().duplicates > 0),
        ];
        for (met, is) in points {
            self.met.meet(met, u64::from(is));
        }
        self.tell(|_| format!("master {number} crashes"));
        let seat = self.masters.remove(place);
        let handle = seat.desk.handle;
        for order in seat.desk.orders {
            // The transaction is on its way; or the request never left.
            if order.answer.is_none() && order.kind() != Kind::Restore && self.rng.below(2) == 0 {
                self.late.push((handle.same_owner(), order));
            }
        }
        // What is on its way may be done before the next one claims the database.
        while !self.late.is_empty() && self.rng.below(2) == 0 {
            let (mut handle, order) = self.late.remove(0);
            self.execute(&mut handle, order);
        }
        self.hang_up(number);
        self.keep_an_owner();
        if self.rng.below(2) == 0 {
            // All notice at once.
            while self.links.iter().any(|link| link.here && !link.there) && self.notice() {}
        }
    }

    /// A second master takes the database over while the first still lives.
    fn take_over(&mut self) {
        if self.masters.len() < 3 {
            self.met.meet(Met::Takeover, 1);
            self.start_master();
        }
    }

    /// A master is told to stop.
    fn stop_master(&mut self) {
        let moment = self.moment();
        let place = self.masters.len() - 1;
        let seat = &mut self.masters[place];
        if seat.stopping {
            return;
        }
        seat.stopping = true;
        seat.master.begin_stop(moment);
        self.met.meet(Met::MasterStopped, 1);
        let number = seat.number;
        self.tell(|_| format!("master {number} is told to stop"));
        self.after_master(place);
        self.bury_masters();
    }

    /// The wall clock jumps.
    fn jump(&mut self) {
        const DAY: i64 = 86_400_000;
        let forward = self.rng.below(2) == 0;
        let by = match self.rng.below(4) {
            0 => 8 * DAY + self.rng.below(DAY as u64) as i64,
            1 => DAY,
            _ => self.rng.below(100_000) as i64,
        };
        self.met.meet(if forward { Met::ClockForward } else { Met::ClockBack }, 1);
        self.clock += if forward { by } else { -by };
        // Back and forth again is a jump, too.
        self.model.may_expire |= by > 6 * DAY;
        self.tell(|_| format!("the clock jumps by {} ms", if forward { by } else { -by }));
    }
}
