//! Scripts: what happens to a machine, one piece after the other, as bytes that a fuzzer can change.
//!
//! A piece is a byte that says what it is and whose, two bytes with its length, the lower first, and so many bytes. Any bytes
//! are a script: what is cut short is a shorter piece.

use crate::wire::frames::put_frame;

/// The body of a frame on the ordered stream; its length is put before it. Of a usual delta the byte that is both.
pub(super) const FRAME: u8 = 0;
/// Bytes of the ordered stream.
pub(super) const STREAM: u8 = 1;
pub(super) const SNAPSHOT: u8 = 2;
pub(super) const DATAGRAM: u8 = 3;
/// Time passes: so many times ten milliseconds.
pub(super) const TIME: u8 = 4;
/// Of a master's script: a peer connects, and says hello; the bytes, if there are any, are the name of the type that it says
/// the second property is of. Of a peer's: the connection is lost, and there is another one.
pub(super) const CONNECT: u8 = 5;
/// The game does something.
pub(super) const ACT: u8 = 6;
/// Of a master's script: a peer's connection is gone.
pub(super) const GONE: u8 = 7;

/// A frame as it travels.
pub(super) fn framed(body: &[u8]) -> Vec<u8> {
    match body.split_first() {
        Some((first, rest)) if first & 0x80 != 0 && usize::from(first & 0x7f) == rest.len() => body.to_vec(),
        _ => {
            let mut framed = Vec::new();
            put_frame(&mut framed, |out| out.extend_from_slice(body));
            framed
        }
    }
}

/// Peers of a master's script.
pub(super) const PEERS: usize = 4;

#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) kind: u8,
    pub(super) who: usize,
    pub(super) bytes: &'a [u8],
}

pub(super) fn put(script: &mut Vec<u8>, kind: u8, who: usize, bytes: &[u8]) {
    // What is longer than a piece may be is no loss here: it is cut, as the network might.
    let bytes = &bytes[..bytes.len().min(usize::from(u16::MAX))];
    script.push(kind | (who as u8) << 3);
    script.extend_from_slice(&(bytes.len() as u16).to_le_bytes());
    script.extend_from_slice(bytes);
}

pub(super) fn pieces(mut script: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    std::iter::from_fn(move || {
        let (head, rest) = script.split_first_chunk::<3>()?;
        let length = usize::from(u16::from_le_bytes([head[1], head[2]])).min(rest.len());
        let (bytes, rest) = rest.split_at(length);
        script = rest;
        Some(Piece { kind: head[0] & 7, who: usize::from(head[0] >> 3) % PEERS, bytes })
    })
}
