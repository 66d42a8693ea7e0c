//! Which type of RisingWave's stands for one of PostgreSQL's?

use super::edit::{Edits, refused, shown, unreadable};
use crate::error::ClientError;
use crate::sql::lexer::Kind;
use crate::sql::tokens::Cursor;

/// A type by its words, and what it becomes; the same where RisingWave has it.
const TYPES: &[(&[&str], &str)] = &[
    (&["smallint"], ""),
    (&["int2"], ""),
    (&["integer"], ""),
    (&["int"], ""),
    (&["int4"], ""),
    (&["bigint"], ""),
    (&["int8"], ""),
    (&["real"], ""),
    (&["float4"], ""),
    (&["float8"], ""),
    (&["float"], ""),
    (&["double", "precision"], ""),
    (&["double"], ""),
    (&["numeric"], ""),
    (&["decimal"], ""),
    (&["dec"], "numeric"),
    (&["character", "varying"], ""),
    (&["varchar"], ""),
    (&["text"], ""),
    (&["string"], ""),
    (&["bytea"], ""),
    (&["date"], ""),
    (&["timestamptz"], ""),
    (&["timestamp"], ""),
    (&["time"], ""),
    (&["interval"], ""),
    (&["boolean"], ""),
    (&["bool"], ""),
    (&["jsonb"], ""),
    (&["rw_int256"], ""),
    (&["smallserial"], "smallint"),
    (&["serial2"], "smallint"),
    (&["serial"], "integer"),
    (&["serial4"], "integer"),
    (&["bigserial"], "bigint"),
    (&["serial8"], "bigint"),
    (&["oid"], "bigint"),
    (&["money"], "numeric"),
    (&["json"], "jsonb"),
    (&["char", "varying"], "varchar"),
    (&["national", "character", "varying"], "varchar"),
    (&["national", "character"], "varchar"),
    (&["national", "char"], "varchar"),
    (&["character"], "varchar"),
    (&["char"], "varchar"),
    (&["nchar"], "varchar"),
    (&["bpchar"], "varchar"),
    (&["name"], "varchar"),
    (&["citext"], "varchar"),
    (&["uuid"], "varchar"),
    (&["xml"], "varchar"),
    (&["inet"], "varchar"),
    (&["cidr"], "varchar"),
    (&["macaddr"], "varchar"),
    (&["macaddr8"], "varchar"),
    (&["ltree"], "varchar"),
];

/// Passes a type, and puts RisingWave's in its place. `whose` says where it stands, for people.
pub(super) fn adapt(
    cursor: &mut Cursor<'_>,
    whose: &str,
    edits: &mut Edits,
) -> Result<(), ClientError> {
    let start = *cursor;
    if cursor.is_any(0, &["struct", "map", "vector"]) {
        pass_own(cursor);
        return Ok(());
    }
    let qualified = cursor.is(0, "pg_catalog") && cursor.is_mark(1, ".");
    if qualified {
        cursor.advance();
        cursor.advance();
    }
    let known = TYPES
        .iter()
        .filter(|(words, _)| cursor.are(words))
        .max_by_key(|(words, _)| words.len());
    let Some((words, new)) = known else {
        let mut end = start;
        if end.chain().is_none() {
            return Err(unreadable(&start));
        }
        end.eat_parens();
        return Err(refused(format!("type {} of {whose}", shown(&start, &end))));
    };
    cursor.eat_all(words);
    let named = *cursor;
    let size = cursor.eat_parens();
    let sized = *cursor;
    let zoned = cursor.eat_all(&["with", "time", "zone"]);
    if !zoned {
        cursor.eat_all(&["without", "time", "zone"]);
    }
    if words == &["time"] && zoned {
        return Err(refused(format!(
            "type {} of {whose}",
            shown(&start, cursor)
        )));
    }
    if words == &["interval"] {
        // YEAR TO MONTH and the like.
        let from = *cursor;
        while cursor.eat_any(&["year", "month", "day", "hour", "minute", "second", "to"]) {}
        cursor.eat_parens();
        edits.cut(&from, cursor);
    }
    let scalar = *cursor;
    bounds(cursor, edits);
    let keeps_size = words == &["float"];
    // Microseconds are what it has.
    let whole = size.is_some_and(|size| {
        matches!(words, [only] if only.starts_with("time"))
            && size.span().len() == 1
            && size.text.get(size.span()) == Some(b"6")
    });
    let written = shown(&start, &scalar);
    let serial = words.iter().any(|word| word.contains("serial"));
    if !new.is_empty() {
        if let Some(range) = super::edit::passed(&start, &sized) {
            edits.replace(range, *new);
        }
    } else {
        if qualified && let Some(range) = super::edit::passed(&start, &named) {
            edits.replace(range, words.join(" "));
        }
        if size.is_some() && !keeps_size {
            edits.cut(&named, &sized);
        }
    }
    if serial {
        edits.tell(format!(
            "{whose}: {written} becomes {new}: RisingWave has no sequences, so values must be given"
        ));
    } else if !new.is_empty() {
        edits.tell(format!("{whose}: {written} becomes {new}"));
    } else if size.is_some() && !keeps_size && !whole {
        let plain = words.join(" ");
        let zone = if zoned { " with time zone" } else { "" };
        edits.tell(format!("{whose}: {written} becomes {plain}{zone}"));
    }
    Ok(())
}

/// `[]`, `[3]`, `ARRAY`, `ARRAY[3]`: arrays of RisingWave have no bounds.
fn bounds(cursor: &mut Cursor<'_>, edits: &mut Edits) {
    let from = *cursor;
    if cursor.eat("array") {
        if cursor.eat_mark("[") {
            cursor.advance();
            cursor.eat_mark("]");
        }
        if let Some(range) = super::edit::passed(&from, cursor) {
            edits.replace(range, "[]");
        }
        return;
    }
    while cursor.eat_mark("[") {
        let inside = *cursor;
        if cursor
            .peek(0)
            .is_some_and(|token| token.kind == Kind::Number)
        {
            cursor.advance();
            edits.cut(&inside, cursor);
        }
        cursor.eat_mark("]");
    }
}

/// Passes a type that only RisingWave has: `STRUCT<a int, b map(varchar, int)>`.
fn pass_own(cursor: &mut Cursor<'_>) {
    cursor.advance();
    if cursor.eat_parens().is_some() {
        return;
    }
    let mut depth = 0_i64;
    while let Some(token) = cursor.peek(0) {
        depth += angle(token.bytes(cursor.text));
        if depth <= 0 && token.kind != Kind::Operator {
            return;
        }
        cursor.advance();
        if depth <= 0 {
            return;
        }
    }
}

/// How many angle brackets a token opens, less those it closes.
pub(super) fn angle(bytes: &[u8]) -> i64 {
    let all = !bytes.is_empty() && bytes.iter().all(|byte| matches!(byte, b'<' | b'>'));
    if !all {
        return 0;
    }
    bytes
        .iter()
        .map(|byte| if *byte == b'<' { 1 } else { -1 })
        .sum()
}
