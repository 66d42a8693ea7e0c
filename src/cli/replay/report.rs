//! How is a replay told?
//!
//! The dangerous changes come first, then the others, each group in the order of the log. Statements are somebody else's text: on a terminal
//! they are one line without control characters.

use std::fmt::Write as _;

use super::compare::{CHANGES_MAX, Change, Replay, Risk, Summary};
use crate::routing::Explanation;

/// Characters of a statement that are shown; `--json` has all of them.
const SHOWN_CHARS: usize = 160;

/// For people.
pub(super) fn text(replay: &Replay) -> String {
    let mut out = String::new();
    for change in sorted(&replay.changes) {
        put_change(&mut out, change);
    }
    put_summary(&mut out, &replay.summary);
    out
}

/// For scripts: one object a line for each change, and the summary as the last.
pub(super) fn json(replay: &Replay) -> String {
    let mut out = String::new();
    for change in sorted(&replay.changes) {
        out.push_str(&serde_json::to_string(change).unwrap_or_default());
        out.push('\n');
    }
    let summary = serde_json::json!({ "summary": replay.summary });
    let _ = writeln!(out, "{summary}");
    out
}

fn sorted(changes: &[Change]) -> impl Iterator<Item = &Change> {
    let risky = changes.iter().filter(|change| change.risk.is_some());
    risky.chain(changes.iter().filter(|change| change.risk.is_none()))
}

fn put_change(out: &mut String, change: &Change) {
    let what = match change.risk {
        Some(Risk::Refused) => "newly refused",
        Some(Risk::Elsewhere) => "a write, elsewhere",
        None if change.from.target.is_none() => "no longer refused",
        None => "elsewhere",
    };
    let mark = if change.risk.is_some() { "!" } else { " " };
    let count = match change.count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    };
    let (line, user, database) = (change.line, &change.user, &change.database);
    let _ = writeln!(out, "{mark} {}", one_line(&change.statement));
    let _ = writeln!(
        out,
        "    {what}; {count}, first on line {line}, {}@{}",
        one_line(user),
        one_line(database)
    );
    for (name, route) in [("was", &change.from), ("now", &change.to)] {
        let _ = writeln!(out, "    {name}  {}", told(route));
    }
    if let Some(refused) = &change.to.refused {
        let _ = writeln!(
            out,
            "         {} ({})",
            one_line(&refused.message),
            refused.sqlstate
        );
    }
}

fn told(route: &Explanation) -> String {
    let target = route.target.as_deref().unwrap_or("refused");
    match &route.rule {
        Some(rule) => format!("{target}, {}, {rule}", route.reason),
        None => format!("{target}, {}", route.reason),
    }
}

fn put_summary(out: &mut String, summary: &Summary) {
    let Summary {
        statements,
        distinct,
        changed,
        risky,
        not_listed,
        other_messages,
        unreadable,
        first_unreadable,
    } = summary;
    if *not_listed > 0 {
        let _ = writeln!(
            out,
            "{not_listed} further changed statements are not listed: only the first {CHANGES_MAX} are"
        );
    }
    let _ = writeln!(
        out,
        "{statements} statements ({distinct} distinct): {changed} would change, {risky} of them dangerously"
    );
    if *other_messages > 0 {
        let _ = writeln!(out, "{other_messages} messages were about something else");
    }
    if let Some(first) = first_unreadable {
        let _ = writeln!(
            out,
            "{unreadable} lines or statements could not be read, the first on line {first}"
        );
    }
}

/// A text on one line, cut to a length, with nothing in it that a terminal would obey.
fn one_line(text: &str) -> String {
    let mut words = String::new();
    for word in text.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.extend(word.chars().map(|c| if c.is_control() { '?' } else { c }));
        if words.chars().count() > SHOWN_CHARS {
            let mut cut: String = words.chars().take(SHOWN_CHARS).collect();
            cut.push('…');
            return cut;
        }
    }
    words
}
