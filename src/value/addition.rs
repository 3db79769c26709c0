//! Additions to numbers, and what happens at bounds.

use std::ops::{Bound, RangeBounds, RangeInclusive};

use super::{ScalarType, Value};
use crate::error::{Error, Result};
use crate::schema::Slot;

/// An amount to be added to a number, and what is to happen at bounds.
///
/// ```
/// use mst_profiles::Addition;
/// let heal = Addition::int_clamped(80, ..=100); // to 100 at the most
/// let pay = Addition::int_guarded(-30, 0..); // refused when it would lead below 0
/// # let _ = (heal, pay);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct Addition(pub(crate) Add);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Add {
    Int { amount: i64, mode: Mode<i64> },
    Float { amount: f64, mode: Mode<f64> },
}

/// What happens at bounds. One that was not given is the least or the greatest number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mode<T> {
    /// Refused when the sum does not fit the type.
    Plain,
    /// The sum is brought to the nearer bound.
    Clamp { min: T, max: T },
    /// Refused when the sum is not within the bounds.
    Guard { min: T, max: T },
}

impl From<i64> for Addition {
    fn from(amount: i64) -> Self {
        Self::int(amount)
    }
}

impl From<f64> for Addition {
    fn from(amount: f64) -> Self {
        Self::float(amount)
    }
}

impl Addition {
    /// Adds to an integer; refused when the sum does not fit its type.
    pub fn int(amount: i64) -> Self {
        Self(Add::Int { amount, mode: Mode::Plain })
    }

    /// Adds to an integer and brings the sum to the nearer bound: "heal 80, but not above 100".
    pub fn int_clamped(amount: i64, bounds: impl RangeBounds<i64>) -> Self {
        let (min, max) = int_bounds(&bounds);
        Self(Add::Int { amount, mode: Mode::Clamp { min, max } })
    }

    /// Adds to an integer, if the sum is within the bounds: "take 30, but refuse below 0".
    pub fn int_guarded(amount: i64, bounds: impl RangeBounds<i64>) -> Self {
        let (min, max) = int_bounds(&bounds);
        Self(Add::Int { amount, mode: Mode::Guard { min, max } })
    }

    /// Adds to a floating-point number. The sum is computed with 64 bits and rounded to the number's type.
    pub fn float(amount: f64) -> Self {
        Self(Add::Float { amount, mode: Mode::Plain })
    }

    /// Adds to a floating-point number and brings the sum to the nearer bound.
    pub fn float_clamped(amount: f64, bounds: RangeInclusive<f64>) -> Self {
        let (min, max) = bounds.into_inner();
        Self(Add::Float { amount, mode: Mode::Clamp { min, max } })
    }

    /// Adds to a floating-point number, if the sum is within the bounds.
    pub fn float_guarded(amount: f64, bounds: RangeInclusive<f64>) -> Self {
        let (min, max) = bounds.into_inner();
        Self(Add::Float { amount, mode: Mode::Guard { min, max } })
    }
}

/// Inclusive bounds. Of bounds that exclude all numbers, the lower one becomes the greater.
fn int_bounds(bounds: &impl RangeBounds<i64>) -> (i64, i64) {
    let min = match bounds.start_bound() {
        Bound::Included(min) => Some(*min),
        Bound::Excluded(min) => min.checked_add(1),
        Bound::Unbounded => Some(i64::MIN),
    };
    let max = match bounds.end_bound() {
        Bound::Included(max) => Some(*max),
        Bound::Excluded(max) => max.checked_sub(1),
        Bound::Unbounded => Some(i64::MAX),
    };
    min.zip(max).unwrap_or((i64::MAX, i64::MIN))
}

impl Add {
    /// Checks what may come from a caller or from the network.
    pub(crate) fn check(&self) -> Result<()> {
        let ordered = match self {
            Self::Int { mode: Mode::Clamp { min, max } | Mode::Guard { min, max }, .. } => min <= max,
            // A NaN is no bound.
            Self::Float { mode: Mode::Clamp { min, max } | Mode::Guard { min, max }, .. } => min <= max,
            _ => true,
        };
        if ordered {
            return Ok(());
        }
        Err(Error::InvalidArgument { argument: "bounds", reason: "no number is within them".into() })
    }

    /// Whether it is refused where the sum is not within bounds.
    pub(crate) fn is_guarded(&self) -> bool {
        matches!(
            self,
            Self::Int { mode: Mode::Guard { .. }, .. } | Self::Float { mode: Mode::Guard { .. }, .. }
        )
    }

