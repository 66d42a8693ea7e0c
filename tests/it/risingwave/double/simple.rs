//! How is a string of statements answered?
//!
//! The whole string is read before anything runs. Then each statement commits for itself, and the first error ends the string.

use bytes::Bytes;

use super::errors::{Doing, Failure, PgError, translated};
use super::grammar::{self, Statement, Verb};
use super::lexer::Kind;
use super::run::{Answer, converted, named};
use super::session::{Closed, Session};
use super::{errors, types, wire};

impl Session {
    pub async fn simple(&mut self, body: Bytes) -> Result<(), Closed> {
        // A text that is not UTF-8, or has no end, is met with silence.
        let Some(text) = body.strip_suffix(b"\0") else {
            return Ok(());
        };
        let Ok(sql) = std::str::from_utf8(text) else {
            return Ok(());
        };
        self.world
            .seen
            .lock()
            .expect("the list")
            .push(sql.to_owned());
        if let Some(mischief) = self.world.mischief_for(sql) {
            return self.misbehave(mischief, true).await;
        }
        let statements = match self.read_string(sql).await {
            Ok(statements) => statements,
            Err(failure) => {
                self.fail(&failure, Doing::Running)?;
                self.ready();
                return Ok(());
            }
        };
        if statements.is_empty() {
            wire::put(&mut self.wire.out, b'I', b"");
        }
        for statement in statements {
            self.listed.begins(statement.text());
            let done = self.one(&statement).await;
            self.listed.ends().await;
            if let Err(failure) = done {
                self.fail(&failure, Doing::Running)?;
                break;
            }
        }
        self.ready();
        Ok(())
    }

    /// The statements of a string. Syntax errors that only PostgreSQL finds count before anything runs, too.
    async fn read_string(&mut self, sql: &str) -> Result<Vec<Statement>, Failure> {
        let statements = grammar::parse(sql)?;
        if statements.len() < 2 {
            return Ok(statements);
        }
        for statement in &statements {
            if !matches!(statement.verb, Verb::Read) && !statement.verb.is_dml() {
                continue;
            }
            // The division fails before the second statement runs, and after both were read.
            let probe = "SELECT 1/0;";
            let read = self.back.run(&format!("{probe}{}", statement.text())).await;
            if let Err(mut error) = read
                && error.code == "42601"
            {
                error.position = error.position.map(|at| at.saturating_sub(probe.len()));
                return Err(translated(&error, sql, statement.start, &statement.tokens));
            }
        }
        Ok(statements)
    }

    async fn one(&mut self, statement: &Statement) -> Result<(), Failure> {
        if statement.tokens.iter().any(|t| t.kind == Kind::Parameter)
            && (statement.verb.is_dml() || matches!(statement.verb, Verb::Read))
        {
            let why = "failed to serialize expression to protobuf: \"Parameter should not be serialized to ExprNode\"";
            return Err(Failure::panic(why));
        }
        self.bind_settings(statement).await?;
        match self.answer(statement, None).await? {
            Answer::Local(local) => {
                for notice in &local.notices {
                    errors::put_notice(&mut self.wire.out, notice);
                }
                if let Some(columns) = &local.columns {
                    types::put_columns(&mut self.wire.out, columns, &[]);
                }
                for row in local.rows {
                    put_row(&mut self.wire.out, row);
                }
                wire::put_complete(&mut self.wire.out, &local.tag);
                Ok(())
            }
            Answer::Copy { columns, rows } => {
                self.put_copy(columns, rows);
                Ok(())
            }
            Answer::Running => self.pass_on(statement, &[], true).await,
        }
    }

    /// Sends an answer of PostgreSQL's as it comes. The columns go out before the first row is there.
    pub async fn pass_on(
        &mut self,
        statement: &Statement,
        formats: &[i16],
        with_columns: bool,
    ) -> Result<(), Failure> {
        let (mut columns, mut failed, mut refused) = (Vec::new(), None, None);
        while let Some(event) = self.back.event().await {
            match event {
                super::back::Event::Columns(found) => {
                    columns = named(statement, found);
                    if with_columns {
                        types::put_columns(&mut self.wire.out, &columns, formats);
                        self.wire.flush().await;
                    }
                }
                super::back::Event::Row(row) => {
                    match converted(&columns, formats, row) {
                        Ok(row) => put_row(&mut self.wire.out, row),
                        Err(failure) => refused = Some(failure),
                    }
                    if self.wire.out.len() > 32 * 1024 {
                        self.wire.flush().await;
                    }
                }
                super::back::Event::Done(tag) => wire::put_complete(&mut self.wire.out, &tag),
                super::back::Event::Failed(error) => failed = Some(error),
            }
        }
        if let Some(failure) = refused {
            return Err(failure);
        }
        failed.map_or(Ok(()), |error| Err(self.explained(&error, statement)))
    }

    /// PostgreSQL's error in RisingWave's words, the two for an end by order included.
    pub fn explained(&self, error: &PgError, statement: &Statement) -> Failure {
        use std::sync::atomic::Ordering;
        if error.code != "57014" {
            let mut error = error.clone();
            let chars = |at: usize| {
                statement
                    .text()
                    .char_indices()
                    .nth(at)
                    .map_or(statement.text().len(), |(at, _)| at)
            };
            error.position = error.position.map(chars);
            return translated(&error, &statement.sql, statement.start, &statement.tokens);
        }
        let sleeps = statement.text().contains("pg_sleep");
        match self.listed.cancelled.load(Ordering::SeqCst) {
            true if sleeps => Failure::new("Task aborted: cancelled"),
            true => Failure::new("Receive shutdown msg: Cancel"),
            false => {
                let seconds = self.settings.timeout() / 1000;
                Failure::new(format!("Query cancelled: timeout after {seconds} seconds"))
            }
        }
    }

    /// COPY of a query: tabs between values, and nothing where there is NULL.
    pub fn put_copy(&mut self, columns: usize, rows: Vec<Vec<Option<Bytes>>>) {
        let count = u16::try_from(columns).expect("few");
        let formats = vec![0; 2 * columns];
        let body = [&[0][..], &count.to_be_bytes(), &formats].concat();
        let out = &mut self.wire.out;
        wire::put(out, b'H', &body);
        let number = rows.len();
        for row in rows {
            let values: Vec<Bytes> = row.into_iter().map(Option::unwrap_or_default).collect();
            wire::put(out, b'd', &[&values.join(&b'\t')[..], b"\n"].concat());
        }
        wire::put(out, b'c', b"");
        wire::put_complete(out, &format!("COPY {number}"));
    }
}

pub fn put_row(out: &mut bytes::BytesMut, row: Vec<Option<Bytes>>) {
    use bytes::BufMut;
    let mut body = bytes::BytesMut::new();
    body.put_u16(u16::try_from(row.len()).expect("few"));
    for value in row {
        match value {
            Some(value) => {
                body.put_u32(u32::try_from(value.len()).expect("short"));
                body.put_slice(&value);
            }
            None => body.put_i32(-1),
        }
    }
    wire::put(out, b'D', &body);
}
