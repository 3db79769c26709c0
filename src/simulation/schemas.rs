//! Random schemas, each with the model's own description of its properties.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::plain::{Plain, plain, with_identity};
use crate::schema::{Limits, Merge, Number, Property, Relation, Schema, SyncClass, Visibility, Writers};
use crate::sync::Rng;
use crate::value::{Dict, KeyType, List, ScalarType, Value, ValueType};

/// Schemas that worlds share; building one costs more than a world may.
const POOL: u64 = 64;

/// A schema and how peers may know it.
pub(super) struct Layout {
    pub(super) plans: Vec<Plan>,
    pub(super) schema: Arc<Schema>,
    /// All of it in its order; some of it in another order; some of it by keys and types alone.
    pub(super) views: [Rc<View>; 3],
}

/// What the model knows of a property.
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) value_type: ValueType,
    pub(super) default: Plain,
    pub(super) writers: Writers,
    pub(super) visibility: Visibility,
    pub(super) sum: bool,
    pub(super) saved: bool,
    pub(super) monotonic: bool,
    pub(super) range: Option<(i64, i64)>,
    pub(super) max_length: Option<usize>,
    pub(super) max_count: Option<usize>,
    pub(super) min_count: usize,
}

/// A peer's schema, and which of the master's properties its own are.
pub(super) struct View {
    pub(super) schema: Arc<Schema>,
    pub(super) properties: Vec<usize>,
    pub(super) defaults: Vec<Value>,
}

thread_local! {
    static LAYOUTS: RefCell<BTreeMap<u64, Rc<Layout>>> = const { RefCell::new(BTreeMap::new()) };
}

/// One of the pool's layouts, the same for the same number.
pub(super) fn layout(number: u64) -> Rc<Layout> {
    LAYOUTS.with_borrow_mut(|layouts| {
        let number = number % POOL;
        layouts.entry(number).or_insert_with(|| Rc::new(Layout::random(&mut Rng::new(number)))).clone()
    })
}

impl Layout {
    fn random(rng: &mut Rng) -> Self {
        let count = 3 + rng.below(10) as usize;
        let (plans, properties): (Vec<_>, Vec<_>) = (0..count).map(|place| property(rng, place)).unzip();
        let build = |properties: Vec<Property>| {
            let builder = properties.into_iter().fold(Schema::builder(), |b, p| b.property(p));
            builder.build().unwrap_or_else(|error| panic!("a random schema is not good: {error}"))
        };
        let schema = build(properties.clone());
        let mut some: Vec<usize> = (0..count).filter(|_| rng.below(4) > 0).collect();
        for place in (1..some.len()).rev() {
            some.swap(place, rng.below(place as u64 + 1) as usize);
        }
        if some.is_empty() {
            some.push(0);
        }
        let named = some.iter().map(|place| properties[*place].clone()).collect();
        let keyed = some.iter().map(|place| {
            let info = &schema.properties()[*place];
            Property::with_key(info.key(), info.default().clone())
        });
        let keyed = keyed.collect();
        let view = |schema: Arc<Schema>, properties: Vec<usize>| {
            let defaults = schema.properties().iter().map(|p| p.default().clone()).collect();
            Rc::new(View { schema, properties, defaults })
        };
        let views = [
            view(schema.clone(), (0..count).collect()),
            view(build(named), some.clone()),
            view(build(keyed), some),
        ];
        Self { plans, schema, views }
    }
}

/// The scalar type of values of a type, or of what is in them.
pub(super) fn scalar_of(value_type: &ValueType) -> ScalarType {
    value_type.element().scalar().unwrap_or(ScalarType::Bool)
}

impl Plan {
    /// The scalar type of its value, or of the items or values in it.
    pub(super) fn scalar(&self) -> ScalarType {
        scalar_of(&self.value_type)
    }

    /// What texts of the property begin with. What not all may see can be found in the bytes that somebody is sent.
    pub(super) fn tag(&self, user: usize) -> String {
        match self.visibility {
            Visibility::Public => "p".into(),
            Visibility::Owner => format!("~~O{user}:"),
            Visibility::Servers => "~~S:".into(),
        }
    }

    pub(super) fn visible_to(&self, relation: Relation) -> bool {
        match relation {
            Relation::Server | Relation::Master => true,
            Relation::Owner => self.visibility != Visibility::Servers,
            Relation::OtherClient => self.visibility == Visibility::Public,
        }
    }

    pub(super) fn writable_by(&self, relation: Relation) -> bool {
        match relation {
            Relation::Master => true,
            Relation::Server => self.writers != Writers::Master,
            Relation::Owner => self.writers == Writers::Owner,
            Relation::OtherClient => false,
        }
    }

    /// Whether the value keeps to the limits.
    pub(super) fn allows(&self, value: &Plain) -> bool {
        let count = |count: usize| count >= self.min_count && self.max_count.is_none_or(|max| count <= max);
        match value {
            Plain::List(items) => count(items.len()) && items.iter().all(|item| self.allows_element(item)),
            Plain::Dict(entries) => count(entries.len()) && entries.values().all(|v| self.allows_element(v)),
            scalar => self.allows_element(scalar),
        }
    }

