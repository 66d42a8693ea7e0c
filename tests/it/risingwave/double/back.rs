//! How does the double speak to the PostgreSQL behind it?
//!
//! Each client of the double has one connection of its own there. What PostgreSQL answers is taken apart into events, so that nothing of it
//! reaches the client by accident.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::errors::PgError;
use super::types::{self, Column};
use super::wire::{self, Message, Wire};

/// Where PostgreSQL is.
#[derive(Debug, Clone)]
pub struct Behind {
    pub port: u16,
    pub user: String,
    pub database: String,
}

/// What is to be run.
#[derive(Debug, Clone, Default)]
pub struct Query {
    pub sql: String,
    pub types: Vec<i32>,
    pub formats: Vec<i16>,
    pub values: Vec<Option<Bytes>>,
    pub results: Vec<i16>,
}

/// What it reads.
pub struct View {
    pub keeper: Arc<Keeper>,
    pub read_only: bool,
    /// Milliseconds; 0 is none.
    pub timeout: u64,
}

/// A piece of an answer.
pub enum Event {
    Columns(Vec<Column>),
    Row(Vec<Option<Bytes>>),
    Done(String),
    Failed(PgError),
}

/// Where to send a cancel request.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    port: u16,
    pid: i32,
    secret: i32,
}

impl Key {
    pub async fn cancel(self) {
        if let Ok(mut socket) = TcpStream::connect(("127.0.0.1", self.port)).await {
            let mut packet = BytesMut::new();
            for word in [16, 80_877_102, self.pid, self.secret] {
                packet.put_i32(word);
            }
            let _ = socket.write_all(&packet).await;
            // It is closed once the signal was sent: one that came later might end another statement.
            let _ = socket.read_to_end(&mut Vec::new()).await;
        }
    }
}

/// A connection to PostgreSQL.
pub struct Back {
    wire: Wire,
    pub key: Key,
    /// What of an answer is still to come: readinesses before the statement's own, and after it.
    before: usize,
    after: usize,
    running: bool,
    /// It was said what is wrong: what follows says that the transaction has failed.
    failed: bool,
    /// The checkpoint that is being read: it must not go before the transaction has taken it.
    held: Option<Arc<Keeper>>,
    /// The end of the transaction around the statement has failed: a cancel request met it.
    stuck: bool,
}

/// A transaction that holds a snapshot for others to read: a checkpoint.
pub struct Keeper {
    _back: Back,
    pub snapshot: String,
}

impl Keeper {
    pub async fn open(behind: &Behind) -> Result<Self, PgError> {
        let mut back = Back::open(behind).await?;
        back.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await?;
        let rows = back.run("SELECT pg_export_snapshot()").await?;
        let snapshot = first_text(&rows);
        Ok(Self {
            _back: back,
            snapshot,
        })
    }
}

/// The first value as text, or nothing.
pub fn first_text(rows: &[Vec<Option<Bytes>>]) -> String {
    let value = rows.first().and_then(|row| row.first().cloned().flatten());
    String::from_utf8_lossy(&value.unwrap_or_default()).into_owned()
}

/// A text for a statement of our own, in quotes.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn lost() -> PgError {
    PgError {
        code: "08006".to_owned(),
        message: "PostgreSQL has gone".to_owned(),
        ..PgError::default()
    }
}

impl Back {
    /// Logs in, where no password is asked for.
    pub async fn open(behind: &Behind) -> Result<Self, PgError> {
        let socket = TcpStream::connect(("127.0.0.1", behind.port))
            .await
            .map_err(|_| lost())?;
        let mut wire = Wire::new(socket);
        let mut body = BytesMut::new();
        body.put_i32(196_608);
        for text in ["user", &behind.user, "database", &behind.database, ""] {
            wire::put_text(&mut body, text);
        }
        wire.out
            .put_i32(i32::try_from(body.len() + 4).expect("short"));
        wire.out.put_slice(&body);
        wire.flush().await;
        let key = Key {
            port: behind.port,
            pid: 0,
            secret: 0,
        };
        let mut back = Self {
            wire,
            key,
            before: 0,
            after: 0,
            running: false,
            failed: false,
            held: None,
            stuck: false,
        };
        loop {
            let mut message = back.message().await?;
            match message.tag {
                b'K' => {
                    (back.key.pid, back.key.secret) =
                        (message.body.get_i32(), message.body.get_i32())
                }
                b'E' => return Err(error(&message.body)),
                b'Z' => return Ok(back),
                _ => {}
            }
        }
    }

    async fn message(&mut self) -> Result<Message, PgError> {
        self.wire.message().await.ok_or_else(lost)
    }

    /// Runs statements of our own and gives the rows of all of them.
    pub async fn run(&mut self, sql: &str) -> Result<Vec<Vec<Option<Bytes>>>, PgError> {
        wire::put(&mut self.wire.out, b'Q', &[sql.as_bytes(), b"\0"].concat());
        self.wire.flush().await;
        let (mut rows, mut failed) = (Vec::new(), None);
        loop {
            let message = self.message().await?;
            match message.tag {
                b'D' => rows.push(wire::row(&message.body)),
                b'E' => failed = Some(error(&message.body)),
                b'Z' => return failed.map_or(Ok(rows), Err),
                _ => {}
            }
        }
    }

