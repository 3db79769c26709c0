//! Bugs that the simulation switches on, one at a time, to show that it would find them. Only with the feature
//! `simulation`; without it [`planted`] is false for the compiler, and nothing of it is left.

macro_rules! bugs {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal;)*) => {
        /// A bug that can be planted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(not(feature = "simulation"), allow(dead_code, unreachable_pub))]
        pub enum Bug { $($(#[doc = $doc])* $name,)* }

        #[cfg(feature = "simulation")]
        impl Bug {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name on the command line.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

bugs! {
    /// The master does not recognise a batch that comes again.
    NoDedup = "no-dedup";
    /// The master forgets a refusal as soon as it was sent.
    RefusalForgotten = "refusal-forgotten";
    /// The store lets an earlier owner write.
    OwnerIgnored = "owner-ignored";
    /// What the master knows when it opens a profile counts as confirmed.
    OverlayDroppedByOpened = "overlay-dropped-by-opened";
    /// What is durable counts as confirmed.
    OverlayDroppedByDurable = "overlay-dropped-by-durable";
    /// The master takes places of a list as they come.
    ItemNotFollowedByMaster = "item-not-followed-by-master";
    /// A writer's pending requests keep naming the places that they named first.
    ItemNotFollowedByPeer = "item-not-followed-by-peer";
    /// The number of a removed key is given to the next one.
    KeyNumberReused = "key-number-reused";
    /// The row after a document is pruned with those that the document contains.
    JournalPrunedTooFar = "journal-pruned-too-far";
    /// Deltas go on while a snapshot is under way.
    DeltaBeforeConfirm = "delta-before-confirm";
    /// Rows count as durable when they are given to the store.
    DurableBeforeCommit = "durable-before-commit";
    /// What a refused batch did before the operation that was refused stays done.
    NoUndo = "no-undo";
    /// After a resume the master counts one own batch of the writer too few.
    OwnCountOffByOne = "own-count-off-by-one";
    /// Changes after a bracket coalesce with what was before it.
    CoalescedAcrossBracket = "coalesced-across-bracket";
    /// The master makes a guarded addition without looking at the bounds.
    GuardOnlyAtWriter = "guard-only-at-writer";
    /// Deltas have what the observer may not see.
    DeltaShowsAll = "delta-shows-all";
    /// A cursor of an earlier epoch is believed whatever its version.
    LostCursorBelieved = "lost-cursor-believed";
    /// A closed writer is forgotten at once, not when a document without it is stored.
    WriterForgottenEarly = "writer-forgotten-early";
    /// Rows whose append failed are dropped.
    FailedGroupDropped = "failed-group-dropped";
    /// Idempotency keys are not among what a load brings back.
    KeysForgotten = "keys-forgotten";
    /// Rows are without the outcomes of idempotency keys.
    KeysNotJournaled = "keys-not-journaled";
    /// A peer does not send again after a reconnect what it sent before.
    NotSentAgain = "not-sent-again";
}

#[cfg(feature = "simulation")]
mod switch {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Switches a bug on, on this thread, and any other off.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.set(bug);
    }

    /// Whether a bug is switched on.
    #[inline]
    pub(crate) fn planted(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }
}

#[cfg(feature = "simulation")]
#[cfg_attr(
    not(all(feature = "client", feature = "server", feature = "master")),
    allow(unused_imports, unreachable_pub)
)]
pub use self::switch::plant;
#[cfg(feature = "simulation")]
pub(crate) use self::switch::planted;

/// Nothing is planted.
#[cfg(not(feature = "simulation"))]
#[inline]
pub(crate) const fn planted(_: Bug) -> bool {
    false
}
