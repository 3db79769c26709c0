//! Numbers in variables of their own type.

use super::{Value, ValueChange};

/// A number, or a bool, in a variable of its own type: what is done most often is done so. A whole [`Value`] is read at once, for
/// which the processor has to wait when its parts were written one by one just before.
pub(crate) trait Bare: Copy + Into<Value> {
    fn is(self, other: Self) -> bool;

    fn place(value: &mut Value) -> Option<&mut Self>;

    /// Makes it the value, without a look at what that was where it is of the same type.
    #[inline(always)]
    fn put(self, value: &mut Value) {
        match Self::place(value) {
            Some(place) => *place = self,
            None => *value = self.into(),
        }
    }

    /// Puts it where another one is. The one that was there, if it is another.
    #[inline(always)]
    fn replace(self, place: &mut Self) -> Option<Self> {
        let old = std::mem::replace(place, self);
        if old.is(self) { None } else { Some(old) }
    }

    /// How a value changed that was another one before.
    #[inline(always)]
    fn change_from(self, old: Self) -> ValueChange {
        ValueChange::Replaced { old: old.into(), new: self.into() }
    }

    /// Puts it where another one is. How that changed, if it did.
    #[inline(always)]
    fn put_in(self, place: &mut Self) -> Option<ValueChange> {
        self.replace(place).map(|old| self.change_from(old))
    }
}

macro_rules! bare {
    ($($of:ident: $type:ty, |$a:ident, $b:ident| $is:expr;)*) => {
        $(impl Bare for $type {
            #[inline(always)]
            fn is(self, other: Self) -> bool {
                let ($a, $b) = (self, other);
                $is
            }

            #[inline(always)]
            fn place(value: &mut Value) -> Option<&mut Self> {
                match value {
                    Value::$of(place) => Some(place),
                    _ => None,
                }
            }
        })*
    };
}

bare! {
    Bool: bool, |a, b| a == b;
    I32: i32, |a, b| a == b;
    I64: i64, |a, b| a == b;
    F32: f32, |a, b| a.to_bits() == b.to_bits();
    F64: f64, |a, b| a.to_bits() == b.to_bits();
}
