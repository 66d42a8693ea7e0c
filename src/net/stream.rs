//! Over what does a peer speak: TCP, a Unix socket, or TLS over TCP?
//!
//! One enum instead of a boxed trait, so that the session's loop stays free of dynamic calls.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A connected peer.
#[derive(Debug)]
pub enum Stream {
    /// Plain TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
    /// TLS with us as the server.
    TlsServer(Box<tokio_rustls::server::TlsStream<TcpStream>>),
    /// TLS with us as the client.
    TlsClient(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

macro_rules! each {
    ($self:expr, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Stream::Tcp($stream) => $call,
            Stream::Unix($stream) => $call,
            Stream::TlsServer($stream) => $call,
            Stream::TlsClient($stream) => $call,
        }
    };
}

impl Stream {
    /// Whether the system has something of the peer's to be read, its end included.
    #[must_use]
    pub fn has_news(&self) -> bool {
        let socket = match self {
            Stream::Tcp(socket) => SockRef::from(socket),
            Stream::Unix(socket) => SockRef::from(socket),
            Stream::TlsServer(stream) => SockRef::from(stream.get_ref().0),
            Stream::TlsClient(stream) => SockRef::from(stream.get_ref().0),
        };
        // The sockets do not block.
        !matches!(socket.peek(&mut [MaybeUninit::uninit()]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl Stream {
    /// Whether the runtime has heard of something to be read, or that the peer has closed. It costs no system call, and hears of either a
    /// moment later than [`Stream::has_news`].
    #[must_use]
    pub fn is_told_of_news(&self) -> bool {
        let told = || Ok(());
        let socket = match self {
            Stream::Tcp(socket) => socket,
            Stream::Unix(socket) => return socket.try_io(Interest::READABLE, told).is_ok(),
            Stream::TlsServer(stream) => stream.get_ref().0,
            Stream::TlsClient(stream) => stream.get_ref().0,
        };
        socket.try_io(Interest::READABLE, told).is_ok()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

/// Sets what every TCP connection of the router has: no Nagle delay, and keepalive so that a vanished peer is noticed
/// within about two minutes. A listening socket hands it on to each that it accepts (tcp(7)), which saves five system calls a login.
///
/// # Errors
/// When the socket is gone already.
pub fn tune(socket: &impl AsFd) -> io::Result<()> {
    let socket = SockRef::from(socket);
    socket.set_tcp_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(std::time::Duration::from_secs(60))
        .with_interval(std::time::Duration::from_secs(15))
        .with_retries(4);
    socket.set_tcp_keepalive(&keepalive)
}
