//! What concerns a place within a value that has parts in parts: requests of a writer, and the steps of a delta.
//!
//! Both follow the type: what a step of the way is, a field, an item or an entry, is known from where it leads out of.

use super::delta::{
    ENTRY_DIFFERENCE, ENTRY_OTHER, ENTRY_PUT, ENTRY_REMOVE, ITEM_INSERT, ITEM_INSERT_OWN, ITEM_MOVE,
    ITEM_REMOVE, ITEM_SET, LIST_CLEAR, OTHER_CLEAR, OTHER_PUT, OTHER_REMOVE,
};
use super::frames::{bounds_flags, put_add, read_add};
use super::keys::{Meaning, PutKeys, ReadKeys};
use super::values::{put_inner, put_key, read_inner, read_key};
use super::varint::{Reader, len_i64, put_i64, put_u64};
use crate::limits::MAX_NESTING;
use crate::value::{
    At, AtChange, FieldStep, Gap, Key, Origin, OwnOp, PartChange, PartEffect, Path, PathStep, ScalarType,
    Target, Value, ValueType,
};

/// Of a field: its value follows, and of a bool is false; its integer's difference follows, and of a bool it is true; a step
/// within it follows.
const FIELD_VALUE: u64 = 0;
const FIELD_DIFFERENCE: u64 = 1;
const FIELD_INTO: u64 = 2;
/// Of an item: a step within it follows; its integer's difference follows.
const ITEM_INTO: u64 = 6;
const ITEM_DIFFERENCE: u64 = 7;
/// Of an entry whose value has parts, in the place of a difference: a step within it follows.
const ENTRY_INTO: u64 = ENTRY_DIFFERENCE;
/// The same, of entries whose keys are written out.
const OTHER_INTO: u64 = 3;
const OTHER_DIFFERENCE: u64 = 4;
/// Where keys have numbers, from this one on: a key follows, and its number is half of what this is more; of an odd one a step
/// within the entry follows, else its value.
const OTHER_LEARN: u64 = 4;

/// A step of a delta on its way out.
#[derive(Clone)]
pub(crate) struct OutStep<'a> {
    pub(crate) effect: &'a PartEffect,
    /// Whether it is an insertion of the receiver's own.
    pub(crate) own: bool,
    /// The integer that the receiver has, where that is known: the difference is sent when it is shorter.
    pub(crate) before: Option<i64>,
}

impl<'a> OutStep<'a> {
    /// A step of which nothing more is known.
    pub(crate) fn of(effect: &'a PartEffect) -> Self {
        Self { effect, own: false, before: None }
    }
}

/// Appends a step of a delta. `now` is the property's value after all of them.
pub(super) fn put_step(
    out: &mut Vec<u8>,
    index: u16,
    value_type: &ValueType,
    now: &Value,
    step: &OutStep<'_>,
    keys: &mut impl PutKeys,
) {
    let PartEffect { path, what } = step.effect;
    let clears = *what == PartChange::Clear;
    for (depth, way) in path.iter().enumerate() {
        let is_last = depth + 1 == path.len() && !clears;
        let diff = match what {
            PartChange::Value(value) if is_last => shorter_difference(value, step.before),
            PartChange::Diff(diff) if is_last => Some(*diff),
            _ => None,
        };
        let has_diff = diff.is_some();
        match way {
            PathStep::Field(field) => {
                let kind = match what {
                    _ if !is_last => FIELD_INTO,
                    PartChange::Value(Value::Bool(true)) => FIELD_DIFFERENCE,
                    _ if has_diff => FIELD_DIFFERENCE,
                    _ => FIELD_VALUE,
                };
                put_u64(out, u64::from(field.index) << 2 | kind);
                if let PartChange::Value(Value::Bool(_)) = what
                    && is_last
                {
                    continue;
                }
            }
            PathStep::Item(index) => {
                let kind = match what {
                    _ if !is_last => ITEM_INTO,
                    _ if has_diff => ITEM_DIFFERENCE,
                    PartChange::Insert(_) if step.own => ITEM_INSERT_OWN,
                    PartChange::Insert(_) => ITEM_INSERT,
                    PartChange::Remove => ITEM_REMOVE,
                    PartChange::Move(_) => ITEM_MOVE,
                    _ => ITEM_SET,
                };
                put_u64(out, u64::from(*index) << 3 | kind);
            }
            PathStep::Entry(key) => {
                let removes = is_last && *what == PartChange::Remove;
                // What is not there in the end gets no number: nobody would ever take it back.
                let is_there = depth == 0 && now.as_dict().is_some_and(|dict| dict.get(key).is_some());
                put_entry(out, index, key, (is_last, has_diff, removes), (depth == 0, is_there), keys);
            }
        }
        if !is_last {
            continue;
        }
        match (diff, what) {
            (Some(diff), _) => put_i64(out, diff),
            (None, PartChange::Value(value) | PartChange::Insert(value)) => put_inner(out, value),
            (None, PartChange::Move(to)) => put_u64(out, u64::from(*to)),
            _ => {}
        }
    }
    if clears {
        match path.type_in(value_type) {
            Some(ValueType::Dict(..)) => {
                if path.is_empty() {
                    keys.forget(index);
                }
                put_u64(out, OTHER_CLEAR << 2 | ENTRY_OTHER);
            }
            _ => put_u64(out, LIST_CLEAR),
        }
    }
}

