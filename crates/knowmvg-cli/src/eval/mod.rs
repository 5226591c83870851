//! `knowmvg eval`: questions, answers and scores.

mod answers;
mod args;
mod asked;
mod compare;
mod constant;
mod folder;
mod mrg;
mod mrg_pixels;
mod mrg_table;
mod page;
mod phrases;
mod phrases_table;
mod reading;
mod runner;
mod score;
mod score_table;
mod seen;
mod system;

use args::EvalVerb;
pub use args::{EvalArgs, SplitArg};

use crate::failure::Failure;

/// Does what the arguments ask for.
pub fn run(args: &EvalArgs) -> Result<(), Failure> {
    match &args.verb {
        Some(EvalVerb::Mrg(args)) => mrg::run(args),
        Some(EvalVerb::Score(args)) => score::run(args),
        Some(EvalVerb::Compare(args)) => compare::run(args),
        None if args.task.is_some() => runner::run(args),
        None => phrases::run(args),
    }
}
