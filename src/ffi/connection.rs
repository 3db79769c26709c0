//! Where an endpoint is with its connection, and who it says that it is.

use std::time::Duration;

use libc::c_char;

use super::endpoint::MstEndpoint;
#[cfg(feature = "quic")]
use super::endpoint::with_endpoint;
use super::result::{MstResult, guard};
use super::text::{check_out, put, read_text};
#[cfg(feature = "quic")]
use crate::peer::ConnectionState;

/// Where an endpoint is with its connection.
#[allow(non_camel_case_types)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum MstConnectionState {
    /// An attempt is under way, or the master's welcome is.
    MST_CONNECTION_CONNECTING = 1,
    /// The master said welcome.
    MST_CONNECTION_CONNECTED = 2,
    /// Not connected; the next attempt begins by itself.
    MST_CONNECTION_WAITING = 3,
    /// Turned away: no attempt follows. Only `mst_endpoint_set_token` begins anew, when `code` is `MST_ERR_AUTH_FAILED`.
    MST_CONNECTION_FAILED = 4,
    /// Closed by the game.
    MST_CONNECTION_CLOSED = 5,
}

/// What `mst_endpoint_state` tells. Fields that a state does not use are zero.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct MstConnectionInfo {
    /// An `MstConnectionState`.
    pub state: i32,
    /// Why it failed: an `MstResult`.
    pub code: i32,
    /// The number of the attempt that is under way or next, from 1, since the last connection that was of use.
    pub attempt: u32,
    /// Time until the next attempt, in milliseconds.
    pub retry_in_ms: u32,
}

/// Where an endpoint is with its connection: for a game that shows it, or did not poll when it changed. It moves with the
/// endpoint's ticks.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_ARGUMENT`, or `MST_ERR_FEATURE_DISABLED`.
///
/// # Safety
/// `out_info` points to a writable struct, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_endpoint_state(
    endpoint: *const MstEndpoint,
    out_info: *mut MstConnectionInfo,
) -> MstResult {
    guard(|| {
        check_out("out_info", out_info)?;
        #[cfg(feature = "quic")]
        {
            let state = with_endpoint(endpoint, |endpoint| Ok(endpoint.state()))?;
            // SAFETY: the caller's promise, passed on.
            unsafe { put("out_info", out_info, info(state)) }
        }
        #[cfg(not(feature = "quic"))]
        Err(super::result::Failure::disabled("client, the game server and the master"))
    })
}

#[cfg(feature = "quic")]
fn info(state: ConnectionState) -> MstConnectionInfo {
    use MstConnectionState as State;
    let millis = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    let (state, code, attempt, retry_in_ms) = match state {
        ConnectionState::Connecting { attempt } => (State::MST_CONNECTION_CONNECTING, 0, attempt, 0),
        ConnectionState::Connected => (State::MST_CONNECTION_CONNECTED, 0, 0, 0),
        ConnectionState::Waiting { retry_in, attempt } => {
            (State::MST_CONNECTION_WAITING, 0, attempt, millis(retry_in))
        }
        ConnectionState::Failed(error) => (State::MST_CONNECTION_FAILED, error.code() as i32, 0, 0),
        ConnectionState::Closed => (State::MST_CONNECTION_CLOSED, 0, 0, 0),
    };
    MstConnectionInfo { state: state as i32, code, attempt, retry_in_ms }
}

/// Sets the token of the next connection; the present one goes on. An endpoint that was turned away because of its token
/// (`MST_EVENT_FAILED` with `MST_ERR_AUTH_FAILED`) begins anew with this one: its profiles and subscriptions, and
/// changes that the master does not have, were kept. It must be a token of the same user or game server. The text is copied.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_UTF8`, `MST_ERR_TOO_LONG`, `MST_ERR_CLOSED` when
/// the endpoint is closed or closing, the error with which the master turned it away for good if that was not for its token,
/// `MST_ERR_INVALID_ARGUMENT`, or `MST_ERR_FEATURE_DISABLED`.
///
/// # Safety
/// `token` points to `token_len` readable bytes, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_endpoint_set_token(
    endpoint: *mut MstEndpoint,
    token: *const c_char,
    token_len: u32,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let token = unsafe { read_text("token", token, token_len)? };
        #[cfg(feature = "quic")]
        return with_endpoint(endpoint, |endpoint| endpoint.set_token(token));
        #[cfg(not(feature = "quic"))]
        Err(super::result::Failure::disabled("client, the game server and the master"))
    })
}
