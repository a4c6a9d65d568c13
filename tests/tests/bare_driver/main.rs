//! The driver for machines without an operating system, on a cable whose weather the test makes, at
//! a time that the test sets.
#![forbid(unsafe_code)]

mod addresses;
mod damage;
mod floods;
mod lan;
mod weather;
