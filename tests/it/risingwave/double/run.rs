//! What does one statement do?

use bytes::Bytes;

use super::back::{Event, Query};
use super::errors::{Failure, INTERNAL};
use super::extended::Bound;
use super::grammar::{Statement, Verb};
use super::lexer::Kind;
use super::reads::arguments;
use super::session::{Cursor, Session, Transaction};
use super::types::{self, Column};

const NO_READ_WRITE: &str = "Read-write transaction is not supported yet. Please specify `READ ONLY` to start a read-only transaction.\n\
                             For compatibility, this statement will still succeed but no transaction is actually started.";
const NO_ISOLATION: &str = "Transaction with given Isolation Level is not supported yet.\n\
                            For compatibility, this statement will proceed with RepeatableRead.";
pub const NO_TRANSACTION: &str = "there is no transaction in progress";

/// An answer that is known in full.
#[derive(Default)]
pub struct Local {
    pub columns: Option<Vec<Column>>,
    pub rows: Vec<Vec<Option<Bytes>>>,
    pub tag: String,
    pub notices: Vec<String>,
}

impl Local {
    pub fn done(tag: &str) -> Self {
        Self {
            tag: tag.to_owned(),
            ..Self::default()
        }
    }

    /// Rows of text.
    pub fn table(tag: &str, columns: &[&str], rows: Vec<Vec<Option<String>>>) -> Self {
        let rows = rows.into_iter().map(|row| {
            row.into_iter()
                .map(|value| value.map(Bytes::from))
                .collect()
        });
        Self {
            columns: Some(columns.iter().map(|name| Column::text(name)).collect()),
            rows: rows.collect(),
            ..Self::done(tag)
        }
    }

    pub fn notice(mut self, text: &str) -> Self {
        self.notices.push(text.to_owned());
        self
    }
}

pub enum Answer {
    Local(Local),
    Copy {
        columns: usize,
        rows: Vec<Vec<Option<Bytes>>>,
    },
    /// PostgreSQL has begun: its events are to be passed on.
    Running,
}

impl From<Local> for Answer {
    fn from(local: Local) -> Self {
        Self::Local(local)
    }
}

/// The notice of what is accepted for compatibility alone.
fn no_effect(what: &str) -> String {
    format!(
        "`{what}` is not supported yet.\nFor compatibility, this statement will still succeed but no changes are actually made."
    )
}

impl Session {
    pub async fn answer(
        &mut self,
        statement: &Statement,
        bound: Option<&Bound>,
    ) -> Result<Answer, Failure> {
        if self.transaction.is_some() && statement.verb.writes() {
            return Err(Failure::read_only());
        }
        let local = match &statement.verb {
            Verb::Refused(failure) => return Err(failure.clone()),
            Verb::Read => {
                let view = self.view(true);
                let query = self.query(statement, bound);
                self.back.start(&query, Some(&view)).await;
                return Ok(Answer::Running);
            }
            Verb::Insert { .. } | Verb::Update { .. } | Verb::Delete { .. } => {
                self.write(statement, bound).await?
            }
            Verb::CopyOut { query } => return self.copy_out(query).await,
            Verb::Begin {
                read_only,
                isolated,
                tag,
            } => self.begin(*read_only, *isolated, tag),
            Verb::End(tag) => {
                self.cursors.clear();
                match self.transaction.take() {
                    Some(_) => Local::done(tag),
                    None => Local::done(tag).notice(NO_TRANSACTION),
                }
            }
            Verb::Set { name, value } if name == "database" => {
                let name = value.clone().unwrap_or_default();
                self.use_database(&name)?
            }
            Verb::Set { name, value } => {
                self.set(name, value.as_deref()).await?;
                Local::done("SET_VARIABLE")
            }
            Verb::SetTransaction => {
                Local::done("SET_TRANSACTION").notice(&no_effect("SET TRANSACTION"))
            }
            Verb::Ignored(what) => Local::done(what).notice(&no_effect(what)),
            Verb::Done(tag) => Local::done(tag),
            Verb::Flush => {
                let made = self.world.checkpoint().await;
                made.map_err(|error| Failure::new(error.message))?;
                Local::done("FLUSH")
            }
            Verb::Kill(which) => self.kill(which).await?,
            Verb::Use(name) => self.use_database(name)?,
            Verb::Show(shown) => self.show(shown).await?,
            Verb::Describe(name) => self.describe_relation(name).await?,
            Verb::Explain => self.explain(statement).await?,
            Verb::Declare { cursor, query } => self.declare(cursor, query).await?,
            Verb::Fetch { cursor, count } => self.fetch(cursor, *count)?,
            Verb::Close(name) => {
                if let Some(name) = name
                    && self.cursors.remove(name).is_none()
                {
                    return Err(Failure::caused(
                        INTERNAL,
                        &["Catalog error", &format!("cursor `{name}` don't exists")],
                    ));
                }
                if name.is_none() {
                    self.cursors.clear();
                }
                Local::done("CLOSE_CURSOR")
            }
            Verb::Change(change) => self.apply(statement, change).await?,
        };
        Ok(local.into())
    }