/// Appends what leads to an entry. Only keys of a dictionary that is the property itself have numbers.
fn put_entry<K: PutKeys>(
    out: &mut Vec<u8>,
    index: u16,
    key: &Key,
    (is_last, has_diff, removes): (bool, bool, bool),
    (is_outermost, is_there): (bool, bool),
    keys: &mut K,
) {
    let number = match () {
        () if !K::NUMBERED || !is_outermost => None,
        () if removes => keys.removed(index, key).map(|number| (number, true)),
        () if is_there => keys.number(index, key),
        () => None,
    };
    match number {
        Some((number, true)) => {
            let what = match () {
                () if removes => ENTRY_REMOVE,
                () if is_last => ENTRY_PUT,
                () => ENTRY_INTO,
            };
            put_u64(out, u64::from(number) << 2 | what);
        }
        number => {
            let what = match number {
                Some((number, _)) => OTHER_LEARN + 2 * u64::from(number) + u64::from(!is_last),
                None if !is_last => OTHER_INTO,
                None if has_diff => OTHER_DIFFERENCE,
                None if removes => OTHER_REMOVE,
                None => OTHER_PUT,
            };
            put_u64(out, what << 2 | ENTRY_OTHER);
            put_key(out, key);
        }
    }
}

fn shorter_difference(value: &Value, before: Option<i64>) -> Option<i64> {
    let int = value.as_int()?;
    let diff = int.wrapping_sub(before?);
    (len_i64(diff) < len_i64(int)).then_some(diff)
}

