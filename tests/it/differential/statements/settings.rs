//! The texts of statements about transactions and settings.

use super::{Asker, Dice};

pub fn transaction(dice: &mut Dice, asker: Asker) -> String {
    let isolation = if asker.deferrable {
        dice.pick(&["REPEATABLE READ", "READ COMMITTED", "READ UNCOMMITTED"])
    } else {
        dice.pick(&["REPEATABLE READ", "READ COMMITTED", "SERIALIZABLE"])
    };
    let mode = match dice.below(5) {
        0 => format!("ISOLATION LEVEL {isolation}"),
        1 => "READ ONLY".to_owned(),
        2 => "READ WRITE".to_owned(),
        3 => format!("ISOLATION LEVEL {isolation}, READ ONLY"),
        _ if asker.deferrable => format!("{} DEFERRABLE", dice.pick(&["", "NOT"])),
        _ => format!("READ WRITE ISOLATION LEVEL {isolation}"),
    };
    let fixed = match dice.below(26) {
        0..4 => "BEGIN",
        4 => "START TRANSACTION",
        5 => "begin work",
        6 | 7 => return format!("BEGIN {mode}"),
        8 => return format!("START TRANSACTION {mode}"),
        9..12 => "COMMIT",
        12 => "END",
        13 | 14 => "ROLLBACK",
        15 => "ABORT",
        16 => "COMMIT AND CHAIN",
        17 => "ROLLBACK AND CHAIN",
        18 => return format!("SET TRANSACTION {mode}"),
        19 => "SHOW transaction_isolation",
        20 => "SHOW transaction_read_only",
        21 => "SET CONSTRAINTS ALL IMMEDIATE",
        22 => "PREPARE TRANSACTION 'nope'",
        23 => "COMMIT PREPARED 'nope'",
        24 => "SET LOCAL transaction_read_only = on",
        _ => "COMMIT AND NO CHAIN",
    };
    fixed.to_owned()
}

/// Settings, with values of which some are wrong.
const SETTINGS: &[(&str, &[&str])] = &[
    (
        "DateStyle",
        &["ISO", "'SQL, DMY'", "German", "'Postgres, MDY'", "nonsense"],
    ),
    (
        "TimeZone",
        &[
            "'UTC'",
            "'Europe/Berlin'",
            "'America/New_York'",
            "'Nowhere/Land'",
        ],
    ),
    ("extra_float_digits", &["0", "1", "-3", "3", "99"]),
    ("application_name", &["'a b'", "''", "x", "'it''s; \"it\"'"]),
    (
        "IntervalStyle",
        &["iso_8601", "postgres_verbose", "sql_standard"],
    ),
    ("client_encoding", &["'LATIN1'", "'UTF8'", "'nonsense'"]),
    ("standard_conforming_strings", &["on", "on", "off"]),
    ("bytea_output", &["escape", "hex"]),
    ("statement_timeout", &["'1min'", "0", "120000"]),
    ("work_mem", &["'8MB'", "'many'"]),
    ("enable_seqscan", &["off", "on", "maybe"]),
    ("client_min_messages", &["error", "warning", "notice"]),
    (
        "default_transaction_isolation",
        &["'repeatable read'", "'read committed'"],
    ),
    ("default_transaction_read_only", &["off", "off", "on"]),
    ("row_security", &["on"]),
    ("server_version", &["'1'"]),
    ("no_such_setting", &["1"]),
];

pub fn setting(dice: &mut Dice, asker: Asker) -> String {
    let client = asker.client;
    let path = match dice.below(6) {
        0 => format!("s{client}b"),
        1 => format!("s{client}b, s{client}"),
        2 => "nowhere".to_owned(),
        3 => format!("\"$user\", s{client}, public"),
        4 => "''".to_owned(),
        _ => format!("s{client}, public"),
    };
    let (name, values) = SETTINGS[dice.below(SETTINGS.len())];
    let (name, value) = match dice.below(6) {
        0 => ("search_path", path),
        _ => (name, dice.pick(values).to_owned()),
    };
    match dice.below(16) {
        0..4 => format!("SET {name} = {value}"),
        4 => format!("SET SESSION {name} TO {value}"),
        5 | 6 => format!("SET LOCAL {name} = {value}"),
        7 => format!("RESET {name}"),
        8 => format!("SET {name} TO DEFAULT"),
        9 | 10 => format!("SHOW {name}"),
        11 => format!("SELECT current_setting('{name}')"),
        12 => "RESET ALL".to_owned(),
        13 => {
            let mode = dice.pick(&[
                "READ WRITE",
                "READ ONLY",
                "ISOLATION LEVEL REPEATABLE READ",
                "ISOLATION LEVEL READ COMMITTED",
            ]);
            format!("SET SESSION CHARACTERISTICS AS TRANSACTION {mode}")
        }
        14 => format!(
            "SET {}",
            dice.pick(&[
                "TIME ZONE 'UTC'",
                "TIME ZONE LOCAL",
                "TIME ZONE INTERVAL '+05:30' HOUR TO MINUTE",
                "LOCAL TIME ZONE -3",
                "NAMES 'UTF8'",
                "SCHEMA 'nowhere'",
                "XML OPTION CONTENT"
            ])
        ),
        _ => dice
            .pick(&[
                "SHOW ALL FOR",
                "SHOW TIME ZONE",
                "SHOW search_path",
                "SELECT current_schema, current_schemas(false)",
            ])
            .to_owned(),
    }
}
