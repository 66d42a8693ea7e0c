//! What keeps a session on its connection, and which statements may leave something there?
//!
//! Pure: a statement's facts say whether it can have left anything but rows behind ([`Trace::of`]). Most cannot. After one that can,
//! the server is asked what is there ([`super::settings::Inspection`]); what can be carried to another connection is carried, the
//! rest pins, until it is gone.

use std::collections::BTreeSet;

use crate::sql::{
    self, Discard, Effect, FunctionName, SessionEffect, StatementFacts, TransactionControl,
};

/// Why a session keeps its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PinReason {
    /// It has temporary relations, functions or types.
    TemporaryRelation,
    /// It holds a session-level advisory lock.
    AdvisoryLock,
    /// It listens.
    Listen,
    /// It has a cursor that outlived its transaction.
    HeldCursor,
    /// It has statements prepared by SQL, or under names that SQL was told.
    PreparedStatement,
    /// It has changed its encoding, or set what its encoding is needed to read.
    Encoding,
    /// It has set what its role may not set.
    PrivilegedSetting,
    /// It is somebody else than it logged in as.
    SessionAuthorization,
    /// It has loaded a library, or uses one that keeps a state of its own (dblink).
    Load,
    /// It has set the seed of `random()`.
    Seed,
    /// It has set something whose name is not known.
    Setting,
    /// It ran code that leaves traces nobody can list.
    Code,
    /// It was told its connection's process id.
    ProcessId,
    /// It has moved a sequence, and is known to ask for its last value in a later transaction.
    Sequence,
    /// It keeps an analytic connection, for a cursor that outlives its transaction.
    AnalyticCursor,
}

impl PinReason {
    /// All of them.
    pub const ALL: [PinReason; 15] = [
        PinReason::TemporaryRelation,
        PinReason::AdvisoryLock,
        PinReason::Listen,
        PinReason::HeldCursor,
        PinReason::PreparedStatement,
        PinReason::Encoding,
        PinReason::PrivilegedSetting,
        PinReason::SessionAuthorization,
        PinReason::Load,
        PinReason::Seed,
        PinReason::Setting,
        PinReason::Code,
        PinReason::ProcessId,
        PinReason::Sequence,
        PinReason::AnalyticCursor,
    ];

    /// The word used in metrics, logs and `SHOW tidegate.pins`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            PinReason::TemporaryRelation => "temporary_relation",
            PinReason::AdvisoryLock => "advisory_lock",
            PinReason::Listen => "listen",
            PinReason::HeldCursor => "held_cursor",
            PinReason::PreparedStatement => "prepared_statement",
            PinReason::Encoding => "encoding",
            PinReason::PrivilegedSetting => "privileged_setting",
            PinReason::SessionAuthorization => "session_authorization",
            PinReason::Load => "load",
            PinReason::Seed => "seed",
            PinReason::Setting => "setting",
            PinReason::Code => "code",
            PinReason::ProcessId => "process_id",
            PinReason::Sequence => "sequence",
            PinReason::AnalyticCursor => "analytic_cursor",
        }
    }

    /// Whether it stays on the connection whatever the session does, so that nobody else may have that.
    #[must_use]
    pub fn spoils(self) -> bool {
        matches!(self, PinReason::Load | PinReason::Seed | PinReason::Code)
    }

    /// The reason of that word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }

    /// Whether the server can be asked if it still holds. The others hold until `DISCARD ALL`.
    #[must_use]
    pub fn is_inspected(self) -> bool {
        self <= PinReason::SessionAuthorization
    }
}

/// What a statement may leave on its connection.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Something that the server can be asked about.
    pub inspect: bool,
    /// It only takes away, so that nothing is left where nothing was.
    pub only_cleans: bool,
    /// Something that pins whatever the server says.
    pub pin: Option<PinReason>,
    /// Names of settings that no library may have defined.
    pub custom_settings: Vec<String>,
    /// The same, set for the transaction only.
    pub local_settings: Vec<String>,
    /// It runs code that is not known to leave no setting behind.
    pub opaque: bool,
    /// It may move a sequence.
    pub moves_sequences: bool,
    /// It asks for a sequence's last value in this session.
    pub reads_sequences: bool,
    /// It forgets what was learned of sequences.
    pub forgets_sequences: bool,
}