/// Reads a step of a delta, and whether it is an insertion of the receiver's own.
pub(super) fn read_step<K: ReadKeys>(
    reader: &mut Reader<'_>,
    property: u16,
    value_type: &ValueType,
    keys: &mut K,
) -> Result<(PartEffect, bool), &'static str> {
    const CUT: &str = "ends inside a step";
    const NO_DIFFERENCE: &str = "has a difference of something that is no integer";
    let mut path = Path::root();
    let mut here = value_type;
    loop {
        let effect = |path: Path, what| Ok((PartEffect { path, what }, false));
        let integer = |value_type: &ValueType| value_type.scalar().is_some_and(ScalarType::is_integer);
        let head = reader.u64().ok_or(CUT)?;
        match here {
            ValueType::Record(record) => {
                let index = usize::try_from(head >> 2).ok().filter(|index| *index < record.fields().len());
                let index = index.ok_or("names a field that its record does not have")?;
                let field = &record.fields()[index];
                let name = field.shared_name().clone();
                path.push(PathStep::Field(FieldStep { index: index as u16, name }));
                here = field.value_type();
                let is_bool = here.scalar() == Some(ScalarType::Bool);
                match head & 3 {
                    what @ (FIELD_VALUE | FIELD_DIFFERENCE) if is_bool => {
                        return effect(path, PartChange::Value(Value::Bool(what == FIELD_DIFFERENCE)));
                    }
                    FIELD_VALUE => return effect(path, PartChange::Value(read_inner(reader, here)?)),
                    FIELD_DIFFERENCE if integer(here) => {
                        return effect(path, PartChange::Diff(reader.i64().ok_or(CUT)?));
                    }
                    FIELD_DIFFERENCE => return Err(NO_DIFFERENCE),
                    FIELD_INTO => {}
                    _ => return Err("has an unknown step of a record"),
                }
            }
            ValueType::List(item) => {
                let index = u32::try_from(head >> 3).map_err(|_| "a place is beyond any list")?;
                let kind = head & 7;
                if kind == LIST_CLEAR {
                    return match index {
                        0 => effect(path, PartChange::Clear),
                        _ => Err("has an unknown step of a list"),
                    };
                }
                path.push(PathStep::Item(index));
                here = item;
                return match kind {
                    ITEM_SET => effect(path, PartChange::Value(read_inner(reader, here)?)),
                    ITEM_INSERT | ITEM_INSERT_OWN => {
                        let what = PartChange::Insert(read_inner(reader, here)?);
                        Ok((PartEffect { path, what }, kind == ITEM_INSERT_OWN))
                    }
                    ITEM_REMOVE => effect(path, PartChange::Remove),
                    ITEM_MOVE => {
                        let to = reader.u64().and_then(|to| u32::try_from(to).ok());
                        effect(path, PartChange::Move(to.ok_or("a place is beyond any list")?))
                    }
                    ITEM_DIFFERENCE if integer(here) => {
                        effect(path, PartChange::Diff(reader.i64().ok_or(CUT)?))
                    }
                    ITEM_DIFFERENCE => Err(NO_DIFFERENCE),
                    // Into it.
                    _ => continue,
                };
            }
            ValueType::Dict(key_type, item) => {
                let numbered = K::NUMBERED && path.is_empty();
                let (kind, what) = (head & 3, head >> 2);
                if kind == ENTRY_OTHER {
                    if what == OTHER_CLEAR {
                        if numbered {
                            keys.forget(property);
                        }
                        return effect(path, PartChange::Clear);
                    }
                    let key = read_key(reader, *key_type)?;
                    path.push(PathStep::Entry(key.clone()));
                    here = item;
                    match what {
                        OTHER_REMOVE => {
                            if numbered {
                                keys.removed(property, &key);
                            }
                            return effect(path, PartChange::Remove);
                        }
                        OTHER_PUT => return effect(path, PartChange::Value(read_inner(reader, here)?)),
                        OTHER_INTO => continue,
                        number if numbered => {
                            let into = (number - OTHER_LEARN) % 2 == 1;
                            let number = u32::try_from((number - OTHER_LEARN) / 2);
                            keys.learn(property, number.map_err(|_| "a number that is no key's")?, &key);
                            if into {
                                continue;
                            }
                            return effect(path, PartChange::Value(read_inner(reader, here)?));
                        }
                        OTHER_DIFFERENCE if integer(here) => {
                            return effect(path, PartChange::Diff(reader.i64().ok_or(CUT)?));
                        }
                        _ => return Err("has an unknown step of a dictionary"),
                    }
                }
                let number = u32::try_from(what).ok().filter(|_| numbered);
                let key = number.and_then(|number| keys.key(property, number)).cloned();
                let key = key.ok_or("a number that is no key's")?;
                path.push(PathStep::Entry(key.clone()));
                here = item;
                match kind {
                    ENTRY_PUT => return effect(path, PartChange::Value(read_inner(reader, here)?)),
                    ENTRY_REMOVE => {
                        keys.removed(property, &key);
                        return effect(path, PartChange::Remove);
                    }
                    // Into it.
                    _ => {}
                }
            }
            ValueType::Scalar(_) | ValueType::Custom(_) => return Err("leads into a value without parts"),
        }
    }
}

const AT_SET: u8 = 0;
const AT_ADD: u8 = 1;
/// The flags of a bounded addition follow in a byte.
const AT_ADD_BOUNDED: u8 = 2;
const AT_INSERT: u8 = 3;
const AT_REMOVE: u8 = 4;
const AT_MOVE: u8 = 5;
const AT_CLEAR: u8 = 6;
const AT_KINDS: u8 = 7;
const GAP_FRONT: u8 = 0;
const GAP_END: u8 = 8;
const GAP_AFTER: u8 = 16;
const GAPS: u8 = 24;

