//! Real traffic: a network of a master, two game servers and two players, from a seed, and what travelled in it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::decoders::journal_names;
use super::master::{MasterRig, Written};
use super::peer::{OTHER, PeerRig, RELEASE};
use super::script::{self, ACT, CONNECT, DATAGRAM, FRAME, PEERS, Piece, SNAPSHOT, STREAM, TIME};
use super::{Decoder, Layout, game};
use crate::profile::Profile;
use crate::schema::Schema;
use crate::store::{JournalRow, encode_effects, encode_refused};
use crate::sync::Rng;
use crate::wire::frames::{FrameBuffer, Head, KIND_CONTROL, KIND_VOLATILE, read_head};
use crate::wire::varint::{Reader, put_u64};

/// Bytes that travelled, or were written, and are good for a decoder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recorded {
    /// For which decoder.
    pub decoder: Decoder,
    /// Of which schema.
    pub layout: Layout,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Runs a network of a seed for so many steps, and gives what each decoder could be given.
#[must_use]
pub fn record(layout: Layout, seed: u64, steps: usize) -> Vec<Recorded> {
    let mut network = Network::new(layout, seed);
    for _ in 0..steps {
        network.step();
    }
    network.carry_all();
    network.master.finish();
    network.finish()
}

struct Network {
    layout: Layout,
    rng: Rng,
    master: MasterRig,
    peers: [PeerRig; PEERS],
    /// What is under way between each peer and the master.
    up: [VecDeque<(u8, Vec<u8>)>; PEERS],
    down: [VecDeque<(u8, Vec<u8>)>; PEERS],
    master_script: Vec<u8>,
    peer_scripts: [Vec<u8>; PEERS],
    recorded: BTreeSet<Recorded>,
}

impl Network {
    fn new(layout: Layout, seed: u64) -> Self {
        let schema = layout.schema();
        let mut master = MasterRig::new(&layout.schema_of_master(), layout);
        master.written = Some(Written::default());
        let mut network = Self {
            layout,
            rng: Rng::new(seed),
            master,
            peers: std::array::from_fn(|who| PeerRig::new(&schema, who)),
            up: Default::default(),
            down: Default::default(),
            master_script: Vec::new(),
            peer_scripts: Default::default(),
            recorded: BTreeSet::new(),
        };
        // Not always all of them.
        let first = if seed.is_multiple_of(4) { 1 } else { PEERS };
        for who in 0..first {
            network.master_gets(CONNECT, who, &[]);
        }
        network.carry_all();
        network
    }

    fn step(&mut self) {
        let who = self.rng.below(PEERS as u64) as usize;
        let [what, property, draw, way, ..] = self.rng.next().to_le_bytes();
        match self.rng.below(40) {
            0 => {
                self.up[who].clear();
                self.down[who].clear();
                self.peer_gets(CONNECT, who, &[]);
                self.master_gets(CONNECT, who, &[]);
            }
            1 => {
                let time = [property % 40];
                self.master_gets(TIME, who, &time);
                (0..PEERS).for_each(|who| self.peer_gets(TIME, who, &time));
            }
            2 => self.peer_gets(ACT, who, &[RELEASE | what & OTHER]),
            3..=5 => self.carry_all(),
            6..=18 => self.carry(who),
            _ => {
                let once = if what & 0x1c == 0 { game::ONCE } else { 0 };
                // Mostly the same few properties, so that several want to change one.
                let few = property % 4 + if self.layout == Layout::Everything { 13 } else { 1 };
                let property = if draw < 128 { property } else { few };
                let act = [(what % game::ACTS) | once | (what & OTHER), property, draw, way];
                self.peer_gets(ACT, who, &act);
            }
        }
    }

    /// One thing that is under way arrives.
    fn carry(&mut self, who: usize) {
        if let Some((kind, bytes)) = self.up[who].pop_front() {
            self.master_gets(kind, who, &bytes);
        } else if let Some((kind, bytes)) = self.down[who].pop_front() {
            self.peer_gets(kind, who, &bytes);
        }
    }

    fn carry_all(&mut self) {
        for who in (0..PEERS).cycle().take(40 * PEERS) {
            self.carry(who);
        }
    }

    /// Something happens to the master.
    fn master_gets(&mut self, kind: u8, who: usize, bytes: &[u8]) {
        script::put(&mut self.master_script, kind, who, bytes);
        self.master.piece(Piece { kind, who, bytes });
        assert_eq!(self.master.closed, None, "a real peer keeps the rules");
        for (who, kind, bytes) in std::mem::take(&mut self.master.out) {
            let sent = self.noted(kind, bytes);
            self.down[who].extend(sent);
        }
    }

    /// Something happens to a peer.
    fn peer_gets(&mut self, kind: u8, who: usize, bytes: &[u8]) {
        script::put(&mut self.peer_scripts[who], kind, who, bytes);
        self.peers[who].piece(Piece { kind, who, bytes });
        assert_eq!(self.peers[who].closed, None, "a real master keeps the rules");
        for (kind, bytes) in std::mem::take(&mut self.peers[who].out) {
            let sent = self.noted(kind, bytes);
            self.up[who].extend(sent);
        }
    }

