//! [`Port`]: connections from others, each in a thread of its own and only so many at once.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::error::ListenError;
use crate::log::Log;

/// How long nothing is accepted after that failed: most likely too many files are open, and others will be closed.
const PAUSE: Duration = Duration::from_millis(100);

/// A port that is taken.
pub(crate) struct Port {
    listener: TcpListener,
    most: usize,
    /// What the log says of one more.
    too_many: &'static str,
}

impl Port {
    /// Takes a port; at most so many connections are open at once, and more are closed and told to the log.
    ///
    /// # Errors
    /// When somebody else has it.
    pub fn bind(address: SocketAddr, most: usize, too_many: &'static str) -> Result<Self, ListenError> {
        let listener = TcpListener::bind(address).map_err(|source| ListenError::Listen { address, source })?;
        Ok(Self { listener, most, too_many })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Takes connections for ever. `server` makes, for one peer, what answers it in its thread; none for a stranger.
    pub fn run<S>(&self, log: &Log, server: impl Fn(SocketAddr) -> Option<S>)
    where
        S: FnOnce(TcpStream) + Send + 'static,
    {
        let open = Arc::new(AtomicUsize::new(0));
        for stream in self.listener.incoming() {
            let Ok(stream) = stream else {
                std::thread::sleep(PAUSE);
                continue;
            };
            let Ok(peer) = stream.peer_addr() else { continue };
            let Some(serve) = server(peer) else { continue };
            if open.load(Ordering::SeqCst) >= self.most {
                log.event(self.too_many);
                continue;
            }
            let place = Place::take(&open);
            std::thread::spawn(move || {
                let _place = place;
                serve(stream);
            });
        }
    }
}

/// A place among the open connections; given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::SeqCst);
        Self(open.clone())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
