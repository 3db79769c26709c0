//! A sequence whose copies share what none of them has changed: a counted B+ tree.

use std::cmp::Ordering;
use std::iter::FusedIterator;
use std::sync::Arc;
use std::{fmt, mem, slice};

/// The most elements of a leaf. Measured, together with [`BRANCH`]: larger nodes cost more to copy when a shared tree is
/// changed, and smaller ones more to find something in.
const LEAF: usize = 48;
/// The most children of a branch.
const BRANCH: usize = 16;
/// How many elements a leaf has room for that begins because elements are added at the tree's end.
const NEXT_LEAF: usize = 16;

/// Elements in an order. A clone costs the same whatever their number, and changing one of two that share their
/// contents copies only the nodes from the root to the place. What is shared with nobody is changed in place.
///
/// Comparisons take it that an element is equal to itself.
pub(crate) struct Tree<T> {
    root: Node<T>,
}

impl<T> Tree<T> {
    pub(crate) const fn new() -> Self {
        Self { root: Node::Empty }
    }

    /// With full leaves, of which the last two share what is left, and without spare room.
    pub(crate) fn from_vec(elements: Vec<T>) -> Self {
        let mut level = leaves(elements);
        while level.len() > 1 {
            level = branches(level);
        }
        Self { root: level.pop().unwrap_or_default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.root.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        if index >= self.len() {
            return None;
        }
        let (slots, at) = self.root.leaf_at(index);
        slots[at].as_ref()
    }

    #[cfg(test)]
    pub(crate) fn first(&self) -> Option<&T> {
        self.get(0)
    }

    #[cfg(test)]
    pub(crate) fn last(&self) -> Option<&T> {
        self.get(self.len().checked_sub(1)?)
    }

    pub(crate) fn iter(&self) -> Iter<'_, T> {
        self.iter_from(0)
    }

    /// The elements from a place on; none when the place is beyond the end.
    pub(crate) fn iter_from(&self, index: usize) -> Iter<'_, T> {
        let end = self.len();
        Iter {
            root: &self.root,
            start: index.min(end),
            end,
            front: [].as_slice().iter(),
            back: [].as_slice().iter(),
        }
    }

    /// How many elements fulfil the condition, when all that do stand before all that do not.
    pub(crate) fn partition_point(&self, fulfils: impl Fn(&T) -> bool) -> usize {
        let mut node = &self.root;
        let mut before = 0;
        while let Node::Branch { children, .. } = node {
            let later = &children[1..];
            let child = later.partition_point(|child| child.first().is_some_and(&fulfils));
            before += children[..child].iter().map(Node::len).sum::<usize>();
            node = &children[child];
        }
        before + node.slots().partition_point(|slot| slot.as_ref().is_some_and(&fulfils))
    }

    #[cfg(test)]
    pub(crate) fn clear(&mut self) {
        self.root = Node::Empty;
    }

    /// Whether the two share all their contents, or have none. Trees that are equal need not.
    #[cfg(test)]
    pub(crate) fn ptr_eq(&self, other: &Self) -> bool {
        self.root.ptr_eq(&other.root)
    }

    /// How many elements at the beginning are the same in both. What the two share is not looked at.
    pub(crate) fn common_prefix(&self, other: &Self, same: impl Fn(&T, &T) -> bool) -> usize {
        common::<T, false>(self, other, usize::MAX, same)
    }

    /// How many elements at the end are the same in both, but at most so many. What the two share is not looked at.
    pub(crate) fn common_suffix(&self, other: &Self, most: usize, same: impl Fn(&T, &T) -> bool) -> usize {
        common::<T, true>(self, other, most, same)
    }
}

impl<T: Clone> Tree<T> {
    /// Puts an element in the place of another, which is returned.
    #[track_caller]
    pub(crate) fn set(&mut self, index: usize, element: T) -> T {
        self.modify(index, |old| mem::replace(old, element))
    }

    /// Changes an element where it stands.
    #[track_caller]
    pub(crate) fn modify<R>(&mut self, index: usize, change: impl FnOnce(&mut T) -> R) -> R {
        let len = self.len();
        match self.root.element_mut(index) {
            Some(element) => change(element),
            None => panic!("there is no element {index} among {len}"),
        }
    }

    /// Puts an element before the one at a place, or at the end.
    #[track_caller]
    pub(crate) fn insert(&mut self, index: usize, element: T) {
        let len = self.len();
        assert!(index <= len, "no element can be inserted at {index} among {len}");
        let edge = match index {
            _ if index == len => Edge::Back,
            0 => Edge::Front,
            _ => Edge::None,
        };
        if let Some(next) = self.root.insert(index, element, edge) {
            let first = mem::take(&mut self.root);
            self.root = Node::branch(Arc::new([first, next]));
        }
    }

    #[cfg(test)]
    pub(crate) fn push(&mut self, element: T) {
        self.insert(self.len(), element);
    }

    #[track_caller]
    pub(crate) fn remove(&mut self, index: usize) -> T {
        let len = self.len();
        let removed = if index < len { self.root.remove(index) } else { None };
        self.root.lower();
        match removed {
            Some(element) => element,
            None => panic!("there is no element {index} to remove among {len}"),
        }
    }

    /// Moves an element, so that it stands at `to` afterwards.
    #[track_caller]
    pub(crate) fn relocate(&mut self, from: usize, to: usize) {
        let len = self.len();
        assert!(from < len && to < len, "no element can be moved from {from} to {to} among {len}");
        if from != to && !self.root.relocate(from, to) {
            let element = self.remove(from);
            self.insert(to, element);
        }
    }
}

