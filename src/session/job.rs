//! How is a definition run on the analytic side?
//!
//! What the client wrote as one statement may be several there, or none, so it is the router that runs them, one after the other, and
//! answers in PostgreSQL's words at the end. No frame of the client's is looked at meanwhile. RisingWave commits each of them at once: in a
//! transaction the client is told so, once.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::BytesMut;

use super::Session;
use super::errors::{changed_result, in_failed_transaction};
use super::local::LocalCommand;
use super::own_settings::Tried;
use super::pipeline::{Side, To};
use crate::backend::engine::{Plan, Step};
use crate::catalog::discovery;
use crate::error::ClientError;
use crate::protocol::compose;
use crate::protocol::sqlstate::QUERY_CANCELED;
use crate::routing::{Proof, Reason, decide};
use crate::sql::{Effect, StatementFacts};

/// What a notice without a code of its own has.
const SUCCESSFUL: &str = "00000";

/// What is done by changing rows, one table after the other.
const TRUNCATE: &str = "truncate";

/// A definition under way.
#[derive(Debug)]
pub(super) struct Job {
    /// Where it may run; none where there is nothing to run.
    proof: Option<Proof>,
    /// What is left to run.
    steps: VecDeque<Step>,
    /// What runs.
    running: Option<Step>,
    /// What is said at its end, unless the server counts rows.
    tag: String,
    /// It is part of a string of statements.
    in_script: bool,
    /// Something was run.
    ran: bool,
    /// What the server said of the step that runs.
    said: Result<Option<String>, ClientError>,
    /// The statements that it has answered with.
    found: Vec<String>,
    /// It is no definition but a setting of the engine's own.
    sets: Option<Tried>,
}

impl Session {
    /// The command that a statement is if the analytic side's definitions change with it, or would if it kept anything stale.
    pub(super) fn definition(&self, facts: &StatementFacts, text: &[u8]) -> Option<LocalCommand> {
        let may = matches!(facts.effect, Effect::Define | Effect::Write)
            && facts.session == crate::sql::SessionEffect::None;
        if !may || matches!(facts.kind, "insert" | "update" | "delete" | "merge") {
            return None;
        }
        let decision = decide(facts, &self.view, &self.snapshot.table);
        let truncates = facts.kind == TRUNCATE && matches!(decision.proof, Some(Proof::Write(_)));
        let ours = truncates
            || matches!(decision.proof, Some(Proof::Define(_)))
            || (decision.reason == Reason::Local && decision.outcome.is_ok());
        ours.then(|| LocalCommand::Define(text.to_vec()))
    }

    /// Begins to run a definition.
    pub(super) fn begin_job(&mut self, text: &[u8], in_script: bool) {
        let facts = self.facts(text);
        let decision = self.route(&facts);
        let (proof, reason) = (decision.proof, decision.reason);
        let outcome = decision.outcome.clone();
        self.record(text, &facts, decision);
        let sets = self.tried(&facts);
        let planned = match (outcome, proof) {
            (Err(refused), _) => Err(*refused),
            (Ok(_), Some(_)) if let Some(tried) = &sets => {
                let text = format!("SET {} TO {}", tried.name, tried.value);
                Ok(Plan::as_it_is(&text))
            }
            (Ok(index), Some(proof @ (Proof::Define(_) | Proof::Write(_)))) => self
                .check_text(proof, text, &facts)
                .and_then(|()| self.plan(index, &facts, text)),
            (Ok(index), None) if reason == Reason::Local => self.plan(index, &facts, text),
            _ if self.view.failed => Err(in_failed_transaction()),
            // Its relations have moved since it was prepared.
            _ => Err(changed_result()),
        };
        match planned {
            Err(error) => self.fail_job(&error, in_script),
            Ok(plan) => {
                if sets.is_none() && proof.is_some() && !plan.steps.is_empty() {
                    self.warn_of_no_rollback();
                }
                for notice in &plan.notices {
                    self.put_notice(notice);
                }
                self.job = Some(Job {
                    proof,
                    steps: plan.steps.into(),
                    running: None,
                    tag: match facts.kind {
                        TRUNCATE => "TRUNCATE TABLE".to_owned(),
                        kind => kind.to_uppercase(),
                    },
                    in_script,
                    ran: false,
                    said: Ok(None),
                    found: Vec::new(),
                    sets,
                });
            }
        }
    }

    /// What the engine is sent.
    fn plan(&self, index: usize, facts: &StatementFacts, text: &[u8]) -> Result<Plan, ClientError> {
        use crate::config::DdlMode;
        let text = String::from_utf8_lossy(text);
        let backend = self.snapshot.backends.get(index);
        let mode = self
            .snapshot
            .table
            .config
            .backends
            .get(index)
            .map(|b| b.ddl);
        match backend {
            Some(backend)
                if mode == Some(DdlMode::Adapt) || facts.kind == "refresh materialized view" =>
            {
                backend.dialect.adapt(&text)
            }
            _ => Ok(Plan::as_it_is(&text)),
        }
    }

