//! A client that sends exact bytes and reads frames.

use bytes::{Buf, BufMut, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::within;

/// A message from the router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub tag: char,
    pub body: Vec<u8>,
}

impl Frame {
    /// A field of an ErrorResponse or NoticeResponse.
    pub fn field(&self, field: char) -> Option<String> {
        let mut fields = self.body.split(|byte| *byte == 0);
        let found = fields.find(|f| f.first() == Some(&(field as u8)))?;
        Some(String::from_utf8_lossy(&found[1..]).into_owned())
    }

    /// An ErrorResponse's SQLSTATE.
    pub fn sqlstate(&self) -> String {
        assert_eq!(self.tag, 'E', "{self:?}");
        self.field('C').expect("an SQLSTATE")
    }

    /// The values of a DataRow.
    pub fn row(&self) -> Vec<Option<Vec<u8>>> {
        assert_eq!(self.tag, 'D', "{self:?}");
        let mut body = &self.body[..];
        let count = body.get_u16();
        let value = |body: &mut &[u8]| {
            let length = usize::try_from(body.get_i32()).ok()?;
            Some(body.copy_to_bytes(length).to_vec())
        };
        (0..count).map(|_| value(&mut body)).collect()
    }

    /// The first value of a DataRow as text.
    pub fn text(&self) -> String {
        let row = self.row();
        let value = row.first().cloned().flatten().expect("a value");
        String::from_utf8(value).expect("text")
    }

    /// The text of a message that is one string, such as CommandComplete.
    pub fn string(&self) -> String {
        let end = self.body.iter().position(|byte| *byte == 0);
        String::from_utf8_lossy(&self.body[..end.unwrap_or(self.body.len())]).into_owned()
    }
}

/// The tags of some frames, such as `"12TDCZ"`.
pub fn tags(frames: &[Frame]) -> String {
    frames.iter().map(|frame| frame.tag).collect()
}

/// The SQLSTATEs of the errors among some frames.
pub fn sqlstates(frames: &[Frame]) -> Vec<String> {
    let errors = frames.iter().filter(|frame| frame.tag == 'E');
    errors.map(Frame::sqlstate).collect()
}

/// The first values of the rows among some frames.
pub fn values(frames: &[Frame]) -> Vec<String> {
    let rows = frames.iter().filter(|frame| frame.tag == 'D');
    rows.map(Frame::text).collect()
}

/// The command tags among some frames.
pub fn completed(frames: &[Frame]) -> Vec<String> {
    let done = frames.iter().filter(|frame| frame.tag == 'C');
    done.map(Frame::string).collect()
}

/// What a client is told when it has logged in.
#[derive(Debug, Clone, Default)]
pub struct Welcome {
    pub parameters: Vec<(String, String)>,
    pub pid: i32,
    pub key: Vec<u8>,
}

/// A connection of bytes.
pub struct Raw {
    socket: TcpStream,
    inbox: BytesMut,
}

impl Raw {
    pub async fn connect(address: &str) -> Self {
        let socket = within("connecting", TcpStream::connect(address)).await;
        let socket = socket.expect("the router takes connections");
        socket.set_nodelay(true).expect("no delay");
        Self {
            socket,
            inbox: BytesMut::new(),
        }
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: &[u8]) {
        let sent = within("sending", self.socket.write_all(bytes)).await;
        sent.expect("the router reads");
    }

    /// Sends bytes to a peer that may have closed.
    pub async fn try_send(&mut self, bytes: &[u8]) -> bool {
        within("sending", self.socket.write_all(bytes))
            .await
            .is_ok()
    }

    /// Closes the sending side.
    pub async fn finish(&mut self) {
        let _ = self.socket.shutdown().await;
    }

    /// Vanishes without a goodbye: the peer gets a reset.
    pub fn vanish(self) {
        self.socket.set_zero_linger().expect("its option");
    }

    /// One byte that is no frame: the answer to an encryption request.
    pub async fn byte(&mut self) -> Option<char> {
        while self.inbox.is_empty() {
            if !self.fill().await {
                return None;
            }
        }
        Some(char::from(self.inbox.get_u8()))
    }

