//! Inputs that were made to ask for much: great counts and lengths, values in each other, many things that take no room.

use mst_profiles::fuzzing::{Decoder, Layout, record};

use crate::compressed::compressed;
use crate::nested::nested;

/// What it is, for whom, as what, and the bytes.
pub(crate) type Input = (String, Decoder, Layout, Vec<u8>);

/// A number of seven bits a byte, that ends.
pub(crate) fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A frame as it travels: its length in a byte, or after 126 in two, or after 127 in four.
pub(crate) fn frame(body: &[u8]) -> Vec<u8> {
    [&claimed_frame(body.len() as u32), body].concat()
}

/// The length of a frame.
fn claimed_frame(length: u32) -> Vec<u8> {
    match length {
        0..=125 => vec![length as u8],
        126..=65_535 => [&[126], &(length as u16).to_le_bytes()[..]].concat(),
        _ => [&[127], &length.to_le_bytes()[..]].concat(),
    }
}

const COUNTS: [u64; 9] = [100, 60_000, 65_535, 131_072, 131_073, 1 << 24, u32::MAX as u64, 1 << 40, u64::MAX];

pub(crate) fn inputs() -> Vec<Input> {
    let mut all = Vec::new();
    binary(&mut all);
    controls(&mut all);
    texts(&mut all);
    scripts(&mut all);
    nested(&mut all);
    compressed(&mut all);
    all
}

/// Names of types that are deep, long, or cut.
pub(crate) fn hostile_types() -> Vec<String> {
    let mut names = Vec::new();
    for (open, close) in [("list<", ">"), ("dict<i32,", ">"), ("record{a:", "}"), ("list<record{a:", "}>")] {
        for depth in [4, 8, 9, 100, 1000] {
            names.push(open.repeat(depth) + "bool" + &close.repeat(depth));
            names.push(open.repeat(depth));
        }
    }
    for count in [256, 257, 2000] {
        let fields: Vec<String> = (0..count).map(|n| format!("f{n}:bool")).collect();
        names.push(format!("record{{{}}}", fields.join(",")));
    }
    names.push(format!("record{{{}", "a:bool,".repeat(800)));
    names.push("custom<".repeat(500));
    names
}

/// Heads that could be those of anything, a great count, and then nothing, little, or much.
fn binary(all: &mut Vec<Input>) {
    let binary = [
        Decoder::Frame,
        Decoder::Delta,
        Decoder::Snapshot,
        Decoder::Volatile,
        Decoder::Journal,
        Decoder::ApplyDelta,
    ];
    for decoder in binary {
        for count in [60_000, 131_072, u32::MAX as u64, u64::MAX] {
            for head in (0..=255_u8).step_by(if decoder == Decoder::ApplyDelta { 15 } else { 1 }) {
                // A count after one byte, after two of which the second is a type, and after three.
                for head in [&[head][..], &[0, head], &[head, 6], &[0, head, 6], &[0, 16, head, 6]] {
                    let what = format!("a count of {count} after {head:?}");
                    let bytes = [head, &varint(count)].concat();
                    all.push((what, decoder, Layout::Everything, bytes));
                }
            }
        }
        // Many of the smallest things there are: one byte again and again, after any head and a count of as many.
        for byte in [0, 1, 2, 3, 4, 7, 8, 0x10, 0x20, 0x40, 0x7f] {
            for head in (0..=255_u8).step_by(if decoder == Decoder::ApplyDelta { 15 } else { 1 }) {
                let what = format!("many {byte} after {head}");
                let many = [&[head][..], &varint(2000), &[byte; 2000]].concat();
                all.push((what.clone(), decoder, Layout::Everything, many.clone()));
                all.push((what.clone(), decoder, Layout::Small, many));
                all.push((
                    what,
                    decoder,
                    Layout::Everything,
                    [&[0, 17, head], &varint(2000)[..], &[byte; 2000]].concat(),
                ));
            }
        }
    }
    // Frames that are empty, and frames that claim.
    all.push(("empty frames".into(), Decoder::Frame, Layout::Small, vec![0; 10_000]));
    for length in [100, 125, 126, 60_000, 65_535, 65_536, 131_072, 262_144, 262_145, 1 << 24, u32::MAX] {
        let head = claimed_frame(length);
        // With nothing of it, and a little; and the same in more bytes than it takes.
        let long = [&[127], &length.to_le_bytes()[..]].concat();
        for head in [&head, &long] {
            let what = format!("a frame of {length} after {} bytes", head.len());
            all.push((what.clone(), Decoder::Frame, Layout::Small, head.clone()));
            all.push((what, Decoder::Frame, Layout::Small, [head, &[0x40; 100][..]].concat()));
        }
    }
    // The whole frame is there, in one length and another, and of each kind; deltas of any length, in and without a frame.
    for length in [0, 1, 125, 126, 127, 4000, 70_000] {
        for first in (0..=255_u8).filter(|first| *first < 8 || *first & 0x3f < 9) {
            let body: Vec<u8> = std::iter::once(first).chain(std::iter::repeat_n(0, length)).collect();
            all.push((format!("{first} and {length} zeros"), Decoder::Frame, Layout::Small, frame(&body)));
        }
    }
    for length in 0x80..=0xff_u8 {
        for bytes in [vec![length], vec![length; 300], [vec![length], vec![1; 127]].concat()] {
            all.push((format!("a usual delta, {length:x}"), Decoder::Frame, Layout::Small, bytes));
        }
    }
}

