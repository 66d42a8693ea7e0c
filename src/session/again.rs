//! How is an Execute that the analytic side turned out not to be able to run done by the default backend?
//!
//! What the client has bound is bound once more there, with the parameters in the formats and types that it gave them, and executed in the place of what
//! failed. Where the client has asked for binary rows the columns must be of the types that it was told; else it gets the error after all.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::Session;
use super::adapted::{Adapted, Described};
use super::dispatch::Pooled;
use super::errors::changed_result;
use super::pipeline::{Expect, Made, Side, To};
use super::prepared::StatementKey;
use super::recode;
use super::statements::{ClientStatement, Portal, Ran};
use crate::backend::engine::values::{Styles, Values};
use crate::error::ClientError;
use crate::limits::KEPT_BIND_BYTES_MAX;
use crate::protocol::bind::{Bind, format_of};
use crate::protocol::frontend::{self, Named};
use crate::sql::StatementFacts;

/// What a statement is called while it is bound once more on a connection of the client's own.
const AGAIN: &str = "tidegate_again";

/// What is needed to bind a portal once more.
#[derive(Debug)]
pub struct Again {
    /// What the client calls its statement.
    name: Box<[u8]>,
    /// That, with its parameters' types as the client was told them.
    statement: ClientStatement,
    /// What followed the names in the client's Bind.
    given: Bytes,
    /// The formats of the rows.
    results: Vec<i16>,
    /// The columns' types as the client was told them, where some are to come in binary.
    told: Vec<u32>,
}

/// A portal that is run once more.
#[derive(Debug)]
pub struct Retry {
    again: Arc<Again>,
    portal: Box<[u8]>,
    /// The client's Execute.
    execute: BytesMut,
    /// Why it was not run where it was sent.
    error: Option<ClientError>,
    /// It is bound on the default backend.
    bound: bool,
    /// The types of its columns there.
    columns: Option<Vec<u32>>,
}

impl Again {
    /// What is to be kept of a Bind; `None` where it is too long.
    pub(super) fn new(
        (name, statement): (&[u8], &ClientStatement),
        given: &[u8],
        bind: &Bind<'_>,
        adapted: &Adapted,
        described: Option<&Described>,
        values: &dyn Values,
    ) -> Option<Self> {
        if given.len() > KEPT_BIND_BYTES_MAX {
            return None;
        }
        let mut statement = statement.clone();
        let parameters = described.and_then(|described| described.parameters.as_ref());
        if let Some(parameters) = parameters.filter(|_| bind.formats.contains(&1)) {
            let told = adapted.told(parameters, values);
            let mut types = u16::try_from(told.len()).ok()?.to_be_bytes().to_vec();
            told.iter()
                .for_each(|oid| types.extend_from_slice(&oid.to_be_bytes()));
            statement.key = Arc::new(StatementKey {
                types: types.into(),
                ..(*statement.key).clone()
            });
        }
        let told = match described.filter(|_| bind.results.contains(&1)) {
            Some(described) => described
                .columns
                .iter()
                .map(|oid| {
                    values
                        .recode(*oid, true, Styles::default())
                        .map_or(*oid, |recode| recode.oid)
                })
                .collect(),
            None => Vec::new(),
        };
        Some(Self {
            name: name.into(),
            statement,
            given: Bytes::copy_from_slice(given),
            results: bind.results.clone(),
            told,
        })
    }
}

impl Again {
    /// What its statement does.
    pub(super) fn facts(&self) -> &Arc<StatementFacts> {
        &self.statement.facts
    }
}

impl Retry {
    /// An Execute that may have to be run once more.
    pub(super) fn new(again: &Arc<Again>, portal: &[u8], execute: &BytesMut) -> Self {
        Self {
            again: Arc::clone(again),
            portal: portal.into(),
            execute: execute.clone(),
            error: None,
            bound: false,
            columns: None,
        }
    }

    /// It has failed for this.
    pub(super) fn failed(self, error: &ClientError) -> Self {
        Self {
            error: Some(error.clone()),
            ..self
        }
    }

