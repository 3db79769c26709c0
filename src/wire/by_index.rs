//! Something for a few of a profile's properties.

/// Values by a property's index. There are few, of dictionaries or lists say, and many profiles: a sorted list is smaller than a
/// table, and found in as fast.
#[derive(Clone, Debug)]
pub(crate) struct ByIndex<T>(Vec<(u16, T)>);

impl<T> Default for ByIndex<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> ByIndex<T> {
    fn find(&self, index: u16) -> Result<usize, usize> {
        self.0.binary_search_by_key(&index, |(index, _)| *index)
    }

    pub(crate) fn get(&self, index: u16) -> Option<&T> {
        self.find(index).ok().map(|place| &self.0[place].1)
    }

    pub(crate) fn get_mut(&mut self, index: u16) -> Option<&mut T> {
        self.find(index).ok().map(|place| &mut self.0[place].1)
    }

    /// What there is, or what is made now.
    pub(crate) fn or_insert_with(&mut self, index: u16, make: impl FnOnce() -> T) -> &mut T {
        let place = self.find(index).unwrap_or_else(|place| {
            self.0.insert(place, (index, make()));
            place
        });
        &mut self.0[place].1
    }

    pub(crate) fn insert(&mut self, index: u16, value: T) {
        match self.find(index) {
            Ok(place) => self.0[place].1 = value,
            Err(place) => self.0.insert(place, (index, value)),
        }
    }

    pub(crate) fn remove(&mut self, index: u16) -> Option<T> {
        self.find(index).ok().map(|place| self.0.remove(place).1)
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
