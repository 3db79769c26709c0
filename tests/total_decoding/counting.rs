//! An allocator that counts, for each thread, what is allocated now and what was at most.

// A global allocator can't be written without it. It passes everything on to the system's and counts beside that.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(more: isize) {
    // A thread that ends may free something after its counters are gone; nobody asks for them any more.
    let _ = LIVE.try_with(|live| {
        live.set(live.get() + more);
        PEAK.with(|peak| peak.set(peak.get().max(live.get())));
    });
}

// SAFETY: every call is that of the system's allocator, with the same arguments; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // For a moment there may be both.
        count(size as isize);
        count(-(layout.size() as isize));
        // SAFETY: as the caller promises.
        unsafe { System.realloc(memory, layout, size) }
    }
}

/// The most bytes that were allocated at a time by this, beyond those before.
pub(crate) fn peak<T>(what: impl FnOnce() -> T) -> (T, usize) {
    let before = LIVE.get();
    PEAK.set(before);
    let result = what();
    (result, (PEAK.get() - before).max(0) as usize)
}

#[test]
fn it_counts() {
    let (kept, allocated) = peak(|| {
        drop(vec![0_u8; 10_000]);
        vec![0_u8; 1000]
    });
    assert!((10_000..11_000).contains(&allocated), "{allocated}");
    let ((), allocated) = peak(|| drop(kept));
    assert_eq!(allocated, 0);
}
