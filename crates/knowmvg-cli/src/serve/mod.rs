//! `knowmvg serve`: HTTP API and web page.

mod args;
mod oidc;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use knowmvg_serve::{Config, ConfigError, Limits, Log, ServeError, Server, Token};

pub use args::ServeArgs;

use crate::failure::{Exit, Failure};
use crate::{deidentify, files, model_folder, output};

/// Longest file with a token.
///
/// # Units
/// Bytes.
const MAX_TOKEN_BYTES: usize = 4096;

/// Listens, loads the model, and answers until the process is told to stop.
pub fn run(args: &ServeArgs) -> Result<(), Failure> {
    let config = config(args)?;
    // An address that somebody else has is told before the model is loaded.
    let server = Server::bind(config).map_err(failure)?;
    let (_, grounder) = model_folder::load(&args.model)?;
    output::print(&format!("http://{}\n", server.address()))?;
    let log: Log = Arc::new(|line| eprintln!("{line}"));
    server.run(grounder, log).map_err(failure)
}

fn config(args: &ServeArgs) -> Result<Config, Failure> {
    let seconds = Duration::from_secs;
    Ok(Config {
        address: args.listen,
        token: args.token_file.as_deref().map(read_token).transpose()?,
        oidc: args.oidc.config()?,
        deidentifier: deidentify::of_results(&args.deidentify)?,
        allowed_origins: args.allow_origin.clone(),
        limits: Limits {
            body_bytes: args.max_body.saturating_mul(1 << 20),
            phrases: args.max_phrases,
            workers: args.workers,
            queue: args.queue,
            sessions: args.sessions,
            session_ttl: seconds(args.session_seconds),
            jobs: args.jobs,
            job_ttl: seconds(args.job_seconds),
            timeout: seconds(args.timeout),
            connections: args.connections,
            batch_phrases: args.batch_phrases,
            batch_images: args.batch_images,
            batch_window: Duration::from_millis(args.batch_window_ms),
        },
    })
}

fn read_token(path: &Path) -> Result<Token, Failure> {
    let unreadable = |e| Failure::about(Exit::Input, "cannot read the token", path, e);
    let bytes = files::bytes_at_most(path, MAX_TOKEN_BYTES).map_err(unreadable)?;
    // The secret must not stand in an error, so bytes that are no text are no token.
    let secret = String::from_utf8(bytes).unwrap_or_default();
    Token::new(&secret).map_err(|e| {
        let fix = "make one, e.g. `head -c 24 /dev/urandom | base64 > token`, and let only the server read it";
        Failure::about(Exit::Input, "cannot use the token", path, e).fix(fix)
    })
}

fn failure(error: ServeError) -> Failure {
    let (exit, fix) = match &error {
        ServeError::Config(ConfigError::Open(_)) => (
            Exit::Usage,
            "give --token-file or --oidc-issuer-url to listen on other addresses; see `knowmvg help serve`",
        ),
        ServeError::Config(_) => (Exit::Usage, "see `knowmvg help serve`"),
        ServeError::Listen { .. } => (Exit::Work, "name another address or port with --listen"),
        ServeError::Start(_) => (Exit::Work, "see whether the system allows more threads and open files"),
    };
    Failure::new(exit, "cannot serve").because(error).fix(fix)
}
