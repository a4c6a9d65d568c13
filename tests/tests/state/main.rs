//! What outlives the program, and what becomes of files that are not what they should be.
#![forbid(unsafe_code)]

mod damage;
mod files;
mod places;
mod restarts;
