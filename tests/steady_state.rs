//! What a small change costs once everything is warm: bytes on the network, and memory, of which it takes none.

// A global allocator that counts is the only way to know.
#![allow(unsafe_code)]
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use mst_profiles::simulation::lab::{Ask, Lab};
use mst_profiles::{DateTime, Key, KeyType, Profile, Property, PropertyIndex, ScalarType, Schema, Value};

thread_local! {
    /// Blocks asked for on this thread, and bytes held by it.
    static BLOCKS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<i64> = const { Cell::new(0) };
}

struct Counting;

fn count(blocks: u64, bytes: i64) {
    // Fails only while the thread ends.
    let _ = BLOCKS.try_with(|count| count.set(count.get() + blocks));
    let _ = BYTES.try_with(|count| count.set(count.get() + bytes));
}

#[global_allocator]
static HEAP: Counting = Counting;

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, -(layout.size() as i64));
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size as i64 - layout.size() as i64);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.realloc(block, layout, size) }
    }
}

const INTS: [&str; 6] = ["level", "experience", "gold", "silver", "bronze", "energy"];
const TEXTS: [&str; 4] = ["displayName", "clanTag", "avatarUrl", "region"];

/// The profile of twenty properties by which this library is compared with others: see `benches/peers`.
fn twenty() -> Profile {
    let mut builder = Schema::builder();
    for name in INTS {
        builder.add(Property::of_type(name, ScalarType::I32));
    }
    for name in TEXTS {
        builder.add(Property::of_type(name, ScalarType::String));
    }
    let schema = builder
        .property(Property::new("tutorialDone", false))
        .property(Property::new("premium", false))
        .property(Property::of_type("volume", ScalarType::F32))
        .property(Property::of_type("rating", ScalarType::F32))
        .property(Property::of_type("playTimeMs", ScalarType::I64))
        .property(Property::of_type("lastPosition", ScalarType::Vector3))
        .property(Property::of_type("lastLogin", ScalarType::DateTime))
        .property(Property::list("inventory", ScalarType::String))
        .property(Property::dict("stats", KeyType::String, ScalarType::I32))
        .property(Property::dict("items", KeyType::String, ScalarType::I32))
        .build()
        .unwrap();
    let mut profile = Profile::new(schema.clone());
    let place = |name| schema.index_of(name).unwrap();
    for (i, name) in INTS.into_iter().enumerate() {
        profile.set(place(name), 1000 + i as i32 * 7919).unwrap();
    }
    for (i, name) in TEXTS.into_iter().enumerate() {
        profile.set(place(name), format!("Player_0000{i}")).unwrap();
    }
    profile.set(place("tutorialDone"), true).unwrap();
    profile.set(place("volume"), 0.75_f32).unwrap();
    profile.set(place("rating"), 1512.375_f32).unwrap();
    profile.set(place("playTimeMs"), 123_456_789_012_i64).unwrap();
    profile.set(place("lastPosition"), [12.5_f32, 0.25, -81.125]).unwrap();
    profile.set(place("lastLogin"), DateTime::parse("2026-01-02T03:04:05Z").unwrap()).unwrap();
    for i in 0..50 {
        profile.list_push(place("inventory"), format!("item_{i:04}")).unwrap();
    }
    for name in ["stats", "items"] {
        for i in 0..30 {
            profile.dict_put(place(name), format!("stat_{i:03}"), i * 1000 + 7).unwrap();
        }
    }
    profile
}

/// Makes many changes, and says the greatest number of bytes of one, and the blocks of memory that the last ones took.
fn measure(
    change: impl Fn(i32, &dyn Fn(&str) -> PropertyIndex) -> Vec<(PropertyIndex, Ask)>,
) -> (usize, u64) {
    let values = twenty();
    let schema = values.schema().clone();
    let mut lab = Lab::new(&values).unwrap();
    drop(values);
    while lab.next_event() {}
    let place = |name: &str| schema.index_of(name).unwrap();
    let (mut longest, mut blocks) = (0, 0);
    let mut out = Vec::with_capacity(1000);
    for round in 0..2000 {
        let asked = change(round, &place);
        out.clear();
        let before = BLOCKS.get();
        for (property, ask) in asked {
            lab.ask(property, ask);
        }
        lab.make(&mut out).unwrap();
        lab.apply(&out).unwrap();
        while lab.next_event() {}
        // The first ones find room for themselves.
        if round >= 1000 {
            blocks += BLOCKS.get() - before;
            longest = longest.max(out.len());
        }
    }
    for property in schema.properties() {
        let index = place(property.name());
        let sent = lab.value(index).clone();
        assert_eq!(sent, *lab.replica().get(index));
    }
    (longest, blocks)
}

