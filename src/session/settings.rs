//! What has the session set, and how does another connection come to have the same?
//!
//! Nothing is imitated: after a statement that may have changed a setting the server is asked which ones differ from the session's
//! defaults, and what it says is put back by `set_config` where the session goes next, in the same write as its statement
//! (<https://www.postgresql.org/docs/15/view-pg-settings.html>). Settings with a dot in their name that no library has defined are listed
//! nowhere, so those that the session has named are asked for by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::pins::PinReason;
use super::prepared::PREFIX;

/// The session's settings that differ from its defaults, as the server shows them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    values: BTreeMap<Box<str>, Box<str>>,
    hash: u64,
}

impl Settings {
    /// Settings with these values.
    #[must_use]
    pub fn new(values: BTreeMap<Box<str>, Box<str>>) -> Self {
        let mut hasher = DefaultHasher::new();
        values.hash(&mut hasher);
        let hash = if values.is_empty() {
            0
        } else {
            hasher.finish()
        };
        Self { values, hash }
    }

    /// Nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value of a setting that is set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| &**value)
    }

    /// These settings with one more.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut values = self.values.clone();
        values.insert(name.into(), value.into());
        Self::new(values)
    }

    /// These settings without one.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let mut values = self.values.clone();
        values.remove(name);
        Self::new(values)
    }

    /// A number that two different sets hardly ever share; 0 for none.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The statement that makes a connection with `applied` have these settings; `None` when it has them. `opaque`: what else is set
    /// there is not known.
    #[must_use]
    pub fn replay_over(&self, applied: &Self, opaque: bool) -> Option<String> {
        if !opaque && self.hash == applied.hash && self.values == applied.values {
            return None;
        }
        let kept = |name: &str, value: &str| !opaque && applied.get(name) == Some(value);
        let mut calls = Vec::new();
        // The role goes first and comes last: the others may be for its betters only.
        let role = |settings: &Self| settings.get("role").map(str::to_owned);
        if role(applied).is_some() && (opaque || role(self) != role(applied)) {
            calls.push(call("role", None));
        }
        // RESET ALL has done all but the role.
        for name in applied.values.keys().filter(|_| !opaque) {
            if &**name != "role" && !self.values.contains_key(name) {
                calls.push(call(name, None));
            }
        }
        for (name, value) in &self.values {
            if &**name != "role" && !kept(name, value) {
                calls.push(call(name, Some(value)));
            }
        }
        if let Some(role) = self.get("role").filter(|role| !kept("role", role)) {
            calls.push(call("role", Some(role)));
        }
        let mut text = String::new();
        if opaque {
            text.push_str("RESET ALL; ");
        }
        if !calls.is_empty() {
            let _ = write!(text, "SELECT {}", calls.join(", "));
        }
        (!text.is_empty()).then_some(text)
    }
}

fn call(name: &str, value: Option<&str>) -> String {
    let value = value.map_or_else(|| "NULL".to_owned(), quoted);
    format!("pg_catalog.set_config({}, {value}, false)", quoted(name))
}

/// A string constant, whatever `standard_conforming_strings` is.
fn quoted(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if doubled.contains('\\') {
        format!(" E'{}'", doubled.replace('\\', "\\\\"))
    } else {
        format!("'{doubled}'")
    }
}

/// The object id of `pg_namespace`, on which everything in a schema depends; it is the same in all versions.
const NAMESPACES: u32 = 2615;

/// What the server said of the session's state.
#[derive(Debug, Default)]
pub struct Inspection {
    utf8: bool,
    values: BTreeMap<Box<str>, Box<str>>,
    /// What cannot be carried to another connection.
    pub pins: BTreeSet<PinReason>,
}

impl Inspection {
    /// Nothing was said yet. `utf8`: that is the session's encoding.
    #[must_use]
    pub fn new(utf8: bool) -> Self {
        Self {
            utf8,
            ..Self::default()
        }
    }