    /// Whether the rows are what the client expects: in text everything is.
    fn fits(&self) -> bool {
        let Some(columns) = &self.columns else {
            return self.again.told.is_empty();
        };
        let text = |oid: u32| matches!(oid, 25 | 1043 | 1042 | 19);
        let same = |(at, (here, told)): (usize, (&u32, &u32))| {
            format_of(&self.again.results, at) == 0 || here == told || (text(*here) && text(*told))
        };
        columns.len() == self.again.told.len()
            && columns.iter().zip(&self.again.told).enumerate().all(same)
    }
}

impl Session {
    /// Goes on with a portal that is run once more, once nothing is under way.
    pub(super) async fn advance_retry(&mut self) {
        let Some(mut retry) = self.retry.take().filter(|_| !self.skipping) else {
            return;
        };
        if !retry.bound {
            if self.bind_again(&mut retry).await {
                self.retry = Some(retry);
            }
            return;
        }
        if !retry.fits() {
            let error = retry.error.unwrap_or_else(changed_result);
            self.fail_batch(&error);
            return;
        }
        if let Some(conn) = self.conn(Side::Oltp) {
            conn.wire.out.extend_from_slice(&retry.execute);
        }
        self.pushed(Expect::Execute, Side::Oltp);
        let statement = &retry.again.statement;
        let (facts, key) = (Arc::clone(&statement.facts), Arc::clone(&statement.key));
        let decision = self.route(&facts);
        self.record(&key.text, &facts, decision);
        self.track(&facts, &key.text);
        let portal = Portal::Remote {
            side: Side::Oltp,
            facts,
            key,
            ran: Ran::Open,
            opened: None,
        };
        self.statements.open(&retry.portal, portal);
    }

    /// Binds it on the default backend. Whether it is to be gone on with.
    async fn bind_again(&mut self, retry: &mut Retry) -> bool {
        match self.enter_oltp().await {
            None => return true,
            Some(_) if self.skipping => return false,
            Some(_) => {}
        }
        let again = Arc::clone(&retry.again);
        let (name, key) = match self.prepare_again(&again) {
            Pooled::Ready(name, key) => (name, key),
            Pooled::Asked => return true,
            Pooled::Changed => {
                self.fail_batch(&changed_result());
                return false;
            }
        };
        let describes = !again.told.is_empty();
        if let Some(conn) = self.conn(Side::Oltp) {
            let out = &mut conn.wire.out;
            frontend::put_bind_names(out, &retry.portal, name.as_bytes(), again.given.len());
            out.extend_from_slice(&again.given);
            if describes {
                frontend::put_named(out, b'D', Named::Portal(&retry.portal));
            }
        }
        self.pipeline.push(Expect::Bind, Side::Oltp, To::Errors);
        self.pipeline.uses_last(&key, &again.statement.name);
        if describes {
            self.pipeline.push(Expect::Describe, Side::Oltp, To::Errors);
            self.pipeline.makes_last(Made::Columns);
        }
        self.batch.oltp_used = true;
        self.batch.flushed = false;
        self.flush_once();
        retry.bound = true;
        true
    }

    /// Prepares its statement on the default backend. Where the client's own statements are prepared too, under the names that it gave them,
    /// that is done under a name of the router's, since the client may have another of that name by now.
    fn prepare_again(&mut self, again: &Again) -> Pooled {
        if self.pooled {
            return self.prepare_pooled(&again.name, &again.statement);
        }
        let key = &again.statement.key;
        if let Some(conn) = self.conn(Side::Oltp) {
            let out = &mut conn.wire.out;
            // The one before, whose portal outlives it. The server does not mind where there is none.
            frontend::put_named(out, b'C', Named::Statement(AGAIN.as_bytes()));
            frontend::put_parse(out, AGAIN.as_bytes(), &key.text, &key.types);
        }
        self.pipeline.push(Expect::Close, Side::Oltp, To::Nobody);
        self.pipeline.push(Expect::Parse, Side::Oltp, To::Errors);
        Pooled::Ready(AGAIN.into(), Arc::clone(key))
    }

    /// The default backend says what the columns are there.
    pub(super) fn on_columns_again(&mut self, tag: u8, body: &[u8]) {
        if let Some(retry) = self.retry.as_mut() {
            let described = if tag == b'T' { body } else { &[] };
            retry.columns = Some(recode::column_types(described));
        }
    }
}
