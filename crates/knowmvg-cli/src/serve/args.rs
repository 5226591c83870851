//! The arguments of `knowmvg serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use knowmvg_serve::{Config, Limits};

use super::oidc::OidcArgs;
use crate::deidentify::ResultDeidentifyArgs;
use crate::model_folder::ModelArgs;

const SERVE_HELP: &str = "\
Examples:
  knowmvg serve
  knowmvg serve --listen 0.0.0.0:8017 --token-file token
  knowmvg serve --listen 0.0.0.0:8017 --oidc-issuer-url https://login.example/realms/hospital \\
    --oidc-audience knowmvg

Open the printed address in a browser for the page; /openapi.json describes the API, and
docs/serve.md has examples. The log is one JSON object a line on standard error. It has no names,
no paths and no words of a report.

Without a token the server listens on this machine only, and answers to localhost, 127.0.0.1 and
[::1], and to its own page. With --token-file or --oidc-issuer-url every request for work has to say
`Authorization: Bearer TOKEN`, with that token, or an access token of that issuer (a JWT) for
--oidc-audience. There is no TLS: put a reverse proxy in front for other machines.

With --deidentify no answer says whom an image is of: DICOM and FHIR results are of a pseudonym, and
words of the report are replaced by those of the knowledge base (docs/deidentify.md). Text and faces
in pixels stay.

Images have at most 64 Mi pixels, reports 262,144 bytes, phrases 1,000 bytes. What finds no place in
the queue gets 503 with Retry-After. Nothing is written to disk. SIGINT or SIGTERM ends the server
after the requests that are there; jobs are cancelled.";

/// `knowmvg serve`
#[derive(Debug, clap::Args)]
#[command(after_help = SERVE_HELP)]
pub struct ServeArgs {
    /// Address and port; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value_t = Config::default().address)]
    pub listen: SocketAddr,
    /// File with the token that clients need, 16 or more visible ASCII characters
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    #[command(flatten)]
    pub oidc: OidcArgs,
    #[command(flatten)]
    pub deidentify: ResultDeidentifyArgs,
    /// Web site that may use the API, like https://a.example; may be given several times
    #[arg(long, value_name = "ORIGIN")]
    pub allow_origin: Vec<String>,
    /// Largest request in MiB
    #[arg(long, value_name = "MIB", default_value_t = Limits::default().body_bytes >> 20)]
    pub max_body: usize,
    /// Most typed phrases of a request
    #[arg(long, value_name = "N", default_value_t = Limits::default().phrases)]
    pub max_phrases: usize,
    /// Requests that are worked on at once; each uses all threads
    #[arg(long, value_name = "N", default_value_t = Limits::default().workers)]
    pub workers: usize,
    /// Requests and jobs that wait for a worker
    #[arg(long, value_name = "N", default_value_t = Limits::default().queue)]
    pub queue: usize,
    /// Encoded images that are kept; the least recently used makes room
    #[arg(long, value_name = "N", default_value_t = Limits::default().sessions)]
    pub sessions: usize,
    /// How long an encoded image is kept after its last use
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().session_ttl.as_secs())]
    pub session_seconds: u64,
    /// Jobs that are kept
    #[arg(long, value_name = "N", default_value_t = Limits::default().jobs)]
    pub jobs: usize,
    /// How long a finished job is kept after its last use
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().job_ttl.as_secs())]
    pub job_seconds: u64,
    /// How long a request may take to arrive, and again to be answered
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().timeout.as_secs())]
    pub timeout: u64,
    /// Open connections
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections)]
    pub connections: usize,
    /// Decode so many phrases of requests that wait at the same time together; 0 takes each request alone
    #[arg(long, value_name = "N", default_value_t = Limits::default().batch_phrases)]
    pub batch_phrases: usize,
    /// With --batch-phrases, images of a batch; 1 lets requests about one session share it, and no others
    #[arg(long, value_name = "N", default_value_t = Limits::default().batch_images)]
    pub batch_images: usize,
    /// With --batch-phrases, how long phrases wait for those of other requests
    #[arg(long, value_name = "MS", default_value_t = Limits::default().batch_window.as_millis() as u64)]
    pub batch_window_ms: u64,
    #[command(flatten)]
    pub model: ModelArgs,
}
