//! Where statements go: discovery, rules, the search path, and what hides what.

mod discovery;
mod hiding;
mod lineage;
mod rules;
mod search_path;

fn at(target: &str, reason: &str) -> (String, String) {
    (target.to_owned(), reason.to_owned())
}