    /// The statements that ask: a transaction of its own kind, so that no default of the session's makes it wait, and every name in full,
    /// so that nothing in the session's search path is asked in place of PostgreSQL's own.
    #[must_use]
    pub fn query(user: &str, custom: &BTreeSet<String>) -> String {
        let names: Vec<String> = custom.iter().map(|name| quoted(name)).collect();
        let user = quoted(user);
        format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; \
             SELECT 'set'::pg_catalog.text, name, setting FROM pg_catalog.pg_settings \
               WHERE source OPERATOR(pg_catalog.=) 'session' AND name OPERATOR(pg_catalog.!~) '^transaction_' \
             UNION ALL SELECT 'set', n, pg_catalog.current_setting(n, true) \
               FROM pg_catalog.unnest(ARRAY[{}]::pg_catalog.text[]) n WHERE pg_catalog.current_setting(n, true) IS NOT NULL \
             UNION ALL SELECT 'set', 'role', r FROM pg_catalog.current_setting('role') r WHERE r OPERATOR(pg_catalog.<>) 'none' \
             UNION ALL SELECT 'pin', 'session_authorization', NULL WHERE session_user OPERATOR(pg_catalog.<>) {user} \
             UNION ALL SELECT 'pin', 'temporary_relation', NULL WHERE EXISTS (SELECT FROM pg_catalog.pg_depend \
               WHERE refclassid OPERATOR(pg_catalog.=) {NAMESPACES}::pg_catalog.oid \
                 AND refobjid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()) \
             UNION ALL SELECT 'pin', 'advisory_lock', NULL WHERE EXISTS (SELECT FROM pg_catalog.pg_locks \
               WHERE pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() AND locktype OPERATOR(pg_catalog.=) 'advisory') \
             UNION ALL SELECT 'pin', 'listen', NULL WHERE EXISTS (SELECT FROM pg_catalog.pg_listening_channels()) \
             UNION ALL SELECT 'pin', 'held_cursor', NULL WHERE EXISTS (SELECT FROM pg_catalog.pg_cursors WHERE is_holdable) \
             UNION ALL SELECT 'pin', 'prepared_statement', NULL WHERE EXISTS (SELECT FROM pg_catalog.pg_prepared_statements \
               WHERE NOT pg_catalog.starts_with(name, '{}')) \
             UNION ALL SELECT 'pin', 'encoding', NULL WHERE EXISTS (SELECT FROM pg_catalog.pg_settings \
               WHERE name OPERATOR(pg_catalog.=) 'client_encoding' AND setting OPERATOR(pg_catalog.<>) reset_val) \
             UNION ALL SELECT 'pin', 'privileged_setting', NULL WHERE pg_catalog.current_setting('role') OPERATOR(pg_catalog.<>) 'none' \
               AND EXISTS (SELECT FROM pg_catalog.pg_settings WHERE source OPERATOR(pg_catalog.=) 'session' \
                 AND context OPERATOR(pg_catalog.=) 'superuser'); COMMIT",
            names.join(","),
            *PREFIX
        )
    }

    /// Takes one row of the answer.
    pub fn row(&mut self, columns: &[Option<&[u8]>]) {
        let text = |at: usize| {
            let column = columns.get(at).copied().flatten();
            String::from_utf8_lossy(column.unwrap_or_default())
        };
        match &*text(0) {
            "set" => {
                // What another encoding would read differently cannot be told to another connection.
                if !columns
                    .get(2)
                    .copied()
                    .flatten()
                    .is_some_and(<[u8]>::is_ascii)
                    && !self.utf8
                {
                    self.pins.insert(PinReason::Encoding);
                }
                self.values.insert((*text(1)).into(), (*text(2)).into());
            }
            "pin" => self.pins.extend(PinReason::of(&text(1))),
            _ => {}
        }
    }

    /// The settings it found.
    #[must_use]
    pub fn into_settings(self) -> Settings {
        Settings::new(self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        let values = pairs.iter().map(|(n, v)| ((*n).into(), (*v).into()));
        Settings::new(values.collect())
    }

    #[test]
    fn a_connection_that_has_the_settings_is_left_alone() {
        let mine = settings(&[("timezone", "UTC")]);
        assert_eq!(mine.replay_over(&mine.clone(), false), None);
        assert_eq!(
            Settings::default().replay_over(&Settings::default(), false),
            None
        );
    }

    #[test]
    fn what_another_session_set_is_reset_and_what_this_one_set_is_set() {
        let (mine, theirs) = (
            settings(&[("datestyle", "German, DMY"), ("app.user", "o'neil\\")]),
            settings(&[("timezone", "UTC"), ("datestyle", "German, DMY")]),
        );
        assert_eq!(
            mine.replay_over(&theirs, false).unwrap(),
            "SELECT pg_catalog.set_config('timezone', NULL, false), \
             pg_catalog.set_config('app.user',  E'o''neil\\\\', false)"
        );
    }

    #[test]
    fn a_role_is_put_down_first_and_taken_up_last() {
        let mine = settings(&[("role", "bob"), ("work_mem", "64kB")]);
        let theirs = settings(&[("role", "eve"), ("log_min_messages", "error")]);
        let names = |text: String| {
            text.split("set_config(")
                .skip(1)
                .map(|call| call.split(", f").next().unwrap_or_default().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            names(mine.replay_over(&theirs, false).unwrap()),
            [
                "'role', NULL",
                "'log_min_messages', NULL",
                "'work_mem', '64kB'",
                "'role', 'bob'"
            ]
        );
        assert_eq!(
            names(Settings::default().replay_over(&mine, false).unwrap()),
            ["'role', NULL", "'work_mem', NULL"]
        );
    }

    #[test]
    fn after_opaque_code_everything_is_set_anew() {
        let mine = settings(&[("timezone", "UTC")]);
        assert_eq!(
            mine.replay_over(&mine.clone(), true).unwrap(),
            "RESET ALL; SELECT pg_catalog.set_config('timezone', 'UTC', false)"
        );
        assert_eq!(
            Settings::default()
                .replay_over(&Settings::default(), true)
                .unwrap(),
            "RESET ALL; "
        );
    }

    #[test]
    fn an_inspection_tells_settings_from_pins() {
        let mut found = Inspection::default();
        let row = |a: &'static str, b: &'static str, c: Option<&'static str>| {
            [Some(a.as_bytes()), Some(b.as_bytes()), c.map(str::as_bytes)]
        };
        found.row(&row("set", "timezone", Some("UTC")));
        found.row(&row("pin", "listen", None));
        found.row(&row("pin", "unheard_of", None));
        assert_eq!(
            found.pins.iter().copied().collect::<Vec<_>>(),
            [PinReason::Listen]
        );
        assert_eq!(found.into_settings(), settings(&[("timezone", "UTC")]));
    }
}
