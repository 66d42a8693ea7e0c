//! What if the analytic side cannot run a read that the default backend could?
//!
//! A read of mirrored relations that RisingWave answers with "not supported" before anything of its answer was passed on is run on the
//! default backend instead, and so is every statement of its template for a while. Only reads that were proven get here, so nothing runs twice
//! that must not; a transaction that has to keep one snapshot never sends mirrored reads away to begin with.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dashmap::DashMap;

use super::Session;
use super::again::Retry;
use super::batch::Part;
use super::dispatch::Prepare;
use super::pipeline::{Side, To};
use super::prepared::StatementKey;
use super::steps::Stepped;
use crate::error::ClientError;
use crate::limits::{FALLBACK_LASTS, FALLBACKS_MAX};
use crate::routing::{self, Decision};
use crate::sql::{self, StatementFacts};

/// Templates that the analytic side has said it cannot run, each by its facts, which all statements of a template share.
#[derive(Debug, Default)]
pub struct Fallbacks {
    known: DashMap<usize, Known>,
    /// Those that it has run, so that nobody waits for it to say that it can.
    run: DashMap<usize, Arc<StatementFacts>>,
}

#[derive(Debug)]
struct Known {
    /// Held, so that no other facts come to stand where these do.
    _facts: Arc<StatementFacts>,
    until: Instant,
}

impl Fallbacks {
    /// Whether statements with these facts are kept from the analytic side.
    fn holds(&self, facts: &StatementFacts) -> bool {
        if self.known.is_empty() {
            return false;
        }
        let at = std::ptr::from_ref(facts) as usize;
        match self.known.get(&at) {
            Some(known) if Instant::now() < known.until => true,
            Some(known) => {
                drop(known);
                self.known.remove(&at);
                false
            }
            None => false,
        }
    }

    /// Whether the analytic side has run a statement with these facts.
    fn has_run(&self, facts: &StatementFacts) -> bool {
        self.run.contains_key(&(std::ptr::from_ref(facts) as usize))
    }

    fn remember_run(&self, facts: &Arc<StatementFacts>) {
        if self.run.len() >= FALLBACKS_MAX {
            self.run.clear();
        }
        let at = std::ptr::from_ref(&**facts) as usize;
        self.run.insert(at, Arc::clone(facts));
    }

    fn remember(&self, facts: &Arc<StatementFacts>, lasts: Duration) {
        let now = Instant::now();
        if self.known.len() >= FALLBACKS_MAX {
            self.known.retain(|_, known| now < known.until);
        }
        if self.known.len() < FALLBACKS_MAX {
            let at = std::ptr::from_ref(&**facts) as usize;
            let (_facts, until) = (Arc::clone(facts), now + lasts);
            self.known.insert(at, Known { _facts, until });
        }
    }
}

/// A statement that was sent to the analytic side and may be taken back.
#[derive(Debug)]
pub(super) struct Trial {
    facts: Arc<StatementFacts>,
    /// Its place in the string that it is of.
    part: Option<Part>,
    /// The message that it was sent with, see [`super::pipeline::Pipeline::pushed`].
    number: u64,
    /// That is an Execute: what is done if it is taken back.
    retry: Option<Retry>,
    /// It need not be tried again once it has passed.
    once: bool,
}

impl Session {
    /// A decision, or the default backend where that one has failed before.
    pub(super) fn decide(&self, facts: &StatementFacts) -> Decision {
        let table = &self.snapshot.table;
        let decision = routing::decide(facts, &self.view, table);
        if decision.replaceable && self.shared.fallbacks.holds(facts) {
            return decision.replaced(table.config.default);
        }
        decision
    }

    /// Whether a statement may turn out to be too much for the backend that it was sent to.
    pub(super) fn is_trial(&self, decision: &Decision) -> bool {
        let target = decision.target().filter(|_| decision.replaceable);
        let backend = target.and_then(|target| self.snapshot.backends.get(target));
        backend.is_some_and(|backend| backend.dialect.may_lack())
    }

    /// The statement that was sent last may be taken back.
    pub(super) fn begin_trial(&mut self, facts: &Arc<StatementFacts>, part: Option<Part>) {
        let (facts, number) = (Arc::clone(facts), self.pipeline.pushed());
        self.trial = Some(Trial {
            facts,
            part,
            number,
            retry: None,
            once: false,
        });
    }

