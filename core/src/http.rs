//! HTTP: to be replaced.
