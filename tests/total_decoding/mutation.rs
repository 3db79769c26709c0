//! Changes to recorded bytes.

use mst_profiles::fuzzing::Decoder;

use crate::random::Random;

/// Longer inputs only take longer.
const MAX_LENGTH: usize = 16 * 1024;
/// Numbers at whose sides something changes, as variable-length integers.
const LENGTHS: &[&[u8]] = &[
    &[0],
    &[1],
    &[0x7f],
    &[0x80, 0x01],
    &[0xff, 0x7f],
    &[0xff, 0xff, 0x03],
    &[0x80, 0x80, 0x08],
    &[0xff, 0xff, 0x7f],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0x80, 0x80, 0x80, 0x80, 0x10],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    // The same for what the general encoding of control messages writes.
    &[0xfb, 0xff, 0xff],
    &[0xfc, 0xff, 0xff, 0xff, 0xff],
    &[0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
];
const TEXTS: &[&str] = &[
    "18446744073709551615",
    "9223372036854775807",
    "-9223372036854775808",
    "-9223372036854775809",
    "2147483648",
    "1e400",
    "-1e-400",
    "0.1e1",
    "null",
    "true",
    "\"NaN\"",
    "\"-Infinity\"",
    "[[[[[[[[",
    "{\"a\":",
    "\\u0000",
    "\\ud83d",
    "\\ude00",
    "\"$mst\":{}",
    "\"version\":18446744073709551615",
    "\u{feff}",
    "é",
    "//",
];

/// One of the seeds, changed in a few places.
pub(crate) fn mutated(decoder: Decoder, seeds: &[&[u8]], random: &mut Random) -> Vec<u8> {
    let is_text = matches!(decoder, Decoder::Document | Decoder::ProfileJson | Decoder::Schema);
    let is_script = matches!(decoder, Decoder::MasterSession | Decoder::PeerSession);
    let mut bytes = pick(seeds, random).to_vec();
    for _ in 0..1 + random.below(4) {
        if is_script && random.chance(850) {
            script(&mut bytes, seeds, random);
        } else if is_text && random.chance(400) {
            let text = pick(TEXTS, random).as_bytes();
            put(&mut bytes, text, random);
        } else {
            once(&mut bytes, pick(seeds, random), random);
        }
    }
    bytes.truncate(MAX_LENGTH);
    bytes
}

fn pick<T: Copy>(all: &[T], random: &mut Random) -> T {
    all[random.below(all.len() as u64) as usize]
}

/// A part of some bytes.
fn part(length: usize, random: &mut Random) -> std::ops::Range<usize> {
    let start = random.below(length as u64 + 1) as usize;
    // Short ones mostly.
    let most = if random.chance(700) { 8 } else { length as u64 };
    let end = length.min(start + random.below(most + 1) as usize);
    start..end
}

/// Puts some bytes between others, or over them.
fn put(bytes: &mut Vec<u8>, what: &[u8], random: &mut Random) {
    let start = random.below(bytes.len() as u64 + 1) as usize;
    let over = if random.chance(500) { what.len() } else { random.below(3) as usize };
    let end = bytes.len().min(start + over);
    bytes.splice(start..end, what.iter().copied());
}

fn once(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let place = random.below(bytes.len().max(1) as u64) as usize;
    match random.below(9) {
        0 | 1 => {
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= 1 << random.below(8);
            }
        }
        2 => {
            if let Some(byte) = bytes.get_mut(place) {
                *byte = pick(&[0, 1, 2, 0x7f, 0x80, 0xff, random.next() as u8], random);
            }
        }
        3 => {
            let from = part(other.len(), random);
            put(bytes, &other[from], random);
        }
        4 => {
            let some: Vec<u8> = (0..random.below(6)).map(|_| random.next() as u8).collect();
            put(bytes, &some, random);
        }
        5 => drop(bytes.drain(part(bytes.len(), random))),
        6 => put(bytes, pick(LENGTHS, random), random),
        7 => {
            // A part again and again.
            let again = bytes[part(bytes.len(), random)].repeat(1 + random.below(40) as usize);
            put(bytes, &again[..again.len().min(MAX_LENGTH)], random);
        }
        _ => bytes.truncate(place),
    }
}

/// Changes a script piece by piece, so that what comes after stays what it is.
fn script(bytes: &mut Vec<u8>, seeds: &[&[u8]], random: &mut Random) {
    let mut pieces = pieces(bytes);
    if pieces.is_empty() {
        return;
    }
    let place = random.below(pieces.len() as u64) as usize;
    let others = self::pieces(pick(seeds, random));
    let other = others.get(random.below(others.len().max(1) as u64) as usize).cloned().unwrap_or_default();
    match random.below(8) {
        0 => drop(pieces.remove(place)),
        1 => pieces.insert(place, other),
        2 => pieces.insert(place, pieces[place].clone()),
        3 => {
            let with = random.below(pieces.len() as u64) as usize;
            pieces.swap(place, with);
        }
        4 => pieces[place].0 = random.next() as u8,
        _ => once(&mut pieces[place].1, &other.1, random),
    }
    bytes.clear();
    for (head, piece) in pieces {
        let piece = &piece[..piece.len().min(usize::from(u16::MAX))];
        bytes.push(head);
        bytes.extend_from_slice(&(piece.len() as u16).to_le_bytes());
        bytes.extend_from_slice(piece);
    }
}

/// A piece of a script is what it is, two bytes with its length, and so many bytes.
fn pieces(mut script: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut pieces = Vec::new();
    while let Some((head, rest)) = script.split_first_chunk::<3>() {
        let (piece, rest) =
            rest.split_at(usize::from(u16::from_le_bytes([head[1], head[2]])).min(rest.len()));
        pieces.push((head[0], piece.to_vec()));
        script = rest;
    }
    pieces
}
