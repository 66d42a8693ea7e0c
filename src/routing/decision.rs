//! Where does one statement go, and why?

use super::proof::Proof;
use super::table::RuleId;
use crate::error::ClientError;

/// The route of one statement.
#[derive(Debug, Clone)]
pub struct Decision {
    /// A backend's index, or why there is none.
    pub outcome: Result<usize, Box<ClientError>>,
    /// Why.
    pub reason: Reason,
    /// The rule that claimed the relation that decided, if a rule did.
    pub rule: Option<RuleId>,
    /// For an analytic target: the proof that the statement may do there what it does. Pools of analytic backends take nothing
    /// else. There is none where the router answers in its place.
    pub proof: Option<Proof>,
    /// The default backend could answer as well: all relations are mirrored, and the client did not ask for this backend.
    pub replaceable: bool,
}

impl Decision {
    /// The default backend instead, as the chosen one has said that it lacks something the statement needs.
    #[must_use]
    pub fn replaced(&self, default: usize) -> Self {
        Self {
            outcome: Ok(default),
            reason: Reason::MirroredUnsupported,
            rule: self.rule,
            proof: None,
            replaceable: false,
        }
    }

    /// The backend's index, `None` when refused.
    #[must_use]
    pub fn target(&self) -> Option<usize> {
        self.outcome.as_ref().ok().copied()
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident => $word:literal,)*) => {
        /// Why a statement goes where it goes: the same closed list of words in metrics, logs, `EXPLAIN ROUTE` and `explain`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Reason] = &[$(Reason::$name,)*];

            /// Whether it is a refusal's.
            #[must_use]
            pub fn refuses(self) -> bool {
                self >= Reason::WriteOnAnalytic
            }

            /// The word.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$name => $word,)* }
            }
        }
    };
}

reasons! {
    /// It names no relation.
    NoRelations => "no_relations",
    /// All its relations live on the default backend.
    OltpRelation => "oltp_relation",
    /// All its relations live on one analytic backend.
    AnalyticRelation => "analytic_relation",
    /// Its relations live on both sides and no rule sends it away.
    MirroredDefault => "mirrored_default",
    /// A rule claims its relations.
    Rule => "rule",
    /// It names system catalogs.
    SystemCatalog => "system_catalog",
    /// Transaction control.
    TransactionControl => "transaction_control",
    /// It concerns the session only.
    Session => "session",
    /// Neither catalog knows its relations.
    UnknownRelation => "unknown_relation",
    /// The client asked for it.
    Hint => "hint",
    /// It writes, and what it writes lives on the default backend.
    Write => "write",
    /// It defines something, and not on the analytic side.
    Ddl => "ddl",
    /// It could not be understood and names nothing analytic.
    Unparsed => "unparsed",
    /// The transaction has failed: PostgreSQL says so itself.
    FailedTransaction => "failed_transaction",
    /// It reads mirrored relations in a way that only the default backend can be trusted with.
    MirroredKept => "mirrored_kept",
    /// It reads mirrored relations that a rule sends away, of which one is not ready on the analytic side.
    MirroredNotReady => "mirrored_not_ready",
    /// It reads mirrored relations that a rule sends away, and the analytic side lacks something that it needs.
    MirroredUnsupported => "mirrored_unsupported",
    /// Only an analytic engine knows what it asks for.
    AnalyticOnly => "analytic_only",
    /// The router answers it.
    Local => "local",
    /// Refused: it writes on the analytic side.
    WriteOnAnalytic => "write_on_analytic",
    /// Refused: it locks rows or relations on the analytic side.
    LockOnAnalytic => "lock_on_analytic",
    /// Refused: it calls a function not known to read only, over analytic relations.
    FunctionOnAnalytic => "function_on_analytic",
    /// Refused: it could not be proven to read only, and names analytic relations.
    UnprovenOnAnalytic => "unproven_on_analytic",
    /// Refused: a constraint that the analytic side cannot honour.
    ConstraintOnAnalytic => "constraint_on_analytic",
    /// Refused: other DDL on the analytic side.
    DdlOnAnalytic => "ddl_on_analytic",
    /// Refused: session state (a prepared statement, a cursor) over analytic relations.
    SessionOnAnalytic => "session_on_analytic",
    /// Refused: it reads an analytic relation whose rows are not all there yet.
    NotReadyOnAnalytic => "not_ready_on_analytic",
    /// Refused: it reads a catalog that shows passwords, and its user is no admin.
    SecretOnAnalytic => "secret_on_analytic",
    /// Refused: it names relations of more than one backend.
    MixedBackends => "mixed_backends",
    /// Refused: the hint names no backend, or one that does not hold the relations.
    HintRefused => "hint_refused",
}