    /// The next frame, or `None` at the end.
    pub async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((tag, rest)) = self.inbox.split_first()
                && let Some(length) = rest.first_chunk::<4>()
            {
                let length = u32::from_be_bytes(*length) as usize;
                assert!(
                    length >= 4,
                    "the router sends a bad length: {:?}",
                    self.inbox
                );
                if self.inbox.len() > length {
                    let tag = char::from(*tag);
                    self.inbox.advance(5);
                    let body = self.inbox.split_to(length - 4).to_vec();
                    return Some(Frame { tag, body });
                }
            }
            if !self.fill().await {
                assert!(self.inbox.is_empty(), "half a frame: {:?}", self.inbox);
                return None;
            }
        }
    }

    async fn fill(&mut self) -> bool {
        self.inbox.reserve(64 * 1024);
        let read = within("an answer", self.socket.read_buf(&mut self.inbox)).await;
        matches!(read, Ok(read) if read > 0)
    }

    /// Frames up to a ReadyForQuery, or the end of the connection.
    pub async fn until_ready(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.frame().await {
            let last = frame.tag == 'Z';
            frames.push(frame);
            if last {
                break;
            }
        }
        frames
    }

    /// Frames up to one of this tag.
    pub async fn until(&mut self, tag: char) -> Vec<Frame> {
        let mut frames = Vec::new();
        loop {
            let Some(frame) = self.frame().await else {
                panic!("the connection ended before {tag}: {frames:?}");
            };
            let last = frame.tag == tag;
            frames.push(frame);
            if last {
                return frames;
            }
        }
    }

    /// Everything up to the end of the connection.
    pub async fn rest(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.frame().await {
            frames.push(frame);
        }
        frames
    }

    /// Logs in with protocol 3.0.
    pub async fn log_in(&mut self, user: &str, database: &str) -> Welcome {
        let packet = startup(3 << 16, &[("user", user), ("database", database)]);
        self.send(&packet).await;
        self.welcomed().await
    }

    /// Logs in with protocol 3.0, where that may be refused.
    pub async fn try_log_in(&mut self, user: &str, database: &str) -> bool {
        let packet = startup(3 << 16, &[("user", user), ("database", database)]);
        if !self.try_send(&packet).await {
            return false;
        }
        while let Some(frame) = self.frame().await {
            match frame.tag {
                'Z' => return true,
                'E' => return false,
                _ => {}
            }
        }
        false
    }

    /// Sends a query string and reads to the end of its answer, or of the connection. `None` where there was no answer at all.
    pub async fn try_query(&mut self, sql: &str) -> Option<Vec<Frame>> {
        if !self.try_send(&query(sql)).await {
            return None;
        }
        let mut frames = Vec::new();
        while let Some(frame) = self.frame().await {
            let last = frame.tag == 'Z';
            frames.push(frame);
            if last {
                break;
            }
        }
        (!frames.is_empty()).then_some(frames)
    }

    /// Reads what comes after a startup packet that must succeed.
    pub async fn welcomed(&mut self) -> Welcome {
        let mut welcome = Welcome::default();
        for frame in self.until_ready().await {
            let mut body = &frame.body[..];
            match frame.tag {
                'S' => {
                    let mut parts = body.split(|byte| *byte == 0);
                    let mut text = || String::from_utf8_lossy(parts.next().unwrap_or_default());
                    let (name, value) = (text().into_owned(), text().into_owned());
                    welcome.parameters.push((name, value));
                }
                'K' => {
                    welcome.pid = body.get_i32();
                    welcome.key = body.to_vec();
                }
                'R' | 'Z' | 'v' => {}
                _ => panic!("not welcome: {:?}", frame.field('M')),
            }
        }
        welcome
    }

    /// Sends a query string and reads to the end of its answer.
    pub async fn query(&mut self, sql: &str) -> Vec<Frame> {
        self.send(&query(sql)).await;
        self.until_ready().await
    }

    /// Sends messages and a Sync, and reads to the end of the answer.
    pub async fn batch(&mut self, messages: &[Vec<u8>]) -> Vec<Frame> {
        self.send(&[messages.concat(), sync()].concat()).await;
        self.until_ready().await
    }
}

/// The status byte at the end of an answer.
pub fn status(frames: &[Frame]) -> char {
    match frames.last() {
        Some(Frame { tag: 'Z', body }) => char::from(body[0]),
        other => panic!("no ReadyForQuery at the end but {other:?}"),
    }
}

/// A packet of the startup phase: length, code, body.
pub fn packet(code: u32, body: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    packet.put_u32(u32::try_from(body.len() + 8).expect("short"));
    packet.put_u32(code);
    packet.put_slice(body);
    packet
}