// Written out because a derived one would ask for elements that can be cloned.
impl<T> Clone for Tree<T> {
    fn clone(&self) -> Self {
        Self { root: self.root.clone() }
    }
}

impl<T> Default for Tree<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> FromIterator<T> for Tree<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        Self::from_vec(elements.into_iter().collect())
    }
}

impl<T: PartialEq> PartialEq for Tree<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.common_prefix(other, T::eq) == self.len()
    }
}

impl<T: fmt::Debug> fmt::Debug for Tree<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl<'a, T> IntoIterator for &'a Tree<T> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The elements of a tree, in their order.
///
/// It remembers no way through the tree, and so costs nothing to make: at a leaf's end it finds the next from the root.
pub(crate) struct Iter<'a, T> {
    root: &'a Node<T>,
    start: usize,
    end: usize,
    /// What follows `start` in its leaf; empty also before it is looked for. It may reach beyond `end`.
    front: slice::Iter<'a, Option<T>>,
    /// What comes before `end` in its leaf; likewise.
    back: slice::Iter<'a, Option<T>>,
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        if self.start == self.end {
            return None;
        }
        let slot = self.front.next().or_else(|| {
            let (slots, at) = self.root.leaf_at(self.start);
            self.front = slots[at..].iter();
            self.front.next()
        });
        self.start += 1;
        slot?.as_ref()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.end - self.start;
        (len, Some(len))
    }
}

impl<T> DoubleEndedIterator for Iter<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.start == self.end {
            return None;
        }
        self.end -= 1;
        let slot = self.back.next_back().or_else(|| {
            let (slots, at) = self.root.leaf_at(self.end);
            self.back = slots[..=at].iter();
            self.back.next_back()
        });
        slot?.as_ref()
    }
}

impl<T> ExactSizeIterator for Iter<'_, T> {}

impl<T> FusedIterator for Iter<'_, T> {}

impl<T> Clone for Iter<'_, T> {
    fn clone(&self) -> Self {
        Self { front: self.front.clone(), back: self.back.clone(), ..*self }
    }
}

impl<T: fmt::Debug> fmt::Debug for Iter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// A subtree. All leaves are at one depth.
///
/// Every node but the root is at least a quarter full, except that the first and the last of a level may have less
/// when elements were added at that end: so the others are full after many additions there, and not half full.
/// The lengths stand beside the pointers, so that a leaf is one allocation of nothing but elements, and a place is
/// found without looking into the nodes beside it.
#[derive(Default)]
enum Node<T> {
    /// The root of an empty tree, and nothing else but for a moment.
    #[default]
    Empty,
    /// The first `len` slots have elements, and the others are room for more.
    Leaf { len: u32, slots: Arc<[Option<T>]> },
    /// `len` is the number of elements below, of which each child has one at least.
    Branch { len: u32, children: Arc<[Node<T>]> },
}

/// At which end of the whole tree an element is added, if at one.
#[derive(Clone, Copy)]
enum Edge {
    Front,
    None,
    Back,
}

impl<T> Node<T> {
    fn branch(children: Arc<[Self]>) -> Self {
        Self::Branch { len: count(children.iter().map(Self::len).sum()), children }
    }

    fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Leaf { len, .. } | Self::Branch { len, .. } => *len as usize,
        }
    }

    fn ptr_eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Empty, Self::Empty) => true,
            (Self::Leaf { slots: a, .. }, Self::Leaf { slots: b, .. }) => Arc::ptr_eq(a, b),
            (Self::Branch { children: a, .. }, Self::Branch { children: b, .. }) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// The elements of a leaf.
    fn slots(&self) -> &[Option<T>] {
        match self {
            Self::Leaf { len, slots } => &slots[..*len as usize],
            _ => &[],
        }
    }

    /// The elements of the leaf in which a place is, which must be there, and where it is among them.
    fn leaf_at(&self, mut index: usize) -> (&[Option<T>], usize) {
        let mut node = self;
        while let Self::Branch { children, .. } = node {
            let child;
            (child, index) = find(children, index);
            node = &children[child];
        }
        (node.slots(), index)
    }

    fn first(&self) -> Option<&T> {
        let mut node = self;
        while let Self::Branch { children, .. } = node {
            node = &children[0];
        }
        node.slots().first()?.as_ref()
    }

    /// Whether it has less than a quarter of what it may have.
    fn is_sparse(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Leaf { len, .. } => (*len as usize) < LEAF / 4,
            Self::Branch { children, .. } => children.len() < BRANCH / 4,
        }
    }
}

impl<T: Clone> Node<T> {
    fn element_mut(&mut self, mut index: usize) -> Option<&mut T> {
        if index >= self.len() {
            return None;
        }
        let mut node = self;
        loop {
            match node {
                Self::Empty => return None,
                Self::Leaf { slots, .. } => return Arc::make_mut(slots)[index].as_mut(),
                Self::Branch { children, .. } => {
                    let child;
                    (child, index) = find(children, index);
                    node = &mut Arc::make_mut(children)[child];
                }
            }
        }
    }

