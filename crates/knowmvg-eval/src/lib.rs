//! The evaluator: `items.jsonl` (what is asked, what is true) and one predictions file a system go in; scores with
//! intervals over patients, floors beside them, comparisons and a page come out. No network is needed to rescore.

pub mod ask;
pub mod blind;
pub mod item;
pub mod mrg;
pub mod prediction;
pub mod shuffle;

pub use item::{Item, Target, Task};
pub use prediction::{Found, Heat, Prediction, ScoredBox};