/// What a function that is no read-only built-in may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaves {
    Nothing,
    Inspect,
    Pin(PinReason),
    MovesSequences,
    ReadsSequences,
    Settings,
    Unknown,
}

impl Trace {
    /// What a statement may leave. `text` is its source; `is_stable` says of a user's function that it only reads.
    #[must_use]
    pub fn of(
        facts: &StatementFacts,
        text: &[u8],
        is_stable: impl Fn(&FunctionName) -> bool,
    ) -> Self {
        let mut trace = Self::default();
        trace.by_session(&facts.session);
        match facts.effect {
            // In a search path that begins with pg_temp a plain CREATE makes a temporary relation.
            Effect::Define => trace.inspect = true,
            Effect::Unknown => trace.runs_code(text),
            Effect::Write => trace.moves_sequences = true,
            _ => {}
        }
        if matches!(facts.kind, "do" | "call") {
            trace.runs_code(text);
        }
        for function in &facts.functions {
            if sql::is_read_only_builtin(function) {
                if function.name == "pg_backend_pid" && sql::tells_process_id(text) {
                    trace.pin = Some(PinReason::ProcessId);
                }
                continue;
            }
            match leaves(function) {
                Leaves::Nothing => {}
                Leaves::Inspect => trace.inspect = true,
                Leaves::Pin(reason) => trace.pin = Some(reason),
                Leaves::MovesSequences => trace.moves_sequences = true,
                Leaves::ReadsSequences => trace.reads_sequences = true,
                Leaves::Settings => trace.sets_by_function(text),
                Leaves::Unknown if is_stable(function) => {}
                Leaves::Unknown => {
                    trace.inspect = true;
                    trace.opaque = true;
                    trace.moves_sequences = true;
                }
            }
        }
        let settings_view = |used: &sql::RelationUse| {
            used.name.name == "pg_settings" && used.access != sql::Access::Read
        };
        trace.inspect |= facts.relations.iter().any(settings_view);
        trace
    }

    /// It runs code of a user's that may leave something; `hides`: where nobody can list it.
    pub fn leaves(&mut self, hides: bool) {
        self.inspect = true;
        self.opaque = true;
        if hides {
            self.pin = Some(PinReason::Code);
        }
    }

    /// Nothing to remember or ask.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    fn by_session(&mut self, session: &SessionEffect) {
        match session {
            SessionEffect::Set {
                local: true, name, ..
            } => {
                if name.contains('.') {
                    self.local_settings.push(name.clone());
                }
            }
            SessionEffect::None
            | SessionEffect::Show(_)
            | SessionEffect::Fetch(_)
            | SessionEffect::ExplainRoute { .. }
            | SessionEffect::Declare { hold: false, .. }
            | SessionEffect::Discard(Discard::Plans) => {}
            SessionEffect::Set { name, .. } => {
                self.inspect = true;
                if name.contains('.') {
                    self.custom_settings.push(name.clone());
                }
                if name == "seed" {
                    self.pin = Some(PinReason::Seed);
                }
            }
            SessionEffect::Transaction(control) => {
                self.inspect = matches!(control, TransactionControl::SetCharacteristics(_));
            }
            SessionEffect::Reset(Some(name)) if name.contains('.') => {
                self.inspect = true;
                self.custom_settings.push(name.clone());
            }
            SessionEffect::Reset(_)
            | SessionEffect::Unlisten
            | SessionEffect::Close(_)
            | SessionEffect::Deallocate(_)
            | SessionEffect::Discard(Discard::Temp) => {
                self.inspect = true;
                self.only_cleans = true;
            }
            SessionEffect::Discard(Discard::Sequences) => self.forgets_sequences = true,
            SessionEffect::Discard(Discard::All) => {
                self.inspect = true;
                self.only_cleans = true;
                self.forgets_sequences = true;
            }
            SessionEffect::Load => self.pin = Some(PinReason::Load),
            SessionEffect::Prepare(_)
            | SessionEffect::Execute(_)
            | SessionEffect::Declare { hold: true, .. }
            | SessionEffect::Listen
            | SessionEffect::CreateTemp(_) => self.inspect = true,
        }
    }

    /// `DO`, `CALL`, and what is not understood.
    fn runs_code(&mut self, text: &[u8]) {
        self.inspect = true;
        self.opaque = true;
        self.moves_sequences = true;
        if hides_state(text) {
            self.pin = Some(PinReason::Code);
        }
    }

    /// `set_config`: of the session's settings if its last argument does not say otherwise.
    fn sets_by_function(&mut self, text: &[u8]) {
        match sql::set_config_calls(text) {
            Some(calls) if !calls.is_empty() => {
                for call in calls {
                    self.inspect |= !call.local;
                    match (call.name.contains('.'), call.local) {
                        (true, true) => self.local_settings.push(call.name),
                        (true, false) => self.custom_settings.push(call.name),
                        (false, _) => {}
                    }
                }
            }
            // It is called by a name in quotes, or sets what only it knows.
            _ => {
                self.inspect = true;
                self.pin = Some(PinReason::Setting);
            }
        }
    }
}

