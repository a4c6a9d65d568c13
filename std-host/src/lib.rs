//! The host for Linux.
