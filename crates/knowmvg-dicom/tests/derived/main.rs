//! Objects that are written for archives: what goes in comes out, the same input gives the same bytes, and hostile files are
//! errors.

#[path = "../build/mod.rs"]
mod build;
mod foreign;
mod hostile;
mod made;
mod pictures;
mod report;