    pub(super) fn allows_element(&self, value: &Plain) -> bool {
        let in_range = match (value, self.range) {
            (Plain::Int(int), Some((min, max))) => (min..=max).contains(int),
            (Plain::Float(float), Some((min, max))) => (min as f64..=max as f64).contains(float),
            _ => true,
        };
        let fits = match (value, self.scalar()) {
            (Plain::Int(int), ScalarType::I32) => i32::try_from(*int).is_ok(),
            _ => true,
        };
        let short = match (value, self.max_length) {
            (Plain::Text(text), Some(max)) => text.len() <= max,
            (Plain::Raw(bytes), Some(max)) => bytes.len() <= max,
            _ => true,
        };
        in_range && fits && short
    }

    /// Whether what is pending can be replayed in any way of putting it together, with one outcome: an entry of a dictionary
    /// that is within limits only after all that was done to it is not.
    pub(super) fn replays_exactly(&self) -> bool {
        let limited = self.range.is_some() || self.max_count.is_some() || self.min_count > 0;
        !limited || !self.value_type.is_container()
    }
}

fn property(rng: &mut Rng, place: usize) -> (Plan, Property) {
    let visibility = [Visibility::Public, Visibility::Owner, Visibility::Servers][rng.below(3) as usize];
    let mut writers =
        [Writers::Servers, Writers::Servers, Writers::Owner, Writers::Owner][rng.below(4) as usize];
    if visibility == Visibility::Servers {
        writers = Writers::Servers;
    }
    if rng.below(24) == 0 {
        writers = Writers::Master;
    }
    let name = format!("{}{place}", ["stats.", "p", "inventory.slot.", "ü"][rng.below(4) as usize]);
    let mut limits = Limits::default();
    // Of the first ones there is one of each kind at least.
    let kind = if place < 3 { place as u64 * 3 } else { rng.below(10) };
    let default: Value = match kind {
        0..=3 => number(rng, &mut limits),
        4 => scalar(rng, &mut limits),
        5..=7 => list(rng, &mut limits),
        _ => dict(rng, &mut limits),
    };
    let value_type = default.value_type();
    let summable = matches!(value_type, ValueType::Scalar(scalar) if scalar.is_number());
    let sum = summable && rng.below(2) == 0;
    let saved = rng.below(5) > 0;
    let plan = Plan {
        name: name.clone(),
        value_type,
        default: plain(&default),
        writers,
        visibility,
        sum,
        saved,
        monotonic: limits.monotonic,
        range: match (limits.min, limits.max) {
            (Some(Number::Int(min)), Some(Number::Int(max))) => Some((min, max)),
            _ => None,
        },
        max_length: limits.max_length.map(|n| n as usize),
        max_count: limits.max_count.map(|n| n as usize),
        min_count: limits.min_count.map_or(0, |n| n as usize),
    };
    let property = Property::new(&name, default)
        .writers(writers)
        .visibility(visibility)
        .merge(if sum { Merge::Sum } else { Merge::Last })
        .sync(if rng.below(4) == 0 { SyncClass::Immediate } else { SyncClass::Interval })
        .saved(saved)
        .limits(limits);
    (plan, property)
}

fn number(rng: &mut Rng, limits: &mut Limits) -> Value {
    if rng.below(3) == 0 {
        (limits.min, limits.max) = (Some(Number::Int(0)), Some(Number::Int(100)));
    } else if rng.below(6) == 0 {
        limits.monotonic = true;
    }
    let limited = *limits != Limits::default();
    match rng.below(8) {
        0..=2 => Value::I64(50),
        // Sooner or later a sum no longer fits.
        3..=4 if !limited => Value::I32(i32::MAX - 300),
        3..=5 => Value::I32(10),
        6 => Value::F64(0.5),
        _ => Value::F32(8.25),
    }
}

fn scalar(rng: &mut Rng, limits: &mut Limits) -> Value {
    let scalar = ScalarType::ALL[rng.below(ScalarType::ALL.len() as u64) as usize];
    if matches!(scalar, ScalarType::String | ScalarType::Bytes) && rng.below(2) == 0 {
        limits.max_length = Some(14);
    }
    scalar.zero()
}

fn list(rng: &mut Rng, limits: &mut Limits) -> Value {
    const ITEMS: [ScalarType; 6] = [
        ScalarType::I32,
        ScalarType::I64,
        ScalarType::F64,
        ScalarType::String,
        ScalarType::Bytes,
        ScalarType::Uuid,
    ];
    let item = ITEMS[rng.below(6) as usize];
    if rng.below(4) == 0 {
        limits.max_count = Some(4 + rng.below(4) as u32);
    }
    let mut count = rng.below(2) * rng.below(5);
    if rng.below(6) == 0 {
        limits.min_count = Some(1);
        count = count.max(1);
    }
    let items = (1..=count as i64).map(|identity| with_identity(item, identity, 0, ""));
    List::from_items(item, items.collect()).map_or(Value::Bool(false), Value::List)
}

fn dict(rng: &mut Rng, limits: &mut Limits) -> Value {
    let key = KeyType::ALL[rng.below(3) as usize];
    let value = match rng.below(3) {
        0 => ScalarType::ALL[rng.below(ScalarType::ALL.len() as u64) as usize],
        1 => ScalarType::I32,
        _ => ScalarType::I64,
    };
    if rng.below(4) == 0 {
        limits.max_count = Some(3 + rng.below(4) as u32);
    }
    if value.is_integer() && rng.below(6) == 0 {
        (limits.min, limits.max) = (Some(Number::Int(0)), Some(Number::Int(1 << 30)));
    }
    Value::Dict(Dict::new(key, value))
}
