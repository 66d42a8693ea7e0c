//! What has a peer sent that is not looked at yet, and what is owed to it?
//!
//! [`Wire`] is a stream with two buffers. It deliberately is not `AsyncRead` or `AsyncWrite`: callers append whole messages to
//! `out` and take whole messages from `inbox`, and only [`Wire::poll_fill`] and [`Wire::poll_drain`] touch the socket.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::AsyncWrite;
use tokio_util::io::poll_read_buf;

use super::spare;
use super::stream::Stream;
use crate::limits::{KEPT_BUFFER_BYTES, READ_CHUNK_BYTES, REST_BUFFER_BYTES};
use crate::protocol::frame::{self, BadLength, Head};

/// How long it may take until the runtime has heard what the system knows already.
const NEWS: Duration = Duration::from_millis(10);

/// A peer with buffers.
#[derive(Debug)]
pub struct Wire {
    stream: Stream,
    /// Bytes received and not yet consumed.
    pub inbox: BytesMut,
    /// Bytes to be sent.
    pub out: BytesMut,
    /// The peer has closed its sending side.
    pub ended: bool,
    /// Bytes received so far.
    pub received: u64,
    /// Bytes sent so far.
    pub sent: u64,
    flushed: bool,
}

impl Wire {
    /// Wraps a connected stream.
    #[must_use]
    pub fn new(stream: Stream) -> Self {
        let (inbox, out) = (BytesMut::new(), BytesMut::new());
        Self {
            stream,
            inbox,
            out,
            ended: false,
            received: 0,
            sent: 0,
            flushed: true,
        }
    }

    /// The stream alone, when nothing is buffered on either side.
    #[must_use]
    pub fn into_stream(self) -> Option<Stream> {
        (self.inbox.is_empty() && self.out.is_empty()).then_some(self.stream)
    }

    /// Whether the peer is on this machine, over a Unix socket.
    #[must_use]
    pub fn is_unix(&self) -> bool {
        matches!(self.stream, Stream::Unix(_))
    }

    /// The header at the start of the inbox.
    ///
    /// # Errors
    /// When its length is impossible.
    pub fn head(&self) -> Result<Option<Head>, BadLength> {
        frame::head(&self.inbox)
    }

    /// Reads once. `Ready(0)` means the peer has closed, and sets [`Wire::ended`]. Cancel safe.
    ///
    /// # Errors
    /// The socket's.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let stream = &mut self.stream;
        let read = if self.inbox.is_empty() {
            // Who waits holds no buffer.
            if self.inbox.capacity() > 0 {
                spare::give(&mut self.inbox);
            }
            spare::fill(&mut self.inbox, |buffer| {
                poll_read_buf(Pin::new(stream), cx, buffer)
            })
        } else {
            if self.inbox.capacity() - self.inbox.len() < READ_CHUNK_BYTES / 4 {
                self.inbox.reserve(READ_CHUNK_BYTES);
            }
            poll_read_buf(Pin::new(stream), cx, &mut self.inbox)
        };
        let read = ready!(read)?;
        self.received += read as u64;
        self.ended |= read == 0;
        Poll::Ready(Ok(read))
    }

    /// Whether the peer has neither sent nor closed, as far as the runtime has heard. What it has sent is read.
    pub fn is_quiet(&mut self) -> bool {
        // TLS may have more than the socket has.
        let plain = matches!(self.stream, Stream::Tcp(_) | Stream::Unix(_));
        let unheard = plain && !self.stream.is_told_of_news();
        let nobody = &mut Context::from_waker(Waker::noop());
        (unheard || self.poll_fill(nobody).is_pending()) && self.inbox.is_empty()
    }

    /// Writes until `out` is empty and flushed, or the socket is full. Cancel safe.
    ///
    /// # Errors
    /// The socket's.
    pub fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.out))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += written as u64;
            self.out.advance(written);
            self.flushed = false;
        }
        if !self.flushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.flushed = true;
        }
        if self.out.capacity() > KEPT_BUFFER_BYTES {
            spare::give(&mut self.out);
        }
        Poll::Ready(Ok(()))
    }

    /// Makes room for what is going to be sent.
    pub fn make_room(&mut self) {
        if self.out.capacity() == 0 {
            self.out = spare::take();
        }
    }

    /// Whether something is still to be written.
    #[must_use]
    pub fn owes(&self) -> bool {
        !self.out.is_empty() || !self.flushed
    }

    /// Reads once. Cancel safe.
    ///
    /// # Errors
    /// The socket's, and `UnexpectedEof` when the peer has closed.
    pub async fn fill(&mut self) -> io::Result<()> {
        match std::future::poll_fn(|cx| self.poll_fill(cx)).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Writes all of `out`. Cancel safe: what was written is gone from `out`.
    ///
    /// # Errors
    /// The socket's.
    pub async fn drain(&mut self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.poll_drain(cx)).await
    }

    /// Writes `out` for a peer that has said goodbye: there is nothing else to tell it before the socket is closed, but over TLS.
    pub async fn part(&mut self) {
        match self.stream {
            Stream::Tcp(_) | Stream::Unix(_) => drop(self.drain().await),
            Stream::TlsServer(_) | Stream::TlsClient(_) => self.close().await,
        }
    }

    /// Closes the sending side after `out` is written; errors no longer matter.
    pub async fn close(&mut self) {
        if self.drain().await.is_ok() {
            let stream = &mut self.stream;
            let _ = std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_shutdown(cx)).await;
        }
    }

    /// Whether the system knows of something that the peer has sent, or that it has closed.
    #[must_use]
    pub fn has_news(&self) -> bool {
        !self.ended && self.stream.has_news()
    }

    /// Reads what the peer has sent or that it has closed, if the system knows of either.
    pub async fn notice_news(&mut self) {
        if self.has_news() {
            let _ = tokio::time::timeout(NEWS, self.fill()).await;
        }
    }

    /// Gives back buffers that grew, for a peer at rest.
    pub fn shrink(&mut self) {
        if self.inbox.is_empty() && self.inbox.capacity() > REST_BUFFER_BYTES {
            self.inbox = BytesMut::new();
        }
        if self.out.is_empty() && self.out.capacity() > REST_BUFFER_BYTES {
            self.out = BytesMut::new();
        }
    }
}

