//! The noise protocol: how much worse a system gets as a report gets worse, one kind of damage at a time.
//!
//! ```text
//! template::write(Statement) ─▶ Report ─Corruption::apply(severity 0..=4, generator)─▶ Report ─▶ text of an Item
//! ```
//!
//! Nothing here ever touches a box. A corruption says what it did to the truth of the text ([`Effect`]): after a wrong
//! side, for instance, the text misleads and the boxes stay. The same seed gives the same text, and each severity goes on
//! where the lower one stopped, so that a curve over severities follows one report and not a new draw at each point.
//! English only.

mod all;
mod boilerplate;
mod corruption;
mod distractor;
mod location;
mod measurement;
mod negation;
mod report;
mod sentence;
mod severity;
mod style;
pub mod template;
mod typo;
mod words;
mod wrong_side;

pub use corruption::Corruption;
pub use report::{Effect, MAX_ADDED_BYTES, MAX_REPORT_BYTES, Report, ReportError, Surroundings};
pub use severity::{Severity, SeverityError};
