//! The network device: SMSC's LAN9118, as QEMU has it. On a board its PHY would have to be set up
//! too, which QEMU has up from the start.

use wrtracker_core::bare::smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use wrtracker_core::bare::smoltcp::time::Instant;

use crate::machine::{read, write};

const BASE: usize = 0x4020_0000;
const RX_DATA: usize = BASE;
const TX_DATA: usize = BASE + 0x20;
const RX_STATUS: usize = BASE + 0x40;
const IRQ_CFG: usize = BASE + 0x54;
const INT_STS: usize = BASE + 0x58;
const INT_EN: usize = BASE + 0x5c;
const BYTE_TEST: usize = BASE + 0x64;
const FIFO_INT: usize = BASE + 0x68;
const TX_CFG: usize = BASE + 0x70;
const HW_CFG: usize = BASE + 0x74;
const RX_FIFO_INF: usize = BASE + 0x7c;
const TX_FIFO_INF: usize = BASE + 0x80;
const RX_DROP: usize = BASE + 0xa0;
const MAC_CSR_CMD: usize = BASE + 0xa4;
const MAC_CSR_DATA: usize = BASE + 0xa8;

/// Registers of the MAC.
const MAC_CR: u32 = 1;
const ADDRH: u32 = 2;
const ADDRL: u32 = 3;
const MII_ACC: u32 = 6;
const MII_DATA: u32 = 7;

/// Bytes of the longest frame, without its checksum.
const FRAME: usize = 1514;

/// The device, and room for one frame each way.
pub struct Lan9118 {
    received: [u8; FRAME.next_multiple_of(4) + 4],
    sending: [u8; FRAME.next_multiple_of(4)],
    dropped: u64,
}

impl Lan9118 {
    /// One that isn't started.
    pub const fn new() -> Self {
        Self {
            received: [0; _],
            sending: [0; _],
            dropped: 0,
        }
    }

    /// Starts it. False if no such chip answers.
    pub fn start(&mut self, mac: [u8; 6]) -> bool {
        if read(BYTE_TEST) != 0x8765_4321 {
            return false;
        }
        write(HW_CFG, 1);
        while read(HW_CFG) & 1 != 0 {}
        // 5 KiB for what is to be sent.
        write(HW_CFG, 0x0005_0000);
        let [a, b, c, d, e, f] = mac;
        set_mac(ADDRH, u32::from_le_bytes([e, f, 0, 0]));
        set_mac(ADDRL, u32::from_le_bytes([a, b, c, d]));
        write(TX_CFG, 2);
        // Send, receive, and pass all multicast.
        set_mac(MAC_CR, 1 << 3 | 1 << 2 | 1 << 19);
        // Interrupt as soon as one frame waits.
        write(FIFO_INT, 0x4800_0000);
        write(INT_STS, !0);
        write(IRQ_CFG, 0x111);
        write(INT_EN, 1 << 3);
        true
    }

    /// Has it interrupt for the next frame.
    pub fn rearm(&self) {
        write(INT_STS, !0);
    }

    /// Whether its link is up.
    pub fn link(&self) -> bool {
        // The basic status register of the PHY at address 1; its bit stays 0 until it was read once.
        set_mac(MII_ACC, 1 << 11 | 1 << 6 | 1);
        while get_mac(MII_ACC) & 1 != 0 {}
        get_mac(MII_DATA) & 1 << 2 != 0
    }

    /// Frames that it had no room for.
    pub fn dropped(&mut self) -> u64 {
        // Reading clears it.
        self.dropped += u64::from(read(RX_DROP));
        self.dropped
    }
}

fn set_mac(register: u32, value: u32) {
    write(MAC_CSR_DATA, value);
    write(MAC_CSR_CMD, 1 << 31 | register);
    while read(MAC_CSR_CMD) >> 31 != 0 {}
}

fn get_mac(register: u32) -> u32 {
    write(MAC_CSR_CMD, 3 << 30 | register);
    while read(MAC_CSR_CMD) >> 31 != 0 {}
    read(MAC_CSR_DATA)
}

/// Whether it has room for a frame.
fn has_room() -> bool {
    (read(TX_FIFO_INF) & 0xffff) as usize >= FRAME + 16
}

/// A frame that came.
pub struct Received<'a>(&'a [u8]);

/// Room for a frame.
pub struct Room<'a>(&'a mut [u8]);

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, look: F) -> R {
        look(self.0)
    }
}

impl phy::TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, make: F) -> R {
        let made = make(&mut self.0[..length]);
        let bytes = length as u32;
        // The first and the last part of a frame.
        write(TX_DATA, 3 << 12 | bytes);
        write(TX_DATA, bytes << 16 | bytes);
        for word in self.0[..length.next_multiple_of(4)].chunks_exact(4) {
            write(
                TX_DATA,
                u32::from_le_bytes([word[0], word[1], word[2], word[3]]),
            );
        }
        made
    }
}

impl Device for Lan9118 {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, Room<'_>)> {
        // What can't be answered yet waits in the device.
        while has_room() && read(RX_FIFO_INF) >> 16 & 0xff != 0 {
            let status = read(RX_STATUS);
            // With its checksum of 4 bytes.
            let length = (status >> 16 & 0x3fff) as usize;
            let mut room = self.received.chunks_exact_mut(4);
            for _ in 0..length.div_ceil(4) {
                let word = read(RX_DATA).to_le_bytes();
                if let Some(to) = room.next() {
                    to.copy_from_slice(&word);
                }
            }
            let good = status & 1 << 15 == 0 && (18..=FRAME + 4).contains(&length);
            if good {
                return Some((
                    Received(&self.received[..length - 4]),
                    Room(&mut self.sending),
                ));
            }
            self.dropped += 1;
        }
        None
    }

    fn transmit(&mut self, _: Instant) -> Option<Room<'_>> {
        has_room().then_some(Room(&mut self.sending))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = FRAME;
        capabilities.max_burst_size = Some(1);
        capabilities
    }
}
