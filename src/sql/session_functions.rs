//! What do calls of functions that concern the session say?
//!
//! `set_config(name, value, is_local)` sets like `SET`, from within any query
//! (<https://www.postgresql.org/docs/15/functions-admin.html>), so a session that is moved to another connection must know the name.
//! `pg_backend_pid()` tells the client which connection it has, unless it is only compared with.

use super::lexer::{Dialect, Kind, Token};
use super::tokens::Tokens;

/// Calls in one statement; more are not looked at.
const CALLS_MAX: usize = 100;

/// A call of `set_config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetConfig {
    /// The setting, in lower case.
    pub name: String,
    /// It ends with the transaction.
    pub local: bool,
}

/// The calls in `text`. `None` where a name is no plain string constant, unless the call is plainly for the transaction only.
#[must_use]
pub fn set_config_calls(text: &[u8]) -> Option<Vec<SetConfig>> {
    let tokens = Tokens::new(text, Dialect::default());
    let mut cursor = tokens.cursor();
    let mut calls = Vec::new();
    while !cursor.is_done() {
        if !cursor.is(0, "set_config") || !cursor.is_mark(1, "(") {
            cursor.advance();
            continue;
        }
        if calls.len() >= CALLS_MAX {
            return None;
        }
        cursor.advance();
        let mut ahead = cursor;
        let mut arguments = ahead.eat_parens()?;
        let name = arguments
            .peek(0)
            .filter(|token| token.kind == Kind::String)
            .map(|token| token.bytes(text));
        let plain = arguments.is_mark(1, ",");
        let mut last = arguments;
        while !arguments.is_done() {
            if arguments.eat_mark(",") {
                last = arguments;
            } else {
                arguments.skip();
            }
        }
        let local = last.is_any(0, &["true"]) && last.peek(1).is_none();
        match name.filter(|_| plain) {
            Some(name) => {
                let inner = name.get(1..name.len().saturating_sub(1))?;
                let name = String::from_utf8_lossy(inner).to_ascii_lowercase();
                calls.push(SetConfig { name, local });
            }
            None if local => {}
            None => return None,
        }
    }
    Some(calls)
}

/// The settings that calls of `current_setting` in `text` ask for, in lower case. `None` where a name is no plain string constant.
#[must_use]
pub fn settings_asked_for(text: &[u8]) -> Option<Vec<String>> {
    let tokens = Tokens::new(text, Dialect::default());
    let mut cursor = tokens.cursor();
    let mut names = Vec::new();
    while !cursor.is_done() {
        let called = |token: &Token| {
            let word = token.bytes(text);
            let word = word.strip_prefix(b"\"").unwrap_or(word);
            word.strip_suffix(b"\"")
                .unwrap_or(word)
                .eq_ignore_ascii_case(b"current_setting")
        };
        if cursor.peek(0).is_some_and(called) && cursor.is_mark(1, "(") {
            let name = cursor.peek(2).filter(|token| token.kind == Kind::String)?;
            let whole = cursor.is_mark(3, ")") || cursor.is_mark(3, ",");
            let name = name.bytes(text);
            let name = name
                .get(1..name.len().saturating_sub(1))
                .filter(|_| whole)?;
            names.push(String::from_utf8_lossy(name).to_ascii_lowercase());
        }
        cursor.advance();
    }
    Some(names)
}

/// Whether the client is told what `pg_backend_pid()` returns: it is called in what a query puts out, not just in its conditions.
#[must_use]
pub fn tells_process_id(text: &[u8]) -> bool {
    let tokens = Tokens::new(text, Dialect::default());
    let mut cursor = tokens.cursor();
    let mut conditions = false;
    while !cursor.is_done() {
        if cursor.is_any(0, &["from", "where", "on", "having"]) {
            conditions = true;
        } else if cursor.is_any(0, &["select", "returning", "values"]) {
            conditions = false;
        } else if !conditions && cursor.is(0, "pg_backend_pid") {
            return true;
        }
        cursor.advance();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_are_asked_for_are_known_by_name() {
        let asked = |text: &str| settings_asked_for(text.as_bytes());
        let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(asked("select 1"), names(&[]));
        assert_eq!(
            asked(
                "select pg_catalog.Current_Setting('App.Me', true), current_setting ( 'TimeZone' )"
            ),
            names(&["app.me", "timezone"])
        );
        assert_eq!(asked("select current_setting($1)"), None);
        assert_eq!(asked("select current_setting('a' || 'b')"), None);
        assert_eq!(asked("select \"current_setting\"(x)"), None);
    }

    #[test]
    fn a_process_id_that_is_only_compared_with_is_not_told() {
        for text in [
            "select pg_backend_pid()",
            "select 1, pg_catalog.pg_backend_pid() as me from t",
            "select (select pg_backend_pid())",
            "insert into t values (pg_backend_pid()) returning pg_backend_pid()",
        ] {
            assert!(tells_process_id(text.as_bytes()), "{text}");
        }
        for text in [
            "select count(*) from pg_locks where pid = pg_backend_pid()",
            "select * from pg_stat_activity a join b on a.pid = pg_backend_pid()",
            "select 1",
        ] {
            assert!(!tells_process_id(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn names_that_outlive_the_transaction() {
        let names = |text: &str| {
            let calls = set_config_calls(text.as_bytes())?;
            let lasting = calls.into_iter().filter(|call| !call.local);
            Some(lasting.map(|call| call.name).collect::<Vec<_>>())
        };
        let some = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(
            names("select set_config('search_path', '', false)"),
            some(&["search_path"])
        );
        assert_eq!(
            names("SELECT pg_catalog.Set_Config('A.b', $1, $2), 1"),
            some(&["a.b"])
        );
        assert_eq!(names("select set_config('a', f(1, 2), true)"), some(&[]));
        assert_eq!(
            names("select set_config('a', 'x', true), set_config('b', 'y', false)"),
            some(&["b"])
        );
        assert_eq!(names("select set_config($1, 'x', false)"), None);
        assert_eq!(names("select set_config('a' || 'b', 'x', false)"), None);
        assert_eq!(
            names("select set_config(name, setting, false) from t"),
            None
        );
        assert_eq!(names("select 1"), some(&[]));
    }
}
