//! What may stand together where both sides are used, and what is known to differ.

use crate::differential::statements::Statement;

/// What a string or batch holds so far. PostgreSQL treats all of it as one transaction block or pipeline, of which it does not see the
/// analytic statements here; so statements that can tell are kept apart from those.
pub struct Company {
    pub status: char,
    analytic: bool,
    sensitive: bool,
    copied: bool,
    pub no_copy: bool,
    pub ends: bool,
}

/// Whether a statement ends a transaction or takes a part of it back.
pub fn is_end(sql: &str) -> bool {
    let word = sql.split(' ').next().unwrap_or_default();
    ["COMMIT", "END", "ROLLBACK", "ABORT"].contains(&word)
}

impl Company {
    pub fn of(status: char) -> Self {
        Self {
            status,
            analytic: false,
            sensitive: false,
            copied: false,
            no_copy: false,
            ends: false,
        }
    }

    /// Whether a statement may be added, to a string or to a batch.
    pub fn admits(&mut self, statement: &Statement, string: bool) -> bool {
        let sql = statement.sql.as_str();
        let word = sql.split(' ').next().unwrap_or_default();
        let begins = ["BEGIN", "begin", "START"].contains(&word);
        let ends = is_end(sql) && !sql.contains(" TO");
        let others = [
            "SAVEPOINT",
            "RELEASE",
            "ROLLBACK",
            "PREPARE",
            "SET",
            "DECLARE",
            "LOCK",
            "DISCARD",
            "VACUUM",
            "CALL",
            "DO",
        ];
        let moded = ["LEVEL", "READ", "DEFERRABLE", "PREPARED"]
            .iter()
            .any(|part| sql.contains(part));
        let sensitive = match self.status {
            'I' if string => begins || ends || others.contains(&word),
            'I' => moded || begins || !ends && others.contains(&word),
            _ => begins || ends,
        };
        // PostgreSQL does not begin a string with a wrong syntax, nor does it say that the last statement is complete if its
        // commit fails.
        let wrong = SYNTAX_ERRORS.iter().any(|end| sql.ends_with(end))
            || LATE_ERRORS.iter().any(|part| sql.contains(part));
        // In a string, what only calls a function is not taken for a change, so that it is not run as one transaction; in a batch, a
        // setting that was changed is not there yet.
        let setting = !string && ["SET", "RESET", "ROLLBACK"].contains(&word);
        let sensitive =
            sensitive || statement.is_several() || statement.pins || setting || string && wrong;
        // A batch with both an analytic statement and COPY FROM STDIN hangs.
        let stuck = !string
            && (self.copied && statement.analytic
                || (self.analytic || self.no_copy) && statement.copies_in);
        let admits = !(stuck || self.analytic && sensitive || self.sensitive && statement.analytic);
        if admits {
            self.copied |= statement.copies_in;
            self.ends |= is_end(sql);
            self.analytic |= statement.analytic;
            self.sensitive |= sensitive;
        }
        admits
    }
}

/// What statements of a set over both sides do not contain, as its outcome is known to differ. Whoever mends one takes its line away.
pub const KNOWN: &[&str] = &[
    // Should these fail, what was prepared on the analytic side is forgotten nevertheless.
    "DISCARD ALL",
    "DEALLOCATE",
    // PostgreSQL does not know what is prepared on the analytic side.
    "PREPARE s1",
    "EXECUTE s1",
    // It ends a failed transaction, but what follows in the batch is still routed as in one.
    "PREPARE TRANSACTION",
    // Not qualified: what comes just after the search path has changed may be routed by the old one.
    "FROM orders",
    // PostgreSQL warns about the whole of a string before it runs a part of it.
    "standard_conforming_strings",
    // What must come before any query of a transaction: here, before any on the OLTP side.
    "LEVEL",
    "READ WRITE",
    "DEFERRABLE",
];

/// What can break the deferred foreign key.
const LATE_ERRORS: &[&str] = &["INTO u", "DELETE FROM t"];

/// How statements with a wrong syntax end.
const SYNTAX_ERRORS: &[&str] = &["SELEC 1", "t WHERE", "'unterminated", "SHOW ALL FOR"];