    fn begin(&mut self, read_only: bool, isolated: bool, tag: &str) -> Local {
        let mut local = Local::done(tag);
        if isolated {
            local = local.notice(NO_ISOLATION);
        }
        if !read_only {
            return local.notice(NO_READ_WRITE);
        }
        self.transaction.get_or_insert_with(Transaction::default);
        local
    }

    async fn kill(&mut self, which: &str) -> Result<Local, Failure> {
        let (worker, pid) = which.split_once(':').unwrap_or(("1", which));
        if worker != "1" {
            return Err(Failure::new(format!(
                "Invalid Parameter Value: worker {worker} not found"
            )));
        }
        let pid = pid.parse::<i32>().unwrap_or(-1);
        let session = self
            .world
            .sessions
            .lock()
            .expect("the sessions")
            .get(&pid)
            .cloned();
        match session {
            Some(session) => {
                session.cancel().await;
                Ok(Local::done("KILL"))
            }
            None => Err(Failure::new(format!(
                "Invalid Parameter Value: process {which} not found"
            ))),
        }
    }

    fn use_database(&mut self, name: &str) -> Result<Local, Failure> {
        if !self
            .world
            .databases
            .lock()
            .expect("the databases")
            .contains(name)
        {
            return Err(Failure::caused(
                "3D000",
                &["Catalog error", &format!("database not found: {name}")],
            ));
        }
        let user = &self.listed.user;
        Ok(Local::done("USE").notice(&format!(
            "You are now connected to database \"{name}\" as user \"{user}\"."
        )))
    }

    /// What PostgreSQL is to run: the statement, with this database's own name taken off its relations.
    fn query(&self, statement: &Statement, bound: Option<&Bound>) -> Query {
        let mut query = Query {
            sql: self.behind_text(statement),
            ..Query::default()
        };
        if let Some(bound) = bound {
            query.types.clone_from(&bound.types);
            query.formats.clone_from(&bound.formats);
            query.values.clone_from(&bound.values);
            query.results.clone_from(&bound.results);
        }
        query
    }

    pub fn behind_text(&self, statement: &Statement) -> String {
        let mut text = statement.text().to_owned();
        let tokens = &statement.tokens;
        for at in (2..tokens.len().saturating_sub(2)).rev() {
            let here = tokens[at].is(&self.world.database) && tokens[at + 1].is_sign(".");
            let three = tokens.get(at + 3).is_some_and(|t| t.is_sign("."));
            if here && three {
                let from = tokens[at].start - statement.start;
                text.replace_range(from..tokens[at + 2].start - statement.start, "");
            }
        }
        text
    }

    /// A change of rows. It commits at once; what it reads is the last checkpoint.
    async fn write(
        &mut self,
        statement: &Statement,
        bound: Option<&Bound>,
    ) -> Result<Local, Failure> {
        let table = match &statement.verb {
            Verb::Insert { table, .. }
            | Verb::Update { table, .. }
            | Verb::Delete { table, .. } => table.clone(),
            _ => return Ok(Local::default()),
        };
        let inserts = matches!(&statement.verb, Verb::Insert { .. });
        self.writable(&table, inserts).await?;
        let query = self.query(statement, bound);
        let plain = matches!(&statement.verb, Verb::Insert { values: true, .. });
        let view = (!plain).then(|| self.view(false));
        let first = self.collect(&query, view.as_ref(), statement).await;
        self.world.touched();
        // Rows of the checkpoint may have been changed since, which PostgreSQL does not take over a snapshot.
        let done = match first {
            Err(failure)
                if failure
                    .causes
                    .iter()
                    .any(|c| c.contains("could not serialize")) =>
            {
                self.collect(&query, None, statement).await
            }
            other => other,
        };
        let mut local = done.map_err(Failure::while_running)?;
        if self
            .settings
            .get("implicit_flush")
            .is_ok_and(|value| value == "true")
        {
            let _ = self.world.checkpoint().await;
        }
        if statement.verb.is_silent_dml() {
            local.columns = None;
        }
        Ok(local)
    }

