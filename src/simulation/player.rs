//! A game: a peer, the profiles that it has open, and what it is told.

use std::rc::Rc;
use std::time::Duration;

use super::model::Seen;
use super::report::{Met, finding};
use super::schemas::View;
use super::tape::hash_event;
use super::world::World;
use crate::error::ErrorCode;
use crate::schema::Relation;
use crate::sync::peer::{Event, Peer, PeerConfig, ProfileId};

pub(super) struct Player {
    pub(super) name: &'static str,
    pub(super) token: String,
    /// The user whose game it is; none for a game server.
    pub(super) user: Option<usize>,
    pub(super) writes: bool,
    pub(super) view: Rc<View>,
    pub(super) writer: u128,
    pub(super) peer: Peer,
    /// The connection that the peer speaks through.
    pub(super) session: Option<u64>,
    /// By user.
    pub(super) opened: Vec<Opened>,
}

/// A user's profile at a peer.
#[derive(Clone, Copy, Default)]
pub(super) struct Opened {
    pub(super) id: Option<ProfileId>,
    pub(super) loaded: bool,
    /// Whether it is not loaded yet, so that the writer session begins with it.
    pub(super) fresh: bool,
    pub(super) leaving: bool,
    /// Whether a bracket is begun.
    pub(super) bracket: bool,
    /// The cursor at which it was last compared with the model.
    pub(super) compared: Option<(u64, u64)>,
}

impl Player {
    pub(super) fn relation(&self, user: usize) -> Relation {
        match self.user {
            None => Relation::Server,
            Some(own) if own == user => Relation::Owner,
            Some(_) => Relation::OtherClient,
        }
    }

    pub(super) fn seen(&self, user: usize) -> Seen {
        Seen { who: self.name, relation: self.relation(user), view: self.view.clone() }
    }
}

impl World {
    /// A peer that knows nothing, under a writer id of its own.
    pub(super) fn new_peer(&mut self, token: &str, view: &View) -> (u128, Peer) {
        let writer = u128::from(self.rng.next()) << 64 | u128::from(self.rng.next());
        let config = PeerConfig {
            schema: view.schema.clone(),
            token: token.into(),
            writer,
            flush_interval: Duration::from_millis(self.rng.below(40)),
            seed: self.rng.next(),
        };
        match Peer::new(config) {
            Ok(peer) => (writer, peer),
            Err(error) => finding("protocol", error.to_string()),
        }
    }

    /// What is due at a game, and perhaps a change.
    pub(super) fn tick(&mut self, player: usize, plays: bool) {
        let now = self.now;
        if self.players[player].peer.poll_connect(now) {
            self.connect(player);
        }
        for user in 0..self.players[player].opened.len() {
            let Opened { id, leaving, .. } = self.players[player].opened[user];
            if (id.is_none() || leaving) && (!plays || self.rng.below(4) == 0) {
                self.fill(player, user);
            }
        }
        if plays {
            for _ in 0..1 + self.rng.below(3) {
                self.play(player);
            }
        } else {
            self.end_brackets(player);
        }
        self.players[player].peer.handle_timeout(now);
        self.after_peer(player);
    }

    /// Asks for a profile.
    pub(super) fn fill(&mut self, player: usize, user: usize) {
        let game = &mut self.players[player];
        match game.peer.fill(self.users[user]) {
            Ok(id) => {
                let loaded = game.peer.profile(id).is_ok_and(crate::Profile::is_loaded);
                game.opened[user] = Opened { id: Some(id), fresh: !loaded, ..Opened::default() };
            }
            // It waits for the answer to a release that came before it was loaded.
            Err(error) if error.code() == ErrorCode::AlreadyOpen && game.opened[user].leaving => {}
            Err(error) => finding("protocol", format!("a profile can't be filled: {error}")),
        }
    }

    /// Takes out what a peer has for its game and for the network, and compares what it shows.
    pub(super) fn after_peer(&mut self, player: usize) {
        let told = self.players[player].peer.has_events();
        self.read_events(player);
        if let Some(error) = self.players[player].peer.take_close() {
            if error.code() != ErrorCode::Timeout {
                let name = self.players[player].name;
                finding("protocol", format!("{name} closes the connection: {error}"));
            }
            self.peer_left(player);
            self.read_events(player);
        }
        if let Some(bytes) = self.players[player].peer.take_output() {
            self.send_up(player, bytes);
        }
        // Whatever changes what is shown or confirmed is told, but for a delta that brings nothing that this peer sees.
        if told || self.rng.below(8) == 0 {
            self.compare(player);
        }
    }

