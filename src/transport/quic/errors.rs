//! What ended a connection, as our errors; and our codes as QUIC's.

use quinn::{ConnectionError, VarInt};

use crate::error::{Error, ErrorCode};

/// Bytes of a reason that a close carries, so that it fits one packet with room to spare.
const MAX_REASON_BYTES: usize = 200;

/// A code as it stands in QUIC's close.
pub(super) fn close_code(code: ErrorCode) -> VarInt {
    VarInt::from_u32((code as i32).unsigned_abs())
}

/// As much of a reason as a close carries.
pub(super) fn close_reason(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(MAX_REASON_BYTES)]
}

/// Why a connection that stood is over.
pub(super) fn lost(error: &ConnectionError, peer: &str) -> Error {
    match error {
        ConnectionError::ApplicationClosed(close) => remote(close, peer),
        ConnectionError::LocallyClosed => Error::transport(ErrorCode::Closed, "closed by this side"),
        ConnectionError::TimedOut => {
            Error::transport(ErrorCode::ConnectionLost, format!("{peer} does not answer any more"))
        }
        ConnectionError::Reset => Error::transport(
            ErrorCode::ConnectionLost,
            format!("{peer} does not know the connection any more: it was restarted"),
        ),
        other => {
            Error::transport(ErrorCode::ConnectionLost, format!("the connection with {peer} ended: {other}"))
        }
    }
}

/// Why a connection did not come about.
#[cfg(any(feature = "client", feature = "server"))]
pub(super) fn not_established(error: &ConnectionError, peer: &str) -> Error {
    use quinn::TransportErrorCode;

    /// TLS's alert for a peer without a common application protocol.
    const NO_PROTOCOL: u8 = 120;
    match error {
        ConnectionError::ConnectionClosed(close)
            if close.error_code == TransportErrorCode::CONNECTION_REFUSED =>
        {
            Error::Unavailable { reason: format!("{peer} takes no more connections") }
        }
        ConnectionError::ConnectionClosed(close)
            if close.error_code == TransportErrorCode::crypto(NO_PROTOCOL) =>
        {
            let text = format!("who answers at {peer} is no master that this library knows to talk to");
            Error::transport(ErrorCode::Unreachable, text)
        }
        ConnectionError::TransportError(error) if is_certificate_alert(error.code) => Error::transport(
            ErrorCode::Certificate,
            format!("{peer}: {}", super::tls::verifier_text(&error.reason)),
        ),
        ConnectionError::TimedOut => {
            Error::transport(ErrorCode::Unreachable, format!("nobody answers at {peer}"))
        }
        ConnectionError::ApplicationClosed(_) | ConnectionError::LocallyClosed | ConnectionError::Reset => {
            lost(error, peer)
        }
        other => Error::transport(ErrorCode::Unreachable, format!("no connection with {peer}: {other}")),
    }
}

/// Whether it is a TLS alert with which this side refused the other's certificate.
#[cfg(any(feature = "client", feature = "server"))]
fn is_certificate_alert(code: quinn::TransportErrorCode) -> bool {
    // bad_certificate to certificate_unknown, unknown_ca, and decrypt_error: the signature is not by the
    // certificate's key.
    const FIRST: u8 = 42;
    const LAST: u8 = 46;
    const UNKNOWN_CA: u8 = 48;
    const DECRYPT_ERROR: u8 = 51;
    (FIRST..=LAST)
        .chain([UNKNOWN_CA, DECRYPT_ERROR])
        .any(|alert| code == quinn::TransportErrorCode::crypto(alert))
}

fn remote(close: &quinn::ApplicationClose, peer: &str) -> Error {
    let number = close.error_code.into_inner();
    let reason = String::from_utf8_lossy(&close.reason);
    match i32::try_from(number).ok().and_then(|number| ErrorCode::from_i32(-number)) {
        Some(code) if reason.is_empty() => {
            Error::Remote { code, text: format!("{peer} closed the connection: {}", code.name()) }
        }
        Some(code) => Error::Remote { code, text: reason.into_owned() },
        // A peer that ended without a word, or one newer than this library.
        None => Error::Remote {
            code: ErrorCode::ConnectionLost,
            text: format!("{peer} closed the connection with code {number}: {reason}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_cut_between_characters() {
        assert_eq!(close_reason("short"), "short");
        let long = format!("{}ö{}", "a".repeat(MAX_REASON_BYTES - 1), "b".repeat(10));
        assert_eq!(close_reason(&long), "a".repeat(MAX_REASON_BYTES - 1));
    }

    #[test]
    fn codes_survive_the_close() {
        for code in ErrorCode::ALL {
            let close = quinn::ApplicationClose {
                error_code: close_code(*code),
                reason: Vec::from(&b"why"[..]).into(),
            };
            let error = lost(&ConnectionError::ApplicationClosed(close), "peer");
            assert_eq!(error, Error::Remote { code: *code, text: "why".into() });
        }
    }

    #[test]
    fn unknown_codes_are_a_lost_connection() {
        for number in [0, 99_999, u32::MAX] {
            let close =
                quinn::ApplicationClose { error_code: VarInt::from_u32(number), reason: Vec::new().into() };
            let error = lost(&ConnectionError::ApplicationClosed(close), "peer");
            assert_eq!(error.code(), ErrorCode::ConnectionLost);
            assert!(error.to_string().contains(&number.to_string()));
        }
    }
}
