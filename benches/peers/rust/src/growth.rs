//! What one change costs in profiles, lists and dictionaries of different sizes; for this library alone.

use std::sync::Arc;

use mst_profiles::simulation::lab::{Ask, Lab};
use mst_profiles::{Key, KeyType, Profile, Property, PropertyIndex, Result, ScalarType, Schema, Value, ValueType};

use crate::cases::Random;
use crate::clock::{between, cpu_ns};
use crate::contenders::ours::Link;
use crate::report::{GrowthRow, median, tenth};

/// Changes between two looks at the clock, after which what grew or shrank is undone.
const CHUNK: usize = 32;
/// From this size on one pair gets all changes of a chunk, which make little difference to it. What is smaller is there as
/// often as a chunk has changes, so that it keeps its size.
const ONE_PAIR_FROM: usize = 1000;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    pub runs: usize,
    /// Processor time of a run, at least.
    pub run_ns: u64,
}

impl Effort {
    pub const USUAL: Self = Self { runs: 7, run_ns: 20_000_000 };
    pub const QUICK: Self = Self { runs: 3, run_ns: 2_000_000 };
}

pub fn growth(effort: Effort) -> Vec<GrowthRow> {
    let mut rows = Vec::new();
    for (operations, sizes) in [
        (&[Operation::SetInt][..], [20, 200, 2000]),
        (&Operation::OF_LISTS, [10, 1000, 100_000]),
        (&Operation::OF_DICTS, [10, 1000, 100_000]),
    ] {
        for operation in operations {
            for size in sizes {
                rows.push(row(*operation, size, effort));
            }
        }
    }
    rows
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    SetInt,
    SetItem,
    InsertFront,
    InsertMiddle,
    RemoveFront,
    PutEntry,
    NewEntry,
    RemoveEntry,
}

impl Operation {
    const OF_LISTS: [Self; 4] = [Self::SetItem, Self::InsertFront, Self::InsertMiddle, Self::RemoveFront];
    const OF_DICTS: [Self; 3] = [Self::PutEntry, Self::NewEntry, Self::RemoveEntry];

    fn name(self) -> &'static str {
        match self {
            Self::SetInt => "int_set",
            Self::SetItem => "list_set_item",
            Self::InsertFront => "list_insert_front",
            Self::InsertMiddle => "list_insert_middle",
            Self::RemoveFront => "list_remove_front",
            Self::PutEntry => "dict_put_entry",
            Self::NewEntry => "dict_new_entry",
            Self::RemoveEntry => "dict_remove_entry",
        }
    }

    fn schema(self, size: usize) -> Result<Arc<Schema>> {
        let of_type =
            |value_type: ValueType| Schema::builder().property(Property::of_type("all", value_type));
        match self {
            Self::SetInt => {
                let mut builder = Schema::builder();
                for i in 0..size as u16 {
                    // With a key of its own: of so many names the hashes of two would be the same.
                    builder.add(Property::of_type(&format!("int_{i:04}"), ScalarType::I32).key(i + 1));
                }
                builder.build()
            }
            _ if Self::OF_LISTS.contains(&self) => of_type(ValueType::list(ScalarType::String)).build(),
            _ => of_type(ValueType::dict(KeyType::String, ScalarType::I32)).build(),
        }
    }

    /// Makes it as large as it is to be.
    fn fill(self, profile: &mut Profile, size: usize) -> Result<()> {
        let all = profile.schema().index(0)?;
        for i in 0..size {
            if self == Self::SetInt {
                let property = profile.schema().index(i as u32)?;
                profile.set(property, 1000 + i as i32)?;
            } else if Self::OF_LISTS.contains(&self) {
                profile.list_push(all, format!("item_{i:07}"))?;
            } else {
                profile.dict_put(all, key(i), i as i32)?;
            }
            // So that the changes that wait do not grow without end.
            if i % 1000 == 0 {
                profile.take_delta()?;
                while profile.next_event().is_some() {}
            }
        }
        Ok(())
    }

    fn draw(self, size: usize, step: usize, random: &mut Random) -> Drawn {
        // Apart from one another within a chunk: what is removed must be there.
        let place = (random.below(size as u32) as usize / CHUNK * CHUNK + step % CHUNK) % size;
        let key = if self == Self::NewEntry { format!("new_{step:07}") } else { key(place) };
        Drawn { place: place as u32, key, text: random.text(), number: random.five_digits() }
    }

    fn change(self, lab: &mut Lab, all: &[PropertyIndex], size: usize, drawn: &Drawn) {
        let text = || Value::from(drawn.text.as_str());
        let key = || Key::from(drawn.key.as_str());
        match self {
            Self::SetInt => lab.ask(all[drawn.place as usize], Ask::Set(Value::I32(drawn.number))),
            Self::SetItem => lab.ask(all[0], Ask::SetItem(drawn.place, text())),
            Self::InsertFront => lab.ask(all[0], Ask::Insert(0, text())),
            Self::InsertMiddle => lab.ask(all[0], Ask::Insert(size as u32 / 2, text())),
            Self::RemoveFront => lab.ask(all[0], Ask::RemoveItem(0)),
            Self::PutEntry | Self::NewEntry => lab.ask(all[0], Ask::Put(key(), Value::I32(drawn.number))),
            Self::RemoveEntry => lab.ask(all[0], Ask::RemoveKey(key())),
        }
    }

    /// Makes it as large again as it was. Nothing to undo where the size stays.
    fn undo(self, lab: &mut Lab, all: &[PropertyIndex], size: usize, drawn: &Drawn) {
        let key = || Key::from(drawn.key.as_str());
        match self {
            Self::SetInt | Self::SetItem | Self::PutEntry => {}
            Self::InsertFront => lab.ask(all[0], Ask::RemoveItem(0)),
            Self::InsertMiddle => lab.ask(all[0], Ask::RemoveItem(size as u32 / 2)),
            Self::RemoveFront => lab.ask(all[0], Ask::Insert(0, Value::from(drawn.text.as_str()))),
            Self::NewEntry => lab.ask(all[0], Ask::RemoveKey(key())),
            Self::RemoveEntry => lab.ask(all[0], Ask::Put(key(), Value::I32(drawn.number))),
        }
    }
}

