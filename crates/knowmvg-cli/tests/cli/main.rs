//! Runs the binary as a user does. The model is the one of the repository's `models/`.

mod ablate;
mod bad_inputs;
mod batch;
mod corpus;
mod data;
mod deidentify;
mod dicom;
mod eval_mrg;
mod eval_tasks;
mod ground;
mod help;
mod hub;
mod listen;
mod ran;
mod serve;
mod vlm;
