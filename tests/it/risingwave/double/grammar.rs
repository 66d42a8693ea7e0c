//! What does RisingWave take for a statement, and what is a syntax error to it?
//!
//! The whole string is read before anything of it runs. What is syntactically right but refused when it runs is [`Verb::Refused`].

use std::sync::Arc;

use super::errors::Failure;
use super::lexer::{Token, tokens};
use super::objects::Change;
use super::reader::{Name, Reader, shown};
use super::settings::Shown;
use super::{commands, objects, reads};

/// What a statement asks for.
#[derive(Debug, Clone)]
pub enum Verb {
    /// SELECT, VALUES or WITH: PostgreSQL answers.
    Read,
    Insert {
        table: Name,
        values: bool,
        returning: bool,
    },
    Update {
        table: Name,
        returning: bool,
    },
    Delete {
        table: Name,
        returning: bool,
    },
    Begin {
        read_only: bool,
        isolated: bool,
        tag: &'static str,
    },
    /// COMMIT, ROLLBACK or ABORT: its tag.
    End(&'static str),
    Set {
        name: String,
        value: Option<String>,
    },
    SetTransaction,
    Show(Shown),
    Describe(Name),
    Explain,
    Kill(String),
    Use(String),
    /// Succeeds with a notice and does nothing: PREPARE, DEALLOCATE.
    Ignored(&'static str),
    /// Succeeds and does nothing: WAIT, RECOVER, DISCARD, …
    Done(&'static str),
    Flush,
    Declare {
        cursor: String,
        query: String,
    },
    Fetch {
        cursor: String,
        count: usize,
    },
    Close(Option<String>),
    CopyOut {
        query: String,
    },
    Change(Box<Change>),
    /// Refused when it runs.
    Refused(Failure),
}

impl Verb {
    /// Whether a READ ONLY transaction refuses it.
    pub fn writes(&self) -> bool {
        matches!(
            self,
            Self::Insert { .. } | Self::Update { .. } | Self::Delete { .. } | Self::Change(_)
        )
    }

    /// A change of rows that answers none: the kind whose failure costs a second ReadyForQuery.
    pub fn is_silent_dml(&self) -> bool {
        matches!(
            self,
            Self::Insert {
                returning: false,
                ..
            } | Self::Update {
                returning: false,
                ..
            } | Self::Delete {
                returning: false,
                ..
            }
        )
    }

    pub fn is_dml(&self) -> bool {
        matches!(
            self,
            Self::Insert { .. } | Self::Update { .. } | Self::Delete { .. }
        )
    }
}

/// One statement of a string.
#[derive(Debug, Clone)]
pub struct Statement {
    /// The whole string, which errors quote.
    pub sql: Arc<str>,
    /// Its tokens, and the semicolon behind it.
    pub tokens: Vec<Token>,
    pub start: usize,
    pub end: usize,
    pub verb: Verb,
}

impl Statement {
    pub fn text(&self) -> &str {
        &self.sql[self.start..self.end]
    }
}

/// All statements of a string, or its first syntax error.
pub fn parse(sql: &str) -> Result<Vec<Statement>, Failure> {
    let shared: Arc<str> = Arc::from(sql);
    let lexed = tokens(sql)?;
    let mut reader = Reader {
        sql,
        tokens: &lexed,
        at: 0,
    };
    let mut found = Vec::new();
    loop {
        while reader.eat_sign(";") {}
        let from = reader.at;
        let Some(first) = reader.peek() else {
            return Ok(found);
        };
        let verb = verb(&mut reader)?;
        let end = reader.tokens[from..reader.at]
            .last()
            .map_or(first.end, |t| t.end);
        let to = (reader.at + 1).min(lexed.len());
        let tokens = lexed[from..to].to_vec();
        found.push(Statement {
            sql: Arc::clone(&shared),
            tokens,
            start: first.start,
            end,
            verb,
        });
        reader.must_end()?;
    }
}

fn verb(reader: &mut Reader<'_>) -> Result<Verb, Failure> {
    let Some(first) = reader.peek() else {
        return Err(reader.expected("statement"));
    };
    if first.is_sign("(") {
        return reads::query(reader);
    }
    match first.text.to_ascii_lowercase().as_str() {
        "select" | "with" | "values" => reads::query(reader),
        "insert" => reads::insert(reader),
        "update" => reads::update(reader),
        "delete" => reads::delete(reader),
        "begin" | "start" | "commit" | "rollback" | "abort" => commands::transaction(reader),
        "set" => commands::set(reader),
        "show" => commands::show(reader),
        "describe" => commands::describe(reader),
        "explain" => commands::explain(reader),
        "declare" | "fetch" | "close" => commands::cursor(reader),
        "copy" => commands::copy(reader),
        "prepare" | "execute" | "deallocate" | "discard" => commands::prepared(reader),
        "flush" | "wait" | "recover" | "kill" | "cancel" | "use" => commands::cluster(reader),
        "create" | "drop" | "alter" | "comment" | "grant" | "revoke" => objects::change(reader),
        "truncate" => {
            let all = reader.rest();
            let skip = 1 + usize::from(all.get(1).is_some_and(|t| t.is("table")));
            let table = shown(&all[skip..], false);
            Ok(Verb::Refused(Failure::unhandled(&format!(
                "TRUNCATE TABLE {table}"
            ))))
        }
        "analyze" | "vacuum" => maintenance(reader),
        "refresh" => {
            reader.at += 1;
            reader.must("table")?;
            reader.rest();
            Ok(Verb::Refused(Failure::new(
                "Invalid input syntax: table is not refreshable",
            )))
        }
        _ => Err(reader.expected("statement")),
    }
}

fn maintenance(reader: &mut Reader<'_>) -> Result<Verb, Failure> {
    let analyze = reader.eat("analyze");
    if !analyze {
        reader.at += 1;
        reader.eat("full");
    }
    let name = reader.name()?.name;
    if analyze {
        return Ok(Verb::Refused(Failure::unhandled(&format!(
            "ANALYZE TABLE {name}"
        ))));
    }
    let why = format!(
        "Invalid input syntax: VACUUM can only be used on Iceberg engine tables or Iceberg sinks, but table '{name}' uses Hummock engine"
    );
    Ok(Verb::Refused(Failure::new(why)))
}
