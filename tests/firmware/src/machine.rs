//! The machine: registers, the clock, the console, what is in flash. All `unsafe` code but the
//! network device's is here.

use core::cell::Cell;
use core::fmt;
use core::ptr::{from_ref, read_volatile, write_volatile};
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use core::time::Duration;

use cortex_m::Peripherals;
use cortex_m::peripheral::NVIC;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::{ExceptionFrame, STACK_PAINT_VALUE, exception};

/// Ticks of the processor's clock in a millisecond.
const TICKS: u32 = 25_000;

/// The UART of CMSDK.
const UART: usize = 0x4000_4000;

/// The number of the network device's interrupt.
const NETWORK: u8 = 13;

static MILLIS: AtomicU32 = AtomicU32::new(0);

/// The machine, of which there is one.
pub struct Machine {
    /// What [`MILLIS`] was at last, and the time then: it comes round after seven weeks.
    clock: Cell<(u32, Duration)>,
}

impl Machine {
    /// Starts the clock and the console. The second call returns `None`.
    pub fn take() -> Option<Self> {
        let Peripherals { mut SYST, .. } = Peripherals::take()?;
        SYST.set_clock_source(SystClkSource::Core);
        SYST.set_reload(TICKS - 1);
        SYST.clear_current();
        SYST.enable_counter();
        SYST.enable_interrupt();
        write(UART + 0x10, 16);
        write(UART + 0x08, 1);
        Some(Self {
            clock: Cell::new((0, Duration::ZERO)),
        })
    }

    /// The time since the start. To be called at least every seven weeks.
    pub fn now(&self) -> Duration {
        let (last, time) = self.clock.get();
        let millis = MILLIS.load(Relaxed);
        let passed = Duration::from_millis(millis.wrapping_sub(last).into());
        let now = time.saturating_add(passed);
        self.clock.set((millis, now));
        now
    }

    /// Sleeps until something is to be done: a millisecond at most, or until a frame comes.
    pub fn sleep(&self) {
        // An interrupt that comes before we sleep is then pending, and wakes us all the same.
        cortex_m::interrupt::free(|_| {
            // SAFETY: No code relies on the network's interrupt being masked; it only wakes us.
            unsafe { NVIC::unmask(Interrupt(NETWORK)) };
            cortex_m::asm::wfi();
        });
    }
}

/// An interrupt by its number.
#[derive(Clone, Copy)]
struct Interrupt(u8);

// SAFETY: The number is always the same for one value.
unsafe impl cortex_m::interrupt::InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self.0.into()
    }
}

#[exception]
fn SysTick() {
    // No other writer, and Cortex-M0 couldn't add in one step.
    MILLIS.store(MILLIS.load(Relaxed).wrapping_add(1), Relaxed);
}

/// Any interrupt: it wakes the main loop, which looks at everything anyway.
#[exception]
unsafe fn DefaultHandler(_: i16) {
    NVIC::mask(Interrupt(NETWORK));
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    let _ = fmt::Write::write_fmt(&mut Console, format_args!("fault at {:#x}\n", frame.pc()));
    cortex_m::peripheral::SCB::sys_reset()
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let _ = fmt::Write::write_fmt(&mut Console, format_args!("{info}\n"));
    cortex_m::peripheral::SCB::sys_reset()
}

/// The console. Writing waits for it.
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            while read(UART + 4) & 1 != 0 {}
            write(UART, byte.into());
        }
        Ok(())
    }
}

/// Prints a line on the console.
#[macro_export]
macro_rules! say {
    ($($what:tt)*) => {{
        let _ = core::fmt::Write::write_fmt(&mut $crate::machine::Console, format_args!($($what)*));
        let _ = core::fmt::Write::write_str(&mut $crate::machine::Console, "\n");
    }};
}

/// Where devices are, and no memory.
const DEVICES: core::ops::Range<usize> = 0x4000_0000..0x6000_0000;

/// Reads a register of a device. 0 from anywhere else.
#[inline]
pub fn read(address: usize) -> u32 {
    if !DEVICES.contains(&address) || !address.is_multiple_of(4) {
        return 0;
    }
    // SAFETY: Only registers are there, which can be read whatever they do then.
    unsafe { read_volatile(address as *const u32) }
}

/// Writes a register of a device, and nowhere else.
#[inline]
pub fn write(address: usize, value: u32) {
    if DEVICES.contains(&address) && address.is_multiple_of(4) {
        // SAFETY: Only registers are there, and no device that we use can be told to change memory.
        unsafe { write_volatile(address as *mut u32, value) };
    }
}

unsafe extern "C" {
    static _config: u8;
    static _config_end: u8;
    static _lists: u8;
    static _lists_end: u8;
    static _stack_start: u32;
    static _stack_end: u32;
}

/// The text that the operator wrote into the page for the configuration.
pub fn config() -> &'static [u8] {
    // SAFETY: `memory.x` defines them.
    let (from, to) = unsafe { (&_config, &_config_end) };
    // SAFETY: `memory.x` says that the region between is flash, which nothing writes while we run.
    text(unsafe { region(from, to) })
}

/// The text that the operator wrote into the pages for the access list.
pub fn list() -> &'static [u8] {
    // SAFETY: As for `config`.
    let (from, to) = unsafe { (&_lists, &_lists_end) };
    // SAFETY: As for `config`.
    text(unsafe { region(from, to) })
}

/// The bytes between two symbols.
///
/// # Safety
///
/// They must be the ends of a region that nothing writes.
unsafe fn region(from: &'static u8, to: &'static u8) -> &'static [u8] {
    let (from, to) = (from_ref(from), from_ref(to));
    // SAFETY: The caller's.
    unsafe { core::slice::from_raw_parts(from, to as usize - from as usize) }
}

/// What stands before the first byte that no text has: flash is erased to ones.
fn text(bytes: &'static [u8]) -> &'static [u8] {
    let end = bytes.iter().position(|byte| matches!(byte, 0 | 0xff));
    &bytes[..end.unwrap_or(bytes.len())]
}

/// How deep the stack has been, in bytes, and how deep it may be. Looks at the part of it that was
/// never used.
pub fn stack() -> (usize, usize) {
    let (low, high) = (
        &raw const _stack_end as usize,
        &raw const _stack_start as usize,
    );
    let mut at = low;
    while at < high {
        // SAFETY: It is within the stack, and no reference is to what was never used.
        let word = unsafe { read_volatile(at as *const u32) };
        if word != STACK_PAINT_VALUE {
            break;
        }
        at += 4;
    }
    (high - at, high - low)
}
