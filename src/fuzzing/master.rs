//! A master with its database in memory, and peers that say what a script has.

use std::sync::Arc;
use std::time::Duration;

use super::Layout;
use super::decoders::journal_names;
use super::script::{self, CONNECT, DATAGRAM, FRAME, GONE, PEERS, Piece, SNAPSHOT, STREAM, TIME};
use crate::error::{Error, ErrorCode, Result};
use crate::schema::Schema;
use crate::store::{
    JournalRow, MemoryStore, ProfileStore, StoredProfile, WriterInfo, decode_effects, decode_refused,
};
use crate::sync::master::{
    Action, Authenticator, Identity, Master, MasterConfig, Now, PeerRole, StoreAnswer, StoreRequest,
};
use crate::value::ValueType;
use crate::wire::control::{DeclaredType, PROTOCOL_VERSION, Up};
use crate::wire::frames::{KIND_BATCHES, put_control};
use crate::wire::varint::Reader;

/// Who the peers of a script are.
pub(super) const TOKENS: [&str; PEERS] = ["server:a", "client:ann", "server:b", "client:bob"];

struct Tokens;

impl Authenticator for Tokens {
    fn authenticate(&self, token: &str) -> Result<Identity> {
        let (role, subject) = match token.split_once(':') {
            Some(("client", subject)) => (PeerRole::Client, subject),
            Some(("server", subject)) => (PeerRole::Server, subject),
            _ => return Err(Error::AuthFailed { reason: "no such token".into() }),
        };
        Ok(Identity { subject: subject.into(), role })
    }
}

/// What a master gave to its database.
#[derive(Default)]
pub(super) struct Written {
    pub(super) rows: Vec<JournalRow>,
    /// With whose they are.
    pub(super) documents: Vec<(Arc<str>, String)>,
}

pub(super) struct MasterRig {
    schema: Arc<Schema>,
    /// Whether peers ask for what their properties are.
    describes: bool,
    master: Master,
    store: MemoryStore,
    /// What the next profile that is asked for is, instead of what the database has.
    stored: Option<StoredProfile>,
    now: Duration,
    sessions: [Option<u64>; PEERS],
    next_session: u64,
    /// What the last piece made it send, to whom.
    pub(super) out: Vec<(usize, u8, Vec<u8>)>,
    /// Kept where somebody records.
    pub(super) written: Option<Written>,
    /// Whether it has closed a connection.
    pub(super) closed: Option<Error>,
}

impl MasterRig {
    pub(super) fn new(schema: &Arc<Schema>, layout: Layout) -> Self {
        let mut store = MemoryStore::new();
        store.claim().unwrap();
        let master = Master::new(MasterConfig {
            update_interval: Duration::ZERO,
            save_interval: Duration::from_millis(300),
            hash_interval: Duration::from_millis(50),
            unload_after: Duration::from_millis(500),
            ..MasterConfig::new(schema.clone(), Box::new(Tokens), 1)
        });
        Self {
            schema: schema.clone(),
            describes: layout == Layout::View,
            master,
            store,
            stored: None,
            now: Duration::ZERO,
            sessions: [None; PEERS],
            next_session: 1,
            out: Vec::new(),
            written: None,
            closed: None,
        }
    }

    /// Plays a whole script. True when no connection was closed.
    pub(super) fn play(&mut self, script: &[u8]) -> bool {
        for piece in script::pieces(script) {
            self.piece(piece);
        }
        self.finish();
        self.closed.is_none()
    }

    /// Loads a profile as it is stored, changes it, and lets it be saved. True when it was one.
    pub(super) fn load(&mut self, bytes: &[u8]) -> bool {
        self.piece(Piece { kind: CONNECT, who: 0, bytes: &[] });
        self.stored = Some(self.stored_profile(bytes));
        let mut open = Vec::new();
        put_control(
            &mut open,
            &Up::Open {
                channel: 0,
                user: "ann".into(),
                cursor: None,
                heard: 0,
                applied: 0,
                durable: 0,
                last: 0,
                volatile: 0,
            },
        );
        self.piece(Piece { kind: STREAM, who: 0, bytes: &open });
        let good = self.master.profile_json("ann").is_some();
        // The first property, a bool, is set, in batches with the numbers one and two.
        self.piece(Piece { kind: FRAME, who: 0, bytes: &[KIND_BATCHES, 0, 1, 1, 0] });
        self.finish();
        good
    }

    /// A document; after a zero byte, a row: version, number, the length of the refusals, these, and the effects.
    fn stored_profile(&self, bytes: &[u8]) -> StoredProfile {
        let mut parts = bytes.splitn(2, |byte| *byte == 0);
        let text = String::from_utf8_lossy(parts.next().unwrap_or_default());
        let row = parts.next().and_then(|rest| {
            let mut reader = Reader::new(rest);
            let (version, number) = (reader.u64()?, reader.u64()?);
            let length = usize::try_from(reader.u64()?).ok()?;
            let (refused, outcomes) = decode_refused(reader.bytes(length)?).ok()?;
            let names = journal_names(&self.schema);
            let name = |number: u32| names.get(number as usize).cloned();
            let effects = decode_effects(reader.rest(), name).ok()?;
            let writer = WriterInfo { id: 77, subject: "a".into(), role: "server".into() };
            let writer = Arc::new(writer);
            Some(JournalRow {
                user: "ann".into(),
                epoch: 5,
                version,
                writer,
                number,
                refused,
                effects,
                outcomes,
                unix_ms: 0,
            })
        });
        let document = (!text.is_empty()).then(|| text.into_owned());
        StoredProfile { document, rows: row.into_iter().collect() }
    }