    fn put_parse(&mut self, sql: &str, types: &[i32]) {
        let mut body = BytesMut::new();
        wire::put_text(&mut body, "");
        wire::put_text(&mut body, sql);
        body.put_u16(u16::try_from(types.len()).expect("few"));
        types.iter().for_each(|oid| body.put_i32(*oid));
        wire::put(&mut self.wire.out, b'P', &body);
    }

    /// The types of a statement's parameters and its columns, if it answers rows.
    pub async fn describe(
        &mut self,
        sql: &str,
        types: &[i32],
    ) -> Result<(Vec<i32>, Option<Vec<Column>>), PgError> {
        self.put_parse(sql, types);
        wire::put(&mut self.wire.out, b'D', b"S\0");
        wire::put(&mut self.wire.out, b'S', b"");
        self.wire.flush().await;
        let (mut parameters, mut columns, mut failed) = (Vec::new(), None, None);
        loop {
            let mut message = self.message().await?;
            match message.tag {
                b't' => {
                    let count = message.body.get_u16();
                    parameters = (0..count).map(|_| message.body.get_i32()).collect();
                }
                b'T' => columns = Some(types::columns(&message.body)),
                b'E' => failed = Some(error(&message.body)),
                b'Z' => return failed.map_or(Ok((parameters, columns)), Err),
                _ => {}
            }
        }
    }

    /// Sends a statement, in a transaction that reads a checkpoint where one is given.
    pub async fn start(&mut self, query: &Query, view: Option<&View>) {
        if let Some(view) = view {
            let mode = if view.read_only { " READ ONLY" } else { "" };
            let begin = format!(
                "BEGIN ISOLATION LEVEL REPEATABLE READ{mode}; SET TRANSACTION SNAPSHOT {}; SET LOCAL statement_timeout = {}",
                quoted(&view.keeper.snapshot),
                view.timeout
            );
            wire::put(
                &mut self.wire.out,
                b'Q',
                &[begin.as_bytes(), b"\0"].concat(),
            );
        }
        self.put_parse(&query.sql, &query.types);
        let count = |n: usize| u16::try_from(n).expect("few");
        let mut body = BytesMut::from(&b"\0\0"[..]);
        body.put_u16(count(query.formats.len()));
        query
            .formats
            .iter()
            .for_each(|format| body.put_i16(*format));
        body.put_u16(count(query.values.len()));
        for value in &query.values {
            match value {
                Some(value) => {
                    body.put_u32(u32::try_from(value.len()).expect("short"));
                    body.put_slice(value);
                }
                None => body.put_i32(-1),
            }
        }
        body.put_u16(count(query.results.len()));
        query
            .results
            .iter()
            .for_each(|format| body.put_i16(*format));
        let out = &mut self.wire.out;
        wire::put(out, b'B', &body);
        wire::put(out, b'D', b"P\0");
        // The columns are to be known while the first row is still being made.
        wire::put(out, b'H', b"");
        wire::put(out, b'E', &[0; 5]);
        wire::put(out, b'S', b"");
        if view.is_some() {
            wire::put(out, b'Q', b"COMMIT\0");
        }
        (self.before, self.after) = (usize::from(view.is_some()), usize::from(view.is_some()));
        (self.running, self.failed) = (true, false);
        self.held = view.map(|view| Arc::clone(&view.keeper));
        self.wire.flush().await;
    }

    /// The next piece of the answer; `None` when all of it was given.
    pub async fn event(&mut self) -> Option<Event> {
        loop {
            if !self.running && self.after == 0 {
                if std::mem::take(&mut self.stuck) {
                    wire::put(&mut self.wire.out, b'Q', b"ROLLBACK\0");
                    self.wire.flush().await;
                    self.after = 1;
                    continue;
                }
                self.held = None;
                return None;
            }
            let message = match self.message().await {
                Ok(message) => message,
                Err(error) => {
                    (self.running, self.after) = (false, 0);
                    return Some(Event::Failed(error));
                }
            };
            match message.tag {
                b'Z' if self.before > 0 => self.before -= 1,
                b'Z' if self.running => self.running = false,
                b'Z' => self.after -= 1,
                b'T' if self.running => return Some(Event::Columns(types::columns(&message.body))),
                b'D' if self.running => return Some(Event::Row(wire::row(&message.body))),
                b'C' if self.running && self.before == 0 => {
                    let mut body = message.body;
                    let tag = wire::take_text(&mut body).unwrap_or_default();
                    return Some(Event::Done(String::from_utf8_lossy(&tag).into_owned()));
                }
                b'E' if self.running && !self.failed => {
                    self.failed = true;
                    return Some(Event::Failed(error(&message.body)));
                }
                b'E' if !self.running => self.stuck = true,
                _ => {}
            }
        }
    }
}

/// The fields of PostgreSQL's error.
fn error(body: &Bytes) -> PgError {
    let mut found = PgError::default();
    for field in body
        .split(|byte| *byte == 0)
        .filter(|field| !field.is_empty())
    {
        let text = String::from_utf8_lossy(&field[1..]).into_owned();
        match field[0] {
            b'C' => found.code = text,
            b'M' => found.message = text,
            b'P' => found.position = text.parse::<usize>().ok().map(|at| at.saturating_sub(1)),
            b'c' => found.column = Some(text),
            b't' => found.table = Some(text),
            _ => {}
        }
    }
    found
}
