//! A network that can be cut, held up, or closed halfway: a TCP relay in front of a server.

use std::net::SocketAddr;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::postgres::free_port;

/// A relay on a port of its own. Shut, it cuts every connection and refuses new ones.
pub struct Gate {
    port: u16,
    to: u16,
    open: Mutex<Option<CancellationToken>>,
    weather: watch::Sender<Weather>,
}

/// What becomes of the bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Weather {
    /// None passes, in either direction.
    stalled: bool,
    /// How often the server's side has been told to say no more.
    hushed: u32,
}

impl Gate {
    /// A gate to a port on 127.0.0.1, open.
    pub async fn open_to(to: u16) -> Self {
        let gate = Self::shut_to(to);
        gate.open().await;
        gate
    }

    /// A gate to a port on 127.0.0.1, shut.
    pub fn shut_to(to: u16) -> Self {
        Self {
            port: free_port(),
            to,
            open: Mutex::new(None),
            weather: watch::Sender::default(),
        }
    }

    /// The gate's port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Lets connections through.
    pub async fn open(&self) {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("its option");
        socket.bind(address).expect("the gate's port");
        let listener = socket.listen(64).expect("a listener");
        let open = CancellationToken::new();
        *self.open.lock().expect("the gate") = Some(open.clone());
        tokio::spawn(relay(listener, self.to, open, self.weather.subscribe()));
    }

    /// Lets nothing through for a while, or lets it through again. Nobody is cut off.
    pub fn stall(&self, stalled: bool) {
        self.weather
            .send_modify(|weather| weather.stalled = stalled);
    }

    /// Closes the sending half of the server's end of each connection that is open now; the other half goes on.
    pub fn hush(&self) {
        self.weather.send_modify(|weather| weather.hushed += 1);
    }

    /// Cuts all connections and takes no more. When it returns, new ones are refused.
    pub async fn shut(&self) {
        let open = self.open.lock().expect("the gate").take();
        if let Some(open) = open {
            open.cancel();
        }
        super::eventually("the gate is shut", || async {
            TcpStream::connect(("127.0.0.1", self.port)).await.is_err()
        })
        .await;
    }
}

async fn relay(
    listener: TcpListener,
    to: u16,
    open: CancellationToken,
    weather: watch::Receiver<Weather>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            // Whoever waits for the gate to be shut sees the listener go last, so that no old connection is still open.
            () = open.cancelled() => return connections.shutdown().await,
            accepted = listener.accept() => accepted,
        };
        let Ok((client, _)) = accepted else {
            return;
        };
        let weather = weather.clone();
        connections.spawn(async move {
            if let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await {
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::join!(
                    pass(from_client, to_server, weather.clone(), false),
                    pass(from_server, to_client, weather, true)
                );
            }
        });
    }
}

/// Passes bytes on, as the weather allows, until there are no more.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
    of_server: bool,
) {
    let mut buffer = vec![0; 16 * 1024];
    let hushed = weather.borrow().hushed;
    let mut changes = weather.clone();
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            _ = changes.wait_for(|now| of_server && now.hushed != hushed) => return,
        };
        let Ok(count @ 1..) = read else {
            return;
        };
        if weather.wait_for(|now| !now.stalled).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
