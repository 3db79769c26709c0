//! What a world meets and finds, and the story that it tells.

use std::fmt;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check that found it.
    pub check: &'static str,
    /// What it found.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.text)
    }
}

/// Ends the world.
pub(super) fn finding(check: &'static str, text: String) -> ! {
    // Without the panic hook, which would print it.
    std::panic::resume_unwind(Box::new(Finding { check, text }))
}

macro_rules! points {
    ($($name:ident = $text:literal;)*) => {
        /// What a world may meet: a kind of fault, a point at which somebody crashes, something that follows from it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Met { $($name,)* }

        const POINTS: &[&str] = &[$($text,)*];
    };
}

points! {
    Operations = "operations of games";
    LocalRefusals = "operations refused at once";
    Brackets = "brackets";
    CancelledBrackets = "brackets cancelled";
    BatchesCommitted = "batches committed";
    LostUp = "fault: bytes from a peer lost";
    LostDown = "fault: bytes to a peer lost";
    LostSnapshot = "fault: a snapshot lost";
    CutBetween = "fault: disconnect between two messages";
    CutInsideUp = "fault: disconnect inside a message from a peer";
    CutInsideDown = "fault: disconnect inside a message to a peer";
    CutGreeting = "fault: disconnect in the greeting";
    CutOpening = "fault: disconnect while a profile is opened";
    CutSnapshot = "fault: disconnect with a snapshot under way";
    OldConnection = "fault: an old connection alive beside the new one";
    OldBytes = "fault: bytes of an old connection arrive after a new one began";
    SentAgain = "fault: batches sent again";
    Duplicates = "fault: batches sent again that the master had";
    SnapshotOvertook = "fault: a snapshot overtook its announcement";
    SnapshotLate = "fault: a snapshot came after later messages";
    Stalled = "fault: a connection stood still";
    StoreSlow = "fault: a store that is slow";
    StoreFailed = "fault: a store that fails";
    StoreFailedAfter = "fault: a store that fails after it committed";
    StoreLate = "fault: a store that is asked by a master that was killed";
    StoreFenced = "fault: a write turned away for its owner";
    Takeover = "fault: a second master takes over";
    ClockForward = "fault: the clock jumps forward";
    ClockBack = "fault: the clock jumps back";
    RestoreFailed = "fault: a load that fails";
    MasterIdle = "crash: master, with nothing at the store";
    MasterBeforeAppend = "crash: master, rows given and not committed";
    MasterAfterAppend = "crash: master, rows committed and not answered";
    MasterBeforeUpdate = "crash: master, documents given and not committed";
    MasterAfterUpdate = "crash: master, documents committed and not answered";
    MasterBetween = "crash: master, between rows and documents";
    MasterLoading = "crash: master, while it loads";
    MasterUnsent = "crash: master, with deltas not sent";
    MasterStopped = "stop: master, in order";
    ServerUnsealed = "crash: game server, changes not sent";
    ServerUndecided = "crash: game server, batches not decided";
    ServerUndurable = "crash: game server, batches not durable";
    ServerGreeting = "crash: game server, in the greeting";
    ServerOpening = "crash: game server, while a profile is opened";
    ServerBracket = "crash: game server, inside a bracket";
    ServerIdle = "crash: game server, at rest";
    ClientUnsealed = "crash: client, changes not sent";
    ClientUndecided = "crash: client, batches not decided";
    ClientUndurable = "crash: client, batches not durable";
    ClientGreeting = "crash: client, in the greeting";
    ClientOpening = "crash: client, while a profile is opened";
    ClientBracket = "crash: client, inside a bracket";
    ClientIdle = "crash: client, at rest";
    Resumed = "profiles resumed by deltas";
    ResumedWhole = "profiles resumed by a snapshot";
    TakenBack = "applied batches taken back";
    Released = "profiles let go";
    Unloaded = "profiles unloaded by the master";
    Refused = "batches refused";
    RefusedStale = "batches refused as stale";
    RefusedGuard = "guarded additions refused by the master";
    Repeated = "batches done before under their key";
    Expired = "batches refused as expired";
    Steps = "steps of worlds";
    Rounds = "rounds until worlds came to rest";
    ViewsCompared = "views compared with the model";
}

/// How often each point was met.
#[derive(Clone, Debug)]
pub struct Coverage {
    counts: Vec<u64>,
}

impl Default for Coverage {
    fn default() -> Self {
        Self { counts: vec![0; POINTS.len()] }
    }
}

impl Coverage {
    pub(super) fn meet(&mut self, met: Met, times: u64) {
        self.counts[met as usize] += times;
    }

    pub(super) fn of(&self, met: Met) -> u64 {
        self.counts[met as usize]
    }

    /// Adds what another world met.
    pub fn add(&mut self, other: &Self) {
        for (count, other) in self.counts.iter_mut().zip(&other.counts) {
            *count += other;
        }
    }

    /// The points, and how often each was met.
    pub fn points(&self) -> impl Iterator<Item = (&'static str, u64)> {
        POINTS.iter().copied().zip(self.counts.iter().copied())
    }

    /// Points that were not met at all.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        self.points().filter(|(_, count)| *count == 0).map(|(point, _)| point).collect()
    }
}

/// Everything that can be observed of a world: as one number, and on demand in words.
pub(super) struct Tape {
    hash: u64,
    pub(super) story: Option<Vec<String>>,
}

impl Tape {
    pub(super) fn new(verbose: bool) -> Self {
        Self { hash: 0x243f_6a88_85a3_08d3, story: verbose.then(Vec::new) }
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    pub(super) fn number(&mut self, number: u64) {
        self.hash = (self.hash.rotate_left(23) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            self.number(u64::from_le_bytes(word));
        }
        let rest = chunks.remainder();
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.number(u64::from_le_bytes(word));
        }
    }

    pub(super) fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(line());
        }
    }
}
