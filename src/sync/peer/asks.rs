//! Questions to the master about profiles that this peer need not have open.

use std::collections::BTreeMap;

use super::{Event, Peer, State, closed};
use crate::error::{Error, Result};
use crate::limits::{MAX_ANSWER_BYTES, MAX_PEER_ASKS};
use crate::wire::control::{Query, Up, encoded_len};
use crate::wire::frames::put_control;

/// What was asked on this connection and is not answered yet.
#[derive(Debug, Default)]
pub(super) struct Asks {
    last: u64,
    /// The parts of each answer that came already.
    open: BTreeMap<u64, String>,
}

impl Peer {
    /// Asks something; [`Event::Answer`] has the number that is returned.
    pub(crate) fn ask(&mut self, query: Query) -> Result<u64> {
        if self.closing || matches!(self.state, State::Stopped | State::TurnedAway) {
            return Err(closed());
        }
        if !matches!(self.state, State::Ready) {
            return Err(Error::Unavailable { reason: "there is no connection to the master".into() });
        }
        if self.asks.open.len() >= MAX_PEER_ASKS {
            return Err(Error::LimitReached { what: "questions to the master", limit: MAX_PEER_ASKS });
        }
        let request = self.asks.last + 1;
        let message = Up::Ask { request, query };
        let length = encoded_len(&message);
        if length > crate::limits::MAX_KEY_BYTES {
            let what = "the question".into();
            return Err(Error::TooLong { what, length, limit: crate::limits::MAX_KEY_BYTES });
        }
        self.asks.last = request;
        self.asks.open.insert(request, String::new());
        put_control(&mut self.outbox, &message);
        Ok(request)
    }

    pub(super) fn answered(&mut self, request: u64, error: Option<Error>, more: bool, text: &str) {
        let Some(so_far) = self.asks.open.get_mut(&request) else { return };
        let result = match error {
            Some(error) => Err(error),
            None if so_far.len() + text.len() > MAX_ANSWER_BYTES => {
                Err(Error::LimitReached { what: "bytes of an answer", limit: MAX_ANSWER_BYTES })
            }
            None => {
                so_far.push_str(text);
                if more {
                    return;
                }
                Ok(std::mem::take(so_far))
            }
        };
        self.asks.open.remove(&request);
        self.events.push(Event::Answer { request, result });
    }

    /// Nothing that was asked on this connection is answered any more.
    pub(super) fn unanswered(&mut self, error: &Error) {
        for request in std::mem::take(&mut self.asks.open).into_keys() {
            self.events.push(Event::Answer { request, result: Err(error.clone()) });
        }
    }
}