    fn put_notice(&mut self, text: &str) {
        let notice = ClientError::refused(SUCCESSFUL, text);
        compose::put_notice(&mut self.client.out, "NOTICE", &notice);
    }

    fn warn_of_no_rollback(&mut self) {
        if self.status == b'T' && !std::mem::replace(&mut self.told_of_no_rollback, true) {
            self.put_notice(
                "definitions on the analytic side take effect at once: ROLLBACK will not undo them",
            );
        }
    }

    /// Goes on with a definition after the answer to its last step is in.
    pub(super) async fn advance_job(&mut self) {
        let Some(mut job) = self.job.take() else {
            return;
        };
        let done = job.running.take();
        let found = std::mem::take(&mut job.found).into_iter().map(Step::plain);
        job.steps = found.chain(job.steps).collect();
        let counted = match std::mem::replace(&mut job.said, Ok(None)) {
            Ok(tag) => tag,
            Err(error) => {
                // What could not be looked up is not there, unless the client has waited long enough.
                let looked_up = done.as_ref().is_some_and(|step| step.yields);
                let tolerated = done.and_then(|step| step.tolerates);
                if looked_up && error.sqlstate != QUERY_CANCELED && self.leased.is_some() {
                    tracing::warn!(why = %error, "the analytic catalog does not answer");
                    return self.next_step(job, None).await;
                }
                match tolerated.filter(|t| t.sqlstates.contains(&error.sqlstate)) {
                    Some(tolerance) => self.put_notice(&tolerance.notice),
                    None => {
                        self.after_job(&job).await;
                        return self.fail_job(&error, job.in_script);
                    }
                }
                None
            }
        };
        self.next_step(job, counted).await;
    }

    /// Runs the next step, or says that there is none.
    async fn next_step(&mut self, mut job: Job, counted: Option<String>) {
        if let (Some(step), Some(proof)) = (job.steps.pop_front(), job.proof) {
            match self.need_analytic(proof).await {
                Err(error) => {
                    self.after_job(&job).await;
                    self.fail_job(&error, job.in_script);
                }
                Ok(()) => {
                    if let (Some(tried), Some(conn)) = (&job.sets, self.conn(Side::Analytic)) {
                        conn.own_settings.insert(tried.name);
                        conn.settings = None;
                    }
                    self.send_query(Side::Analytic, step.text.as_bytes(), To::Job);
                    job.running = Some(step);
                    job.ran = true;
                    self.job = Some(job);
                }
            }
            return;
        }
        self.after_job(&job).await;
        self.note_write(job.proof);
        if let Some(tried) = &job.sets {
            self.set_own(tried.name, Some(&tried.value), tried.local);
        }
        // `CREATE TABLE AS` counts its rows.
        let rows = counted
            .as_deref()
            .and_then(|tag| tag.strip_prefix("INSERT 0 "));
        let tag = rows.map_or(job.tag, |rows| format!("SELECT {rows}"));
        let mut out = BytesMut::new();
        compose::put_command_complete(&mut out, &tag);
        self.client.out.extend_from_slice(&out);
    }

    /// The catalog has changed: what comes next is routed by what is there now.
    async fn after_job(&mut self, job: &Job) {
        let defines = |proof: &Proof| matches!(proof, Proof::Define(_));
        let Some(proof) = job.proof.filter(|proof| job.ran && defines(proof)) else {
            return;
        };
        let shared = Arc::clone(&self.shared);
        discovery::refresh_one(&shared, proof.backend()).await;
        let newer = shared.snapshot();
        if Arc::ptr_eq(&newer.table.config, &self.snapshot.table.config) {
            self.snapshot = newer;
        }
        shared.ddl_passed.notify_one();
    }

    fn fail_job(&mut self, error: &ClientError, in_script: bool) {
        if in_script {
            self.fail_script(error);
        } else {
            self.fail_batch(error);
        }
    }

    /// The server says how many rows a step has made, or that it is done.
    pub(super) fn on_job_completed(&mut self, tag: &[u8]) {
        let tag = tag.strip_suffix(b"\0").unwrap_or(tag);
        if let Some(job) = self.job.as_mut() {
            job.said = Ok(Some(String::from_utf8_lossy(tag).into_owned()));
        }
    }

    /// A step that is a query answers with a statement to be run next.
    pub(super) fn on_job_row(&mut self, columns: &[Option<&[u8]>]) {
        let text = columns.first().copied().flatten();
        let text = text.map(String::from_utf8_lossy);
        if let (Some(job), Some(text)) = (self.job.as_mut(), text)
            && job.running.as_ref().is_some_and(|step| step.yields)
        {
            job.found.push(text.into_owned());
        }
    }

    /// A step has failed, or its server is lost. Whether there was one.
    pub(super) fn on_job_failed(&mut self, error: ClientError) -> bool {
        let Some(job) = self.job.as_mut() else {
            return false;
        };
        job.said = Err(error);
        true
    }
}
