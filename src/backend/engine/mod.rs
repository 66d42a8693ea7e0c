//! What does each engine need of the router?
//!
//! A new engine is one file here that answers [`Dialect`]; nothing else knows engines by name.

mod postgres;
mod risingwave;

use crate::config::Engine;

/// What differs between engines.
pub trait Dialect: Send + Sync {
    /// Startup parameters for pooled connections that must only read, so that the server itself refuses what slips through.
    fn read_only_parameters(&self) -> &'static [(&'static str, &'static str)];

    /// What begins and ends the block that all reads run in: it makes the server itself refuse what a function, a cast or a view hides,
    /// takes back what such a thing has set, and keeps portals alive while the client is in a transaction. `None` where the
    /// engine has none of these, and portals outlive a Sync anyway.
    fn read_block(&self) -> Option<(&'static str, &'static str)>;

    /// Settings of the session, among those that PostgreSQL reports, that are set on the engine's connections too.
    fn followed_settings(&self) -> &'static [&'static str];

    /// The query that lists the relations, with columns schema, name and kind (a letter of `pg_class.relkind`, or
    /// RisingWave's word).
    fn relations_query(&self) -> &'static str;

    /// The query that lists user functions, with columns schema, name, and `t` where none of that name writes; `None` where there is no
    /// such catalog.
    fn functions_query(&self) -> Option<&'static str>;

    /// The query that lists code which may leave something in the session: columns `function` or `relation` (whose triggers run it), its name,
    /// and `t` where what it leaves is listed nowhere. `None` where there is none.
    fn leaving_query(&self) -> Option<&'static str> {
        None
    }

    /// A failure of [`Dialect::relations_query`], for people.
    fn explain_catalog_error(&self, why: &str) -> String {
        why.to_owned()
    }

    /// Whether a notice of this text is the engine's chatter about being another engine.
    fn hides_notice(&self, message: &str) -> bool;
}

/// An engine's dialect.
#[must_use]
pub fn dialect(engine: Engine) -> &'static dyn Dialect {
    match engine {
        Engine::Postgres => &postgres::Postgres,
        Engine::Risingwave => &risingwave::RisingWave,
    }
}