/// A count in the encoding of control messages.
fn claimed(count: u64) -> Vec<u8> {
    match count {
        0..=250 => vec![count as u8],
        251..=65_535 => [&[251], &(count as u16).to_le_bytes()[..]].concat(),
        65_536..=4_294_967_295 => [&[252], &(count as u32).to_le_bytes()[..]].concat(),
        _ => [&[253], &count.to_le_bytes()[..]].concat(),
    }
}

fn controls(all: &mut Vec<Input>) {
    let mut add = |what: String, body: Vec<u8>| {
        all.push((what.clone(), Decoder::Control, Layout::Small, body.clone()));
        all.push((what, Decoder::Frame, Layout::Small, frame(&[vec![0], body].concat())));
    };
    // Just as long as it takes to be believed more.
    for length in [65, 513, 4097] {
        for head in [&[0, 1, 1][..], &[1, 0], &[3, 0, 0], &[0, 1, 1, 1]] {
            let mut body = [head, &claimed(60_000)].concat();
            body.resize(length, 0);
            add(format!("a text of 60000 in {length}"), body);
        }
    }
    for count in COUNTS {
        // A hello: versions, the token, the writer, the fingerprint, and the properties.
        add(format!("a token of {count}"), [vec![0, 1, 1], claimed(count)].concat());
        add(format!("properties: {count}"), [vec![0, 1, 1, 1, b'x', 1, 1], claimed(count)].concat());
        // A welcome with as many descriptions, and one with a name of that length.
        add(format!("descriptions: {count}"), [vec![0, 1, 1], claimed(count)].concat());
        add(format!("a name of {count}"), [vec![0, 1, 1, 1], claimed(count)].concat());
        // An open of a user, and an error's text.
        add(format!("a user of {count}"), [vec![1, 0], claimed(count)].concat());
        add(format!("a text of {count}"), [vec![3, 0, 0], claimed(count)].concat());
    }
    // Many empty descriptions: name, writers, visibility, merge, sync, interval, saved, and no limits.
    for size in [9, 10, 14, 17, 18, 19, 20] {
        let many = vec![0; size * 3000];
        add(format!("many of {size}"), [vec![0, 1, 1], claimed(3000), many].concat());
    }
    let pairs = [vec![0, 1, 1, 1, b'x', 1, 1], claimed(20_000), vec![0; 40_000], vec![0]].concat();
    add("many pairs".into(), pairs);
}