fn key(place: usize) -> String {
    format!("key_{place:07}")
}

/// What is random about a change.
struct Drawn {
    place: u32,
    key: String,
    text: String,
    number: i32,
}

fn row(operation: Operation, size: usize, effort: Effort) -> GrowthRow {
    eprintln!("{} of {size}", operation.name());
    let mut bench = Bench::new(operation, size);
    bench.run(effort.run_ns);
    let runs: Vec<_> = (0..effort.runs).map(|_| bench.run(effort.run_ns)).collect();
    let of = |figure: fn(&Run) -> f64| tenth(median(&runs.iter().map(figure).collect::<Vec<_>>()));
    GrowthRow {
        what: operation.name().to_owned(),
        size: size as u64,
        make_ns: of(|run| run.make_ns),
        apply_ns: of(|run| run.apply_ns),
        bytes: median(&runs.iter().map(|run| run.bytes).collect::<Vec<_>>()),
    }
}

struct Run {
    make_ns: f64,
    apply_ns: f64,
    bytes: u64,
}

struct Bench {
    operation: Operation,
    size: usize,
    all: Vec<PropertyIndex>,
    pairs: Vec<Link>,
    random: Random,
    steps: usize,
}

impl Bench {
    fn new(operation: Operation, size: usize) -> Self {
        let schema = operation.schema(size).expect("a schema that the library takes");
        let pairs = if size < ONE_PAIR_FROM { CHUNK } else { 1 };
        let pair = |_| Link::new(&schema, |profile| operation.fill(profile, size));
        Self {
            operation,
            size,
            all: schema.properties().iter().map(|p| schema.index_of(p.name()).expect("its own name")).collect(),
            pairs: (0..pairs).map(pair).collect(),
            random: Random::new(size as u32),
            steps: 0,
        }
    }

    fn run(&mut self, run_ns: u64) -> Run {
        let (operation, size) = (self.operation, self.size);
        let (mut make_ns, mut apply_ns, mut lengths) = (0, 0, Vec::new());
        let (mut out, mut ends) = (Vec::with_capacity(CHUNK * 256), Vec::with_capacity(CHUNK));
        while make_ns + apply_ns < run_ns {
            let steps = self.steps..self.steps + CHUNK;
            self.steps = steps.end;
            let drawn: Vec<_> = steps.map(|step| operation.draw(size, step, &mut self.random)).collect();
            let pairs = self.pairs.len();
            out.clear();
            ends.clear();

            let start = cpu_ns();
            for (place, drawn) in drawn.iter().enumerate() {
                self.pairs[place % pairs]
                    .make(|lab| operation.change(lab, &self.all, size, drawn), &mut out);
                ends.push(out.len());
            }
            make_ns += between(start, cpu_ns());

            let start = cpu_ns();
            let mut from = 0;
            for (place, end) in ends.iter().enumerate() {
                self.pairs[place % pairs].apply(&out[from..*end]);
                from = *end;
            }
            apply_ns += between(start, cpu_ns());

            lengths
                .extend(ends.iter().scan(0, |from, end| Some((end - std::mem::replace(from, *end)) as u64)));
            for (place, drawn) in drawn.iter().enumerate().rev() {
                let pair = &mut self.pairs[place % pairs];
                out.clear();
                pair.make(|lab| operation.undo(lab, &self.all, size, drawn), &mut out);
                pair.apply(&out);
            }
        }
        assert!(self.pairs.iter_mut().all(Link::is_equal), "{}: the receiver differs", operation.name());
        let rounds = lengths.len() as f64;
        Run { make_ns: make_ns as f64 / rounds, apply_ns: apply_ns as f64 / rounds, bytes: median(&lengths) }
    }
}
