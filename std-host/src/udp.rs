//! UDP: batches of datagrams to the tracker, its replies to the socket.

use std::io;
use std::os::fd::AsFd;

use wrtracker_core::counters::MICROS;
use wrtracker_core::time::Secs;
use wrtracker_core::tracker::Tracker;
use wrtracker_core::udp;

use crate::sys::clock::monotonic_micros;
use crate::sys::mmsg::Batch;

/// Most batches that one socket gets before the others have their turn.
const BATCHES: usize = 4;

/// Answers what waits at `socket`, at most four batches of it. The rest is there at the next turn.
///
/// # Errors
///
/// The kernel's, from receiving.
pub(crate) fn serve(
    socket: impl AsFd,
    batch: &mut Batch,
    tracker: &mut Tracker<'_>,
    now: Secs,
) -> io::Result<()> {
    for _ in 0..BATCHES {
        let received = batch.receive(&socket)?;
        if received == 0 {
            break;
        }
        let start = monotonic_micros();
        for nth in 0..received {
            batch.reply(nth, |source, datagram, out| {
                udp::answer(tracker, source, datagram, now, out)
            });
        }
        let micros = monotonic_micros().saturating_sub(start);
        tracker.counters.udp_micros.note(
            &MICROS,
            u32::try_from(micros).unwrap_or(u32::MAX),
            u32::try_from(received).unwrap_or(u32::MAX),
        );
        // Whoever has a reply finds it in the statistics.
        tracker.put_down();
        batch.send(&socket);
        if received < batch.capacity() {
            break;
        }
    }
    Ok(())
}
