//! How does a statement reach an engine that takes fewer forms than PostgreSQL, and how do its rows come back?
//!
//! The steps between [`super::extended`] and [`super::adapted`], which says what is changed. What a Bind needs to know of the statement, and the
//! engine was not asked for yet, is asked first. Engines that take everything never come here.

use std::sync::{Arc, OnceLock};

use bytes::{Bytes, BytesMut};

use super::adapted::{Adapted, Described, Opened};
use super::again::Again;
use super::errors::{cut_short, no_parameter};
use super::pipeline::{Expect, Side, To};
use super::prepared::{PREFIX, StatementKey};
use super::recode::{self, Columns};
use super::statements::{ClientStatement, Portal, Ran};
use super::{Session, Step};
use crate::backend::engine::Dialect;
use crate::backend::engine::values::{Styles, Values};
use crate::error::ClientError;
use crate::limits::KEPT_BIND_BYTES_MAX;
use crate::protocol::bind::Bind;
use crate::protocol::frame::{Body, HEADER_BYTES};
use crate::protocol::frontend::{self, BindNames, Named, put_frame};
use crate::routing::Proof;
use crate::sql::RelationName;
use crate::sql::parameters::parameters;

impl Session {
    /// What the leased engine makes of values; `None` where what PostgreSQL does.
    pub(super) fn values(&mut self) -> Option<&'static dyn Values> {
        self.dialect_on(Side::Analytic).and_then(Dialect::values)
    }

    /// How the client wants texts to look.
    pub(super) fn styles(&self) -> Styles {
        Styles::of(&self.told)
    }

    /// Gets an analytic connection for a statement of a string, which has no parameters. PostgreSQL says so; other engines break off.
    pub(super) async fn need_analytic_for_string(
        &mut self,
        proof: Proof,
        text: &[u8],
    ) -> Result<(), ClientError> {
        let backend = self.snapshot.backends.get(proof.backend());
        if backend.is_some_and(|backend| backend.dialect.values().is_some())
            && let Some(first) = parameters(text, self.dialect).first()
        {
            return Err(no_parameter(first.number));
        }
        self.need_analytic(proof).await
    }

    /// How the leased engine is sent a statement; `None` where as it is.
    pub(super) fn adapt(&mut self, own: &Arc<StatementKey>) -> Option<Arc<Adapted>> {
        let values = self.values()?;
        let backend = self.conn(Side::Analytic)?.backend;
        let own = self.in_words_of(backend, own);
        Some(Arc::new(Adapted::new(&own, self.dialect, values)))
    }

    /// A statement in the words that a backend's engine takes; as it is for most.
    pub(super) fn in_words_of(&self, backend: usize, own: &Arc<StatementKey>) -> Arc<StatementKey> {
        let text = std::str::from_utf8(&own.text).ok();
        match text.and_then(|text| self.text_for(backend, text)) {
            None => Arc::clone(own),
            Some(text) => Arc::new(StatementKey {
                text: text.into_bytes().into(),
                ..(**own).clone()
            }),
        }
    }

    /// The same for a text; `None` where it is fit as it is.
    pub(super) fn text_for(&self, backend: usize, text: &str) -> Option<String> {
        let dialect = self.snapshot.backends.get(backend)?.dialect;
        let catalog = self.snapshot.table.catalog.backend(backend);
        let key_of = |relation: &RelationName| {
            let key = catalog?.key_of(relation)?.iter();
            Some(key.map(|column| column.to_string()).collect())
        };
        dialect.adapt_query(text, &key_of)
    }

    /// The same for a statement that a client has prepared under a name.
    fn adapted(&mut self, name: &[u8], statement: &ClientStatement) -> Option<Arc<Adapted>> {
        if let Some(adapted) = &statement.adapted {
            return self.values().map(|_| Arc::clone(adapted));
        }
        let adapted = self.adapt(&statement.key)?;
        self.statements.adapt(name, &statement.key, &adapted);
        Some(adapted)
    }

    /// `Describe` of a statement on the leased connection.
    pub(super) fn describe_analytic(&mut self, name: &[u8], statement: &ClientStatement) {
        let adapted = self.adapted(name, statement);
        let key = adapted
            .as_ref()
            .map_or(&statement.key, |adapted| &adapted.key);
        self.put_describe(key, !name.is_empty());
        self.pushed(Expect::Describe, Side::Analytic);
        if let Some(adapted) = &adapted {
            self.pipeline.uses_last(&adapted.key, &statement.name);
            self.pipeline.adapts_last(adapted);
        }
    }

    fn put_describe(&mut self, key: &Arc<StatementKey>, named: bool) {
        let there = self.prepare_analytic(key, named, To::Errors).0;
        if let Some(conn) = self.conn(Side::Analytic) {
            let named = Named::Statement(there.as_bytes());
            frontend::put_named(&mut conn.wire.out, b'D', named);
        }
    }

    /// `Bind` on the leased connection. `Ok(None)` where the engine takes it as it is, which is left to the caller; `Err` where it waits or
    /// has failed the batch.
    pub(super) fn bind_adapted(
        &mut self,
        frame: &BytesMut,
        total: usize,
        names: &BindNames<'_>,
        statement: &ClientStatement,
        is_trial: bool,
    ) -> Result<Option<Arc<Opened>>, Step> {
        let Some(values) = self.values() else {
            return Ok(None);
        };
        let Some(adapted) = self.adapted(names.statement, statement) else {
            return Ok(None);
        };
        if frame.len() < total {
            return Err(Step::Whole);
        }
        let skip = HEADER_BYTES + names.portal.len() + names.statement.len() + 2;
        let rest = frame.get(skip..).unwrap_or_default();
        let Some(bind) = Bind::read(rest) else {
            return Err(self.fail_batch(&cut_short()));
        };
        if let Err(error) = adapted.check(&bind, names.statement) {
            return Err(self.fail_batch(&error));
        }
        let named = !names.statement.is_empty();
        let not_before = self.plans_not_before();
        let described = self
            .conn(Side::Analytic)
            .and_then(|conn| conn.prepared.described(&adapted.key, not_before));
        let styles = self.styles();
        if adapted.must_be_described(&bind, described.as_deref(), styles) {
            return Err(self.ask_description(&adapted, statement, named));
        }
        let sending = match adapted.bind(&bind, described.as_deref(), values, styles) {
            Ok(sending) => sending,
            Err(error) => return Err(self.fail_batch(&error)),
        };
        let retried = is_trial.then(|| {
            let statement = (names.statement, statement);
            Again::new(
                statement,
                rest,
                &bind,
                &adapted,
                described.as_deref(),
                values,
            )
        });
        let retried = retried.flatten().map(Arc::new);
        let named = named && !sending.passing;
        let there = self.prepare_analytic(&sending.key, named, To::Errors).0;
        let tail = sending.tail.as_deref().unwrap_or(rest);
        // Names outlive a client's portals there, so each has one of its own.
        let named_at_once = !names.portal.is_empty() || tail.len() > KEPT_BIND_BYTES_MAX;
        let own = named_at_once.then(|| self.own_portal_name());
        self.put_bind(own.as_deref().unwrap_or_default(), &there, tail);
        self.pushed(Expect::Bind, Side::Analytic);
        self.pipeline.uses_last(&sending.key, &statement.name);
        let again = if named_at_once { &[] } else { tail };
        let tail = Bytes::copy_from_slice(again);
        let columns = match described {
            Some(_) => OnceLock::from(sending.columns),
            None => OnceLock::new(),
        };
        let name = own.map_or_else(OnceLock::new, OnceLock::from);
        let opened = Arc::new(Opened {
            adapted,
            sent: sending.key,
            named,
            tail,
            columns,
            name,
            again: retried,
        });
        if opened.name.get().is_some() {
            self.keep_portal(&opened);
        }
        Ok(Some(opened))
    }

    fn put_bind(&mut self, portal: &[u8], statement: &str, tail: &[u8]) {
        if let Some(conn) = self.conn(Side::Analytic) {
            let (out, name) = (&mut conn.wire.out, statement.as_bytes());
            frontend::put_bind_names(out, portal, name, tail.len());
            out.extend_from_slice(tail);
        }
    }

    /// Asks the engine what it makes of a statement, before the Bind that waits for that.
    fn ask_description(
        &mut self,
        adapted: &Arc<Adapted>,
        statement: &ClientStatement,
        named: bool,
    ) -> Step {
        // Perhaps the client has asked for it already. If not it is asked for at once, also behind the settings that were just sent: these alone
        // would not keep the connection, and sessions with different ones would take it from each other for ever.
        if !self.pipeline.awaits_description(Side::Analytic) {
            self.put_describe(&adapted.key, named);
            self.pipeline
                .push(Expect::Describe, Side::Analytic, To::Errors);
            self.pipeline.uses_last(&adapted.key, &statement.name);
            self.pipeline.adapts_last(adapted);
            self.batch.analytic_used = true;
            self.batch.flushed = false;
        }
        self.flush_once();
        Step::Wait
    }

    /// Opens the unnamed portal once more under a name, where some of its rows are asked for: the engine resumes none without a name.
    pub(super) fn reopen(&mut self, frame: &BytesMut, name: &[u8], opened: &Arc<Opened>) {
        let rows = rows_of(frame);
        // At a Sync outside of a transaction the portal ends, so nobody resumes it.
        let last = self.client.inbox.first() == Some(&b'S');
        let ends = last && self.status == b'I' && !self.batch.began;
        let first = matches!(
            self.statements.portal(name),
            Some(Portal::Remote { ran: Ran::Open, .. })
        );
        if rows <= 0 || ends || !first || opened.name.get().is_some() {
            return;
        }
        let own = self.own_portal_name();
        let there = self
            .prepare_analytic(&opened.sent, opened.named, To::Errors)
            .0;
        self.put_bind(&own, &there, &opened.tail);
        self.pipeline.push(Expect::Bind, Side::Analytic, To::Errors);
        self.pipeline.uses_last(&opened.sent, &Arc::from(&b""[..]));
        let _ = opened.name.set(own);
        self.keep_portal(opened);
    }

    /// A name that no portal on a shared connection has had.
    fn own_portal_name(&mut self) -> Box<[u8]> {
        let number = self.shared.number();
        format!("{}p{number}", *PREFIX).into_bytes().into()
    }

    fn keep_portal(&mut self, opened: &Arc<Opened>) {
        if let Some(leased) = self.leased.as_mut() {
            leased.portals.push(Arc::clone(opened));
        }
    }

    /// The name of the router's own that a client's portal has, if it has one.
    pub(super) fn portal_there(&self, name: &[u8]) -> Option<String> {
        let Some(Portal::Remote { opened, .. }) = self.statements.portal(name) else {
            return None;
        };
        let own = opened.as_ref()?.name.get()?;
        Some(String::from_utf8_lossy(own).into_owned())
    }

    /// A client's message for a portal that has a name of the router's own.
    pub(super) fn renamed(
        &self,
        frame: &BytesMut,
        name: &[u8],
        expect: Expect,
    ) -> Option<BytesMut> {
        let Some(Portal::Remote { opened, .. }) = self.statements.portal(name) else {
            return None;
        };
        let own = opened.as_ref()?.name.get()?;
        let mut out = BytesMut::new();
        match expect {
            Expect::Execute => frontend::put_execute(&mut out, own, rows_of(frame)),
            Expect::Describe => frontend::put_named(&mut out, b'D', Named::Portal(own)),
            Expect::Close => frontend::put_named(&mut out, b'C', Named::Portal(own)),
            _ => return None,
        }
        Some(out)
    }

    /// Ends the portals that were left when the client's transaction ended. Whether there were any.
    pub(super) fn end_portals(&mut self) -> bool {
        self.close_own_portals();
        let left = self
            .leased
            .as_mut()
            .map(|leased| std::mem::take(&mut leased.portals));
        let any = left.is_some_and(|left| !left.is_empty());
        if any && let Some(conn) = self.conn(Side::Analytic) {
            frontend::put_sync(&mut conn.wire.out);
            self.pipeline.push(Expect::Sync, Side::Analytic, To::Nobody);
        }
        any
    }

    /// Closes the portals that have a name of the router's own, at the end of a batch outside of a transaction.
    pub(super) fn close_own_portals(&mut self) {
        let Some(leased) = self.leased.as_mut() else {
            return;
        };
        for opened in &leased.portals {
            let own = opened.name.get().map_or(&b""[..], |own| own);
            let out = &mut leased.lease.conn_mut().wire.out;
            frontend::put_named(out, b'C', Named::Portal(own));
            self.pipeline
                .push(Expect::Close, Side::Analytic, To::Nobody);
            self.pipeline.opened_last(opened);
        }
    }

    /// Whether the rows that come next are not passed on as they are.
    pub(super) fn recodes(&self, side: Side) -> bool {
        if side == Side::Oltp {
            return false;
        }
        let entry = self.pipeline.front();
        let opened = entry.and_then(|entry| entry.opened.as_ref());
        let columns = opened.and_then(|opened| opened.columns.get());
        self.string_columns.is_some() || columns.is_some_and(Option::is_some)
    }

    /// A message of the leased engine as the client is to see it; `None` where as it is. What it says of a statement is remembered.
    /// `Err` says what is wrong with it.
    pub(super) fn alter(
        &mut self,
        tag: u8,
        expect: Expect,
        message: &[u8],
    ) -> Result<Option<BytesMut>, &'static str> {
        match tag {
            b'D' => self.alter_row(expect, message),
            b't' | b'T' | b'n' | b'C' | b'3' => Ok(self.alter_other(tag, expect, message)),
            _ => Ok(None),
        }
    }

    fn alter_row(&self, expect: Expect, message: &[u8]) -> Result<Option<BytesMut>, &'static str> {
        let opened = self
            .pipeline
            .front()
            .and_then(|entry| entry.opened.as_ref());
        let columns = match expect {
            Expect::Query => self.string_columns.as_ref(),
            Expect::Execute => opened.and_then(|opened| opened.columns.get()?.as_ref()),
            _ => None,
        };
        let Some(columns) = columns else {
            return Ok(None);
        };
        let mut out = BytesMut::with_capacity(message.len());
        match columns.put_row(&mut out, message) {
            Some(()) => Ok(Some(out)),
            None => Err("it sent a row that cannot be given in the form that was asked for"),
        }
    }

    fn alter_other(&mut self, tag: u8, expect: Expect, message: &[u8]) -> Option<BytesMut> {
        let entry = self.pipeline.front()?;
        let (adapted, opened) = (entry.adapted.clone(), entry.opened.clone());
        let mut out = BytesMut::new();
        match (tag, expect) {
            (b'3', Expect::Close) => {
                let closed = opened?;
                let portals = &mut self.leased.as_mut()?.portals;
                portals.retain(|kept| !Arc::ptr_eq(kept, &closed));
                return None;
            }
            (b'C', Expect::Query) => {
                self.string_columns = None;
                return None;
            }
            (b'T', Expect::Query) => {
                let values = self.values()?;
                let oids = recode::column_types(message.get(HEADER_BYTES..)?);
                self.string_columns = Columns::of(&oids, values, self.styles(), |_| false);
                let columns = self.string_columns.as_ref()?;
                columns.put_description(&mut out, message);
            }
            (b't', Expect::Describe) => {
                let told = types(message.get(HEADER_BYTES..)?);
                let mine = adapted?.told(&told, self.values()?);
                self.told_types = Some(told);
                put_frame(&mut out, b't', |out| put_types(out, &mine));
            }
            (b'T' | b'n', Expect::Describe) => {
                let columns = if tag == b'T' { message } else { &[] };
                let columns = recode::column_types(columns.get(HEADER_BYTES..).unwrap_or_default());
                let values = self.values()?;
                if let Some(adapted) = adapted {
                    let parameters = self.told_types.take();
                    self.learn(&adapted.key, parameters, columns);
                    recode::put_statement_description(&mut out, message, values);
                } else {
                    let opened = opened?;
                    // Where the client has asked for binary, the columns were known before.
                    let styles = self.styles();
                    let known = opened
                        .columns
                        .get_or_init(|| Columns::of(&columns, values, styles, |_| false));
                    self.learn(&opened.adapted.key, None, columns);
                    known.as_ref()?.put_description(&mut out, message);
                }
                if tag == b'n' {
                    return None;
                }
            }
            _ => return None,
        }
        Some(out)
    }

    fn learn(&mut self, key: &Arc<StatementKey>, parameters: Option<Vec<u32>>, columns: Vec<u32>) {
        let (now, not_before) = (self.shared.number(), self.plans_not_before());
        let Some(conn) = self.conn(Side::Analytic) else {
            return;
        };
        let known = conn.prepared.described(key, not_before);
        let known = known.and_then(|known| known.parameters.clone());
        let described = Described {
            parameters: parameters.or(known),
            columns,
        };
        conn.prepared.describe(key, described, now);
        if let Some(described) = conn.prepared.described(key, 0) {
            self.note_described(key, described);
        }
    }
}

/// How many rows an Execute asks for.
fn rows_of(frame: &BytesMut) -> i32 {
    let rows = frame.last_chunk::<4>();
    rows.map_or(0, |rows| i32::from_be_bytes(*rows))
}

/// The types that a ParameterDescription's body tells.
fn types(body: &[u8]) -> Vec<u32> {
    let mut body = Body(body);
    let _count = body.bytes(2);
    std::iter::from_fn(|| body.i32().map(i32::cast_unsigned)).collect()
}

fn put_types(out: &mut BytesMut, types: &[u32]) {
    let count = u16::try_from(types.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&count.to_be_bytes());
    for oid in types {
        out.extend_from_slice(&oid.to_be_bytes());
    }
}
