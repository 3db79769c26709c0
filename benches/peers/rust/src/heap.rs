//! Counts what is allocated, over the allocator of the system.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// What was counted since the program began.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// Blocks that were asked for, or asked to be of another size.
    pub allocations: u64,
    /// Bytes that were asked for and are not given back.
    pub requested: u64,
    /// What the allocator reserved for them; counted while [`count_usable`] is on.
    pub usable: u64,
}

pub fn counts() -> Counts {
    Counts {
        allocations: ALLOCATIONS.load(Relaxed),
        requested: REQUESTED.load(Relaxed),
        usable: USABLE.load(Relaxed),
    }
}

/// Asking for the usable size takes time, so it is not done while times are measured.
pub fn count_usable(on: bool) {
    COUNT_USABLE.store(on, Relaxed);
}

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static REQUESTED: AtomicU64 = AtomicU64::new(0);
static USABLE: AtomicU64 = AtomicU64::new(0);
static COUNT_USABLE: AtomicBool = AtomicBool::new(false);

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One thread does everything here, so that a load and a store do; an atomic addition would cost more than what is counted.
fn add(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(amount), Relaxed);
}

fn usable(block: *mut u8) -> u64 {
    if block.is_null() || !COUNT_USABLE.load(Relaxed) {
        return 0;
    }
    #[cfg(target_env = "gnu")]
    // SAFETY: the block is of the system's allocator, and alive.
    return unsafe { libc::malloc_usable_size(block.cast()) as u64 };
    #[cfg(not(target_env = "gnu"))]
    return 0;
}

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        let block = unsafe { System.alloc(layout) };
        add(&ALLOCATIONS, 1);
        add(&REQUESTED, layout.size() as u64);
        add(&USABLE, usable(block));
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        let block = unsafe { System.alloc_zeroed(layout) };
        add(&ALLOCATIONS, 1);
        add(&REQUESTED, layout.size() as u64);
        add(&USABLE, usable(block));
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        add(&REQUESTED, (layout.size() as u64).wrapping_neg());
        add(&USABLE, usable(block).wrapping_neg());
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(&USABLE, usable(block).wrapping_neg());
        // SAFETY: as the caller promises.
        let moved = unsafe { System.realloc(block, layout, size) };
        add(&ALLOCATIONS, 1);
        add(&REQUESTED, (size as u64).wrapping_sub(layout.size() as u64));
        add(&USABLE, usable(moved));
        moved
    }
}
