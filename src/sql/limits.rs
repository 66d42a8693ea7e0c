//! How much of a hostile statement do we look at?
//!
//! Facts are made from bytes a client chose, before anything else has judged them. Every amount of
//! work and memory spent on them is bounded here, each bound with its reason. What lies beyond a
//! bound is never an error: the statement falls back to the token classifier, which cannot answer
//! [`Effect::Read`](super::Effect::Read) for anything but `TABLE name`, and PostgreSQL decides.

/// Longest statement handed to sqlparser. Longer texts are bulk inserts and generated junk, whose
/// facts stand in the first few words; an AST takes some 14 KiB for a short query and grows with it.
pub const PARSED_BYTES_MAX: usize = 64 * 1024;

/// Most significant tokens (not white space, not comments) kept of one statement. A token takes 24
/// bytes, so this is 768 KiB at most, and a one-megabyte statement is not lexed to its end.
pub const TOKENS_MAX: usize = 32 * 1024;

/// Most operators and chaining words (`AND`, `OR`, `UNION`, `IS`, …) in a statement handed to
/// sqlparser. Flat chains are parsed in a loop and so escape its recursion limit, yet their tree is
/// as deep as the chain is long, and dropping it recurses: a stack overflow aborts the process.
/// Each level takes a few hundred bytes of a 2 MiB worker stack.
pub const CHAIN_TOKENS_MAX: usize = 2000;

/// Deepest nesting of `(` and `[` in a statement handed to sqlparser; its backtracking in
/// parentheses has been exponential more than once.
pub const NESTING_MAX: usize = 64;

/// sqlparser's own recursion limit (its default is 50, which generated dashboards do reach).
pub const RECURSION_MAX: usize = 90;

/// Most (relation, access) pairs kept. A statement that names more becomes
/// [`Effect::Unknown`](super::Effect::Unknown), so an unlisted relation can never be routed by.
pub const RELATIONS_MAX: usize = 256;

/// Most functions kept; beyond it the effect is unknown as well.
pub const FUNCTIONS_MAX: usize = 256;

/// How deep `EXPLAIN`, `PREPARE`, `COPY (…)` and the like may wrap one another. PostgreSQL's grammar
/// allows two (`EXPLAIN CREATE TABLE … AS EXECUTE`, `EXPLAIN DECLARE …`).
pub const WRAPPERS_MAX: usize = 4;

/// Longest name of a setting, cursor or prepared statement kept in the facts, as PostgreSQL's
/// `NAMEDATALEN` cuts identifiers to 63 bytes anyway.
pub const NAME_BYTES_MAX: usize = 256;

/// Longest value of a `SET` kept as text. Longer ones make the effect unknown.
pub const SET_VALUE_BYTES_MAX: usize = 8 * 1024;

/// Longest list of column names looked for behind a CTE's name, in tokens; PostgreSQL allows 1664 columns.
pub const COLUMNS_MAX: usize = 2 * 1664;

/// Stack that parsing, walking and dropping a tree must find, else a bigger one is used for it. In a
/// release build the worst text within the bounds above takes some 200 KiB. sqlparser's frames take over
/// 100 KiB a level without optimization, more than its own recursion protection reckons with.
pub const STACK_NEEDED: usize = if cfg!(debug_assertions) {
    16 << 20
} else {
    1 << 20
};