    /// Runs a query to its end.
    async fn collect(
        &mut self,
        query: &Query,
        view: Option<&super::back::View>,
        statement: &Statement,
    ) -> Result<Local, Failure> {
        self.back.start(query, view).await;
        let (mut local, mut failed, mut refused) = (Local::default(), None, None);
        while let Some(event) = self.back.event().await {
            match event {
                Event::Columns(columns) => local.columns = Some(named(statement, columns)),
                Event::Row(row) => {
                    let columns = local.columns.clone().unwrap_or_default();
                    match converted(&columns, &query.results, row) {
                        Ok(row) => local.rows.push(row),
                        Err(failure) => refused = Some(failure),
                    }
                }
                Event::Done(tag) => local.tag = tag,
                Event::Failed(error) => failed = Some(error),
            }
        }
        if let Some(failure) = refused {
            return Err(failure);
        }
        failed.map_or(Ok(local), |error| Err(self.explained(&error, statement)))
    }

    /// All rows of a read, for portals with a row limit and for cursors.
    pub async fn read_all(
        &mut self,
        statement: &Statement,
        bound: Option<&Bound>,
    ) -> Result<Local, Failure> {
        let view = self.view(true);
        let query = self.query(statement, bound);
        self.collect(&query, Some(&view), statement).await
    }

    async fn copy_out(&mut self, query: &str) -> Result<Answer, Failure> {
        let inner = inner_statement(query)?;
        let local = self.read_all(&inner, None).await?;
        let columns = local.columns.map_or(0, |columns| columns.len());
        Ok(Answer::Copy {
            columns,
            rows: local.rows,
        })
    }

    async fn declare(&mut self, name: &str, query: &str) -> Result<Local, Failure> {
        let inner = inner_statement(query)?;
        let local = self.read_all(&inner, None).await?;
        let cursor = Cursor {
            columns: local.columns.unwrap_or_default(),
            rows: local.rows,
        };
        self.cursors.insert(name.to_owned(), cursor);
        Ok(Local::done("DECLARE_CURSOR"))
    }

    fn fetch(&mut self, name: &str, count: usize) -> Result<Local, Failure> {
        let unknown = || Failure::new(format!("internal error: Cannot find cursor `{name}`"));
        let cursor = self.cursors.get_mut(name).ok_or_else(unknown)?;
        let taken = cursor.rows.drain(..count.min(cursor.rows.len())).collect();
        Ok(Local {
            columns: Some(cursor.columns.clone()),
            rows: taken,
            ..Local::done("FETCH_CURSOR")
        })
    }

    /// set_config and current_setting act when the statement is bound.
    pub async fn bind_settings(&mut self, statement: &Statement) -> Result<(), Failure> {
        if matches!(statement.verb, Verb::Refused(_)) {
            return Ok(());
        }
        let tokens = &statement.tokens;
        for at in 0..tokens.len() {
            let sets = tokens[at].is("set_config");
            if !(sets || tokens[at].is("current_setting"))
                || !tokens.get(at + 1).is_some_and(|t| t.is_sign("("))
            {
                continue;
            }
            let given = arguments(tokens, at + 1);
            let literal = |n: usize| match given.get(n) {
                Some([token]) if token.kind == Kind::Text => Some(token.value()),
                _ => None,
            };
            let Some(name) = literal(0) else { continue };
            let done = match (sets, literal(1)) {
                (true, Some(value)) => self.set(&name, Some(&value)).await.map(drop),
                (true, None) => Ok(()),
                (false, _) => self.settings.get(&name).map(drop),
            };
            if let Err(failure) = done {
                let written: Vec<String> = given
                    .iter()
                    .map(|t| super::reader::shown(t, true))
                    .collect();
                let call = format!("{}({})", tokens[at].value(), written.join(", "));
                let causes: Vec<&str> = failure.causes.iter().map(String::as_str).collect();
                return Err(Failure::unbound(&call, &causes));
            }
        }
        Ok(())
    }
}

/// The query inside of another statement, as a statement of its own.
pub fn inner_statement(query: &str) -> Result<Statement, Failure> {
    let mut inner = super::grammar::parse(query)?;
    let mut found = inner.pop().ok_or_else(|| Failure::new("no query"))?;
    if let Verb::Refused(failure) = &found.verb {
        return Err(failure.clone());
    }
    found.verb = Verb::Read;
    Ok(found)
}

/// Columns with the names RisingWave gives them.
pub fn named(statement: &Statement, mut columns: Vec<Column>) -> Vec<Column> {
    if statement.tokens.first().is_some_and(|t| t.is("values")) {
        for (n, column) in columns.iter_mut().enumerate() {
            column.name = format!("*VALUES*_0.column_{n}");
        }
    }
    columns
}

pub fn converted(
    columns: &[Column],
    formats: &[i16],
    row: Vec<Option<Bytes>>,
) -> Result<Vec<Option<Bytes>>, Failure> {
    let each = row.into_iter().enumerate();
    each.map(|(n, value)| match columns.get(n) {
        Some(column) => types::value(column, types::format_of(formats, n) == 1, value),
        None => Ok(value),
    })
    .collect()
}