fn texts(all: &mut Vec<Input>) {
    let mut texts: Vec<(String, String)> = Vec::new();
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("{\"properties\":[", "]}"), ("[[],", "]")] {
        for depth in [100, 127, 128, 5000, 20_000] {
            let closed = open.repeat(depth) + "0" + &close.repeat(depth);
            texts.push((format!("{depth} deep of {open}"), open.repeat(depth)));
            for name in ["types.list", "types.dict.string", "types.i64", "nobody", "$mst"] {
                texts.push((format!("{depth} deep of {open} in {name}"), format!("{{\"{name}\":{closed}}}")));
            }
            texts.push((format!("{depth} deep of {open}, closed"), closed));
        }
    }
    for item in ["0", "[]", "{}", "{\"\":0}", "[0]", "\"\"", "null", "1e9", "true"] {
        let many = vec![item; 5000].join(",");
        for name in ["types.list", "nobody", "properties"] {
            texts.push((format!("many {item} in {name}"), format!("{{\"{name}\":[{many}]}}")));
        }
        let entries: Vec<String> = (0..2000).map(|n| format!("\"{n}\":{item}")).collect();
        for name in ["types.dict.i32", "types.dict.string", "nobody", "$mst"] {
            let entries = entries.join(",");
            texts.push((format!("many entries {item} of {name}"), format!("{{\"{name}\":{{{entries}}}}}")));
        }
        texts.push((format!("many members {item}"), format!("{{{}}}", entries.join(","))));
    }
    texts.push(("digits".into(), format!("{{\"types.f64\":{}}}", "9".repeat(20_000))));
    texts.push(("an exponent".into(), format!("{{\"types.f64\":1e{}}}", "9".repeat(20_000))));
    texts.push(("escapes".into(), format!("{{\"types.string\":\"{}\"}}", "\\u0001".repeat(3000))));
    let property = |more: &str| format!("{{\"name\":\"a\",\"type\":\"string\"{more}}}");
    for pattern in [
        "((((((((((a{9}){9}){9}){9}){9}){9}){9}){9}){9}){9}",
        "(a{1000}){1000}",
        "a{4000000000}",
        "\\\\w{1000}",
    ] {
        let limits = format!(",\"limits\":{{\"pattern\":\"{pattern}\"}}");
        texts.push((format!("a pattern {pattern}"), format!("{{\"properties\":[{}]}}", property(&limits))));
    }
    let limits = ",\"limits\":{\"pattern\":\"a{999}\"}";
    let many = vec![property(limits); 20].join(",");
    texts.push(("many patterns".into(), format!("{{\"properties\":[{many}]}}")));
    let many = vec!["{}"; 5000].join(",");
    texts.push(("many empty properties".into(), format!("{{\"properties\":[{many}]}}")));
    let many = vec![property(""); 5000].join(",");
    texts.push(("many equal properties".into(), format!("{{\"properties\":[{many}]}}")));
    for n in ["18446744073709551615", "18446744073709551614", "9223372036854775807"] {
        let meta = format!("{{\"version\":{n},\"epoch\":\"ffffffffffffffff\"}}");
        texts.push((format!("version {n}"), format!("{{\"$mst\":{meta}}}")));
        let row = format!("{{\"$mst\":{meta}}}\0");
        texts.push((format!("a row after version {n}"), row));
        let writer = format!(
            "{{\"subject\":\"a\",\"role\":\"server\",\"last\":{n},\"version\":{n},\"expired\":{n},\"seen\":{n}}}"
        );
        let meta = format!(
            "{{\"version\":1,\"epoch\":\"1\",\"writers\":{{\"1\":{writer}}},\"forgotten\":{n},\"epochs\":[[\"2\",{n}]],\"properties\":{{\"types.bool\":{n}}},\"keys\":{{\"s:a\":{{\"at\":{n}}}}}}}"
        );
        texts.push((format!("a writer with {n}"), format!("{{\"$mst\":{meta}}}")));
    }
    for decoder in [Decoder::Document, Decoder::ProfileJson, Decoder::Schema] {
        for (what, text) in &texts {
            let mut bytes = text.clone().into_bytes();
            if bytes.ends_with(&[0]) {
                // A row of version zero, which a version that wraps would be followed by.
                bytes.extend_from_slice(&[0, 1, 0]);
            }
            all.push((what.clone(), decoder, Layout::Everything, bytes));
        }
    }
    // A good document, so that depth and number are reached.
    for (what, text) in texts.iter().filter(|(_, text)| text.starts_with("{\"") && !text.contains("$mst")) {
        let text = format!("{{\"$mst\":{{\"version\":1,\"epoch\":\"1\"}},{}", &text[1..]);
        all.push((what.clone(), Decoder::Document, Layout::Everything, text.into_bytes()));
    }
}

/// A piece of a script.
pub(crate) fn piece(kind: u8, bytes: &[u8]) -> Vec<u8> {
    [&[kind][..], &(bytes.len() as u16).to_le_bytes(), bytes].concat()
}

