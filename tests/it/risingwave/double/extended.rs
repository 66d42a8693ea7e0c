//! How are Parse, Bind, Describe, Execute and Close answered?
//!
//! Statements are bound to the catalog by Parse. Portals outlive Sync, begin again when they are at their end, and keep their names to themselves.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

use super::errors::{Doing, Failure};
use super::grammar::{self, Statement, Verb};
use super::lexer::Kind;
use super::run::{Answer, Local, named};
use super::session::{Closed, Session};
use super::simple::put_row;
use super::types::{self, Column};
use super::{errors, show, wire};

/// A statement that was parsed. An empty one has none.
#[derive(Debug, Clone)]
pub struct Prepared {
    statement: Option<Statement>,
    /// The parameters' types behind.
    types: Vec<i32>,
    columns: Option<Vec<Column>>,
    /// When it was bound to the catalog.
    step: u64,
}

/// Parameters and formats.
#[derive(Debug, Clone, Default)]
pub struct Bound {
    pub types: Vec<i32>,
    pub formats: Vec<i16>,
    pub values: Vec<Option<Bytes>>,
    pub results: Vec<i16>,
}

pub struct Portal {
    /// The statement it was bound from: closing that drops it.
    from: String,
    prepared: Prepared,
    bound: Bound,
    /// What is left of its rows, when some were given already.
    rest: Option<VecDeque<Vec<Option<Bytes>>>>,
}