    /// Returns a node to stand after this one when there were too many for one.
    fn insert(&mut self, index: usize, element: T, edge: Edge) -> Option<Self> {
        match self {
            Self::Empty => {
                *self = Self::Leaf { len: 1, slots: Arc::new([Some(element)]) };
                None
            }
            Self::Leaf { len, slots } => {
                let at = *len as usize;
                if at < LEAF {
                    insert_slot(slots, at, index, element);
                    *len += 1;
                    return None;
                }
                match edge {
                    Edge::Back => return Some(one_element(element)),
                    Edge::Front => return Some(mem::replace(self, one_element(element))),
                    Edge::None => {}
                }
                let mut elements = take_elements(slots);
                elements.insert(index, element);
                let mut halves = leaves(elements);
                let next = halves.pop();
                *self = halves.pop().unwrap_or_default();
                next
            }
            Self::Branch { len, children } => {
                let (child, at) = find_gap(children, index);
                let next = Arc::make_mut(children)[child].insert(at, element, edge);
                *len += 1;
                let next = next?;
                let mut nodes = take_nodes(children);
                nodes.insert(child + 1, next);
                if nodes.len() <= BRANCH {
                    *children = nodes.into();
                    return None;
                }
                // A node that nothing will be added to remains full.
                let division = match edge {
                    Edge::Front => 1,
                    Edge::None => nodes.len() / 2,
                    Edge::Back => nodes.len() - 1,
                };
                let later = nodes.split_off(division);
                *self = Self::branch(nodes.into());
                Some(Self::branch(later.into()))
            }
        }
    }

    /// Removes an element, which must be there. The node itself may have become sparse or empty.
    fn remove(&mut self, index: usize) -> Option<T> {
        match self {
            Self::Empty => None,
            Self::Leaf { len, slots } => {
                *len -= 1;
                remove_slot(slots, *len as usize, index)
            }
            Self::Branch { len, children } => {
                let (child, at) = find(children, index);
                let nodes = Arc::make_mut(children);
                let removed = nodes[child].remove(at);
                *len -= 1;
                if nodes[child].is_sparse() {
                    tend(children, child);
                }
                removed
            }
        }
    }

    /// Makes a root of its only child, or nothing of a root without elements.
    fn lower(&mut self) {
        while let Self::Branch { children, .. } = self
            && let [only] = &**children
        {
            *self = only.clone();
        }
        if self.len() == 0 {
            *self = Self::Empty;
        }
    }

    /// Moves an element within its leaf; `false`, with nothing moved, when it would leave that.
    fn relocate(&mut self, mut from: usize, mut to: usize) -> bool {
        let mut node = self;
        loop {
            match node {
                Self::Empty => return false,
                Self::Leaf { slots, .. } => {
                    let slots = Arc::make_mut(slots);
                    if from < to {
                        slots[from..=to].rotate_left(1);
                    } else {
                        slots[to..=from].rotate_right(1);
                    }
                    return true;
                }
                Self::Branch { children, .. } => {
                    let (child, other);
                    (child, from) = find(children, from);
                    (other, to) = find(children, to);
                    if child != other {
                        return false;
                    }
                    node = &mut Arc::make_mut(children)[child];
                }
            }
        }
    }
}

impl<T> Clone for Node<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Empty => Self::Empty,
            Self::Leaf { len, slots } => Self::Leaf { len: *len, slots: Arc::clone(slots) },
            Self::Branch { len, children } => Self::Branch { len: *len, children: Arc::clone(children) },
        }
    }
}

/// The first child that has the place, and which place it is there.
fn find<T>(children: &[Node<T>], mut index: usize) -> (usize, usize) {
    let mut child = 0;
    while index >= children[child].len() {
        index -= children[child].len();
        child += 1;
    }
    (child, index)
}

/// As [`find`], but of a place to insert at, which may be the end of a child.
fn find_gap<T>(children: &[Node<T>], mut index: usize) -> (usize, usize) {
    let mut child = 0;
    while index > children[child].len() {
        index -= children[child].len();
        child += 1;
    }
    (child, index)
}

/// Puts an element into a leaf of `len`, in place when that is possible.
fn insert_slot<T: Clone>(slots: &mut Arc<[Option<T>]>, len: usize, index: usize, element: T) {
    match Arc::get_mut(slots) {
        Some(own) if len < own.len() => {
            own[len] = Some(element);
            own[index..=len].rotate_right(1);
        }
        Some(own) => {
            let room = (len + len / 4 + 4).min(LEAF);
            *slots = with_inserted(len, room, index, element, |at| own[at].take());
        }
        // What is shared now is likely to be shared at the next change: room would be of no use then.
        None => *slots = with_inserted(len, len + 1, index, element, |at| slots[at].clone()),
    }
}

fn with_inserted<T>(
    len: usize,
    room: usize,
    index: usize,
    element: T,
    mut old: impl FnMut(usize) -> Option<T>,
) -> Arc<[Option<T>]> {
    let mut element = Some(element);
    // The standard library trusts the length of a range: this allocates once, and moves nothing twice.
    let slot = |at: usize| match at.cmp(&index) {
        Ordering::Less => old(at),
        Ordering::Equal => element.take(),
        Ordering::Greater if at <= len => old(at - 1),
        Ordering::Greater => None,
    };
    (0..room).map(slot).collect()
}

/// Removes an element from a leaf, of which `len` remain.
fn remove_slot<T: Clone>(slots: &mut Arc<[Option<T>]>, len: usize, index: usize) -> Option<T> {
    match Arc::get_mut(slots) {
        Some(own) => {
            own[index..=len].rotate_left(1);
            let removed = own[len].take();
            if len < own.len() / 4 {
                *slots = (0..len).map(|at| own[at].take()).collect();
            }
            removed
        }
        None => {
            let removed = slots[index].clone();
            *slots = (0..len).map(|at| slots[at + usize::from(at >= index)].clone()).collect();
            removed
        }
    }
}

/// A leaf at an end of the tree, with room for those that come after.
fn one_element<T>(element: T) -> Node<T> {
    let mut element = Some(element);
    Node::Leaf { len: 1, slots: (0..NEXT_LEAF).map(|_| element.take()).collect() }
}