    /// Sees whether the analytic side understands the query of a COPY, before steps of the router's are answered that could not be taken
    /// back. Whether it was asked: then this is to come again when it has said so, unless it goes elsewhere by then. (Cursors of mirrored
    /// relations are not sent away to begin with.)
    ///
    /// # Errors
    /// With what the client is to be told where there is no connection.
    pub(super) async fn try_copy(
        &mut self,
        stepped: Stepped,
        facts: &Arc<StatementFacts>,
        text: &[u8],
    ) -> Result<bool, ClientError> {
        let Stepped::Copy(proof) = stepped else {
            return Ok(false);
        };
        if self.shared.fallbacks.has_run(facts) {
            return Ok(false);
        }
        // What cannot be read is told where it is run.
        let Ok(copied) = sql::copied(text, self.dialect) else {
            return Ok(false);
        };
        self.need_analytic(proof).await?;
        let key = Arc::new(StatementKey {
            text: copied.query.into_bytes().into(),
            types: Box::new([0, 0]),
            settings: self.settings_number(),
        });
        let adapted = self.adapt(&key);
        let there = adapted.as_ref().map_or(&key, |adapted| &adapted.key);
        let mut prepare = Prepare::anywhere(there, false);
        prepare.fresh = true;
        self.prepare(Side::Analytic, &prepare, To::Errors);
        self.begin_trial(facts, None);
        if let Some(trial) = self.trial.as_mut() {
            trial.once = true;
        }
        self.batch.analytic_used = false;
        self.sync_analytic();
        Ok(true)
    }

    /// The Execute that was sent last may be taken back, the first time that its template is executed.
    pub(super) fn begin_execute_trial(
        &mut self,
        facts: &Arc<StatementFacts>,
        retry: impl FnOnce() -> Retry,
    ) {
        if self.shared.fallbacks.has_run(facts) {
            return;
        }
        self.begin_trial(facts, None);
        if let Some(trial) = self.trial.as_mut() {
            trial.retry = Some(retry());
            trial.once = true;
        }
    }

    /// A row is about to be passed on.
    pub(super) fn pass_trial_with_row(&mut self, side: Side) {
        if side != Side::Analytic || self.trial.is_none() || !self.is_on_trial() {
            return;
        }
        let conn = self.conn(side);
        if conn.is_some_and(|conn| conn.wire.inbox.first() == Some(&b'D')) {
            self.pass_trial();
        }
    }

    /// Whether the client's next message has to wait until it is known which backend has understood the one before.
    pub(super) fn awaits_trial(&self) -> bool {
        let number = self.trial.as_ref().map(|trial| trial.number);
        number.is_some_and(|number| self.pipeline.owes(number))
    }

    /// Whether what is answered now may be taken back.
    pub(super) fn is_on_trial(&self) -> bool {
        let number = self.pipeline.front().map(|entry| entry.number);
        number.is_some() && self.trial.as_ref().map(|trial| trial.number) == number
    }

    /// The trial, if what is answered now is its message. It is over either way.
    fn end_trial(&mut self) -> Option<Trial> {
        let on_trial = self.is_on_trial();
        self.trial.take_if(|_| on_trial)
    }

    /// The analytic side has begun to answer, or has understood a statement: it is not taken back any more.
    pub(super) fn pass_trial(&mut self) {
        if let Some(trial) = self.end_trial().filter(|trial| trial.once) {
            self.shared.fallbacks.remember_run(&trial.facts);
        }
    }

    /// An analytic backend has failed. Whether the statement is taken back, so that the client hears nothing of it.
    pub(super) fn take_back(&mut self, side: Side, told: Option<&ClientError>) -> bool {
        let Some(trial) = self.end_trial().filter(|_| side == Side::Analytic) else {
            return false;
        };
        let lacks =
            |told: &ClientError| matches!(told.sqlstate, "0A000" | "42883" | "42601" | "42803");
        let Some(told) = told.filter(|told| lacks(told)) else {
            return false;
        };
        tracing::info!(
            why = told.message,
            "the analytic side cannot run a statement: its template goes to the default backend for a while"
        );
        self.shared.fallbacks.remember(&trial.facts, FALLBACK_LASTS);
        if let (Some(part), Some(script)) = (trial.part, self.script.as_mut()) {
            script.parts.push_front(part);
        }
        if let Some(retry) = trial.retry {
            self.retry = Some(retry.failed(told));
            // What fails up to the next Sync would be passed over there.
            self.batch.analytic_used = false;
            self.sync_analytic();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::facts;

    #[test]
    fn what_is_remembered_is_forgotten_in_time_and_never_more_than_its_bound() {
        let fallbacks = Fallbacks::default();
        let one = Arc::new(facts(b"select 1"));
        let other = Arc::new(facts(b"select 1"));
        fallbacks.remember(&one, Duration::from_secs(60));
        assert!(fallbacks.holds(&one) && !fallbacks.holds(&other));
        fallbacks.remember(&other, Duration::ZERO);
        assert!(!fallbacks.holds(&other) && fallbacks.holds(&one));
        for _ in 0..2 * FALLBACKS_MAX {
            let more = Arc::new(facts(b"select 2"));
            fallbacks.remember(&more, Duration::from_secs(60));
        }
        assert!(fallbacks.known.len() <= FALLBACKS_MAX);
        for _ in 0..2 * FALLBACKS_MAX {
            let more = Arc::new(facts(b"select 3"));
            fallbacks.remember_run(&more);
            assert!(fallbacks.has_run(&more) && !fallbacks.has_run(&one));
        }
        assert!(fallbacks.run.len() <= FALLBACKS_MAX);
    }
}