/// No item is on the way; a version of which its places are follows; an operation of the writer's own that inserted the item to
/// which so many steps lead follows; an item on the way is gone.
const OF_NAMES: u64 = 0;
const OF_VERSION: u64 = 1;
const OF_OWN: u64 = 2;
const OF_GONE: u64 = 3;

/// Appends a request. `base` is the version of the confirmed values; `number_of` gives the number of a key of a dictionary
/// that is the property itself, where the master knows it.
pub(super) fn put_at(
    out: &mut Vec<u8>,
    batch: u64,
    at: &At,
    base: u64,
    number_of: &dyn Fn(&Key) -> Option<u32>,
) {
    let gap_kind = |gap: &Gap| match gap {
        Gap::Front => GAP_FRONT,
        Gap::End => GAP_END,
        Gap::After(_) => GAP_AFTER,
    };
    out.push(match &at.what {
        AtChange::Set(_) => AT_SET,
        AtChange::Add(add) if bounds_flags(add) == 0 => AT_ADD,
        AtChange::Add(_) => AT_ADD_BOUNDED,
        AtChange::Insert { gap, .. } => AT_INSERT | gap_kind(gap),
        AtChange::Remove => AT_REMOVE,
        AtChange::Move { gap } => AT_MOVE | gap_kind(gap),
        AtChange::Clear => AT_CLEAR,
    });
    put_target(out, batch, &at.target, base, number_of);
    if let AtChange::Insert { gap: Gap::After(target), .. } | AtChange::Move { gap: Gap::After(target) } =
        &at.what
    {
        put_target(out, batch, target, base, number_of);
    }
    match &at.what {
        AtChange::Set(value) | AtChange::Insert { value, .. } => put_inner(out, value),
        AtChange::Add(add) => {
            let bounds = bounds_flags(add);
            if bounds != 0 {
                out.push(bounds);
            }
            put_add(out, add);
        }
        AtChange::Remove | AtChange::Move { .. } | AtChange::Clear => {}
    }
}

fn put_target(
    out: &mut Vec<u8>,
    batch: u64,
    target: &Target,
    base: u64,
    number_of: &dyn Fn(&Key) -> Option<u32>,
) {
    let of = match target.origin {
        Origin::Base { .. } if target.path.has_items() => OF_VERSION,
        Origin::Base { .. } => OF_NAMES,
        Origin::Own { .. } => OF_OWN,
        Origin::Gone => OF_GONE,
    };
    put_u64(out, (target.path.len() as u64) << 2 | of);
    match target.origin {
        Origin::Base { .. } if of == OF_VERSION => put_u64(out, base),
        Origin::Own { op, steps } => {
            put_u64(out, batch.saturating_sub(op.batch));
            put_u64(out, u64::from(op.op));
            put_u64(out, u64::from(steps));
        }
        _ => {}
    }
    for (depth, step) in target.path.iter().enumerate() {
        match step {
            PathStep::Field(field) => put_u64(out, u64::from(field.index)),
            PathStep::Item(index) => put_u64(out, u64::from(*index)),
            PathStep::Entry(key) if depth == 0 => match number_of(key) {
                Some(number) => put_u64(out, u64::from(number) + 1),
                None => {
                    put_u64(out, 0);
                    put_key(out, key);
                }
            },
            PathStep::Entry(key) => put_key(out, key),
        }
    }
}