/// Does something about a child that has become sparse: drops it when nothing is left, or joins it with a neighbour. An
/// only child remains as it is: its parent is sparse too, and seen to by the next.
fn tend<T: Clone>(children: &mut Arc<[Node<T>]>, child: usize) {
    if children.len() == 1 {
        return;
    }
    let mut nodes = take_nodes(children);
    if nodes[child].len() == 0 {
        nodes.remove(child);
    } else {
        let first = child.saturating_sub(1);
        let second = nodes.remove(first + 1);
        let joined = join(mem::take(&mut nodes[first]), second);
        nodes.splice(first..=first, joined);
    }
    *children = nodes.into();
}

/// One node of what two have, or two with about as much each when it is too much for one.
fn join<T: Clone>(first: Node<T>, second: Node<T>) -> Vec<Node<T>> {
    match (first, second) {
        (Node::Leaf { slots: mut first, .. }, Node::Leaf { slots: mut second, .. }) => {
            let mut elements = take_elements(&mut first);
            elements.append(&mut take_elements(&mut second));
            leaves(elements)
        }
        (Node::Branch { children: mut first, .. }, Node::Branch { children: mut second, .. }) => {
            let mut nodes = take_nodes(&mut first);
            nodes.append(&mut take_nodes(&mut second));
            branches(nodes)
        }
        // Neighbours are of one kind.
        (first, second) => vec![first, second],
    }
}

/// The elements of a leaf, which has none afterwards unless it is shared.
fn take_elements<T: Clone>(slots: &mut Arc<[Option<T>]>) -> Vec<T> {
    match Arc::get_mut(slots) {
        Some(own) => own.iter_mut().filter_map(Option::take).collect(),
        None => slots.iter().flatten().cloned().collect(),
    }
}

/// The children of a branch, which has none afterwards unless it is shared.
fn take_nodes<T>(children: &mut Arc<[Node<T>]>) -> Vec<Node<T>> {
    match Arc::get_mut(children) {
        Some(own) => own.iter_mut().map(mem::take).collect(),
        None => children.to_vec(),
    }
}

fn leaves<T>(elements: Vec<T>) -> Vec<Node<T>> {
    let sizes = portions(elements.len(), LEAF);
    let mut elements = elements.into_iter();
    sizes
        .map(|len| Node::Leaf { len: count(len), slots: (0..len).map(|_| elements.next()).collect() })
        .collect()
}

fn branches<T>(nodes: Vec<Node<T>>) -> Vec<Node<T>> {
    let sizes = portions(nodes.len(), BRANCH);
    let mut nodes = nodes.into_iter();
    sizes.map(|len| Node::branch(nodes.by_ref().take(len).collect())).collect()
}

/// Divides so many into as few portions as possible: all are full but the last two, which are about as large.
fn portions(all: usize, most: usize) -> impl Iterator<Item = usize> {
    let portions = all.div_ceil(most);
    let last_two = all - portions.saturating_sub(2) * most;
    (1..=portions).map(move |portion| match portions - portion {
        _ if portions == 1 => all,
        0 => last_two / 2,
        1 => last_two.div_ceil(2),
        _ => most,
    })
}

/// The numbers of elements are far below what this holds.
fn count(len: usize) -> u32 {
    len as u32
}

/// How many elements are the same at the beginnings, or at the ends, of two trees.
fn common<T, const BACK: bool>(
    a: &Tree<T>,
    b: &Tree<T>,
    most: usize,
    same: impl Fn(&T, &T) -> bool,
) -> usize {
    let most = most.min(a.len()).min(b.len());
    let (mut a, mut b) = (Cursor::<T, BACK>::new(&a.root), Cursor::<T, BACK>::new(&b.root));
    let mut common = 0;
    while common < most {
        match (a.slots.is_empty(), b.slots.is_empty()) {
            (true, true) => {
                let (x, y) = (a.peek(), b.peek());
                if x.ptr_eq(y) {
                    common += x.len();
                    a.skip();
                    b.skip();
                    continue;
                }
                // The larger one may have the smaller one in it, but not the other way around.
                if x.len() >= y.len() {
                    a.enter();
                }
                if x.len() <= y.len() {
                    b.enter();
                }
            }
            (true, false) => a.enter(),
            (false, true) => b.enter(),
            (false, false) => {
                let len = a.slots.len().min(b.slots.len());
                let mut pairs = a.take_slots(len).iter().zip(b.take_slots(len));
                let differ = |(x, y): (&Option<T>, &Option<T>)| match (x, y) {
                    (Some(x), Some(y)) => !same(x, y),
                    _ => true,
                };
                let found = if BACK {
                    pairs.rposition(differ).map(|at| len - 1 - at)
                } else {
                    pairs.position(differ)
                };
                common += found.unwrap_or(len);
                if found.is_some() {
                    break;
                }
            }
        }
    }
    common.min(most)
}

/// Goes through the nodes of a tree from the beginning to the end, or from the end to the beginning.
struct Cursor<'a, T, const BACK: bool> {
    /// What is still to come, the next last; none of them is empty.
    nodes: Vec<&'a [Node<T>]>,
    /// What is left of the leaf in which it is; that comes before the nodes.
    slots: &'a [Option<T>],
}

impl<'a, T, const BACK: bool> Cursor<'a, T, BACK> {
    fn new(root: &'a Node<T>) -> Self {
        let mut nodes = Vec::with_capacity(8);
        nodes.push(slice::from_ref(root));
        Self { nodes, slots: &[] }
    }