/// A startup packet.
pub fn startup(version: u32, parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in parameters {
        put_string(&mut body, name);
        put_string(&mut body, value);
    }
    body.put_u8(0);
    packet(version, &body)
}

pub const SSL_REQUEST: u32 = 80_877_103;
pub const GSSENC_REQUEST: u32 = 80_877_104;
pub const CANCEL_REQUEST: u32 = 80_877_102;

/// A cancel request.
pub fn cancel_request(pid: i32, key: &[u8]) -> Vec<u8> {
    packet(CANCEL_REQUEST, &[&pid.to_be_bytes(), key].concat())
}

/// Sends a cancel request and waits until it was taken.
pub async fn cancel(address: &str, pid: i32, key: &[u8]) {
    let mut raw = Raw::connect(address).await;
    raw.send(&cancel_request(pid, key)).await;
    assert_eq!(raw.rest().await, []);
}

/// A message: tag, length, body.
pub fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    out.put_u32(u32::try_from(body.len() + 4).expect("short"));
    out.put_slice(body);
    out
}

pub fn query(sql: &str) -> Vec<u8> {
    message(b'Q', &[sql.as_bytes(), b"\0"].concat())
}

pub fn parse(name: &str, sql: &str) -> Vec<u8> {
    parse_typed(name, sql, &[])
}

pub fn parse_typed(name: &str, sql: &str, types: &[u32]) -> Vec<u8> {
    let mut body = Vec::new();
    put_string(&mut body, name);
    put_string(&mut body, sql);
    body.put_u16(u16::try_from(types.len()).expect("few"));
    types.iter().for_each(|oid| body.put_u32(*oid));
    message(b'P', &body)
}

/// A Bind of text parameters.
pub fn bind(portal: &str, statement: &str, parameters: &[&str]) -> Vec<u8> {
    let values: Vec<Option<&[u8]>> = parameters.iter().map(|p| Some(p.as_bytes())).collect();
    bind_in(portal, statement, &[], &values, &[])
}

/// A Bind with formats (0 text, 1 binary) of parameters and of results.
pub fn bind_in(
    portal: &str,
    statement: &str,
    formats: &[u16],
    parameters: &[Option<&[u8]>],
    results: &[u16],
) -> Vec<u8> {
    let count = |n: usize| u16::try_from(n).expect("few");
    let mut body = Vec::new();
    put_string(&mut body, portal);
    put_string(&mut body, statement);
    body.put_u16(count(formats.len()));
    formats.iter().for_each(|format| body.put_u16(*format));
    body.put_u16(count(parameters.len()));
    for parameter in parameters {
        match parameter {
            Some(value) => {
                body.put_i32(i32::try_from(value.len()).expect("short"));
                body.put_slice(value);
            }
            None => body.put_i32(-1),
        }
    }
    body.put_u16(count(results.len()));
    results.iter().for_each(|format| body.put_u16(*format));
    message(b'B', &body)
}

/// Describe of a statement (`S`) or a portal (`P`).
pub fn describe(kind: char, name: &str) -> Vec<u8> {
    message(b'D', &[&[kind as u8], name.as_bytes(), b"\0"].concat())
}

/// Close of a statement (`S`) or a portal (`P`).
pub fn close(kind: char, name: &str) -> Vec<u8> {
    message(b'C', &[&[kind as u8], name.as_bytes(), b"\0"].concat())
}

/// Execute with a row limit; 0 is none.
pub fn execute(portal: &str, rows: i32) -> Vec<u8> {
    message(
        b'E',
        &[portal.as_bytes(), b"\0", &rows.to_be_bytes()].concat(),
    )
}

/// A FunctionCall with binary parameters and result.
pub fn function_call(function: u32, parameters: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_u32(function);
    body.put_slice(b"\0\x01\0\x01");
    body.put_u16(u16::try_from(parameters.len()).expect("few"));
    for parameter in parameters {
        body.put_u32(u32::try_from(parameter.len()).expect("short"));
        body.put_slice(parameter);
    }
    body.put_u16(1);
    message(b'F', &body)
}

pub fn sync() -> Vec<u8> {
    message(b'S', b"")
}

pub fn flush() -> Vec<u8> {
    message(b'H', b"")
}

/// Parse, Bind, Describe and Execute of the unnamed statement.
pub fn whole(sql: &str) -> Vec<u8> {
    [
        parse("", sql),
        bind("", "", &[]),
        describe('P', ""),
        execute("", 0),
    ]
    .concat()
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    out.put_slice(text.as_bytes());
    out.put_u8(0);
}
