//! What a driver counts, for `mode=network`.

use crate::stats::Share;

/// Counts since the start. They wrap after 2^64.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// Frames that came.
    pub(super) frames: u64,
    /// Frames handed to the stack: TCP, ping, ARP, neighbor discovery, DHCP.
    pub(super) stack: u64,
    /// Datagrams for the tracker.
    pub(super) datagrams: u64,
    /// Frames for somebody else, or of a kind that nobody here takes.
    pub(super) foreign: u64,
    /// Frames that are no proper packets, or come from an address that can't send.
    pub(super) malformed: u64,
    /// Fragments of packets.
    pub(super) fragments: u64,
    /// Frames longer than the link's.
    pub(super) oversized: u64,
    /// SYNs that came again for a connection that there is.
    pub(super) repeated: u64,
    /// Handshakes given up: too slow, or others waited.
    pub(super) handshakes: u64,
    /// Connections reset before they ended: others waited, or the address went.
    pub(super) reset: u64,
    /// Calls of `poll` that left frames to the next.
    pub(super) busy: u64,
    /// Addresses taken from DHCP.
    pub(super) leases: u64,
}

impl Counts {
    /// Lines of the page.
    pub(super) const fn lines(&self) -> [Share; 12] {
        [
            ("frames received", self.frames),
            ("frames for the stack", self.stack),
            ("datagrams for the tracker", self.datagrams),
            ("dropped: frames for others", self.foreign),
            ("dropped: malformed", self.malformed),
            ("dropped: fragments", self.fragments),
            ("dropped: oversized", self.oversized),
            ("dropped: repeated SYN", self.repeated),
            ("handshakes given up", self.handshakes),
            ("connections reset", self.reset),
            ("polls that left frames", self.busy),
            ("leases of DHCP", self.leases),
        ]
    }
}
