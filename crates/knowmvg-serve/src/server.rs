//! [`Server`]: the socket, and the loop that accepts connections until the program is told to stop.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{self, Either};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use knowmvg::grounder::Grounder;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::app::App;
use crate::config::{Config, ConfigError};
use crate::observe::Log;

/// How long the header of a request may take.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How often it is looked for sessions and jobs whose time is over.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// How long a stop waits for requests beyond the time that each of them may take.
const GRACE: Duration = Duration::from_secs(1);
/// After an error of the system, e.g. too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It may not run like this.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address cannot be had.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system has no threads, timers or signals for it.
    #[error("cannot start")]
    Start(#[source] io::Error),
}

/// A server that has its address and does not answer yet.
#[derive(Debug)]
pub struct Server {
    config: Config,
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Takes the address.
    ///
    /// # Errors
    /// When the configuration may not run or somebody else has the address.
    pub fn bind(config: Config) -> Result<Self, ServeError> {
        config.check()?;
        let failed = |source| ServeError::Listen { address: config.address, source };
        let listener = TcpListener::bind(config.address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { config, listener, address })
    }

    /// Where it listens, with the port that it got.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until the process gets SIGINT or SIGTERM, and then those that are there.
    ///
    /// The model is never dropped, because kept images refer to it. Panics of this process tell their place and not
    /// their message from here on: a message may quote a report.
    ///
    /// # Errors
    /// When the system refuses threads, timers or signals.
    pub fn run(self, grounder: Grounder, log: Log) -> Result<(), ServeError> {
        quiet_panics(log.clone());
        let app = App::new(Box::leak(Box::new(grounder)), self.config.clone(), log)?;
        let limits = &self.config.limits;
        // Those that work, and a few that parse, or fetch keys, meanwhile.
        let threads = limits.workers.saturating_add(3);
        // Everybody in the queue may wait for a batch, and batches need workers of their own.
        let waiting = if limits.batch_phrases > 0 { limits.workers.saturating_add(limits.queue) } else { 0 };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(threads.saturating_add(waiting))
            .enable_all()
            .build()
            .map_err(ServeError::Start)?;
        runtime.block_on(async {
            let stop = stop_signal().map_err(ServeError::Start)?;
            self.serve(app, stop).await
        })
    }

    /// Answers requests until `stop` is there, and then those that are there.
    ///
    /// # Errors
    /// When the socket cannot be used.
    pub async fn serve(self, app: App, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
        let listener = tokio::net::TcpListener::from_std(self.listener).map_err(ServeError::Start)?;
        let sweeper = tokio::spawn(sweep(app.clone()));
        let connections = GracefulShutdown::new();
        let free = Arc::new(Semaphore::new(self.config.limits.connections.min(Semaphore::MAX_PERMITS)));
        let service = app.router();
        let mut stop = std::pin::pin!(stop);
        loop {
            let next = std::pin::pin!(accept(&listener, &free));
            let (stream, permit) = match future::select(stop.as_mut(), next).await {
                Either::Left(_) => break,
                Either::Right((connection, _)) => connection,
            };
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service.clone()));
            let connection = connections.watch(connection);
            tokio::spawn(async move {
                // What a client did to its connection is nothing to log.
                let _ = connection.await;
                drop(permit);
            });
        }
        drop(listener);
        app.stop();
        let _ = tokio::time::timeout(self.config.limits.timeout + GRACE, connections.shutdown()).await;
        sweeper.abort();
        Ok(())
    }
}

/// The next connection, once there is room for one.
async fn accept(
    listener: &tokio::net::TcpListener,
    free: &Arc<Semaphore>,
) -> (TcpStream, Option<tokio::sync::OwnedSemaphorePermit>) {
    let permit = free.clone().acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn sweep(app: App) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        app.sweep();
    }
}

/// SIGINT or SIGTERM.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        future::select(std::pin::pin!(interrupt.recv()), std::pin::pin!(terminate.recv())).await;
    })
}

/// Ctrl+C.
#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

fn quiet_panics(log: Log) {
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(|place| format!("{}:{}", place.file(), place.line()));
        log(&serde_json::json!({"panic": place}).to_string());
    }));
}
