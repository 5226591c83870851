//! Checkpoints of the Hugging Face hub: into the cache that `huggingface_hub` has too, checked, and out of it without a network.
//!
//! `owner/name@revision -> files, sizes, checksums -> blobs -> snapshot folder`
//!
//! | step | in |
//! |---|---|
//! | a model's name and revision; a commit is a [`Pinned`] model | `id` |
//! | the variables that `huggingface_hub` reads, as values | `settings` |
//! | where files lie | `cache` |
//! | requests, and whom the token is sent to | `client` |
//! | which files of a model are wanted | `files` |
//! | a revision's files, and what each must be | `listing` |
//! | one file: resumed, bounded, checked | `fetch`, `digest` |
//! | all of them | `download` |
//!
//! What a server answers is not believed: names that leave the cache, other commits, sizes above the [`limits`] and bytes that
//! do not have the checksum are refused. What the hub itself says of a file is: who pins a commit trusts it to name its files.
//!
//! # Source
//! `huggingface_hub` 2.4.0: `file_download.py` (headers, cache, locks), `constants.py` (variables).

mod cache;
mod client;
mod digest;
mod download;
mod error;
mod fetch;
mod files;
mod id;
pub mod limits;
mod listing;
mod settings;

pub use cache::Cache;
pub use download::{Progress, Snapshot, download};
pub use error::HubError;
pub use files::{Files, GgufName};
pub use id::{Model, Pinned, PinnedFiles, Wanted};
pub use settings::Settings;
