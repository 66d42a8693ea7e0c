//! Where do clients come in?
//!
//! One task accepts for each address of `listen:`; each connection gets a task of its own, which logs the client in and then serves
//! it. Too many clients are told so and closed.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};

use super::handshake::{self, LoggedIn};
use crate::config::Listen;
use crate::error::ClientError;
use crate::limits::TURN_AWAY_TIMEOUT;
use crate::net::stream::{Stream, tune};
use crate::server::{ClientTicket, Shared};
use crate::session::{End, Session, Summary};

/// How long to wait before accepting again when the process has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A bound address.
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix socket, removed when dropped.
    Unix(UnixListener, UnixPath),
}

/// The path of a Unix socket, removed when dropped.
pub struct UnixPath(PathBuf);

impl Drop for UnixPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Binds an address. A Unix socket left behind by a router that is gone is replaced, one in use is not.
    ///
    /// # Errors
    /// One line that names the address and what is wrong.
    pub async fn bind(listen: &Listen) -> Result<Self, String> {
        let fault = |e: io::Error| format!("cannot listen on {listen}: {e}");
        match listen {
            Listen::Tcp { host, port } => {
                let listener = TcpListener::bind((host.as_str(), *port))
                    .await
                    .map_err(fault)?;
                // Those that are accepted take it over.
                tune(&listener).map_err(fault)?;
                Ok(Listener::Tcp(listener))
            }
            Listen::Unix(path) => {
                remove_stale(path).await.map_err(fault)?;
                let listener = UnixListener::bind(path).map_err(fault)?;
                Ok(Listener::Unix(listener, UnixPath(path.clone())))
            }
        }
    }

    /// The address that was bound, with the port the system chose.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().ok(),
            Listener::Unix(..) => None,
        }
    }

    /// The address for logs.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Listener::Tcp(listener) => listener
                .local_addr()
                .map_or_else(|_| "?".to_owned(), |address| address.to_string()),
            Listener::Unix(_, path) => format!("unix:{}", path.0.display()),
        }
    }

    /// Accepts clients until the router drains.
    pub async fn run(self, shared: Arc<Shared>) {
        loop {
            let accepted = tokio::select! {
                () = shared.drain.cancelled() => return,
                accepted = self.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let client = serve(Arc::clone(&shared), stream, peer);
                    shared.tasks.spawn(client);
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn accept(&self) -> io::Result<(Stream, String)> {
        match self {
            Listener::Tcp(listener) => {
                let (socket, peer) = listener.accept().await?;
                Ok((Stream::Tcp(socket), peer.to_string()))
            }
            Listener::Unix(listener, _) => {
                let (socket, _) = listener.accept().await?;
                Ok((Stream::Unix(socket), "[local]".to_owned()))
            }
        }
    }
}

/// Removes a socket that nobody listens on.
async fn remove_stale(path: &Path) -> io::Result<()> {
    if path.exists() && tokio::net::UnixStream::connect(path).await.is_err() {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

/// One connection, from its first byte to its last.
async fn serve(shared: Arc<Shared>, stream: Stream, peer: String) {
    // Boxed, so that it takes no room in the task once it is over.
    let Some((_ticket, client)) = Box::pin(admit(&shared, stream, &peer)).await else {
        return;
    };
    let begun = Begun::new(&shared, client);
    let summary = begun.session.run().await;
    shared.sessions.remove(&begun.number);
    shared.cancels.remove(begun.pid, &begun.key);
    log_end(&peer, &begun.user, &begun.database, &summary);
}

/// Counts a client in and lets it log in. `None` when it was sent away or has left.
async fn admit(
    shared: &Arc<Shared>,
    stream: Stream,
    peer: &str,
) -> Option<(ClientTicket, LoggedIn)> {
    let snapshot = shared.snapshot();
    let limits = snapshot.table.config.limits;
    let Some(ticket) = shared.enter(limits.clients) else {
        tracing::warn!(%peer, max = limits.clients, "too many clients");
        let message = format!("too many clients: the router takes {}", limits.clients);
        let error = ClientError::full(message);
        let turned_away = handshake::turn_away(&snapshot, stream, error);
        let _ = tokio::time::timeout(TURN_AWAY_TIMEOUT, turned_away).await;
        return None;
    };
    let logged_in = tokio::select! {
        () = shared.stop.cancelled() => return None,
        logged_in = tokio::time::timeout(limits.login_timeout, handshake::log_in(shared, snapshot, stream)) => logged_in,
    };
    let Ok(client) = logged_in else {
        tracing::info!(%peer, "client took too long to log in");
        return None;
    };
    Some((ticket, client?))
}

/// A session, and what is to be taken away at its end.
struct Begun {
    session: Box<Session>,
    number: u64,
    pid: i32,
    key: Vec<u8>,
    user: Box<str>,
    database: Box<str>,
}

impl Begun {
    fn new(shared: &Shared, client: LoggedIn) -> Self {
        let LoggedIn { pid, key, start } = client;
        let number = start.number;
        let (user, database) = (start.view.user.clone(), start.view.database.clone());
        let info = crate::server::SessionInfo {
            user: user.clone(),
            database: database.clone(),
            pins: Vec::new(),
            backend_pid: None,
            cursor_pid: None,
        };
        shared.sessions.insert(number, info);
        Self {
            session: Box::new(Session::new(start)),
            number,
            pid,
            key,
            user: user.into(),
            database: database.into(),
        }
    }
}

/// The one line of a finished session.
fn log_end(peer: &str, user: &str, database: &str, summary: &Summary) {
    let end = match &summary.end {
        End::ClientLeft => "client left",
        End::BackendSaid => "backend ended it",
        End::CutOff => "a backend was lost in the middle of a row",
        End::Told(error) => error.message.as_str(),
    };
    tracing::info!(
        peer,
        user,
        database,
        statements = summary.statements,
        received = summary.received,
        sent = summary.sent,
        seconds = summary.lasted.as_secs_f64(),
        end,
        "session finished"
    );
}

#[cfg(test)]
mod tests {
    use socket2::SockRef;
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn whom_it_accepts_is_not_held_back_and_not_waited_for_for_ever() {
        let listen = Listen::Tcp {
            host: "127.0.0.1".to_owned(),
            port: 0,
        };
        let listener = Listener::bind(&listen).await.unwrap();
        let address = listener.address().unwrap();
        let client = TcpStream::connect(address);
        let (accepted, client) = tokio::join!(listener.accept(), client);
        let (Stream::Tcp(socket), _) = accepted.unwrap() else {
            panic!("no TCP");
        };
        assert!(socket.nodelay().unwrap());
        let socket = SockRef::from(&socket);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 4);
        drop(client);
    }
}
