//! What does a statement change in the session that routing must know of?
//!
//! Only the search path, temporary relations and the transaction's strictness are followed, and the first two not by imitation: when a statement
//! may have changed them, the default backend is asked, and only once a statement comes whose route depends on it.

use super::Session;
use crate::refresh::made_stale;
use crate::sql::{
    Effect, Hint, Isolation, SessionEffect, StatementFacts, TransactionControl, TransactionModes,
    is_read_only_builtin,
};

/// What the default backend is asked for: search path, user, temporary relations, and how long a statement may take.
pub(super) const PATH_QUERY: &str = "SELECT pg_catalog.current_setting('search_path'), current_user, \
     pg_catalog.array_to_string(ARRAY(SELECT relname::pg_catalog.text FROM pg_catalog.pg_class \
     WHERE relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema() \
     AND relkind OPERATOR(pg_catalog.=) ANY ('{r,v,m,p}'::pg_catalog.\"char\"[])), E'\\n'), \
     pg_catalog.current_setting('statement_timeout')";

/// What `tidegate.to` becomes at the end of the transaction that has set it.
pub(super) struct HintScope {
    /// After a rollback: its value when the transaction began.
    before: Option<Hint>,
    /// After a commit: the last value that was not set with `LOCAL`.
    after: Option<Hint>,
}

impl Session {
    /// Takes note of a statement that is being sent to the default backend.
    pub(super) fn track(&mut self, facts: &StatementFacts, text: &[u8]) {
        self.trace(facts, text);
        self.path_stale |= may_move_path(facts);
        self.waits.track(facts);
        match &facts.session {
            SessionEffect::Transaction(control) => self.track_transaction(control),
            SessionEffect::CreateTemp(name)
                if self.view.temporary.len() < crate::limits::TEMP_RELATIONS_MAX =>
            {
                self.view.temporary.insert(name.clone());
            }
            SessionEffect::Listen => self.listens = true,
            SessionEffect::Reset(None) => {
                self.view.hint = None;
                let in_transaction = self.status == b'T' || self.batch.began;
                self.own_settings.reset(in_transaction);
            }
            // In a failed transaction the server will not do it.
            SessionEffect::Deallocate(Some(name)) if !self.view.failed || self.batch.heals => {
                drop(self.statements.remove(name.as_bytes()));
            }
            SessionEffect::Declare { name, hold } => {
                let pushed = self.pipeline.pushed();
                self.cursors.send_elsewhere(pushed, name, *hold);
            }
            SessionEffect::Close(Some(name)) => self.cursors.closed_elsewhere(name),
            _ => {}
        }
        let table = &self.snapshot.table;
        if !table.config.refresh.is_empty() {
            let stale = made_stale(facts, &self.view.search_path, &table.config);
            self.stale_views.extend(stale);
        }
        match facts.effect {
            Effect::Write | Effect::Lock | Effect::Unknown => {
                self.view.keep_mirrored |= self.view.in_transaction
            }
            Effect::Define => self.shared.ddl_passed.notify_one(),
            _ => {}
        }
    }

    fn track_transaction(&mut self, control: &TransactionControl) {
        let strict = |isolation| {
            matches!(
                isolation,
                Some(Isolation::RepeatableRead | Isolation::Serializable)
            )
        };
        self.batch.heals |= heals(control) && self.view.failed;
        match control {
            TransactionControl::Begin(modes) => {
                self.batch.began = true;
                self.read_only = modes.read_only;
                self.view.keep_mirrored = strict(modes.isolation);
                // Within a transaction it changes nothing.
                let begun = self.one_snapshot && self.status == b'T';
                self.one_snapshot = begun || self.wants_one_snapshot(modes);
            }
            TransactionControl::SetTransaction(modes) => {
                self.view.keep_mirrored |= strict(modes.isolation);
                self.read_only = modes.read_only.or(self.read_only);
                self.one_snapshot |= self.wants_one_snapshot(modes);
            }
            TransactionControl::Commit { chain } => {
                self.rolls_back = false;
                self.chain(*chain, false);
            }
            TransactionControl::Rollback { chain } => {
                self.rolls_back = true;
                self.chain(*chain, true);
            }
            TransactionControl::Savepoint(name) => {
                self.cursors.savepoint(name);
                self.own_settings.savepoint(name);
            }
            TransactionControl::Release(name) => {
                self.cursors.release(name);
                self.own_settings.release(name);
            }
            TransactionControl::RollbackTo(name) => {
                self.cursors.rollback_to(name);
                self.own_settings.rollback_to(name);
            }
            _ => {}
        }
    }

    /// With `AND CHAIN` a transaction ends and none is told, since the next has begun by then.
    fn chain(&mut self, chains: bool, rolled_back: bool) {
        if chains {
            self.statements.close_all();
            self.cursors.end_transaction(rolled_back);
            self.own_settings.end_transaction(rolled_back);
            self.end_read_block();
        }
    }

    /// `SET [LOCAL] tidegate.to` has changed the hint from what it was: in a transaction that may be taken back, as any setting's value.
    pub(super) fn on_hint_set(&mut self, before: Option<Hint>, local: bool) {
        if self.status != b'T' && !self.batch.began {
            if local {
                self.view.hint = before;
            }
            return;
        }
        let now = self.view.hint.clone();
        let scope = self.hint_scope.get_or_insert(HintScope {
            after: before.clone(),
            before,
        });
        if !local {
            scope.after = now;
        }
    }