    /// Compares what a game sees with the model.
    fn compare(&mut self, player: usize) {
        if !self.compares {
            return;
        }
        let game = &mut self.players[player];
        for user in 0..game.opened.len() {
            let Opened { id: Some(id), loaded: true, .. } = game.opened[user] else { continue };
            let seen = game.seen(user);
            let Ok(profile) = game.peer.profile(id) else { continue };
            let cursor = game.peer.cursor(id);
            if cursor != game.opened[user].compared
                && let Some(cursor) = cursor
            {
                game.opened[user].compared = Some(cursor);
                self.met.meet(Met::ViewsCompared, 1);
                self.model.sees(user, cursor, &seen, profile);
            }
            self.model.shows((game.writer, user), &seen, profile);
        }
    }

    fn read_events(&mut self, player: usize) {
        while let Some(event) = self.players[player].peer.next_event() {
            hash_event(&mut self.tape, &event);
            let name = self.players[player].name;
            if !matches!(event, Event::Changed { .. }) {
                self.tape.tell(|| format!("{name} is told {event:?}"));
            }
            self.event(player, event);
        }
    }

    fn event(&mut self, player: usize, event: Event) {
        let game = &mut self.players[player];
        let find = |id: ProfileId| game.opened.iter().position(|opened| opened.id == Some(id));
        let key = |user: usize| (game.writer, user);
        match event {
            Event::ProfileLoaded { profile } => {
                let Some(user) = find(profile) else { return };
                if game.opened[user].fresh {
                    let base = game.peer.profile(profile).map_or(0, crate::Profile::last_number);
                    self.model.began(key(user), base);
                }
                game.opened[user].fresh = false;
                game.opened[user].loaded = !game.opened[user].leaving;
            }
            Event::ProfileResumed { whole, .. } => {
                self.met.meet(if whole { Met::ResumedWhole } else { Met::Resumed }, 1);
            }
            Event::Applied { profile, through } => {
                if let Some(user) = find(profile) {
                    self.model.told_applied(key(user), through);
                }
            }
            Event::TakenBack { profile, through } => {
                self.met.meet(Met::TakenBack, 1);
                if let Some(user) = find(profile) {
                    self.model.told_applied(key(user), through);
                }
            }
            Event::Durable { profile, through } => {
                if let Some(user) = find(profile) {
                    self.model.told_durable(key(user), through);
                }
            }
            Event::Repeated { .. } => self.met.meet(Met::Repeated, 1),
            Event::Diverged { .. } => finding("healing", "what it has is not what the master has".into()),
            Event::Refused { profile, batch, error, .. } => {
                self.met.meet(Met::Refused, 1);
                match error.code() {
                    ErrorCode::Stale => self.met.meet(Met::RefusedStale, 1),
                    ErrorCode::GuardFailed => self.met.meet(Met::RefusedGuard, 1),
                    ErrorCode::WriterExpired => self.met.meet(Met::Expired, 1),
                    _ => {}
                }
                let Some(user) = find(profile) else {
                    finding("refusals", format!("batch {batch} of a profile that was let go: {error}"))
                };
                self.model.told_refused(key(user), batch, error.code());
            }
            Event::Failed { error } => finding("protocol", format!("{} gives up: {error}", game.name)),
            Event::OpenFailed { profile, error } => {
                let Some(user) = find(profile) else { return };
                let expected = match error.code() {
                    // Nobody but its owner and the servers makes a profile.
                    ErrorCode::NoSuchProfile => game.relation(user) == Relation::OtherClient,
                    ErrorCode::StoreFailed => self.met.of(Met::RestoreFailed) > 0,
                    _ => false,
                };
                if !expected {
                    finding("load", format!("{} can't open user {user}: {error}", game.name));
                }
            }
            Event::Released { profile } => {
                self.met.meet(Met::Released, 1);
                let Some(user) = find(profile) else { return };
                let undecided = self.model.undecided(key(user));
                if undecided > 0 {
                    finding("released too early", format!("{undecided} batches undecided"));
                }
                game.opened[user] = Opened::default();
            }
            _ => {}
        }
    }
}