/// Passes bytes in both directions until one side has closed and the other has been told.
pub async fn relay(one: &mut Wire, two: &mut Wire) {
    std::future::poll_fn(|cx| {
        loop {
            let moved = poll_relay(one, two, cx) | poll_relay(two, one, cx);
            if one.ended || two.ended {
                return Poll::Ready(());
            }
            if !moved {
                return Poll::Pending;
            }
        }
    })
    .await;
    let _ = one.drain().await;
    let _ = two.drain().await;
}

/// Moves what `from` has sent to `to`, reading no further while `to` is full. Returns whether anything moved.
fn poll_relay(from: &mut Wire, to: &mut Wire, cx: &mut Context<'_>) -> bool {
    let mut moved = false;
    if to.owes() && matches!(to.poll_drain(cx), Poll::Ready(Err(_))) {
        to.ended = true;
    }
    if to.out.is_empty() && !from.ended {
        match from.poll_fill(cx) {
            Poll::Ready(Ok(read)) => moved = read > 0,
            Poll::Ready(Err(_)) => from.ended = true,
            Poll::Pending => {}
        }
        to.out.unsplit(from.inbox.split());
    }
    moved
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// How often it was woken.
    #[derive(Default)]
    struct Reader(AtomicUsize);

    impl Wake for Reader {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn pair() -> (Wire, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap());
        let (accepted, peer) = tokio::join!(listener.accept(), peer);
        (Wire::new(Stream::Tcp(accepted.unwrap().0)), peer.unwrap())
    }

    fn looks(wire: &mut Wire, reader: &Arc<Reader>) -> bool {
        let waker = Waker::from(Arc::clone(reader));
        wire.poll_fill(&mut Context::from_waker(&waker)).is_ready()
    }

    /// Until the runtime has heard of what was sent.
    async fn heard(wire: &Wire) {
        while !wire.stream.is_told_of_news() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn whoever_has_looked_last_is_woken_once_for_what_comes() {
        let (mut wire, mut peer) = pair().await;
        let (one, other) = (Arc::new(Reader::default()), Arc::new(Reader::default()));
        let woken = || {
            (
                one.0.load(Ordering::Relaxed),
                other.0.load(Ordering::Relaxed),
            )
        };
        for round in 1..=3 {
            for _ in 0..2 {
                assert!(!looks(&mut wire, &one));
            }
            for _ in 0..2 {
                assert!(!looks(&mut wire, &other));
            }
            peer.write_all(b"news").await.unwrap();
            heard(&wire).await;
            assert_eq!(woken(), (round - 1, 2 * round - 1));
            assert!(looks(&mut wire, &other));
            assert!(!looks(&mut wire, &other));
            peer.write_all(b"more").await.unwrap();
            heard(&wire).await;
            assert_eq!(woken(), (round - 1, 2 * round));
            assert!(looks(&mut wire, &one));
            assert_eq!(wire.inbox.split(), b"newsmore"[..]);
            // What is gone from the inbox is not news.
            assert!(!looks(&mut wire, &one));
            peer.write_all(b"to one").await.unwrap();
            heard(&wire).await;
            assert_eq!(woken(), (round, 2 * round));
            assert!(looks(&mut wire, &one));
            wire.inbox.clear();
        }
        drop(peer);
        heard(&wire).await;
        assert!(looks(&mut wire, &one) && wire.ended);
    }

    #[tokio::test]
    async fn a_peer_that_has_sent_or_closed_is_not_quiet() {
        let (mut wire, mut peer) = pair().await;
        assert!(wire.is_quiet() && wire.is_quiet());
        peer.write_all(b"news").await.unwrap();
        heard(&wire).await;
        assert!(!wire.is_quiet() && !wire.is_quiet());
        wire.inbox.clear();
        assert!(wire.is_quiet());
        drop(peer);
        heard(&wire).await;
        assert!(!wire.is_quiet());
    }

    #[tokio::test]
    async fn a_reader_that_is_put_off_for_its_long_turn_is_woken_all_the_same() {
        let (mut wire, mut peer) = pair().await;
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let reader = tokio::spawn(async move {
            wire.fill().await.unwrap();
            wire.inbox.clear();
            let mut begun = Some(begun);
            std::future::poll_fn(|cx| {
                if let Some(begun) = begun.take() {
                    // Until there is nothing left of this turn.
                    while std::pin::pin!(tokio::task::consume_budget())
                        .poll(cx)
                        .is_ready()
                    {}
                    begun.send(()).unwrap();
                }
                wire.poll_fill(cx)
            })
            .await
            .unwrap();
        });
        peer.write_all(b"one").await.unwrap();
        has_begun.await.unwrap();
        // It comes back, finds nothing, and waits.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        peer.write_all(b"two").await.unwrap();
        let read = tokio::time::timeout(Duration::from_secs(60), reader).await;
        read.expect("it is woken").unwrap();
    }
}