    /// The default backend has said what state the transaction is in.
    pub(super) fn on_status(&mut self, status: u8) {
        let ended = self.status != b'I' && status == b'I';
        let rolled_back = self.status == b'E' || self.rolls_back;
        self.status = status;
        self.view.in_transaction = status == b'T';
        self.view.failed = status == b'E';
        if status == b'I' && !self.stale_views.is_empty() {
            let stale = std::mem::take(&mut self.stale_views);
            if !(ended && rolled_back) {
                self.shared.refreshes.add(stale);
            }
        }
        if status == b'I' {
            self.one_snapshot = false;
            // A string of statements is one transaction, as long as it runs.
            if self.script.is_none() {
                self.cursors.end_transaction(ended && rolled_back);
                self.own_settings.forget_savepoints();
            }
        }
        if ended {
            self.rolls_back = false;
            self.told_of_no_rollback = false;
            self.read_only = None;
            self.own_settings.end_transaction(rolled_back);
            if let Some(scope) = self.hint_scope.take() {
                self.view.hint = if rolled_back {
                    scope.before
                } else {
                    scope.after
                };
            }
            self.view.keep_mirrored = false;
            self.waits.transaction_ended();
            self.statements.close_all();
            // A rolled-back or local SET, and temporary relations that went with the transaction.
            self.path_stale = true;
        }
    }

    /// Whether all reads of a transaction that begins like this are to see one state of the analytic side.
    pub(super) fn wants_one_snapshot(&self, modes: &TransactionModes) -> bool {
        let set = |name| self.settings.get(name);
        let isolation = match modes.isolation {
            Some(level) => !matches!(level, Isolation::ReadCommitted | Isolation::ReadUncommitted),
            None => matches!(
                set("default_transaction_isolation"),
                Some("repeatable read" | "serializable")
            ),
        };
        let read_only = modes
            .read_only
            .unwrap_or_else(|| set("default_transaction_read_only") == Some("on"));
        isolation || read_only
    }

    /// Whether a statement's route depends on a search path that may have changed.
    pub(super) fn needs_path(&self, facts: &StatementFacts) -> bool {
        let table = &self.snapshot.table;
        let depends =
            |name: &crate::sql::RelationName| name.schema.is_none() && table.may_claim(&name.name);
        // What EXPLAIN ROUTE is asked about is not among its own relations.
        let explains = matches!(facts.session, SessionEffect::ExplainRoute { .. });
        let named = || facts.relations.iter().any(|used| depends(&used.name));
        let claimable = |used: &crate::sql::RelationUse| table.may_claim(&used.name.name);
        let path = self.path_stale && (explains || named());
        let timeout = self.waits.stale && facts.relations.iter().any(claimable);
        !self.view.failed && (path || timeout)
    }

    /// Takes the answer to [`PATH_QUERY`].
    pub(super) fn on_path(&mut self, columns: &[Option<&[u8]>]) {
        let text = |at: usize| {
            columns
                .get(at)
                .copied()
                .flatten()
                .map(String::from_utf8_lossy)
        };
        if let (Some(path), Some(user)) = (text(0), text(1)) {
            self.view.set_search_path(&path, &user);
        }
        if let Some(shown) = text(3) {
            self.waits.set_timeout(&shown);
        }
        let names = text(2).unwrap_or_default();
        self.view.temporary = names
            .split('\n')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
    }
}

/// Whether a statement is one of the few that a failed transaction takes, which end it or may heal it.
pub(super) fn heals(control: &TransactionControl) -> bool {
    use TransactionControl::{Commit, PrepareTransaction, Rollback, RollbackTo};
    matches!(
        control,
        Commit { .. } | Rollback { .. } | RollbackTo(_) | PrepareTransaction
    )
}

/// Whether a statement may change the search path, who `"$user"` is, or which temporary relations there are.
fn may_move_path(facts: &StatementFacts) -> bool {
    use TransactionControl::{Commit, Rollback, RollbackTo};
    let moving = |name: &str| matches!(name, "search_path" | "role" | "session_authorization");
    let by_session = match &facts.session {
        SessionEffect::Set { name, .. } | SessionEffect::Reset(Some(name)) => moving(name),
        SessionEffect::Transaction(control) => {
            matches!(control, Commit { .. } | Rollback { .. } | RollbackTo(_))
        }
        // What they run was written elsewhere.
        SessionEffect::Execute(_) | SessionEffect::Fetch(_) => true,
        SessionEffect::Reset(None) | SessionEffect::Discard(_) | SessionEffect::CreateTemp(_) => {
            true
        }
        _ => false,
    };
    by_session || facts.effect == Effect::Define || may_set_anything(facts)
}

/// Whether a statement may change any setting, whatever it says of itself: a function that is not known may, and an update of the view
/// over the settings.
pub(super) fn may_set_anything(facts: &StatementFacts) -> bool {
    let unknown = |function| !is_read_only_builtin(function);
    facts.effect == Effect::Unknown
        || matches!(facts.kind, "do" | "call")
        || facts.functions.iter().any(unknown)
        || facts
            .relations
            .iter()
            .any(|used| used.name.name == "pg_settings")
}