    /// What is sent, frame by frame, taken down.
    fn noted(&mut self, kind: u8, bytes: Vec<u8>) -> Vec<(u8, Vec<u8>)> {
        let sent = match kind {
            STREAM => bodies(&bytes).into_iter().map(|body| (FRAME, body)).collect(),
            _ => vec![(kind, bytes)],
        };
        sent.iter().for_each(|(kind, bytes)| self.note(*kind, bytes));
        sent
    }

    fn keep(&mut self, decoder: Decoder, bytes: &[u8]) {
        if !Layout::of(decoder).contains(&self.layout) {
            return;
        }
        self.recorded.insert(Recorded { decoder, layout: self.layout, bytes: bytes.to_vec() });
    }

    fn note(&mut self, kind: u8, bytes: &[u8]) {
        match kind {
            FRAME => {
                self.keep(Decoder::Frame, &script::framed(bytes));
                let mut reader = Reader::new(bytes);
                match read_head(&mut reader, 0) {
                    Ok(Head::Delta(_)) => {
                        self.keep(Decoder::Delta, reader.rest());
                        self.keep(Decoder::ApplyDelta, reader.rest());
                    }
                    Ok(Head::Kind(KIND_CONTROL)) => self.keep(Decoder::Control, reader.rest()),
                    Ok(Head::Kind(KIND_VOLATILE)) => self.keep(Decoder::Volatile, reader.rest()),
                    _ => {}
                }
            }
            SNAPSHOT => self.keep(Decoder::Snapshot, bytes),
            DATAGRAM => self.keep(Decoder::Volatile, bytes),
            _ => {}
        }
    }

    fn finish(mut self) -> Vec<Recorded> {
        let schema = self.layout.schema_of_master();
        let script = std::mem::take(&mut self.master_script);
        self.keep(Decoder::MasterSession, &script);
        // That of the first one alone, as the machine that plays it is the first.
        let script = std::mem::take(&mut self.peer_scripts[0]);
        self.keep(Decoder::PeerSession, &script);
        let jsons: Vec<String> = self.peers.iter().filter_map(|peer| peer.json("ann")).collect();
        for json in jsons {
            self.keep(Decoder::ProfileJson, json.as_bytes());
            let mut alone = Profile::new(schema.clone());
            if alone.apply_json(&json).is_ok() {
                // Without the stamp, which the other side of it puts before.
                self.keep(Decoder::ApplyDelta, alone.take_delta().unwrap().get(3..).unwrap_or_default());
                self.keep(Decoder::Snapshot, &alone.snapshot());
            }
        }
        let written = self.master.written.take().unwrap_or_default();
        for (_, document) in &written.documents {
            self.keep(Decoder::Document, document.as_bytes());
        }
        for row in written.rows.iter().filter(|row| &*row.user == "ann") {
            let (effects, refused) = row_bytes(&schema, row);
            self.keep(Decoder::Journal, &effects);
            self.keep(Decoder::Journal, &refused);
            let version = row.version - 1;
            let is_before = |(user, document): &&(Arc<str>, String)| {
                let json: serde_json::Value = serde_json::from_str(document).unwrap();
                *user == row.user && json["$mst"]["version"] == version
            };
            if let Some((_, document)) = written.documents.iter().find(is_before) {
                let mut bytes = document.as_bytes().to_vec();
                bytes.push(0);
                put_u64(&mut bytes, row.version);
                put_u64(&mut bytes, row.number);
                put_u64(&mut bytes, refused.len() as u64);
                bytes.extend_from_slice(&refused);
                bytes.extend_from_slice(&effects);
                self.keep(Decoder::Document, &bytes);
            }
        }
        if self.layout == Layout::Everything {
            for file in [
                include_str!("../../examples/kitchen-sink.profile.schema.json"),
                include_str!("../../examples/match.profile.schema.json"),
            ] {
                self.keep(Decoder::Schema, file.as_bytes());
            }
        }
        self.recorded.into_iter().collect()
    }
}

fn bodies(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut buffer = FrameBuffer::default();
    buffer.push(stream);
    std::iter::from_fn(|| buffer.next_frame().unwrap().map(<[u8]>::to_vec)).collect()
}

fn row_bytes(schema: &Schema, row: &JournalRow) -> (Vec<u8>, Vec<u8>) {
    let (mut effects, mut refused) = (Vec::new(), Vec::new());
    let names = journal_names(schema);
    let number_of =
        |name: &Arc<str>| names.iter().position(|known| known == name).map(|n| n as u32).ok_or(());
    encode_effects(&row.effects, number_of, &mut effects).unwrap();
    encode_refused(&row.refused, &row.outcomes, &mut refused);
    (effects, refused)
}