    /// The next node; there must be one.
    fn peek(&self) -> &'a Node<T> {
        let level = self.nodes[self.nodes.len() - 1];
        &level[if BACK { level.len() - 1 } else { 0 }]
    }

    fn skip(&mut self) {
        let Some(level) = self.nodes.pop() else { return };
        let rest = if BACK { &level[..level.len() - 1] } else { &level[1..] };
        if !rest.is_empty() {
            self.nodes.push(rest);
        }
    }

    fn enter(&mut self) {
        let node = self.peek();
        self.skip();
        match node {
            Node::Branch { children, .. } => self.nodes.push(children),
            _ => self.slots = node.slots(),
        }
    }

    fn take_slots(&mut self, len: usize) -> &'a [Option<T>] {
        let (taken, rest);
        if BACK {
            (rest, taken) = self.slots.split_at(self.slots.len() - len);
        } else {
            (taken, rest) = self.slots.split_at(len);
        }
        self.slots = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hint::black_box;
    use std::time::Instant;

    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::value::{Key, Value};

    /// What is done to one of several trees, and to the vector that it is to be equal to.
    #[derive(Clone, Debug)]
    enum Op {
        Set(Index, u8),
        Modify(Index, u8),
        Insert(Index, u8),
        /// Several in a row: in their order, or each before the one before.
        InsertMany(Index, u16, bool),
        PushFront(u16),
        PushBack(u16),
        Remove(Index),
        /// Several in a row, from their first place.
        RemoveMany(Index, u16),
        PopFront(u16),
        PopBack(u16),
        Relocate(Index, Index),
        RelocateNear(Index, u8),
        Clear,
        /// Becomes a clone of another.
        Fork(Index),
        /// Is built anew.
        Rebuild,
    }

    fn any_op() -> impl Strategy<Value = Op> {
        let at = any::<Index>;
        let many = || 1..300_u16;
        prop_oneof![
            3 => (at(), 0..4_u8).prop_map(|(at, v)| Op::Set(at, v)),
            2 => (at(), 0..4_u8).prop_map(|(at, v)| Op::Modify(at, v)),
            6 => (at(), 0..4_u8).prop_map(|(at, v)| Op::Insert(at, v)),
            3 => (at(), many(), any::<bool>()).prop_map(|(at, n, up)| Op::InsertMany(at, n, up)),
            2 => many().prop_map(Op::PushFront),
            2 => many().prop_map(Op::PushBack),
            6 => at().prop_map(Op::Remove),
            4 => (at(), 1..1500_u16).prop_map(|(at, n)| Op::RemoveMany(at, n)),
            2 => many().prop_map(Op::PopFront),
            2 => many().prop_map(Op::PopBack),
            4 => (at(), at()).prop_map(|(from, to)| Op::Relocate(from, to)),
            4 => (at(), any::<u8>()).prop_map(|(from, by)| Op::RelocateNear(from, by)),
            1 => Just(Op::Clear),
            8 => at().prop_map(Op::Fork),
            1 => Just(Op::Rebuild),
        ]
    }

    type Pair = (Tree<u8>, Vec<u8>);

    fn apply(op: &Op, pairs: &mut [Pair], which: usize) {
        if let Op::Fork(other) = op {
            pairs[which] = other.get(pairs).clone();
            return;
        }
        let (tree, model) = &mut pairs[which];
        let len = model.len();
        match op {
            Op::Set(at, v) if len > 0 => {
                let at = at.index(len);
                assert_eq!(tree.set(at, *v), mem::replace(&mut model[at], *v));
            }
            Op::Modify(at, v) if len > 0 => {
                let at = at.index(len);
                model[at] ^= v;
                let changed = model[at];
                assert_eq!(
                    tree.modify(at, |old| {
                        *old ^= v;
                        *old
                    }),
                    changed
                );
            }
            Op::Insert(at, v) => insert(tree, model, at.index(len + 1), *v),
            Op::InsertMany(at, n, up) => {
                let at = at.index(len + 1);
                for k in 0..usize::from(*n) {
                    insert(tree, model, if *up { at + k } else { at }, (k % 4) as u8);
                }
            }
            Op::PushFront(n) => (0..*n).for_each(|k| insert(tree, model, 0, (k % 4) as u8)),
            Op::PushBack(n) => (0..*n).for_each(|k| {
                tree.push((k % 4) as u8);
                model.push((k % 4) as u8);
            }),
            Op::Remove(at) if len > 0 => {
                let at = at.index(len);
                assert_eq!(tree.remove(at), model.remove(at));
            }
            Op::RemoveMany(at, n) if len > 0 => {
                let at = at.index(len);
                for _ in 0..usize::from(*n).min(len - at) {
                    assert_eq!(tree.remove(at), model.remove(at));
                }
            }
            Op::PopFront(n) => (0..usize::from(*n).min(len)).for_each(|_| {
                assert_eq!(tree.remove(0), model.remove(0));
            }),
            Op::PopBack(n) => (0..usize::from(*n).min(len)).for_each(|_| {
                assert_eq!(Some(tree.remove(tree.len() - 1)), model.pop());
            }),
            Op::Relocate(from, to) if len > 0 => relocate(tree, model, from.index(len), to.index(len)),
            Op::RelocateNear(from, by) if len > 0 => {
                let from = from.index(len);
                relocate(tree, model, from, (from + usize::from(*by / 8)).saturating_sub(16).min(len - 1));
            }
            Op::Clear => {
                tree.clear();
                model.clear();
            }
            Op::Rebuild => *tree = model.iter().copied().collect(),
            _ => {}
        }
    }

    fn insert(tree: &mut Tree<u8>, model: &mut Vec<u8>, at: usize, v: u8) {
        tree.insert(at, v);
        model.insert(at, v);
    }

    fn relocate(tree: &mut Tree<u8>, model: &mut Vec<u8>, from: usize, to: usize) {
        tree.relocate(from, to);
        let moved = model.remove(from);
        model.insert(to, moved);
    }

    /// Panics when the tree is not as it ought to be; returns its height.
    fn check<T>(tree: &Tree<T>) -> usize {
        fn height<T>(node: &Node<T>, root: bool, first: bool, last: bool) -> usize {
            let least = |quarter| if root || first || last { 1 } else { quarter };
            match node {
                Node::Empty => {
                    assert!(root);
                    0
                }
                Node::Leaf { len, slots } => {
                    let len = *len as usize;
                    assert!(len >= least(LEAF / 4) && slots.len() <= LEAF);
                    assert!(
                        slots[..len].iter().all(Option::is_some) && slots[len..].iter().all(Option::is_none)
                    );
                    // A leaf that shrinks does not keep its room.
                    assert!(slots.len() <= NEXT_LEAF.max(len * 4 + 4));
                    1
                }
                Node::Branch { len, children } => {
                    assert_eq!(*len as usize, children.iter().map(Node::len).sum::<usize>());
                    assert!(children.len() >= if root { 2 } else { least(BRANCH / 4) });
                    assert!(children.len() <= BRANCH);
                    let end = children.len() - 1;
                    let mut heights = children
                        .iter()
                        .enumerate()
                        .map(|(k, child)| height(child, false, first && k == 0, last && k == end));
                    let one = heights.next().unwrap();
                    assert!(heights.all(|other| other == one));
                    one + 1
                }
            }
        }
        let height = height(&tree.root, true, true, true);
        // As many levels as the worst fill makes, and one more for what is thin at the two ends.
        let mut reach = LEAF / 4;
        let mut most = 2;
        while reach < tree.len() {
            reach *= BRANCH / 4;
            most += 1;
        }
        assert!(height <= most, "{height} levels of {}", tree.len());
        height
    }

    fn naive_prefix(a: &[u8], b: &[u8]) -> usize {
        a.iter().zip(b).take_while(|(x, y)| x == y).count()
    }

    fn naive_suffix(a: &[u8], b: &[u8]) -> usize {
        a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(192))]

        #[test]
        fn trees_are_as_vectors_and_clones_keep_their_own(
            starts in proptest::collection::vec(proptest::collection::vec(0..4_u8, 0..2600), 3),
            ops in proptest::collection::vec((0..3_usize, any_op()), 1..40),
            most in any::<Index>(),
        ) {
            let mut pairs: Vec<Pair> =
                starts.into_iter().map(|start| (Tree::from_vec(start.clone()), start)).collect();
            for (which, op) in &ops {
                apply(op, &mut pairs, *which);
                for (tree, model) in &pairs {
                    check(tree);
                    prop_assert_eq!(tree.len(), model.len());
                    prop_assert_eq!(tree.is_empty(), model.is_empty());
                    prop_assert!(tree.iter().eq(model));
                }
            }
            for (a, x) in &pairs {
                for (b, y) in &pairs {
                    prop_assert_eq!(a.common_prefix(b, u8::eq), naive_prefix(x, y));
                    prop_assert_eq!(a.common_suffix(b, usize::MAX, u8::eq), naive_suffix(x, y));
                    let most = most.index(x.len() + 1);
                    prop_assert_eq!(a.common_suffix(b, most, u8::eq), naive_suffix(x, y).min(most));
                    prop_assert_eq!(a == b, x == y);
                    prop_assert!(!a.ptr_eq(b) || x == y);
                }
                let rebuilt = Tree::from_vec(x.clone());
                prop_assert_eq!(&rebuilt, a);
                prop_assert!(!rebuilt.ptr_eq(a) || x.is_empty());
            }
        }

        #[test]
        fn elements_are_found(len in 0..5000_usize, at in any::<Index>(), ends in proptest::collection::vec(any::<bool>(), 0..300)) {
            let mut tree = Tree::new();
            // In this order the nodes come to be of different sizes.
            (0..len / 2).for_each(|k| tree.push(2 * k));
            (0..len / 2).for_each(|k| tree.insert(2 * k + 1, 2 * k + 1));
            (len / 2 * 2..len).for_each(|k| tree.push(k));
            check(&tree);
            for k in 0..len {
                prop_assert_eq!(tree.get(k), Some(&k));
            }
            prop_assert_eq!(tree.get(len), None);
            prop_assert_eq!(tree.first(), (len > 0).then_some(&0));
            prop_assert_eq!(tree.last().copied(), len.checked_sub(1));
            let at = at.index(len + 1);
            prop_assert_eq!(tree.partition_point(|k| *k < at), at);
            prop_assert!(tree.iter_from(at).copied().eq(at..len));
            prop_assert!(tree.iter_from(at).rev().copied().eq((at..len).rev()));
            prop_assert_eq!(tree.iter_from(len + 1).next(), None);

            let (mut iter, mut range) = (tree.iter_from(at), at..len);
            for back in ends {
                prop_assert_eq!(iter.len(), range.len());
                let (found, wanted) =
                    if back { (iter.next_back(), range.next_back()) } else { (iter.next(), range.next()) };
                prop_assert_eq!(found.copied(), wanted);
            }
            prop_assert!(iter.clone().copied().eq(range));
        }
    }

    #[test]
    fn large_trees_stay_balanced_while_they_grow_and_shrink() {
        let mut seed = 7_u64;
        let mut random = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % below
        };
        for drain in 0..4 {
            let mut model: Vec<u32> = (0..20_000).collect();
            let mut tree = Tree::from_vec(model.clone());
            for k in 0..20_000_u32 {
                // Half the time it is shared.
                let shared = (k % 2 == 0).then(|| tree.clone());
                let at = if k % 3 == 0 { random(tree.len() + 1) } else { 15_000 + k as usize / 2 };
                tree.insert(at, k);
                model.insert(at, k);
                drop(shared);
            }
            check(&tree);
            assert!(tree.iter().eq(&model));
            while !model.is_empty() {
                let at = match drain {
                    0 => 0,
                    1 => model.len() - 1,
                    2 => random(model.len()),
                    _ => model.len() / 2,
                };
                assert_eq!(tree.remove(at), model.remove(at));
                if model.len().is_multiple_of(501) {
                    check(&tree);
                    assert!(tree.iter().eq(&model));
                }
            }
            assert!(tree.ptr_eq(&Tree::new()));
        }
    }

    #[test]
    fn a_queue_stays_flat() {
        let mut tree: Tree<u32> = (0..100_000).collect();
        let height = check(&tree);
        for k in 0..300_000 {
            tree.push(100_000 + k);
            assert_eq!(tree.remove(0), k);
            if k % 997 == 0 {
                check(&tree);
            }
        }
        assert!(check(&tree) <= height + 1);
        // Both ends lose what they have, until only they are left.
        while tree.len() > 40 {
            tree.remove(0);
            tree.remove(tree.len() - 1);
        }
        assert!(check(&tree) <= 2);
    }

    #[test]
    fn what_is_added_in_a_row_fills_the_leaves() {
        let mut back = Tree::new();
        let mut front = Tree::new();
        for k in 0..10_000 {
            back.push(k);
            front.insert(0, k);
        }
        let built: Tree<i32> = (0..10_000).collect();
        for tree in [&back, &front, &built] {
            let (mut leaves, mut branches) = (0, 0);
            nodes(&tree.root, &mut |node| match node {
                Node::Branch { .. } => branches += 1,
                _ => leaves += 1,
            });
            assert_eq!(leaves, 10_000_usize.div_ceil(LEAF));
            assert_eq!(branches, leaves.div_ceil(BRANCH) + 1);
            check(tree);
        }
        assert!(front.iter().rev().eq(&back));
    }

    #[test]
    fn small_trees_are_one_exact_leaf() {
        assert!(size_of::<Tree<u64>>() <= 24);
        assert_eq!(size_of::<Node<Arc<str>>>(), size_of::<Tree<Arc<str>>>());
        for len in 1..=LEAF {
            let tree = Tree::from_vec((0..len).collect());
            let Node::Leaf { slots, .. } = &tree.root else { panic!("no leaf of {len}") };
            assert_eq!(slots.len(), len);
        }
        assert!(matches!(Tree::<u8>::from_vec(Vec::new()).root, Node::Empty));
        assert!(Tree::<u8>::default().ptr_eq(&Tree::from_vec(Vec::new())));
    }

    #[test]
    fn a_slot_is_no_larger_than_what_it_holds() {
        assert_eq!(size_of::<Option<Value>>(), size_of::<Value>());
        assert_eq!(size_of::<Option<(Key, Value)>>(), size_of::<(Key, Value)>());
    }

    #[test]
    fn what_is_not_shared_is_changed_in_place() {
        let mut tree: Tree<u32> = (0..1_000).collect();
        tree.insert(500, 0);
        tree.insert(501, 0);
        let before = addresses(&tree);
        tree.set(3, 1);
        tree.modify(999, |v| *v += 1);
        tree.relocate(510, 505);
        let room = {
            let (slots, _) = tree.root.leaf_at(500);
            slots.len()
        };
        assert!(room < LEAF);
        tree.insert(502, 9);
        tree.remove(503);
        assert_eq!(addresses(&tree), before);
    }

    #[test]
    fn a_change_of_a_clone_copies_the_path_alone() {
        let tree: Tree<u32> = (0..100_000).collect();
        let all = addresses(&tree);
        let height = check(&tree);
        for at in [0, 1, 31_415, 50_000, 99_999] {
            type Change<'a> = (&'a str, &'a dyn Fn(&mut Tree<u32>));
            let changes: [Change<'_>; 4] = [
                ("set", &|tree| assert_eq!(tree.set(at, 7), at as u32)),
                ("insert", &|tree| tree.insert(at, 7)),
                ("remove", &|tree| assert_eq!(tree.remove(at), at as u32)),
                ("relocate", &|tree| tree.relocate(at, at ^ 1)),
            ];
            for (name, change) in changes {
                let mut clone = tree.clone();
                assert!(clone.ptr_eq(&tree));
                change(&mut clone);
                assert!(!clone.ptr_eq(&tree));
                let fresh = addresses(&clone).difference(&all).count();
                // A leaf or a branch may have been divided, at every level.
                assert!(fresh <= 2 * height, "{name} at {at}: {fresh} of {} nodes are new", all.len());
                assert_eq!(addresses(&tree), all);
                assert!(tree.iter().copied().eq(0..100_000));
            }
        }
    }

    #[test]
    fn comparing_looks_at_what_differs_alone() {
        let tree: Tree<u32> = (0..100_000).collect();
        for at in [0, 1, 31_415, 50_000, 99_998] {
            let mut set = tree.clone();
            set.set(at, 200_000);
            let mut inserted = tree.clone();
            inserted.insert(at, 200_000);
            let mut removed = tree.clone();
            removed.remove(at);
            for (other, suffix) in [(&set, 99_999 - at), (&inserted, 100_000 - at), (&removed, 99_999 - at)] {
                let looks = std::cell::Cell::new(0);
                let same = |a: &u32, b: &u32| {
                    looks.set(looks.get() + 1);
                    a == b
                };
                assert_eq!(tree.common_prefix(other, same), at);
                assert_eq!(other.common_suffix(&tree, usize::MAX, same), suffix);
                assert!(looks.get() <= 3 * LEAF, "{} looks at {at}", looks.get());
                assert_ne!(&tree, other);
            }
        }
    }

    #[test]
    fn it_is_shown_as_a_list() {
        let tree: Tree<u8> = [1, 2, 3].into_iter().collect();
        assert_eq!(format!("{tree:?} {:?}", tree.iter_from(1)), "[1, 2, 3] [2, 3]");
    }

    #[test]
    fn places_that_are_not_there_panic() {
        let fails = |change: fn(&mut Tree<u8>)| {
            let mut tree: Tree<u8> = (0..200).collect();
            std::panic::catch_unwind(move || change(&mut tree)).is_err()
        };
        assert!(fails(|tree| _ = tree.set(200, 0)));
        assert!(fails(|tree| tree.insert(201, 0)));
        assert!(fails(|tree| _ = tree.remove(200)));
        assert!(fails(|tree| tree.relocate(0, 200)));
        assert!(fails(|tree| tree.relocate(200, 0)));
        assert!(!fails(|tree| tree.insert(200, 0)));
    }

    fn nodes<'a, T>(node: &'a Node<T>, seen: &mut impl FnMut(&'a Node<T>)) {
        seen(node);
        if let Node::Branch { children, .. } = node {
            children.iter().for_each(|child| nodes(child, seen));
        }
    }

    fn addresses<T>(tree: &Tree<T>) -> HashSet<usize> {
        let mut found = HashSet::new();
        nodes(&tree.root, &mut |node| {
            found.insert(match node {
                Node::Empty => 0,
                Node::Leaf { slots, .. } => Arc::as_ptr(slots).cast::<u8>() as usize,
                Node::Branch { children, .. } => Arc::as_ptr(children).cast::<u8>() as usize,
            });
        });
        found
    }

    /// As large as a value: with a number, or with something counted.
    #[derive(Clone, Debug, PartialEq)]
    enum Item {
        Number(i64),
        Text(Arc<String>),
    }

    /// Run it with `--release` and `--nocapture`.
    #[test]
    fn what_it_costs() {
        let number = |k: usize| Item::Number(k as i64);
        let text = |k: usize| Item::Text(Arc::new(k.to_string()));
        println!("a tree is {} bytes, an element {}", size_of::<Tree<Item>>(), size_of::<Option<Item>>());
        for len in [10, 1_000, 100_000] {
            cost("numbers", &(0..len).map(number).collect(), &number(0));
            cost("texts", &(0..len).map(text).collect(), &text(0));
        }
    }

    fn cost(kind: &str, built: &Tree<Item>, item: &Item) {
        let len = built.len();
        let rounds = if cfg!(debug_assertions) { 200 } else { 20_000 };
        let ns = |work: &mut dyn FnMut(usize)| {
            let best = (0..5).map(|_| {
                let start = Instant::now();
                (0..rounds).for_each(&mut *work);
                start.elapsed().as_nanos() as f64 / rounds as f64
            });
            best.fold(f64::INFINITY, f64::min).round()
        };
        // Each place is far from the one before.
        let place = |k: usize| (k * 7919) % len;
        let mut tree: Tree<Item> = built.iter().cloned().collect();
        let get = ns(&mut |k| {
            black_box(tree.get(place(k)));
        });
        let passes = 1_000_000 / len;
        let start = Instant::now();
        (0..passes).for_each(|_| tree.iter().for_each(|item| _ = black_box(item)));
        let iter = start.elapsed().as_nanos() as f64 / (passes * len) as f64;
        let set = ns(&mut |k| {
            black_box(tree.set(place(k), item.clone()));
        });
        let shared_set = ns(&mut |k| {
            let clone = tree.clone();
            tree.set(place(k), item.clone());
            black_box(clone);
        });
        let shared_insert = ns(&mut |k| {
            let mut clone = tree.clone();
            clone.insert(place(k), item.clone());
            black_box(clone);
        });
        let mut other = tree.clone();
        other.set(len / 2, Item::Number(-1));
        let compare = ns(&mut |_| {
            black_box(other.common_prefix(&tree, Item::eq) + other.common_suffix(&tree, len, Item::eq));
        });
        drop(other);
        // What is inserted is removed again, so that the length remains.
        let both = |tree: &mut Tree<Item>, at: usize| {
            tree.insert(at, item.clone());
            black_box(tree.remove(at));
        };
        let front = ns(&mut |_| both(&mut tree, 0));
        let middle = ns(&mut |_| both(&mut tree, len / 2));
        let relocate = ns(&mut |k| tree.relocate(place(k), place(k + 1)));
        // Insertions alone, into a tree that grows by a tenth.
        let growing = |front: bool| {
            let n = len.div_ceil(10);
            let best = (0..200_000_usize.div_ceil(len).min(200)).map(|_| {
                let mut tree: Tree<Item> = built.iter().cloned().collect();
                let start = Instant::now();
                (0..n).for_each(|k| tree.insert(if front { 0 } else { place(k) }, item.clone()));
                start.elapsed().as_nanos() as f64 / n as f64
            });
            best.fold(f64::INFINITY, f64::min).round()
        };
        let (grow_front, grow_middle) = (growing(true), growing(false));
        println!(
            "{len:>6} {kind:<7} ns: get {get}, iter {iter:.1} each, set {set}, insert front {grow_front}, \
             anywhere {grow_middle}, insert+remove front {front}, middle {middle}, relocate {relocate}, \
             clone+set {shared_set}, clone+insert {shared_insert}, prefix+suffix {compare}"
        );
    }
}
