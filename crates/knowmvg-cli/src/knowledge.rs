//! `knowmvg knowledge PHRASE`.

use knowmvg::knowledge::{KnowledgeBase, explain};

use crate::args::KnowledgeArgs;
use crate::failure::Failure;
use crate::output;

/// Prints what the phrase linked to and why.
pub fn run(args: &KnowledgeArgs) -> Result<(), Failure> {
    let explanation = explain(&args.phrase, KnowledgeBase::chest());
    if args.json { output::print_json(&explanation) } else { output::print(&explanation.to_string()) }
}
