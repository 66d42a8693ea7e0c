//! How is the query of a cursor or a COPY bound?
//!
//! As a client's own Bind is: where the engine takes fewer forms than PostgreSQL, parameters and formats are changed on their way, and rows on their
//! way back, as [`super::adapted`] says. What the Bind needs to know of the query, and the engine was not asked for yet, is asked first.

use std::sync::{Arc, OnceLock};

use bytes::{BufMut, Bytes};

use super::Session;
use super::adapted::{Adapted, Described, Opened};
use super::dispatch::Prepare;
use super::errors::no_parameter;
use super::pipeline::{Expect, Side, To};
use super::prepared::StatementKey;
use super::recode::Columns;
use crate::backend::engine::values::Values;
use crate::error::ClientError;
use crate::protocol::bind::Bind;
use crate::protocol::frontend::{self, Named};
use crate::sql::parameters::parameters;

/// What follows the names in a Bind: formats and values of parameters, and formats of the rows.
pub(super) type Halves<'a> = (&'a [u8], &'a [u8]);

/// How a query is sent.
pub(super) enum Form {
    /// Like this.
    Known(Known),
    /// The engine has to be asked first.
    Unknown(Arc<Adapted>),
}

/// A query as it is sent.
pub(super) struct Known {
    key: Arc<StatementKey>,
    tail: Vec<u8>,
    /// It is prepared even if it is there: its relations may have changed since.
    fresh: bool,
    /// Where the engine takes fewer forms: the query, and what is done to its columns once they are known.
    adapted: Option<(Arc<Adapted>, OnceLock<Option<Columns>>)>,
}

/// What an engine was asked about a query, and what it has said.
#[derive(Debug)]
pub(super) struct Asked {
    key: Arc<StatementKey>,
    said: Option<Arc<Described>>,
}

impl Session {
    /// What a backend's engine makes of values.
    fn values_of(&self, backend: usize) -> Option<&'static dyn Values> {
        self.snapshot.backends.get(backend)?.dialect.values()
    }

    /// Refuses parameters that do not fit a query, as PostgreSQL does at Bind.
    ///
    /// # Errors
    /// PostgreSQL's, for a statement of this name.
    pub(super) fn check_halves(
        &self,
        backend: usize,
        query: &Arc<StatementKey>,
        (values, formats): Halves<'_>,
        name: &[u8],
    ) -> Result<(), ClientError> {
        let rest = [values, formats].concat();
        match (self.values_of(backend), Bind::read(&rest)) {
            (Some(of), Some(bind)) => Adapted::new(query, self.dialect, of).check(&bind, name),
            _ => Ok(()),
        }
    }

    /// Refuses a query with parameters where there can be none.
    ///
    /// # Errors
    /// PostgreSQL's.
    pub(super) fn check_none(&self, backend: usize, query: &[u8]) -> Result<(), ClientError> {
        if self.values_of(backend).is_none() {
            return Ok(());
        }
        match parameters(query, self.dialect).first() {
            Some(first) => Err(no_parameter(first.number)),
            None => Ok(()),
        }
    }

    /// How a query is sent to a backend.
    ///
    /// # Errors
    /// Those that PostgreSQL gives for such parameters.
    pub(super) fn form(
        &mut self,
        backend: usize,
        query: &Arc<StatementKey>,
        (values, formats): Halves<'_>,
    ) -> Result<Form, ClientError> {
        let rest = [values, formats].concat();
        let (Some(of), Some(bind)) = (self.values_of(backend), Bind::read(&rest)) else {
            return Ok(Form::Known(Known {
                key: Arc::clone(query),
                tail: rest,
                fresh: true,
                adapted: None,
            }));
        };
        let styles = self.styles();
        let query = &self.in_words_of(backend, query);
        let adapted = Arc::new(Adapted::new(query, self.dialect, of));
        adapted.check(&bind, b"")?;
        let described = self.what_was_said(backend, &adapted.key);
        if adapted.must_be_described(&bind, described.as_deref(), styles) {
            return Ok(Form::Unknown(adapted));
        }
        let sending = adapted.bind(&bind, described.as_deref(), of, styles)?;
        let columns = match described {
            Some(_) => OnceLock::from(sending.columns),
            None => OnceLock::new(),
        };
        // What was just described is bound as it was described.
        let fresh = !adapted.must_be_described(&bind, None, styles);
        Ok(Form::Known(Known {
            key: sending.key,
            tail: sending.tail.unwrap_or(rest),
            fresh,
            adapted: Some((adapted, columns)),
        }))
    }

    /// What the engine has said of a query, lately or on the connection at hand.
    fn what_was_said(
        &mut self,
        backend: usize,
        query: &Arc<StatementKey>,
    ) -> Option<Arc<Described>> {
        if let Some(asked) = self.asked.take_if(|asked| asked.key == *query) {
            return asked.said;
        }
        let not_before = self.plans_not_before();
        let conn = self
            .conn(Side::Analytic)
            .filter(|conn| conn.backend == backend)?;
        conn.prepared.described(query, not_before)
    }

    /// Asks the engine what it makes of a query. The answer is there once nothing is under way any more.
    pub(super) fn ask_form(&mut self, adapted: &Arc<Adapted>) {
        let mut prepare = Prepare::anywhere(&adapted.key, false);
        prepare.fresh = true;
        let name = self.prepare(Side::Analytic, &prepare, To::Errors).0;
        if let Some(conn) = self.conn(Side::Analytic) {
            let named = Named::Statement(name.as_bytes());
            frontend::put_named(&mut conn.wire.out, b'D', named);
        }
        self.push_step(Expect::Describe, To::Errors);
        self.pipeline.uses_last(&adapted.key, &Arc::from(&b""[..]));
        self.pipeline.adapts_last(adapted);
        self.asked = Some(Asked {
            key: Arc::clone(&adapted.key),
            said: None,
        });
    }

    /// The engine has told a statement's columns.
    pub(super) fn note_described(&mut self, key: &Arc<StatementKey>, described: Arc<Described>) {
        if let Some(asked) = self.asked.as_mut().filter(|asked| asked.key == *key) {
            asked.said = Some(described);
        }
    }

    /// Binds a query on the leased connection. Gives what is done to its rows, where anything may be.
    pub(super) fn put_bound(&mut self, portal: &[u8], form: Known) -> Option<Arc<Opened>> {
        let mut prepare = Prepare::anywhere(&form.key, false);
        prepare.fresh = form.fresh;
        let name = self.prepare(Side::Analytic, &prepare, To::Errors).0;
        if let Some(conn) = self.conn(Side::Analytic) {
            let out = &mut conn.wire.out;
            frontend::put_bind_names(out, portal, name.as_bytes(), form.tail.len());
            out.put_slice(&form.tail);
        }
        self.push_step(Expect::Bind, To::Errors);
        self.pipeline.uses_last(&form.key, &Arc::from(&b""[..]));
        let (adapted, columns) = form.adapted?;
        Some(Arc::new(Opened {
            adapted,
            sent: form.key,
            named: false,
            tail: Bytes::new(),
            columns,
            name: OnceLock::new(),
            again: None,
        }))
    }

    /// The step sent last is for a portal whose rows may be changed.
    pub(super) fn opened_step(&mut self, opened: Option<&Arc<Opened>>) {
        if let Some(opened) = opened {
            self.pipeline.opened_last(opened);
        }
    }
}