    pub(super) fn piece(&mut self, Piece { kind, who, bytes }: Piece<'_>) {
        self.out.clear();
        let millis = if kind == TIME { 10 * u64::from(bytes.first().copied().unwrap_or(1)) } else { 1 };
        self.now += Duration::from_millis(millis);
        let at = self.at();
        if kind == CONNECT || self.sessions[who].is_none() && self.next_session as usize <= PEERS {
            self.connect(who, if kind == CONNECT { bytes } else { &[] });
        }
        if let Some(session) = self.sessions[who] {
            match kind {
                FRAME => {
                    self.master.received(at, session, &script::framed(bytes));
                }
                STREAM => self.master.received(at, session, bytes),
                DATAGRAM => self.master.received_datagram(at, session, bytes),
                GONE => self.hang_up(who),
                _ => {}
            }
        }
        self.pump();
    }

    /// Somebody connects; where there is a name, as somebody for whom the second property is of the type with that name.
    fn connect(&mut self, who: usize, type_name: &[u8]) {
        self.hang_up(who);
        let (at, session) = (self.at(), self.next_session);
        self.next_session += 1;
        self.sessions[who] = Some(session);
        self.master.accepted(at, session);
        let schema = &self.schema;
        let declared = |place: usize, value_type: &ValueType| match type_name {
            name if place == 1 && !name.is_empty() => {
                DeclaredType::Name(String::from_utf8_lossy(name).into_owned())
            }
            _ => DeclaredType::of(value_type),
        };
        let describes = self.describes || !type_name.is_empty();
        let hello = Up::Hello {
            version_min: PROTOCOL_VERSION,
            version_max: PROTOCOL_VERSION,
            token: TOKENS[who].into(),
            writer: who as u128 + 1,
            fingerprint: if describes { 0 } else { schema.fingerprint() },
            properties: schema
                .properties()
                .iter()
                .enumerate()
                .map(|(place, p)| (p.key(), declared(place, p.value_type())))
                .collect(),
            describe: describes,
        };
        let mut out = Vec::new();
        put_control(&mut out, &hello);
        self.master.received(at, session, &out);
    }

    fn hang_up(&mut self, who: usize) {
        if let Some(session) = self.sessions[who].take() {
            let lost = Error::transport(ErrorCode::ConnectionLost, "the connection was lost");
            self.master.closed(self.at(), session, lost);
        }
    }

    /// Everybody leaves; profiles are saved and leave memory.
    pub(super) fn finish(&mut self) {
        (0..PEERS).for_each(|who| self.hang_up(who));
        for _ in 0..3 {
            self.now += Duration::from_secs(1);
            self.pump();
        }
    }

    fn at(&self) -> Now {
        Now { mono: self.now, unix_ms: 1_700_000_000_000 + self.now.as_millis() as u64 }
    }

    /// Does what the master wants until it wants nothing.
    fn pump(&mut self) {
        loop {
            let at = self.at();
            self.master.handle_timeout(at);
            let mut any = false;
            while let Some(action) = self.master.poll_action() {
                any = true;
                self.act(action);
            }
            while self.master.next_event().is_some() {}
            if !any {
                return;
            }
        }
    }

    fn act(&mut self, action: Action) {
        let at = self.at();
        let who = |session: u64| self.sessions.iter().position(|open| *open == Some(session));
        match action {
            Action::Store(request) => {
                let answer = self.store(request);
                self.master.stored(at, answer);
            }
            Action::Send { session, bytes } => {
                self.master.sent(session, bytes.len());
                self.out.extend(who(session).map(|who| (who, STREAM, bytes)));
            }
            Action::SendSnapshot { session, bytes } => {
                self.master.snapshot_sent(session, bytes.len());
                self.out.extend(who(session).map(|who| (who, SNAPSHOT, bytes)));
            }
            Action::SendDatagram { session, bytes } => {
                self.out.extend(who(session).map(|who| (who, DATAGRAM, bytes)));
            }
            // The host asks nothing here.
            Action::Answer { .. } => {}
            Action::Close { session, error } => {
                if let Some(who) = who(session) {
                    self.sessions[who] = None;
                    self.closed = Some(error);
                }
            }
        }
    }

    fn store(&mut self, request: StoreRequest) -> StoreAnswer {
        match request {
            StoreRequest::Restore { user } => {
                let result = match self.stored.take() {
                    Some(stored) => Ok(Some(stored)),
                    None => self.store.restore(&user),
                };
                StoreAnswer::Restored { user, result }
            }
            StoreRequest::Append { rows } => {
                if let Some(written) = &mut self.written {
                    written.rows.extend(rows.iter().cloned());
                }
                StoreAnswer::Appended { result: self.store.append(&rows) }
            }
            StoreRequest::Update { saves } => {
                if let Some(written) = &mut self.written {
                    let documents = saves.iter().map(|save| (save.user.clone(), save.document.clone()));
                    written.documents.extend(documents);
                }
                StoreAnswer::Updated { result: self.store.update_many(&saves) }
            }
            other => other.execute(&mut self.store),
        }
    }
}
