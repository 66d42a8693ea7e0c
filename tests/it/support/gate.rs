//! A network that can be cut: a TCP relay in front of a server.

use std::net::SocketAddr;
use std::sync::Mutex;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::postgres::free_port;

/// A relay on a port of its own. Shut, it cuts every connection and refuses new ones.
pub struct Gate {
    port: u16,
    to: u16,
    open: Mutex<Option<CancellationToken>>,
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
        tokio::spawn(relay(listener, self.to, open));
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

async fn relay(listener: TcpListener, to: u16, open: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = open.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((mut client, _)) = accepted else {
            return;
        };
        connections.spawn(async move {
            if let Ok(mut server) = TcpStream::connect(("127.0.0.1", to)).await {
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}