fn five_digits(round: i32) -> i32 {
    10_000 + round * 7919 % 90_000
}

#[test]
fn three_ints_take_thirteen_bytes_and_no_memory() {
    let (bytes, blocks) = measure(|round, place| {
        let set = |name, shift| (place(name), Ask::Set(Value::I32(five_digits(round + shift))));
        vec![set("level", 0), set("experience", 100), set("gold", 200)]
    });
    assert!(bytes <= 13, "{bytes}");
    assert_eq!(blocks, 0);
}

#[test]
fn three_small_raises_take_seven_bytes_and_no_memory() {
    let (bytes, blocks) = measure(|round, place| {
        let add = |name, shift| (place(name), Ask::Add(1 + i64::from(round + shift) % 60));
        vec![add("level", 0), add("experience", 20), add("gold", 40)]
    });
    assert!(bytes <= 7, "{bytes}");
    assert_eq!(blocks, 0);
}

#[test]
fn one_entry_takes_six_bytes_and_no_memory() {
    let (bytes, blocks) = measure(|round, place| {
        let key = Key::from(format!("stat_{:03}", round % 30));
        vec![(place("stats"), Ask::Put(key, Value::I32(five_digits(round))))]
    });
    assert!(bytes <= 6, "{bytes}");
    assert_eq!(blocks, 0);
}

#[test]
fn one_item_takes_sixteen_bytes_and_no_memory() {
    let (bytes, blocks) = measure(|round, place| {
        let text = Value::from(format!("text_{round:07}"));
        vec![(place("inventory"), Ask::SetItem(round as u32 % 50, text))]
    });
    assert!(bytes <= 16, "{bytes}");
    assert_eq!(blocks, 0);
}

#[test]
fn an_item_that_is_moved_takes_no_memory() {
    let (bytes, blocks) = measure(|round, place| {
        let (from, to) = (round as u32 * 7 % 50, (round as u32 * 13 + 1) % 50);
        let to = if from == to { (to + 1) % 50 } else { to };
        vec![(place("inventory"), Ask::MoveItem(from, to))]
    });
    assert!(bytes <= 6, "{bytes}");
    assert_eq!(blocks, 0);
}

#[test]
fn an_insertion_at_the_front_takes_sixteen_bytes() {
    let (bytes, _) = measure(|round, place| {
        let inventory = place("inventory");
        match round % 2 {
            0 => vec![(inventory, Ask::Insert(0, Value::from(format!("text_{round:07}"))))],
            _ => vec![(inventory, Ask::RemoveItem(0))],
        }
    });
    assert!(bytes <= 16, "{bytes}");
}

#[test]
fn a_profile_takes_less_than_four_kilobytes() {
    let values = twenty();
    let schema: Arc<Schema> = values.schema().clone();
    let mut lab = Lab::new(&values).unwrap();
    let mut snapshot = Vec::new();
    lab.snapshot(&mut snapshot);
    assert!(snapshot.len() <= 1350, "{}", snapshot.len());
    let mut compressed = Vec::new();
    lab.compressed(&mut compressed);
    assert!(compressed.len() <= 550, "{}", compressed.len());
    let before = BYTES.get();
    let held: Vec<Profile> = (0..100).map(|_| Lab::load(&schema, &snapshot).unwrap()).collect();
    let each = (BYTES.get() - before) / held.len() as i64;
    assert!(each < 4096, "{each}");
    assert_eq!(Lab::load_compressed(&schema, &compressed).unwrap().to_json(), held[0].to_json());
}