/// Whether code may set what the server lists nowhere.
fn hides_state(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    ["set_config", "setseed", "dblink", "load"]
        .iter()
        .any(|word| text.contains(word))
}

fn leaves(function: &FunctionName) -> Leaves {
    let in_catalog = function
        .schema
        .as_deref()
        .is_none_or(|schema| schema == "pg_catalog");
    let name = function.name.as_str();
    if name.starts_with("dblink") {
        return Leaves::Pin(PinReason::Load);
    }
    if !in_catalog {
        return Leaves::Unknown;
    }
    match name {
        "set_config" => Leaves::Settings,
        "setseed" => Leaves::Pin(PinReason::Seed),
        "nextval" | "setval" => Leaves::MovesSequences,
        "currval" | "lastval" => Leaves::ReadsSequences,
        "pg_advisory_unlock_all"
        | "pg_advisory_unlock"
        | "pg_advisory_unlock_shared"
        | "pg_advisory_lock"
        | "pg_advisory_lock_shared"
        | "pg_try_advisory_lock"
        | "pg_try_advisory_lock_shared" => Leaves::Inspect,
        _ if HARMLESS.contains(&name) || name.starts_with("lo_") => Leaves::Nothing,
        _ => Leaves::Unknown,
    }
}

/// Built-in functions that have an effect, but none on the session.
const HARMLESS: &[&str] = &[
    "pg_notify",
    "txid_current",
    "pg_current_xact_id",
    "pg_advisory_xact_lock",
    "pg_advisory_xact_lock_shared",
    "pg_try_advisory_xact_lock",
    "pg_try_advisory_xact_lock_shared",
    "pg_cancel_backend",
    "pg_terminate_backend",
    "pg_reload_conf",
    "pg_export_snapshot",
    "pg_switch_wal",
    "pg_create_restore_point",
    "pg_stat_reset",
    "pg_stat_reset_shared",
    "pg_stat_clear_snapshot",
    "pg_stat_force_next_flush",
    "loread",
    "lowrite",
    "table_to_xml",
    "pg_read_file",
    "pg_ls_dir",
    "pg_stat_file",
    "pg_config",
    "pg_available_extensions",
    "pg_timezone_names",
];

/// The reasons that pin a session now.
#[derive(Debug, Default)]
pub struct Pins {
    reasons: BTreeSet<PinReason>,
}

