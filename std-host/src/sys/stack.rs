//! Giving back what the start of the program needed of the stack.

use core::ffi::c_void;
use core::ptr;

use rustix::mm::{Advice, madvise};

/// Bytes below a variable of this call that stay: what it takes itself, many times over.
const KEPT: usize = PAGE;

/// Bytes below that which are given back, if there are so many: more than the start takes. The
/// kernel keeps other mappings further away than this from a stack (`vm.stack_guard_gap`).
const GIVEN: usize = 512 << 10;

const PAGE: usize = 4096;

/// Gives the kernel back what earlier, deeper calls have made resident of the main thread's stack. To
/// be called from the main thread only.
pub(crate) fn give_back_unused() {
    let here = 0_u8;
    let top = ptr::from_ref(&here).addr().saturating_sub(KEPT) / PAGE * PAGE;
    let start = ptr::without_provenance_mut::<c_void>(top.saturating_sub(GIVEN));
    // SAFETY: on all our targets stacks grow down, so what lies so far below a live variable of the
    // innermost call belongs to no call that is not over, and there is nothing but the stack there.
    // The advice makes those bytes zero; whoever gets there next writes before it reads. Where the
    // stack has not been that deep the kernel refuses, which is fine.
    let _ = unsafe { madvise(start, GIVEN, Advice::LinuxDontNeed) };
}
