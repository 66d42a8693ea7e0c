//! Facts, the session's view and a snapshot of rules and catalogs in; a [`Decision`] out.
//!
//! [`decide`] is total, pure and bounded. The session loop, `tidegate explain`, `EXPLAIN ROUTE`, the status page and the
//! benchmarks all call it and nothing else. A decision is made afresh for each statement and never kept (the worst
//! bugs of other routers come from a route that outlived its statement).

mod decide;
mod decision;
mod define;
mod explain;
mod own;
mod place;
mod proof;
mod refusal;
mod table;
mod tried;
mod view;

pub use decide::decide;
pub use decision::{Decision, Reason};
pub use explain::{Explanation, Refused, explain, explain_decision};
pub use own::own_setting;
pub use place::{Home, Place};
pub use proof::{DdlProof, Proof, ReadProof, WriteProof};
pub(crate) use refusal::write_in_transaction;
pub use table::{RoutingTable, RuleId};
pub use tried::{RelationTold, Tried};
pub use view::SessionView;

#[cfg(test)]
mod define_tests;
#[cfg(test)]
mod tests;
