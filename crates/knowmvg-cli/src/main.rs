//! The binary `knowmvg`: arguments to a call of the library, and its result to the terminal and to files.

mod ablate;
mod args;
mod ask;
mod batch;
mod batch_row;
mod bench;
mod data;
mod data_table;
mod deidentify;
mod dicom_out;
mod dtype;
mod eval;
mod explain;
mod failure;
mod files;
mod ground;
mod ground_table;
mod hub;
mod info;
mod knowledge;
mod listen;
mod machine;
mod model_folder;
mod output;
mod progress;
mod sampling;
mod serve;
mod sr;
mod sr_table;
mod synth;
mod train;
mod vlm;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Verb};

fn main() -> ExitCode {
    let done = match Args::parse().verb {
        Verb::Ground(args) if args.batch.is_some() => batch::run(&args),
        Verb::Ground(args) => ground::run(&args),
        Verb::Ask(args) => ask::run(&args),
        Verb::Sr(args) => sr::run(&args),
        Verb::Deidentify(args) => deidentify::run(&args),
        Verb::Serve(args) => serve::run(&args),
        Verb::Listen(args) => listen::run(&args),
        Verb::Knowledge(args) => knowledge::run(&args),
        Verb::Info(args) => info::run(&args),
        Verb::Train(args) => train::run(&args),
        Verb::Eval(args) => eval::run(&args),
        Verb::Ablate(args) => ablate::run(&args),
        Verb::Synth(args) => synth::run(&args),
        Verb::Data(args) => data::run(&args),
        Verb::Vlm(args) => vlm::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprint!("{failure}");
            failure.exit.code()
        }
    }
}