/// Reads a request. `meaning` tells what the number of a key means.
pub(super) fn read_at(
    reader: &mut Reader<'_>,
    batch: u64,
    value_type: &ValueType,
    meaning: &dyn Fn(u32) -> Option<Meaning>,
) -> Result<At, &'static str> {
    let head = reader.u8().ok_or("ends inside an operation")?;
    let (kind, gap) = (head & AT_KINDS, head & GAPS);
    let has_gap = matches!(kind, AT_INSERT | AT_MOVE);
    if head & !(AT_KINDS | GAPS) != 0 || gap == GAPS || (gap != GAP_FRONT && !has_gap) || kind > AT_CLEAR {
        return Err("has an unknown operation of a part");
    }
    let (target, here) = read_target(reader, batch, value_type, meaning)?;
    let gap = match gap {
        GAP_FRONT => Gap::Front,
        GAP_END => Gap::End,
        _ => Gap::After(read_target(reader, batch, value_type, meaning)?.0),
    };
    let what = match kind {
        AT_SET => AtChange::Set(read_inner(reader, here)?),
        AT_ADD => AtChange::Add(read_add(reader, here, 0)?),
        AT_ADD_BOUNDED => {
            let flags = reader.u8().filter(|flags| *flags != 0).ok_or("ends inside an addition")?;
            AtChange::Add(read_add(reader, here, flags)?)
        }
        AT_INSERT => match here {
            ValueType::List(item) => AtChange::Insert { gap, value: read_inner(reader, item)? },
            _ => return Err("inserts into something that is no list"),
        },
        AT_REMOVE => AtChange::Remove,
        AT_MOVE => AtChange::Move { gap },
        _ => AtChange::Clear,
    };
    Ok(At { target, what })
}

fn read_target<'t>(
    reader: &mut Reader<'_>,
    batch: u64,
    value_type: &'t ValueType,
    meaning: &dyn Fn(u32) -> Option<Meaning>,
) -> Result<(Target, &'t ValueType), &'static str> {
    const CUT: &str = "ends inside a way";
    let head = reader.u64().ok_or(CUT)?;
    let length = usize::try_from(head >> 2).ok().filter(|length| *length <= MAX_NESTING);
    let length = length.ok_or("has a way longer than any type")?;
    let mut origin = match head & 3 {
        OF_NAMES => Origin::Base { since: 0 },
        OF_VERSION => Origin::Base { since: reader.u64().ok_or(CUT)? },
        OF_OWN => {
            let ago = reader.u64().ok_or(CUT)?;
            let of = batch.checked_sub(ago).filter(|of| *of > 0).ok_or("names a batch before the first")?;
            let op = reader.u64().and_then(|op| u16::try_from(op).ok());
            let op = op.ok_or("names an operation beyond any batch")?.into();
            let steps = reader.u64().and_then(|steps| u8::try_from(steps).ok());
            let steps = steps.filter(|steps| usize::from(*steps) <= length && *steps > 0);
            Origin::Own {
                op: OwnOp { batch: of, op },
                steps: steps.ok_or("has more steps to an item than its way")?,
            }
        }
        _ => Origin::Gone,
    };
    let names_only = head & 3 == OF_NAMES;
    let mut path = Path::root();
    let mut here = value_type;
    for depth in 0..length {
        let step = match here {
            ValueType::Record(record) => {
                let index = reader.u64().and_then(|index| usize::try_from(index).ok());
                let field = index.and_then(|index| Some((index, record.fields().get(index)?)));
                let (index, field) = field.ok_or("names a field that its record does not have")?;
                PathStep::Field(FieldStep { index: index as u16, name: field.shared_name().clone() })
            }
            ValueType::List(_) if names_only => return Err("names an item of no version"),
            ValueType::List(_) => {
                let index = reader.u64().and_then(|index| u32::try_from(index).ok());
                PathStep::Item(index.ok_or("a place is beyond any list")?)
            }
            ValueType::Dict(key_type, _) if depth == 0 => match reader.u64().ok_or(CUT)? {
                0 => PathStep::Entry(read_key(reader, *key_type)?),
                number => {
                    let meant = u32::try_from(number - 1).ok().and_then(meaning);
                    match meant.ok_or("a number that is no key's")? {
                        Meaning::Key(key) => PathStep::Entry(key),
                        Meaning::Forgotten => {
                            // What is asked of it has to be read all the same.
                            origin = Origin::Gone;
                            PathStep::Entry(Key::Int(0))
                        }
                    }
                }
            },
            ValueType::Dict(key_type, _) => PathStep::Entry(read_key(reader, *key_type)?),
            ValueType::Scalar(_) | ValueType::Custom(_) => return Err("leads into a value without parts"),
        };
        here = here.element();
        if let (PathStep::Field(field), ValueType::Record(record)) = (&step, here) {
            here = record.fields().get(usize::from(field.index)).ok_or(CUT)?.value_type();
        }
        path.push(step);
    }
    Ok((Target { origin, path }, here))
}
