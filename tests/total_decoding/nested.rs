//! Inputs for records, lists and dictionaries in each other: long ways, great counts far within, much that takes few bytes, and
//! steps to where nothing is.

use mst_profiles::fuzzing::{Decoder, Layout, record};

use crate::hostile::{Input, frame, piece, varint};

/// The places of properties of `Layout::Nested`.
const QUESTS: u8 = 1;
const STOCK: u8 = 2;
const HOME: u8 = 3;
const GRID: u8 = 4;
const DEEP: u8 = 5;
const PARTED: [u8; 5] = [QUESTS, STOCK, HOME, GRID, DEEP];

/// Of a property in a delta: its whole value, a step, many steps.
const WHOLE: u8 = 0;
const ONE_STEP: u8 = 1;
const STEPS: u8 = 2;

pub(crate) fn nested(all: &mut Vec<Input>) {
    let mut deltas = Vec::new();
    counts(&mut deltas);
    many_steps(&mut deltas);
    ways(&mut deltas);
    let script = recorded_session();
    for (place, (what, delta)) in deltas.into_iter().enumerate() {
        let usual = [&[0x40], &delta[..]].concat();
        all.push((what.clone(), Decoder::Delta, Layout::Nested, delta.clone()));
        all.push((what.clone(), Decoder::Frame, Layout::Nested, frame(&usual)));
        // These take longer, so not all of them.
        if place % 7 == 0 {
            all.push((what.clone(), Decoder::ApplyDelta, Layout::Nested, delta));
        }
        if place % 16 == 0 {
            let script = [&script[..], &piece(1, &frame(&usual))].concat();
            all.push((what, Decoder::PeerSession, Layout::Nested, script));
        }
    }
    snapshots(all);
    requests(all);
    rows(all);
    texts(all);
}

/// What a master said to a peer that still listens.
fn recorded_session() -> Vec<u8> {
    let recorded = record(Layout::Nested, 1, 16).into_iter();
    recorded.filter(|r| r.decoder == Decoder::PeerSession).map(|r| r.bytes).next().unwrap()
}

/// The value of a list of lists of lists…: each count claims so many.
fn claims(count: u64, deep: usize) -> Vec<u8> {
    varint(count).repeat(deep)
}

/// Great counts at every depth, and after them nothing, a little, or much.
fn counts(deltas: &mut Vec<(String, Vec<u8>)>) {
    for property in PARTED {
        for what in [WHOLE, ONE_STEP, STEPS] {
            for count in [1, 3, 2000, 131_072, 131_073, u32::MAX.into(), u64::MAX] {
                for deep in 1..=8 {
                    for rest in [0, 10, 3000] {
                        let claims = claims(count, deep);
                        let delta = [&[property << 2 | what], &claims[..], &vec![0; rest]].concat();
                        deltas.push((format!("{count} in {deep} of {property}, {rest} bytes"), delta));
                    }
                }
            }
        }
    }
    // A quest of which the tags, or the entries by name, are said to be many.
    for count in [60_000, 131_072, u64::MAX] {
        for before in [&[1, 0, 0][..], &[1, 0, 0, 0]] {
            for rest in [0, 2000] {
                let delta = [&[QUESTS << 2 | WHOLE], before, &varint(count), &vec![0; rest]].concat();
                deltas.push((format!("{count} in a quest after {}", before.len()), delta));
            }
        }
    }
    // Quests of nothing: four bytes each.
    let delta = [&[QUESTS << 2 | WHOLE], &varint(3000)[..], &[0; 12_000]].concat();
    deltas.push(("many empty quests".into(), delta));
    // Lists of nothing in a list, of a byte each.
    for deep in 0..4 {
        let outer = [1].repeat(deep);
        let delta = [&[DEEP << 2 | WHOLE], &outer[..], &varint(8000), &[0; 8000]].concat();
        deltas.push((format!("many empty lists, {deep} deep"), delta));
    }
    // Entries of two bytes or three, with keys that count up.
    let entries = |value: &[u8]| -> Vec<u8> {
        (0..4000_u64).flat_map(|key| [&varint(key * 2)[..], value].concat()).collect()
    };
    for value in [&[0][..], &[1, 0], &[1, 1, 0]] {
        let delta = [&[GRID << 2 | WHOLE], &varint(4000 << 1 | 1)[..], &[0], &entries(value)].concat();
        deltas.push((format!("many entries of {value:?}"), delta));
    }
}

/// The same few bytes again and again as steps.
fn many_steps(deltas: &mut Vec<(String, Vec<u8>)>) {
    for property in PARTED {
        for first in 0..40_u8 {
            for second in [None, Some(0), Some(1), Some(6), Some(0x0e)] {
                let step: Vec<u8> = std::iter::once(first).chain(second).collect();
                let delta = [&[property << 2 | STEPS], &varint(2000)[..], &step.repeat(2000)].concat();
                deltas.push((format!("steps {step:?} of {property}"), delta));
            }
        }
    }
    // A flag of a record: a whole step in a byte.
    let delta = [&[HOME << 2 | STEPS], &varint(10_000)[..], &[1; 10_000]].concat();
    deltas.push(("a flag, again and again".into(), delta));
}