fn scripts(all: &mut Vec<Input>) {
    const MAX: [u8; 10] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    const MAX_CONTROL: [u8; 9] = [253, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let connect = piece(5, &[]);
    let later = piece(4, &[30]);
    let open =
        |numbers: &[&[u8]; 5]| piece(0, &[&[0, 1, 0, 3][..], b"ann", &[0], &numbers.concat()].concat());
    let zero: &[u8] = &[0];
    for place in 0..=5 {
        let numbers = std::array::from_fn(|i| if place == i || place == 5 { &MAX_CONTROL[..] } else { zero });
        // Batches with the first numbers and the last.
        let first = piece(0, &[1, 0, 1, 1, 0]);
        let last = piece(0, &[&[1, 0][..], &MAX, &[1]].concat());
        let value = piece(0, &[&[6, 0, 1, 5][..], &MAX, &[0; 8]].concat());
        let script = [
            connect.clone(),
            open(&numbers),
            later.clone(),
            first.clone(),
            later.clone(),
            last,
            value,
            later.clone(),
            first,
        ]
        .concat();
        for layout in Layout::ALL {
            all.push((
                format!("an open with great numbers, {place}"),
                Decoder::MasterSession,
                layout,
                script.clone(),
            ));
        }
    }
    // Batches without end, of a byte or two: a value, one that is refused, one of what it may not write, and the same once.
    let opened = [connect.clone(), open(&[zero; 5]), later.clone()].concat();
    for op in [&[0][..], &[1], &[0x0a, 0x0b, 1, 0], &[0x0a, 16, 0], &[0x62, 4], &[9, 0], &[8, 0]] {
        for layout in Layout::ALL {
            let many = [&[1, 0, 1][..], &op.repeat(10_000 / op.len())].concat();
            let what = format!("many batches of {op:?}");
            all.push((what, Decoder::MasterSession, layout, [opened.clone(), piece(0, &many)].concat()));
        }
    }
    // Opens without end, of one profile and of many.
    for users in [1, 200] {
        let opens =
            (0..200_u8).flat_map(|n| piece(0, &[0, 1, n, 1, b' ' + n % users % 90, 0, 0, 0, 0, 0, 0]));
        let opens: Vec<u8> = [connect.clone(), opens.collect()].concat();
        for layout in Layout::ALL {
            all.push((format!("opens of {users}"), Decoder::MasterSession, layout, opens.clone()));
        }
    }
    // Pieces of nothing, of every kind; and a great many of them.
    for decoder in [Decoder::MasterSession, Decoder::PeerSession] {
        for kind in 0..=255 {
            let many = [connect.clone(), piece(kind, &[]).repeat(60)].concat();
            all.push((format!("empty pieces of kind {kind}"), decoder, Layout::Small, many));
        }
    }
    descriptions(all);
    // What a master might say: welcome, and then each message with great numbers.
    let welcome = piece(0, &[0, 0, 1, 0]);
    for message in 0..9_u8 {
        for counts in 1..8 {
            let body = [&[0, message, 0][..], &MAX_CONTROL.repeat(counts)].concat();
            let script =
                [welcome.clone(), piece(0, &body), piece(6, &[1, 1, 5]), later.clone(), piece(0, &body)]
                    .concat();
            all.push((
                format!("message {message} with {counts}"),
                Decoder::PeerSession,
                Layout::Small,
                script,
            ));
        }
    }
    // Deltas with great numbers in their heads, of which one more is there than the flags say, as many, or one fewer.
    for flags in 0x40..=0x4f_u8 {
        let parts = (flags & 7).count_ones() as usize;
        for numbers in parts.saturating_sub(1)..=parts + 1 {
            let body = [&[flags][..], &MAX.repeat(numbers)].concat();
            let script =
                [welcome.clone(), piece(0, &body), piece(1, &frame(&body)), piece(0, &body)].concat();
            let what = format!("a delta's head {flags:x} with {numbers} numbers");
            all.push((what.clone(), Decoder::PeerSession, Layout::Small, script));
            all.push((what, Decoder::Frame, Layout::Small, frame(&body).repeat(2)));
        }
    }
    // Types that a peer says its properties are of.
    for name in hostile_types() {
        let script = [piece(5, name.as_bytes()), later.clone()].concat();
        let what = format!("a hello with a type of {} bytes, {:.30}", name.len(), name);
        all.push((what, Decoder::MasterSession, Layout::Nested, script));
    }
}

/// A master's welcome in which any byte of the descriptions is another one, so that a list is volatile, a text is summed, or a
/// least is greater than a most; all that was said to a peer after it; and then the game does what it can with each property.
fn descriptions(all: &mut Vec<Input>) {
    let acts =
        (0..14_u8).flat_map(|what| (0..8).flat_map(move |place| [[what, place, 201], [what, place, 6]]));
    let acts: Vec<u8> = acts.flat_map(|act| piece(6, &act)).collect();
    let recorded = record(Layout::View, 1, 16).into_iter();
    let script = recorded.filter(|r| r.decoder == Decoder::PeerSession).map(|r| r.bytes).next().unwrap();
    // The first piece is the welcome.
    let length = usize::from(u16::from_le_bytes([script[1], script[2]]));
    assert!(
        script[0] == 0 && script[3..3 + length].starts_with(&[0, 0, 1, 1, 7]),
        "a welcome with descriptions"
    );
    for place in 8..3 + length {
        for value in [0, 1, 2, 3, 4, 5, 0x7f, 0xff] {
            let mut script = [&script[..], &acts, &piece(4, &[100])].concat();
            script[place] = value;
            let what = format!("a description with {value} at {place}");
            all.push((what, Decoder::PeerSession, Layout::View, script));
        }
    }
}