    /// Whether it has no bounds.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Self::Int { mode: Mode::Plain, .. } | Self::Float { mode: Mode::Plain, .. })
    }

    /// Whether it changes no number.
    pub(crate) fn is_nothing(&self) -> bool {
        match self {
            Self::Int { amount, mode: Mode::Plain } => *amount == 0,
            Self::Float { amount, mode: Mode::Plain } => *amount == 0.0,
            _ => false,
        }
    }

    /// The number that it makes of `base`.
    pub(crate) fn apply(&self, base: &Value, slot: &Slot<'_>) -> Result<Value> {
        let scalar = base.scalar_type().unwrap_or(ScalarType::Bool);
        let overflow = |amount: &dyn std::fmt::Display| Error::Overflow {
            property: slot.name(),
            value_type: scalar.name(),
            amount: amount.to_string(),
        };
        let wrong = |found: &str| slot.wrong_type(found);
        match self {
            Self::Int { amount, mode } => {
                let int = base.as_int().ok_or_else(|| wrong("an integer to add to"))?;
                let sum = i128::from(int) + i128::from(*amount);
                let sum = match mode {
                    Mode::Plain => sum,
                    Mode::Clamp { min, max } => {
                        let sum = sum.clamp(i128::from(*min), i128::from(*max));
                        match scalar {
                            ScalarType::I32 => sum.clamp(i128::from(i32::MIN), i128::from(i32::MAX)),
                            _ => sum,
                        }
                    }
                    Mode::Guard { min, max } => {
                        if sum < i128::from(*min) || sum > i128::from(*max) {
                            return Err(guard_failed(slot, base, amount, min, max));
                        }
                        sum
                    }
                };
                (i64::try_from(sum).ok().and_then(|sum| Value::int_of_type(scalar, sum)))
                    .ok_or_else(|| overflow(amount))
            }
            Self::Float { amount, mode } => {
                let float = base.as_float().ok_or_else(|| wrong("a floating-point number to add to"))?;
                let mut sum = float + amount;
                match mode {
                    Mode::Plain => {}
                    // Not `clamp`: that has an opinion of NaN.
                    Mode::Clamp { min, .. } if sum < *min => sum = *min,
                    Mode::Clamp { max, .. } if sum > *max => sum = *max,
                    Mode::Clamp { .. } => {}
                    Mode::Guard { min, max } => {
                        if !(*min..=*max).contains(&sum) {
                            return Err(guard_failed(slot, base, amount, min, max));
                        }
                    }
                }
                Ok(match scalar {
                    ScalarType::F32 => Value::F32(sum as f32),
                    _ => Value::F64(sum),
                })
            }
        }
    }

    /// One addition that does what the two do, one after the other, to every number of a type. Guarded ones stay two: which
    /// of them fails matters.
    pub(crate) fn then(&self, next: &Self, scalar: ScalarType) -> Option<Self> {
        // Between the two the sum has been brought within the type, too.
        let within = |bound: i64| match scalar {
            ScalarType::I32 => bound.clamp(i64::from(i32::MIN), i64::from(i32::MAX)),
            _ => bound,
        };
        match (*self, *next) {
            (Self::Int { amount: a, mode: Mode::Plain }, Self::Int { amount: b, mode: Mode::Plain }) => {
                Some(Self::Int { amount: a.checked_add(b)?, mode: Mode::Plain })
            }
            (
                Self::Int { amount: a, mode: Mode::Clamp { min: low, max: high } },
                Self::Int { amount: b, mode: Mode::Clamp { min, max } },
            ) => {
                let moved = |bound: i64| {
                    let sum = i128::from(within(bound)) + i128::from(b);
                    sum.clamp(i128::from(min), i128::from(max)) as i64
                };
                let mode = Mode::Clamp { min: moved(low), max: moved(high) };
                Some(Self::Int { amount: a.checked_add(b)?, mode })
            }
            (Self::Float { amount: a, mode: Mode::Plain }, Self::Float { amount: b, mode: Mode::Plain }) => {
                Some(Self::Float { amount: a + b, mode: Mode::Plain })
            }
            // Clamped floating-point sums round differently when they are put together.
            _ => None,
        }
    }
}

fn guard_failed(
    slot: &Slot<'_>,
    base: &Value,
    amount: &dyn std::fmt::Display,
    min: &dyn std::fmt::Display,
    max: &dyn std::fmt::Display,
) -> Error {
    let base =
        base.as_int().map_or_else(|| base.as_float().unwrap_or(0.0).to_string(), |int| int.to_string());
    Error::GuardFailed {
        property: slot.name(),
        reason: format!("adding {amount} to {base} leads out of {min} to {max}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::schema::{Property, Schema};

    proptest! {
        /// Two clamped additions put together do to every number what they do one after the other.
        #[test]
        fn composed_additions_do_what_both_do(
            base in any::<i32>(),
            (a, b) in (any::<i32>().prop_map(i64::from), any::<i32>()),
            bounds in any::<[i32; 4]>(),
            plain in any::<bool>(),
            open in any::<[bool; 2]>(),
            narrow in any::<bool>(),
        ) {
            let scalar = if narrow && !plain { ScalarType::I32 } else { ScalarType::I64 };
            let schema = Schema::builder().property(Property::of_type("n", scalar)).build().unwrap();
            let info = &schema.properties()[0].slot();
            let (x, y) = (bounds[0].min(bounds[1]), bounds[0].max(bounds[1]));
            let (z, w) = (bounds[2].min(bounds[3]), bounds[2].max(bounds[3]));
            let low = |bound: i32| if open[0] { i64::MIN } else { i64::from(bound) };
            let high = |bound: i32| if open[1] { i64::MAX } else { i64::from(bound) };
            let (first, second) = if plain {
                (Addition::int(a).0, Addition::int(i64::from(b)).0)
            } else {
                (
                    Addition::int_clamped(a, low(x)..=high(y)).0,
                    Addition::int_clamped(i64::from(b), low(z)..=high(w)).0,
                )
            };
            let base = Value::int_of_type(scalar, i64::from(base)).unwrap();
            let one_by_one = second.apply(&first.apply(&base, info).unwrap(), info).unwrap();
            let together = first.then(&second, scalar).unwrap().apply(&base, info).unwrap();
            prop_assert_eq!(one_by_one, together);
        }
    }
}
