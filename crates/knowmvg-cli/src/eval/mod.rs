//! `knowmvg eval`: questions, answers and scores.

mod answers;
mod args;
mod asked;
mod constant;
mod folder;
mod mrg;
mod mrg_table;
mod phrases;
mod phrases_table;
mod runner;
mod seen;
mod system;

pub use args::EvalArgs;
use args::EvalVerb;

use crate::failure::Failure;

/// Does what the arguments ask for.
pub fn run(args: &EvalArgs) -> Result<(), Failure> {
    match &args.verb {
        Some(EvalVerb::Mrg(args)) => mrg::run(args),
        None if args.task.is_some() => runner::run(args),
        None => phrases::run(args),
    }
}
