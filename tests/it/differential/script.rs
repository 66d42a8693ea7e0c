//! What the clients of a set send, as values that can be encoded, shown and shortened.

use std::fmt;

use crate::support::wire;

/// A message of a client.
#[derive(Debug, Clone)]
pub enum Msg {
    /// A Query of statements that are joined by semicolons.
    Query(Vec<String>),
    Parse {
        name: String,
        sql: String,
        types: Vec<u32>,
    },
    Bind {
        portal: String,
        statement: String,
        formats: Vec<u16>,
        values: Vec<Option<Vec<u8>>>,
        results: Vec<u16>,
    },
    Describe(char, String),
    Execute(String, i32),
    Close(char, String),
    CopyData(String),
    CopyDone,
    CopyFail(String),
    /// Step by step, what was sent so far is answered before anything follows.
    Flush,
    Sync,
}

impl Msg {
    pub fn query(sql: impl Into<String>) -> Self {
        Self::Query(vec![sql.into()])
    }

    pub fn parse(name: &str, sql: impl Into<String>) -> Self {
        Self::Parse {
            name: name.to_owned(),
            sql: sql.into(),
            types: Vec::new(),
        }
    }

    pub fn bind(portal: &str, statement: &str) -> Self {
        Self::Bind {
            portal: portal.to_owned(),
            statement: statement.to_owned(),
            formats: Vec::new(),
            values: Vec::new(),
            results: Vec::new(),
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Query(parts) => wire::query(&parts.join(";")),
            Self::Parse { name, sql, types } => wire::parse_typed(name, sql, types),
            Self::Bind {
                portal,
                statement,
                formats,
                values,
                results,
            } => {
                let values: Vec<Option<&[u8]>> = values.iter().map(Option::as_deref).collect();
                wire::bind_in(portal, statement, formats, &values, results)
            }
            Self::Describe(kind, name) => wire::describe(*kind, name),
            Self::Execute(portal, rows) => wire::execute(portal, *rows),
            Self::Close(kind, name) => wire::close(*kind, name),
            Self::CopyData(text) => wire::message(b'd', text.as_bytes()),
            Self::CopyDone => wire::message(b'c', b""),
            Self::CopyFail(why) => wire::message(b'f', &[why.as_bytes(), b"\0"].concat()),
            Self::Flush => wire::flush(),
            Self::Sync => wire::sync(),
        }
    }

    /// Whether a shorter sequence may do without it: what ends an exchange must stay, and so must the empty Query, which is there to wait.
    pub fn is_dispensable(&self) -> bool {
        let waits = matches!(self, Self::Query(parts) if parts == &[""]);
        !waits && !matches!(self, Self::Sync | Self::CopyDone | Self::CopyFail(_))
    }
}

impl fmt::Display for Msg {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query(parts) => write!(out, "Query {:?}", parts.join(";")),
            Self::Parse { name, sql, types } if types.is_empty() => {
                write!(out, "Parse {name:?} {sql:?}")
            }
            Self::Parse { name, sql, types } => write!(out, "Parse {name:?} {sql:?} {types:?}"),
            Self::Bind {
                portal,
                statement,
                formats,
                values,
                results,
            } => {
                write!(out, "Bind portal {portal:?} of {statement:?}")?;
                let shown: Vec<String> = values
                    .iter()
                    .map(|value| match value {
                        Some(value) => value.escape_ascii().to_string(),
                        None => "NULL".to_owned(),
                    })
                    .collect();
                write!(
                    out,
                    " ({}) formats {formats:?} results {results:?}",
                    shown.join(", ")
                )
            }
            Self::Describe(kind, name) => write!(out, "Describe {kind} {name:?}"),
            Self::Execute(portal, rows) => write!(out, "Execute {portal:?} limit {rows}"),
            Self::Close(kind, name) => write!(out, "Close {kind} {name:?}"),
            Self::CopyData(text) => write!(out, "CopyData {text:?}"),
            Self::CopyFail(why) => write!(out, "CopyFail {why:?}"),
            Self::CopyDone | Self::Flush | Self::Sync => write!(out, "{self:?}"),
        }
    }
}

/// What a client does in its turn.
#[derive(Debug, Clone)]
pub struct Step {
    pub client: usize,
    pub act: Act,
    /// It may tie the client to its connection.
    pub pins: bool,
    /// It unties the client, if it succeeds: a `DISCARD ALL` alone.
    pub frees: bool,
}

#[derive(Debug, Clone)]
pub enum Act {
    /// Messages, written at once but for the waits at each Flush; then all replies are read.
    Send(Vec<Msg>),
    /// Terminate, and a new login with the same startup packet.
    Reconnect,
}

impl Step {
    pub fn send(client: usize, messages: Vec<Msg>, pins: bool) -> Self {
        Self {
            client,
            act: Act::Send(messages),
            pins,
            frees: false,
        }
    }

    pub fn messages(&self) -> &[Msg] {
        match &self.act {
            Act::Send(messages) => messages,
            Act::Reconnect => &[],
        }
    }

    /// What brings a client back to the state after its login.
    pub fn release(client: usize) -> [Self; 2] {
        let rollback = Self::send(client, vec![Msg::query("ROLLBACK")], false);
        let mut discard = Self::send(client, vec![Msg::query("DISCARD ALL")], false);
        discard.frees = true;
        [rollback, discard]
    }

    pub fn shown(&self, into: &mut String) {
        let client = self.client;
        match &self.act {
            Act::Reconnect => into.push_str(&format!("  client {client}: Terminate, new login\n")),
            Act::Send(messages) => {
                for (at, message) in messages.iter().enumerate() {
                    let who = if at == 0 {
                        format!("client {client}:")
                    } else {
                        " ".repeat(9)
                    };
                    into.push_str(&format!("  {who} {message}\n"));
                }
            }
        }
    }
}

/// In which order clients write and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// A step of one client is answered before the next step of any client is sent.
    ByTurns,
    /// Every client writes all that it has to say to the router, and reads afterwards; all clients do so at once.
    InOneGo,
}

/// A sequence set: some clients, and what they do in which order.
#[derive(Debug, Clone)]
pub struct Set {
    pub seed: u64,
    pub manner: Manner,
    /// An analytic relation is read too.
    pub mixed: bool,
    /// The startup parameters of each client, without the database.
    pub startups: Vec<Vec<(String, String)>>,
    pub steps: Vec<Step>,
}

impl Set {
    pub fn shown(&self) -> String {
        let mut out = String::new();
        for (client, parameters) in self.startups.iter().enumerate() {
            let steps = self.steps.iter().filter(|step| step.client == client);
            if steps.count() > 0 || self.steps.is_empty() {
                out.push_str(&format!("  client {client} logs in with {parameters:?}\n"));
            }
        }
        for step in &self.steps {
            step.shown(&mut out);
        }
        out
    }
}