impl Pins {
    /// Nothing pins.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.reasons.is_empty()
    }

    /// Whether this does.
    #[must_use]
    pub fn has(&self, reason: PinReason) -> bool {
        self.reasons.contains(&reason)
    }

    /// The reasons.
    pub fn iter(&self) -> impl Iterator<Item = PinReason> + '_ {
        self.reasons.iter().copied()
    }

    /// Adds one. Whether it is new.
    pub fn add(&mut self, reason: PinReason) -> bool {
        self.reasons.insert(reason)
    }

    /// Takes one away. Whether it was there.
    pub fn remove(&mut self, reason: PinReason) -> bool {
        self.reasons.remove(&reason)
    }

    /// Takes all away that the server cannot be asked about, after `DISCARD ALL`. What was taken.
    pub fn discard(&mut self) -> Vec<PinReason> {
        let gone = |reason: &PinReason| !reason.is_inspected();
        let taken: Vec<_> = self.iter().filter(gone).collect();
        self.reasons.retain(|reason| !gone(reason));
        taken
    }

    /// Puts what the server says in place of what it said before. Reasons that came, and that went.
    pub fn inspected(&mut self, found: &BTreeSet<PinReason>) -> (Vec<PinReason>, Vec<PinReason>) {
        let before: BTreeSet<_> = self.iter().filter(|reason| reason.is_inspected()).collect();
        self.reasons.retain(|reason| !reason.is_inspected());
        self.reasons.extend(found);
        (
            found.difference(&before).copied().collect(),
            before.difference(found).copied().collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(text: &str) -> Trace {
        Trace::of(&sql::facts(text.as_bytes()), text.as_bytes(), |_| false)
    }

    #[test]
    fn everyday_statements_leave_nothing() {
        for text in [
            "select * from t where id = 1 for update",
            "select lower(name), now(), count(*) from t group by 1",
            "begin",
            "commit",
            "rollback to s",
            "set local timezone = 'UTC'",
            "set transaction isolation level serializable",
            "select pg_advisory_xact_lock(1)",
            "show timezone",
            "declare c cursor for select 1",
            "fetch all from c",
            "notify x, 'y'",
        ] {
            let mut trace = trace(text);
            trace.moves_sequences = false;
            assert!(trace.is_nothing(), "{text}: {trace:?}");
        }
        assert!(trace("insert into t values (1)").moves_sequences);
        for text in [
            "set local app.me = '7'",
            "select set_config('app.me', '7', true)",
        ] {
            assert_eq!(trace(text).local_settings, ["app.me"]);
            assert!(!trace(text).inspect);
        }
        assert!(trace("select lastval()").reads_sequences);
    }

    #[test]
    fn what_may_stay_is_asked_for() {
        for text in [
            "set timezone = 'UTC'",
            "set session characteristics as transaction read only",
            "reset all",
            "create temp table t (a int)",
            "create table t (a int)",
            "select 1 into temp t",
            "listen x",
            "unlisten *",
            "declare c cursor with hold for select 1",
            "close all",
            "prepare p as select 1",
            "deallocate p",
            "select pg_advisory_lock(1)",
            "select pg_try_advisory_lock(1)",
            "select my_function(1)",
            "do $$ begin perform 1; end $$",
            "call p()",
            "select set_config('timezone', 'UTC', false)",
            "update pg_settings set setting = 'x' where name = 'timezone'",
            "discard all",
        ] {
            assert!(trace(text).inspect, "{text}");
        }
    }

    #[test]
    fn what_nobody_can_list_pins() {
        for (text, reason) in [
            ("load 'auto_explain'", PinReason::Load),
            ("select setseed(0.5)", PinReason::Seed),
            ("select pg_backend_pid()", PinReason::ProcessId),
            ("select dblink_connect('x')", PinReason::Load),
            (
                "select set_config('a' || '.b', 'c', false)",
                PinReason::Setting,
            ),
            (
                "do $$ begin perform set_config('a.b', 'c', false); end $$",
                PinReason::Code,
            ),
        ] {
            assert_eq!(trace(text).pin, Some(reason), "{text}");
        }
        assert_eq!(trace("set app.user = '7'").custom_settings, ["app.user"]);
        assert_eq!(
            trace("select set_config('app.user', $1, false)").custom_settings,
            ["app.user"]
        );
    }

    #[test]
    fn an_inspection_replaces_what_was_inspected_before() {
        let mut pins = Pins::default();
        pins.add(PinReason::Load);
        let found = BTreeSet::from([PinReason::Listen]);
        assert_eq!(pins.inspected(&found), (vec![PinReason::Listen], vec![]));
        assert_eq!(
            pins.inspected(&BTreeSet::new()),
            (vec![], vec![PinReason::Listen])
        );
        assert!(pins.has(PinReason::Load));
        pins.add(PinReason::Seed);
        pins.add(PinReason::Code);
        assert_eq!(
            pins.discard(),
            [PinReason::Load, PinReason::Seed, PinReason::Code]
        );
        assert!(pins.is_empty());
    }
}
