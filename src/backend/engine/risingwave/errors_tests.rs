//! Every text here was seen from RisingWave 2.8.4 (`tests/it/risingwave/transcripts/`), or is one of its kind.

use super::errors::translate;

/// The text of an error with these causes.
fn caused(doing: &str, causes: &[&str]) -> String {
    match causes {
        [cause] => format!("{doing}\n\nCaused by:\n  {cause}\n"),
        _ => causes.iter().enumerate().fold(
            format!("{doing}\n\nCaused by these errors (recent errors listed first):\n"),
            |text, (n, cause)| format!("{text}  {}: {cause}\n", n + 1),
        ),
    }
}

fn run(causes: &[&str]) -> (&'static str, String) {
    let error = translate("XX000", &caused("Failed to run the query", causes));
    (error.sqlstate, error.message)
}

fn bare(text: &str) -> (&'static str, String) {
    let error = translate("XX000", text);
    (error.sqlstate, error.message)
}

#[test]
fn what_the_transcripts_show_gets_postgres_codes_and_one_line() {
    let no_issue = "No tracking issue yet. Feel free to submit a feature request at https://github.com/risingwavelabs/risingwave/issues/new?labels=type%2Ffeature&template=feature_request.yml";
    let cases: &[(&[&str], &str, &str)] = &[
        (
            &["Catalog error", "table or source not found: nosuch"],
            "42P01",
            "relation \"nosuch\" does not exist",
        ),
        (
            &[
                "Invalid input syntax: column must appear in the GROUP BY clause or be used in an aggregate function",
            ],
            "42803",
            "column must appear in the GROUP BY clause or be used in an aggregate function",
        ),
        (
            &["Catalog error", "table not found: d_num"],
            "42P01",
            "relation \"d_num\" does not exist",
        ),
        (
            &["Catalog error", "table with name t1 exists"],
            "42P07",
            "relation \"t1\" already exists",
        ),
        (
            &[
                "Failed to bind expression: nosuch",
                "Item not found: Invalid column: nosuch",
            ],
            "42703",
            "column \"nosuch\" does not exist",
        ),
        (
            &[
                "Failed to bind expression: nosuchfn(1)",
                "function nosuchfn(integer) does not exist",
            ],
            "42883",
            "function nosuchfn(integer) does not exist",
        ),
        (
            &[
                "Expr error",
                "error while evaluating expression `general_div('1', '0')`",
                "Division by zero",
            ],
            "22012",
            "division by zero",
        ),
        (
            &[
                "Expr error",
                "error while evaluating expression `str_parse('x')`",
                "Parse error: integer invalid digit found in string",
            ],
            "22P02",
            "invalid input syntax for type integer: \"x\"",
        ),
        (
            &[
                "Expr error",
                "error while evaluating expression `check_not_null(NULL, 'v', 'd_notnull')`",
                "null value in column \"v\" of relation \"d_notnull\" violates not-null constraint",
            ],
            "23502",
            "null value in column \"v\" of relation \"d_notnull\" violates not-null constraint",
        ),
        (
            &[
                "Failed to bind expression: CAST(1e300 AS float8)",
                "Bind error: Number 1e300 overflows",
            ],
            "22003",
            "Number 1e300 overflows",
        ),
        (
            &["Permission denied: cannot execute in a read-only transaction"],
            "25006",
            "cannot execute in a read-only transaction",
        ),
        (
            &[
                "sql parser error: expected statement, found: savepoint\nLINE 1: savepoint s1;\n        ^",
            ],
            "42601",
            "syntax error at or near \"savepoint\"",
        ),
        (
            &[
                "sql parser error: expected an expression, found: EOF\nLINE 1: select\n              ^",
            ],
            "42601",
            "syntax error at end of input",
        ),
        (
            &[
                "sql parser error: Unterminated string literal at line 1, column 21\nLINE 1: select 'unterminated\n                            ^",
            ],
            "42601",
            "syntax error: Unterminated string literal at line 1, column 21",
        ),
        (
            &[&format!(
                "Feature is not yet implemented: Unhandled statement: TRUNCATE TABLE t1\n{no_issue}"
            )],
            "0A000",
            "Unhandled statement: TRUNCATE TABLE t1",
        ),
        (
            &[
                "Not supported: Column type SERIAL is not supported\nHINT: Please remove the SERIAL column",
            ],
            "0A000",
            "Column type SERIAL is not supported",
        ),
        (
            &["Bind error: RECURSIVE CTE is not supported"],
            "0A000",
            "RECURSIVE CTE is not supported",
        ),
        (&["Unsupported oid 2950"], "0A000", "Unsupported oid 2950"),
        (
            &[
                "Expr error",
                "expects an integer or expression that can be evaluated to an integer after LIMIT, but found non-const expression",
            ],
            "0A000",
            "expects an integer or expression that can be evaluated to an integer after LIMIT, but found non-const expression",
        ),
        (
            &[
                "Failed to get/set session config",
                "Unrecognized config entry `jit`",
            ],
            "42704",
            "unrecognized configuration parameter \"jit\"",
        ),
        (
            &[
                "Failed to get/set session config",
                "Invalid value `5` for `statement_timeout`",
                "time unit is required: ms s min h d",
            ],
            "22023",
            "time unit is required: ms s min h d",
        ),
        (
            &[
                "Permission denied: permission denied for table or materialized view \"t\": \"SELECT\"",
            ],
            "42501",
            "permission denied for table or materialized view \"t\": \"SELECT\"",
        ),
        (
            &["Permission denied: PermissionDenied: schema is not empty"],
            "2BP01",
            "schema is not empty",
        ),
        (
            &["Invalid input syntax: cannot change materialized view \"subm\""],
            "42809",
            "cannot change materialized view \"subm\"",
        ),
        (
            &["Invalid input syntax: User \"public\" does not exist"],
            "42704",
            "User \"public\" does not exist",
        ),
        (
            &["internal error: Cannot find cursor `nosuch`"],
            "34000",
            "cursor \"nosuch\" does not exist",
        ),
        (
            &["Duplicated statement name"],
            "42P05",
            "prepared statement already exists",
        ),
        (
            &["Task aborted: cancelled"],
            "57014",
            "canceling statement due to user request",
        ),
        (
            &["Receive shutdown msg: Cancel"],
            "57014",
            "canceling statement due to user request",
        ),
        (
            &["Query cancelled: timeout after 2 seconds"],
            "57014",
            "canceling statement due to statement timeout",
        ),
        (
            &[
                "Scheduler error",
                "Streaming vnode mapping not found for fragment 57",
            ],
            "XX000",
            "Streaming vnode mapping not found for fragment 57",
        ),
    ];
    for (causes, code, message) in cases {
        assert_eq!(run(causes), (*code, (*message).to_owned()), "{causes:?}");
    }
}

