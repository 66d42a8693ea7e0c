//! Which relations live where?
//!
//! A [`Catalog`] is a snapshot of what each backend says it holds. It is read in the background by [`discovery`] and
//! swapped whole; nothing is looked up on the path of a statement.

pub mod discovery;
mod snapshot;

pub use snapshot::{BackendCatalog, Catalog, RelationKind};
