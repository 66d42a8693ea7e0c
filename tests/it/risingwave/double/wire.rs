//! How are frames read from a socket and written to it?

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One end of a connection.
pub struct Wire {
    socket: TcpStream,
    inbox: BytesMut,
    /// What is to be sent.
    pub out: BytesMut,
}

/// A message without its length.
pub struct Message {
    pub tag: u8,
    pub body: Bytes,
}

impl Wire {
    pub fn new(socket: TcpStream) -> Self {
        let _ = socket.set_nodelay(true);
        Self {
            socket,
            inbox: BytesMut::new(),
            out: BytesMut::new(),
        }
    }

    pub fn peer(&self) -> String {
        self.socket
            .peer_addr()
            .map(|a| a.to_string())
            .unwrap_or_default()
    }

    /// Sends what waits. A peer that has gone is noticed when it is read from.
    pub async fn flush(&mut self) {
        if !self.out.is_empty() {
            let out = self.out.split();
            let _ = self.socket.write_all(&out).await;
        }
    }

    async fn fill(&mut self) -> Option<()> {
        self.inbox.reserve(32 * 1024);
        match self.socket.read_buf(&mut self.inbox).await {
            Ok(read) if read > 0 => Some(()),
            _ => None,
        }
    }

    /// A packet of the startup phase: everything behind its length.
    pub async fn packet(&mut self) -> Option<Bytes> {
        self.sized(0).await.map(|mut packet| {
            packet.advance(4);
            packet
        })
    }

    /// The next message, or `None` at the end.
    pub async fn message(&mut self) -> Option<Message> {
        let mut frame = self.sized(1).await?;
        let tag = frame.get_u8();
        frame.advance(4);
        Some(Message { tag, body: frame })
    }

    /// Bytes whose length stands behind so many others.
    async fn sized(&mut self, before: usize) -> Option<Bytes> {
        loop {
            if self.inbox.len() >= before + 4 {
                let length = (&self.inbox[before..]).get_u32() as usize;
                if !(4..=1 << 30).contains(&length) {
                    return None;
                }
                if self.inbox.len() >= before + length {
                    return Some(self.inbox.split_to(before + length).freeze());
                }
            }
            self.fill().await?;
        }
    }

    /// Waits for the end of the connection, taking no notice of what comes.
    pub async fn closed(&mut self) {
        while self.fill().await.is_some() {
            self.inbox.clear();
        }
    }
}

/// Sends bytes, and says whether the peer takes them.
pub async fn write(wire: &mut Wire, bytes: &[u8]) -> bool {
    wire.socket.write_all(bytes).await.is_ok()
}

/// Appends a message.
pub fn put(out: &mut BytesMut, tag: u8, body: &[u8]) {
    out.put_u8(tag);
    out.put_u32(u32::try_from(body.len() + 4).expect("short"));
    out.put_slice(body);
}

/// Appends text and a zero.
pub fn put_text(out: &mut BytesMut, text: &str) {
    out.put_slice(text.as_bytes());
    out.put_u8(0);
}

pub fn put_complete(out: &mut BytesMut, tag: &str) {
    put(out, b'C', &[tag.as_bytes(), b"\0"].concat());
}

pub fn put_ready(out: &mut BytesMut, status: u8) {
    put(out, b'Z', &[status]);
}

/// The values of a DataRow.
pub fn row(mut body: &[u8]) -> Vec<Option<Bytes>> {
    let count = body.get_u16();
    let mut value = || {
        let length = usize::try_from(body.get_i32()).ok()?;
        Some(body.copy_to_bytes(length))
    };
    (0..count).map(|_| value()).collect()
}

/// Takes text up to a zero off the front, or `None` where there is no zero.
pub fn take_text(body: &mut Bytes) -> Option<Bytes> {
    let end = body.iter().position(|byte| *byte == 0)?;
    let text = body.split_to(end);
    body.advance(1);
    Some(text)
}
