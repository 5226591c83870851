//! The evaluator: `items.jsonl` (what is asked, what is true) and one predictions file a system go in; scores with
//! intervals over patients, floors beside them, comparisons and a page come out. No network is needed to rescore.
//!
//! | question | answer |
//! |---|---|
//! | what can be asked about a corpus or a benchmark? | [`ask`], [`mrg`] |
//! | what does the text alone tell? | [`blind`]; and other controls: [`shuffle`] |
//! | what is asked, what is true, what was answered? | [`item`], [`prediction`], read by [`jsonl`] |
//! | how good is a system? | [`score()`], [`scores`] |
//! | is one system better than another? | [`compare()`] |
//! | how is a measure defined? | the module of its name, below |
//!
//! First-box measures ([`Measure::MeanIou`] and the accuracies) are over statements with exactly one true box; a statement with
//! several has no one box that could be right, and is scored by [`Measure::UnionIou`] and average precision.

pub mod answers;
pub mod ap;
pub mod ap_match;
pub mod ask;
pub mod blind;
pub mod bootstrap;
pub mod calibration;
pub mod check;
pub mod compare;
pub mod detection;
pub mod groups;
pub mod heat;
pub mod item;
pub mod jsonl;
pub mod limits;
pub mod mcnemar;
pub mod mrg;
pub mod noise;
pub mod page;
pub mod phrases;
pub mod prediction;
pub mod presence;
pub mod region;
pub mod report;
pub mod score;
pub mod scores;
pub mod selective;
pub mod shuffle;
pub mod statement;
pub mod words;

pub use compare::{System, compare};
pub use item::{Item, Target, Task};
pub use jsonl::{read_items, read_predictions};
pub use prediction::{Found, Heat, Prediction, ScoredBox};
pub use score::score;
pub use scores::{Comparison, Group, GroupKind, Measure, Metric, Part, Scores};
