//! TCP connections.
/// Bytes of memory for a connection.
pub const BYTES_PER_CONNECTION: usize = 64;
/// Bytes of memory that all connections share.
pub const SCRATCH_BYTES: usize = 32 << 10;
