//! A peer with two profiles, a game that changes them, and a master that says what a script has.

use std::sync::Arc;
use std::time::Duration;

use super::game;
use super::master::TOKENS;
use super::script::{self, ACT, CONNECT, DATAGRAM, FRAME, Piece, SNAPSHOT, STREAM, TIME};
use crate::error::{Error, ErrorCode};
use crate::schema::Schema;
use crate::sync::peer::{Peer, PeerConfig};

/// Of an act: a profile is let go and asked for again.
pub(super) const RELEASE: u8 = 0x80;
/// Of an act: it is about the other profile.
pub(super) const OTHER: u8 = 0x20;

pub(super) struct PeerRig {
    peer: Peer,
    now: Duration,
    /// What the last piece made it send: bytes of the stream and datagrams.
    pub(super) out: Vec<(u8, Vec<u8>)>,
    /// Why it has closed the connection.
    pub(super) closed: Option<Error>,
}

impl PeerRig {
    pub(super) fn new(schema: &Arc<Schema>, who: usize) -> Self {
        let peer = Peer::new(PeerConfig {
            schema: schema.clone(),
            token: TOKENS[who].into(),
            writer: who as u128 + 1,
            flush_interval: Duration::ZERO,
            seed: 1,
        });
        let mut rig = Self { peer: peer.unwrap(), now: Duration::ZERO, out: Vec::new(), closed: None };
        for user in ["ann", "bob"] {
            rig.peer.fill(user).unwrap();
        }
        rig.connect();
        // The hello, which whoever is the master knows.
        rig.peer.take_output();
        rig
    }

    /// Plays a whole script. True when it did not close the connection.
    pub(super) fn play(&mut self, script: &[u8]) -> bool {
        for piece in script::pieces(script) {
            self.piece(piece);
        }
        self.closed.is_none()
    }

    /// The JSON of a profile, if it is loaded.
    pub(super) fn json(&self, user: &str) -> Option<String> {
        let profile = self.peer.profile(self.peer.find(user)?).ok()?;
        profile.is_loaded().then(|| profile.to_json())
    }

    pub(super) fn piece(&mut self, Piece { kind, bytes, .. }: Piece<'_>) {
        self.out.clear();
        let millis = if kind == TIME { 10 * u64::from(bytes.first().copied().unwrap_or(1)) } else { 1 };
        self.now += Duration::from_millis(millis);
        match kind {
            FRAME => self.peer.received(self.now, &script::framed(bytes)),
            STREAM => self.peer.received(self.now, bytes),
            SNAPSHOT => self.peer.received_snapshot(self.now, bytes.to_vec()),
            DATAGRAM => self.peer.received_datagram(self.now, bytes),
            CONNECT => {
                let lost = Error::transport(ErrorCode::ConnectionLost, "the connection was lost");
                self.peer.disconnected(self.now, lost);
                // Longer than any pause between attempts.
                self.now += Duration::from_secs(6);
                self.connect();
                self.peer.take_output();
            }
            ACT => self.act(bytes),
            _ => {}
        }
        self.peer.handle_timeout(self.now);
        while self.peer.next_event().is_some() {}
        if let Some(error) = self.peer.take_close() {
            self.closed = Some(error);
        }
        self.out.extend(self.peer.take_output().map(|bytes| (STREAM, bytes)));
        while let Some(bytes) = self.peer.take_datagram() {
            self.out.push((DATAGRAM, bytes));
        }
    }

    fn connect(&mut self) {
        if self.peer.poll_connect(self.now) {
            self.peer.connected(self.now);
        }
    }

    fn act(&mut self, bytes: &[u8]) {
        let what = bytes.first().copied().unwrap_or(0);
        let user = if what & OTHER == 0 { "ann" } else { "bob" };
        let Some(id) = self.peer.find(user) else { return drop(self.peer.fill(user)) };
        if what & RELEASE == 0 {
            // What it may not do is told to the game.
            let _ = self.peer.change(id, |profile| {
                game::act(profile, bytes);
                Ok(())
            });
        } else {
            let _ = self.peer.release(id).and_then(|()| self.peer.fill(user));
        }
    }
}