/// Ways that are longer than the type is deep, that lead to nothing, or through what has no parts.
fn ways(deltas: &mut Vec<(String, Vec<u8>)>) {
    // Into an item: of the first one, of one that is not there, and of one beyond any list. Into a field, and an entry.
    let item = |place: u64| varint(place << 3 | 6);
    let far = varint(u64::from(u32::MAX) << 3 | 6);
    let beyond = varint(u64::MAX);
    for property in PARTED {
        for into in [item(0), item(1), item(1000), far.clone(), beyond.clone(), vec![2], vec![5], vec![1]] {
            for deep in 1..=40 {
                for end in [&[][..], &[0], &[0, 0], &[3], &[5], &[12, 0xff, 0xff, 0xff, 0xff, 0x0f], &[7, 2]]
                {
                    let delta = [&[property << 2 | ONE_STEP], &into.repeat(deep)[..], end].concat();
                    deltas.push((format!("{deep} steps of {into:?} into {property}, then {end:?}"), delta));
                }
            }
        }
    }
    // Places of quests that are not there, for each thing that can be done; and within their fields.
    for place in [0, 1, 5, 131_071, 131_072, u64::from(u32::MAX), u64::from(u32::MAX) + 1] {
        for what in 0..8 {
            let step = varint(place << 3 | what);
            for rest in [&[][..], &[0; 4], &[0; 8], &[6, 1, 0], &[10, 0, 0], &[10, 5], &[14, 3, 1, 1, b'a']] {
                let delta = [&[QUESTS << 2 | ONE_STEP], &step[..], rest].concat();
                deltas.push((format!("{what} at {place} of quests, then {rest:?}"), delta));
            }
        }
    }
}

/// Whole values with great counts within, in a snapshot as it is on the network and without its head.
fn snapshots(all: &mut Vec<Input>) {
    let head = [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1];
    for present in [0xff, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40] {
        for count in [0, 1, 2, 1000, 131_072, u64::MAX] {
            for deep in [1, 2, 5, 8] {
                for rest in [0, 3000] {
                    let bare = [&[8, present], &claims(count, deep)[..], &vec![0; rest]].concat();
                    let what = format!("{count} in {deep} of {present:x}");
                    let sent = [&head[..], &bare].concat();
                    all.push((what.clone(), Decoder::Snapshot, Layout::Nested, bare));
                    all.push((what, Decoder::Snapshot, Layout::Nested, sent));
                }
            }
        }
    }
    for (count, size) in [(3000_u64, 4), (3000, 5)] {
        let bare = [&[8, 0x02], &varint(count)[..], &vec![0; count as usize * size]].concat();
        all.push(("many empty quests".into(), Decoder::Snapshot, Layout::Nested, bare));
    }
}

/// Requests for what is within: of any kind, with ways and origins of any numbers.
fn requests(all: &mut Vec<Input>) {
    let open = piece(0, &[0, 1, 0, 3, b'a', b'n', b'n', 0, 0, 0, 0, 0, 0]);
    let opened = [piece(5, &[]), open, piece(4, &[30])].concat();
    let max = varint(u64::MAX);
    for property in PARTED {
        for kind in 0..=24_u8 {
            // How long the way is, and of what its places are.
            for way in [0_u8, 1, 4, 5, 6, 7, 8, 9, 10, 11, 17, 18, 19, 32, 33, 34, 35, 36] {
                let op = [property << 3 | 2, kind, way];
                for (place, rest) in [&[0; 10][..], &[1; 10], &max, &max.repeat(4)].into_iter().enumerate() {
                    let batch = [&op[..], rest].concat();
                    let frame_of = |batch: &[u8]| frame(&[&[1, 0, 1], batch].concat());
                    let what = format!("a request {op:?} with {rest:?}");
                    all.push((what.clone(), Decoder::Frame, Layout::Nested, frame_of(&batch)));
                    if (usize::from(kind) + usize::from(way) + place) % 3 == 0 {
                        let script = [&opened[..], &piece(0, &[&[1, 0, 1], &batch[..]].concat())].concat();
                        all.push((what, Decoder::MasterSession, Layout::Nested, script));
                    }
                }
            }
        }
    }
    // Requests without end: set a flag, insert an empty quest, clear, remove what is not there, add to what is not there.
    let requests: [&[u8]; 7] = [
        &[HOME << 3 | 2, 0, 4, 0, 1],
        &[QUESTS << 3 | 2, 3, 0, 0, 0, 0, 0],
        &[QUESTS << 3 | 2, 3 | 8, 0, 0, 0, 0, 0],
        &[QUESTS << 3 | 2, 6, 0],
        &[QUESTS << 3 | 2, 4, 5, 1, 9],
        &[STOCK << 3 | 2, 1, 8, 0, 1, b'a', 1, 2],
        &[DEEP << 3 | 2, 3, 0, 0],
    ];
    for request in requests {
        let many = [&[1, 0, 1][..], &request.repeat(6000 / request.len())].concat();
        let what = format!("many requests {request:?}");
        let script = [&opened[..], &piece(0, &many), &piece(4, &[100])].concat();
        all.push((what.clone(), Decoder::MasterSession, Layout::Nested, script));
        all.push((what, Decoder::Frame, Layout::Nested, frame(&many)));
    }
}