fn text(body: &mut Bytes) -> Result<String, Failure> {
    let bytes = wire::take_text(body)
        .ok_or_else(|| Failure::panic("called `Option::unwrap()` on a `None` value"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn numbers(body: &mut Bytes) -> Vec<i16> {
    let count = if body.remaining() >= 2 {
        body.get_u16()
    } else {
        0
    };
    (0..count)
        .map_while(|_| (body.remaining() >= 2).then(|| body.get_i16()))
        .collect()
}

/// Parameters are numbered without a gap (known from the source, which has other words for it).
fn without_gaps(statement: &Statement) -> Result<(), Failure> {
    let mut numbers: Vec<usize> = statement
        .tokens
        .iter()
        .filter(|token| token.kind == Kind::Parameter)
        .filter_map(|token| token.text[1..].parse().ok())
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    match numbers.iter().zip(1..).find(|(number, at)| *number != at) {
        Some((_, missing)) => Err(Failure::new(format!(
            "Invalid Parameter Value: parameter ${missing} is not used"
        ))),
        None => Ok(()),
    }
}

impl Session {
    /// One message. An error skips everything up to the next Sync.
    pub async fn step(&mut self, tag: u8, body: Bytes) -> Result<(), Closed> {
        let doing = if tag == b'P' {
            Doing::Preparing
        } else {
            Doing::Executing
        };
        let done = match tag {
            b'P' => self.parse(body).await,
            b'B' => self.bind(body),
            b'D' => self.describe(body),
            b'E' => match self.execute(body).await {
                Ok(done) => done,
                Err(closed) => return Err(closed),
            },
            _ => self.close(body),
        };
        let Err(failure) = done else { return Ok(()) };
        self.skipping = true;
        if failure.while_running {
            // It takes the path of a simple query: a ReadyForQuery at once, and Sync has its own.
            self.fail(&failure, Doing::Running)?;
            self.ready();
            return Ok(());
        }
        self.fail(&failure, doing)
    }

    async fn parse(&mut self, mut body: Bytes) -> Result<(), Failure> {
        let name = text(&mut body)?;
        let sql = text(&mut body)?;
        let count = if body.remaining() >= 2 {
            body.get_u16()
        } else {
            0
        };
        let types: Vec<i32> = (0..count)
            .map_while(|_| (body.remaining() >= 4).then(|| body.get_i32()))
            .collect();
        self.world.seen.lock().expect("the list").push(sql.clone());
        if !name.is_empty() && self.statements.contains_key(&name) {
            return Err(Failure::new("Duplicated statement name"));
        }
        if let Some(oid) = types.iter().find(|oid| !types::takes_parameter(**oid)) {
            return Err(Failure::new(format!("Unsupported oid {oid}")));
        }
        let mut statements = grammar::parse(&sql)?;
        if statements.len() > 1 {
            return Err(Failure::new(
                "Only one statement is allowed in extended query mode",
            ));
        }
        if let Some(statement) = statements.last() {
            without_gaps(statement)?;
        }
        let step = self.world.step.load(std::sync::atomic::Ordering::SeqCst);
        let mut prepared = Prepared {
            statement: statements.pop(),
            types,
            columns: None,
            step,
        };
        if let Some(statement) = prepared.statement.clone() {
            self.bind_settings(&statement).await?;
            prepared.columns = self.columns_of(&statement, &mut prepared.types).await?;
        }
        self.statements.insert(name, prepared);
        wire::put(&mut self.wire.out, b'1', b"");
        Ok(())
    }

    /// The columns a statement answers. Queries and changes of rows are looked at by PostgreSQL, which also tells their parameters.
    async fn columns_of(
        &mut self,
        statement: &Statement,
        types: &mut Vec<i32>,
    ) -> Result<Option<Vec<Column>>, Failure> {
        let texts = |names: &[&str]| Some(names.iter().map(|name| Column::text(name)).collect());
        match &statement.verb {
            Verb::Refused(failure) => {
                let bound = ["select", "with", "values", "insert", "update", "delete"];
                if statement
                    .tokens
                    .first()
                    .is_some_and(|t| t.is_sign("(") || bound.iter().any(|word| t.is(word)))
                {
                    return Err(failure.clone());
                }
                Ok(None)
            }
            Verb::Read | Verb::Insert { .. } | Verb::Update { .. } | Verb::Delete { .. } => {
                let behind = self.behind_text(statement);
                let (found, columns) = self
                    .back
                    .describe(&behind, types)
                    .await
                    .map_err(|error| self.explained(&error, statement))?;
                *types = found;
                Ok(columns.map(|columns| named(statement, columns)))
            }
            Verb::Show(shown) => Ok(texts(&show::columns(shown))),
            Verb::Describe(_) => Ok(texts(Self::detail_columns())),
            Verb::Explain => Ok(texts(&["QUERY PLAN"])),
            Verb::Fetch { cursor, .. } => match self.cursors.get(cursor) {
                Some(cursor) => Ok(Some(cursor.columns.clone())),
                None => Err(Failure::new(format!(
                    "internal error: Cannot find cursor `{cursor}`"
                ))),
            },
            _ => Ok(None),
        }
    }

    fn bind(&mut self, mut body: Bytes) -> Result<(), Failure> {
        let portal = text(&mut body)?;
        let name = text(&mut body)?;
        let prepared = self.statements.get(&name).cloned();
        let prepared =
            prepared.ok_or_else(|| Failure::bare(format!("Prepare statement {name} not found")))?;
        let formats = numbers(&mut body);
        let count = if body.remaining() >= 2 {
            body.get_u16()
        } else {
            0
        };
        let mut values = Vec::new();
        for _ in 0..count {
            if body.remaining() < 4 {
                return Err(Failure::panic("advance out of bounds"));
            }
            let length = body.get_i32();
            values.push(match usize::try_from(length) {
                Ok(length) if length <= body.remaining() => Some(body.split_to(length)),
                Ok(_) => return Err(Failure::panic("advance out of bounds")),
                Err(_) => None,
            });
        }
        let results = numbers(&mut body);
        if let Some(code) = formats
            .iter()
            .chain(&results)
            .find(|code| !matches!(code, 0 | 1))
        {
            return Err(Failure::bare(format!("Unknown format code: {code}")));
        }
        if !portal.is_empty() && self.portals.contains_key(&portal) {
            return Err(Failure::bare("Duplicated portal name"));
        }
        for (n, oid) in prepared.types.iter().enumerate() {
            let Some(value) = values.get(n) else {
                let length = values.len();
                return Err(Failure::panic(&format!(
                    "index out of bounds: the len is {length} but the index is {n}"
                )));
            };
            if let Some(value) = value {
                types::check_parameter(*oid, types::format_of(&formats, n) == 1, value)?;
            }
        }
        // More than the statement has are taken, and left alone.
        values.truncate(prepared.types.len());
        let each = (0..values.len())
            .map(|n| types::format_of(&formats, n))
            .collect();
        let bound = Bound {
            types: prepared.types.clone(),
            formats: each,
            values,
            results,
        };
        self.portals.insert(
            portal,
            Portal {
                from: name,
                prepared,
                bound,
                rest: None,
            },
        );
        wire::put(&mut self.wire.out, b'2', b"");
        Ok(())
    }

    fn describe(&mut self, mut body: Bytes) -> Result<(), Failure> {
        let kind = if body.has_remaining() {
            body.get_u8()
        } else {
            0
        };
        let name = text(&mut body)?;
        let out = &mut self.wire.out;
        let (columns, formats) = if kind == b'S' {
            let unknown = || Failure::bare(format!("Prepare statement {name} not found"));
            let prepared = self.statements.get(&name).ok_or_else(unknown)?;
            let count = u16::try_from(prepared.types.len()).expect("few");
            let oids = prepared
                .types
                .iter()
                .flat_map(|oid| types::oid(*oid).to_be_bytes());
            let body: Vec<u8> = count.to_be_bytes().into_iter().chain(oids).collect();
            wire::put(out, b't', &body);
            (&prepared.columns, &[][..])
        } else {
            let unknown = || Failure::bare(format!("Portal {name} not found"));
            let portal = self.portals.get(&name).ok_or_else(unknown)?;
            (&portal.prepared.columns, &portal.bound.results[..])
        };
        match columns {
            Some(columns) => types::put_columns(out, columns, formats),
            None => wire::put(out, b'n', b""),
        }
        Ok(())
    }

    async fn execute(&mut self, mut body: Bytes) -> Result<Result<(), Failure>, Closed> {
        let name = match text(&mut body) {
            Ok(name) => name,
            Err(failure) => return Ok(Err(failure)),
        };
        let limit = if body.remaining() >= 4 {
            body.get_i32()
        } else {
            0
        };
        let limit = usize::try_from(limit).unwrap_or(0);
        let Some(mut portal) = self.portals.remove(&name) else {
            return Ok(Err(Failure::bare(format!("Portal {name} not found"))));
        };
        let sql = portal
            .prepared
            .statement
            .as_ref()
            .map_or("", Statement::text);
        if let Some(mischief) = self.world.mischief_for(sql).filter(|_| !sql.is_empty()) {
            self.misbehave(mischief, false).await?;
            self.portals.insert(name, portal);
            return Ok(Ok(()));
        }
        if portal.rest.is_some() && name.is_empty() {
            return Ok(Err(Failure::panic(
                "assertion failed: portal_name is not empty",
            )));
        }
        self.listed.begins(sql);
        let done = self.advance(&mut portal, limit).await;
        self.listed.ends().await;
        self.portals.insert(name, portal);
        Ok(done)
    }

    async fn advance(&mut self, portal: &mut Portal, limit: usize) -> Result<(), Failure> {
        let Some(statement) = portal.prepared.statement.clone() else {
            wire::put(&mut self.wire.out, b'I', b"");
            return Ok(());
        };
        let columns = portal.prepared.columns.as_ref().map_or(0, Vec::len);
        let formats = portal.bound.results.len();
        if formats > 1 && formats != columns {
            let why = format!(
                "internal error: format codes length {formats} is not 0, 1 or equal to actual length {columns}"
            );
            return Err(Failure::new(why));
        }
        self.still_bound(&portal.prepared, &statement)?;
        if matches!(statement.verb, Verb::Read) && (limit > 0 || portal.rest.is_some()) {
            return self.some_rows(portal, &statement, limit).await;
        }
        let dml = statement.verb.is_silent_dml();
        match self.answer(&statement, Some(&portal.bound)).await {
            Ok(Answer::Running) => self.pass_on(&statement, &portal.bound.results, false).await,
            Ok(Answer::Copy { columns, rows }) => {
                self.put_copy(columns, rows);
                Ok(())
            }
            Ok(Answer::Local(local)) => {
                self.put_local(local);
                Ok(())
            }
            Err(failure) if dml => Err(failure),
            Err(failure) => Err(failure.before_running()),
        }
    }

    fn put_local(&mut self, local: Local) {
        let out = &mut self.wire.out;
        for notice in &local.notices {
            errors::put_notice(out, notice);
        }
        for row in local.rows {
            put_row(out, row);
        }
        wire::put_complete(out, &local.tag);
    }

    async fn some_rows(
        &mut self,
        portal: &mut Portal,
        statement: &Statement,
        limit: usize,
    ) -> Result<(), Failure> {
        let mut rest = match portal.rest.take() {
            Some(rest) => rest,
            None => self
                .read_all(statement, Some(&portal.bound))
                .await?
                .rows
                .into(),
        };
        let limit = if limit == 0 { usize::MAX } else { limit };
        let taken: Vec<_> = rest.drain(..limit.min(rest.len())).collect();
        let count = taken.len();
        for row in taken {
            put_row(&mut self.wire.out, row);
        }
        if count == limit {
            portal.rest = Some(rest);
            wire::put(&mut self.wire.out, b's', b"");
        } else {
            wire::put_complete(&mut self.wire.out, &format!("SELECT {count}"));
        }
        Ok(())
    }

    /// A statement whose relations were altered or dropped behind it fails when it runs.
    fn still_bound(&self, prepared: &Prepared, statement: &Statement) -> Result<(), Failure> {
        let altered = self.world.altered.lock().expect("the steps");
        let stale = statement.tokens.iter().any(|t| {
            altered
                .get(&t.value())
                .is_some_and(|step| *step > prepared.step)
        });
        if stale && matches!(statement.verb, Verb::Read) {
            let why = "Streaming vnode mapping not found for fragment 57";
            return Err(Failure::caused(errors::INTERNAL, &["Scheduler error", why]));
        }
        Ok(())
    }

    fn close(&mut self, mut body: Bytes) -> Result<(), Failure> {
        let kind = if body.has_remaining() {
            body.get_u8()
        } else {
            0
        };
        let name = text(&mut body)?;
        if kind == b'S' {
            self.statements.remove(&name);
            self.portals.retain(|_, portal| portal.from != name);
        } else {
            self.portals.remove(&name);
        }
        wire::put(&mut self.wire.out, b'3', b"");
        Ok(())
    }
}