#[test]
fn texts_that_stand_alone_are_read_too() {
    let cases = [
        (
            "Prepare statement s1 not found",
            "26000",
            "prepared statement \"s1\" does not exist",
        ),
        (
            "Portal nosuch not found",
            "34000",
            "portal \"nosuch\" does not exist",
        ),
        ("Duplicated portal name", "42P03", "portal already exists"),
        (
            "invalid digit found in string",
            "22P02",
            "invalid input syntax: invalid digit found in string",
        ),
        (
            "failed to fill whole buffer",
            "22P03",
            "incorrect binary data format in bind parameter",
        ),
        (
            "invalid utf-8 sequence of 1 bytes from index 0",
            "22021",
            "invalid byte sequence for encoding \"UTF8\"",
        ),
        (
            "unsupported data type: integer[]",
            "0A000",
            "unsupported data type: integer[]",
        ),
        ("Unknown format code: 5", "XX000", "Unknown format code: 5"),
        (
            "Panicked when handling the request: index out of bounds: the len is 0 but the index is 0\nThis is a bug. We would appreciate a bug report at:\n  https://github.com/risingwavelabs/risingwave/issues/new",
            "XX000",
            "Panicked when handling the request: index out of bounds: the len is 0 but the index is 0",
        ),
        ("", "XX000", ""),
    ];
    for (text, code, message) in cases {
        assert_eq!(bare(text), (code, message.to_owned()), "{text}");
    }
}

#[test]
fn the_causes_stay_in_the_detail_and_a_hint_is_one() {
    let text = caused(
        "Failed to run the query",
        &[
            "Expr error",
            "error while evaluating expression `general_div('1', '0')`",
            "Division by zero",
        ],
    );
    assert_eq!(
        translate("XX000", &text).detail.as_deref(),
        Some(
            "Failed to run the query: Expr error: error while evaluating expression `general_div('1', '0')`: Division by zero"
        )
    );
    let text = caused(
        "Failed to run the query",
        &[
            "Permission denied: PermissionDenied: table used by 1 other objects. \nDETAIL: materialized view public.subm depends on it\nHINT:  Use DROP ... CASCADE to drop the dependent objects too.",
        ],
    );
    let error = translate("XX000", &text);
    assert_eq!(
        (error.sqlstate, error.message.as_str()),
        ("2BP01", "table used by 1 other objects.")
    );
    assert!(
        error
            .detail
            .is_some_and(|detail| detail.contains("public.subm depends on it"))
    );
    assert_eq!(
        error.hint.as_deref(),
        Some("Use DROP ... CASCADE to drop the dependent objects too.")
    );
    let text = caused(
        "Failed to run the query",
        &[
            "sql parser error: expected statement, found: selec\nLINE 1: select 1; selec\n                  ^",
        ],
    );
    assert_eq!(
        translate("XX000", &text).detail.as_deref(),
        Some(
            "Failed to run the query: sql parser error: expected statement, found: selec\nLINE 1: select 1; selec\n                  ^"
        )
    );
    assert_eq!(translate("XX000", "Unknown format code: 5").detail, None);
}

#[test]
fn a_code_that_means_something_stays() {
    assert_eq!(translate("3D000", "Failed to start").sqlstate, "3D000");
    assert_eq!(translate("99999", "who knows").sqlstate, "XX000");
}