/// Journal rows of values and steps of named types.
fn rows(all: &mut Vec<Input>) {
    for number in 0..40_u8 {
        for count in [1, 2000, u64::MAX] {
            for tag in [15, 16, 17, 18, 19, 20] {
                for rest in [0, 2000] {
                    for named in [0, 6, 255] {
                        let row = [&[1, tag, named, number], &varint(count)[..], &vec![0; rest]].concat();
                        let what = format!("a row with tag {tag} of the type {number}: {count}");
                        all.push((what, Decoder::Journal, Layout::Nested, row));
                    }
                }
            }
        }
        // A type again and again, of which each value is nothing.
        for named in [19, 20, 21, 255] {
            for zeros in 1..6 {
                let entry = [&[1, 19, named, number][..], &vec![0; zeros]].concat();
                let what = format!("many values of the type {number}, {zeros} bytes each");
                all.push((what, Decoder::Journal, Layout::Nested, entry.repeat(1000)));
            }
        }
        // Steps of a way.
        for step in [vec![number], vec![number, 0], vec![number, 1, 0], vec![1, number, 0, 0]] {
            let row = [&[1, 20], &varint(2000)[..], &step.repeat(2000)].concat();
            all.push((format!("many steps {step:?} in a row"), Decoder::Journal, Layout::Nested, row));
        }
    }
}

fn texts(all: &mut Vec<Input>) {
    let mut texts = Vec::new();
    for (open, close) in
        [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]"), ("[{\"tags\":", "}]"), ("{\"at\":", "}")]
    {
        for depth in [1, 4, 5, 8, 30, 120, 5000] {
            for name in ["quests", "stock", "home", "grid", "deep", "own"] {
                let closed = open.repeat(depth) + "true" + &close.repeat(depth);
                texts.push((format!("{depth} deep of {open} in {name}"), format!("{{\"{name}\":{closed}}}")));
            }
        }
    }
    for item in ["{}", "[]", "{\"by\":{}}", "{\"tags\":[]}", "{\"a\":0}", "{\"id\":0}", "null", "[[[]]]"] {
        let many = vec![item; 3000].join(",");
        for name in ["quests", "deep"] {
            texts.push((format!("many {item} in {name}"), format!("{{\"{name}\":[{many}]}}")));
        }
        let entries: Vec<String> = (0..2000).map(|n| format!("\"{n}\":{item}")).collect();
        for name in ["stock", "grid", "home"] {
            let entries = entries.join(",");
            texts.push((format!("many entries {item} of {name}"), format!("{{\"{name}\":{{{entries}}}}}")));
        }
    }
    for (what, text) in texts {
        all.push((what.clone(), Decoder::ProfileJson, Layout::Nested, text.clone().into_bytes()));
        let document = format!("{{\"$mst\":{{\"version\":1,\"epoch\":\"1\"}},{}", &text[1..]);
        all.push((what, Decoder::Document, Layout::Nested, document.into_bytes()));
    }
    // Schema files: types deep in each other, types that are of themselves, and a few that multiply.
    let mut files = Vec::new();
    for name in crate::hostile::hostile_types() {
        files.push(format!("{{\"properties\":[{{\"name\":\"a\",\"type\":\"{name}\"}}]}}"));
    }
    for types in [
        r#"{"name":"a","fields":[{"name":"f","type":"a"}]}"#,
        r#"{"name":"a","fields":[{"name":"f","type":"list<b>"}]},{"name":"b","fields":[{"name":"f","type":"a"}]}"#,
    ] {
        files.push(format!("{{\"types\":[{types}],\"properties\":[{{\"name\":\"a\",\"type\":\"a\"}}]}}"));
    }
    for (count, deep) in [(4, 7), (8, 4), (16, 3), (60, 2), (256, 1)] {
        let types = (1..=deep).map(|depth| {
            let within = if depth == 1 { "bool".to_string() } else { format!("t{}", depth - 1) };
            let fields: Vec<String> =
                (0..count).map(|n| format!("{{\"name\":\"f{n}\",\"type\":\"{within}\"}}")).collect();
            format!("{{\"name\":\"t{depth}\",\"fields\":[{}]}}", fields.join(","))
        });
        let types: Vec<String> = types.collect();
        let properties: Vec<String> =
            (0..20).map(|n| format!("{{\"name\":\"p{n}\",\"type\":\"list<t{deep}>\"}}")).collect();
        files.push(format!("{{\"types\":[{}],\"properties\":[{}]}}", types.join(","), properties.join(",")));
    }
    for file in files {
        all.push((format!("a file {file:.60}"), Decoder::Schema, Layout::Everything, file.into_bytes()));
    }
}
