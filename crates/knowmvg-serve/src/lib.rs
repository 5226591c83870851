//! HTTP API and web page: uploads in, [`Grounding`](knowmvg::grounding::Grounding)s out.
//!
//! ```text
//! connection ──server──▶ request ──observe──▶ one line, one count ──guard, oidc──▶ token, or Host and Origin
//!     ──upload──▶ image, words ──pool──▶ a place in the queue, then a worker
//!     ──work, batch──▶ GreyImage ─▶ encoded image ─▶ Grounding ──answer──▶ JSON · COCO · PNG · SVG · DICOM
//! ```
//!
//! * Nothing of a patient reaches a log, a metric, an error or a path: log lines have routes and not paths, errors say
//!   what was expected and where, and labels come from fixed lists. `tests/canary.rs` plants words and looks for them.
//! * Everything is bounded: see [`Limits`]. Who finds no place in the queue is told so before the body is read.
//! * Nothing is written to disk. Encoded images and results of jobs are kept in memory for a time, and with them what a
//!   DICOM result repeats of the image: patient and study.
//!
//! The API is described by `openapi.json`, and for people by `docs/serve.md`.
//!
//! Research software, not a medical device. Not for diagnosis.

#![warn(missing_docs)]

mod accept;
mod answer;
mod app;
mod ask;
mod batch;
mod coco;
mod config;
mod export;
mod film;
mod ground;
mod guard;
mod health;
mod id;
mod inference;
mod jobs;
mod layers;
mod metrics;
mod observe;
mod oidc;
mod origin;
mod page;
mod pool;
mod problem;
mod server;
mod sessions;
mod store;
mod upload;
mod work;

pub use app::{App, endpoints};
pub use config::{Config, ConfigError, Limits, MIN_TOKEN_LEN, Token};
pub use observe::Log;
pub use oidc::{OidcConfig, RequiredClaim};
pub use server::{ServeError, Server};
pub use upload::MAX_PHRASE_BYTES;
