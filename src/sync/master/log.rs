//! The last steps of something, in the order of their versions.

use std::iter::Chain;
use std::slice;

/// Up to `MOST` steps, of which the oldest goes for each that comes then.
pub(super) struct Log<T, const MOST: usize> {
    /// A ring when it is full.
    steps: Vec<T>,
    /// Where the oldest is.
    oldest: usize,
}

impl<T, const MOST: usize> Default for Log<T, MOST> {
    fn default() -> Self {
        Self { steps: Vec::new(), oldest: 0 }
    }
}

impl<T, const MOST: usize> Log<T, MOST> {
    // So that a step is made where it will be.
    #[inline(always)]
    pub(super) fn push(&mut self, step: T) {
        if self.steps.len() < MOST {
            self.steps.push(step);
            return;
        }
        self.steps[self.oldest] = step;
        self.oldest = (self.oldest + 1) % MOST;
    }

    /// The one that goes for the next.
    #[inline]
    pub(super) fn next_to_go(&self) -> Option<&T> {
        if self.steps.len() < MOST { None } else { self.steps.get(self.oldest) }
    }

    /// The last ones, up to the first for which it is not so.
    #[inline]
    pub(super) fn last_while(&self, so: impl Fn(&T) -> bool) -> Last<'_, T> {
        let (newer, older) = self.steps.split_at(self.oldest);
        let tail = |steps: &'_ [T]| steps.iter().rev().take_while(|step| so(step)).count();
        let of_newer = tail(newer);
        let of_older = if of_newer == newer.len() { tail(older) } else { 0 };
        Last(
            older[older.len() - of_older..].iter().chain(&newer[newer.len() - of_newer..]),
            of_older + of_newer,
        )
    }

    /// All, in no order.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.steps.iter_mut()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Some of the last steps of a log, oldest first.
pub(super) struct Last<'a, T>(Chain<slice::Iter<'a, T>, slice::Iter<'a, T>>, usize);

impl<T> Default for Last<'_, T> {
    fn default() -> Self {
        Self([].iter().chain([].iter()), 0)
    }
}

impl<T> Clone for Last<'_, T> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), self.1)
    }
}

impl<'a, T> Iterator for Last<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        let next = self.0.next()?;
        self.1 -= 1;
        Some(next)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.1, Some(self.1))
    }
}

impl<T> ExactSizeIterator for Last<'_, T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_there_in_their_order() {
        let mut log = Log::<u32, 5>::default();
        for step in 0..23_u32 {
            assert_eq!(log.next_to_go().copied(), step.checked_sub(5));
            log.push(step);
            for since in 0..=step + 1 {
                let last = log.last_while(|step| *step >= since);
                assert_eq!(last.len(), last.clone().count());
                let from = since.max((step + 1).saturating_sub(5));
                assert_eq!(last.copied().collect::<Vec<_>>(), (from..=step).collect::<Vec<_>>());
            }
        }
        log.clear();
        assert_eq!(log.last_while(|_| true).len(), 0);
    }
}
