//! Which relations live where?
//!
//! A [`Catalog`] is a snapshot of what each backend says it holds. It is read in the background by [`discovery`] and
//! swapped whole; nothing is looked up on the path of a statement.

mod details;
pub mod discovery;
mod lineage;
pub mod notify;
mod snapshot;

pub use details::{Details, Origin, Proof, Qualified};
pub use snapshot::{BackendCatalog, Catalog, RelationKind};
