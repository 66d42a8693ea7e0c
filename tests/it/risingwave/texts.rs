//! Are the texts that RisingWave is sent for binary values those that PostgreSQL writes?

use tidegate::backend::engine;
use tidegate::backend::engine::values::{Sent, Values};
use tidegate::config::Engine;

use crate::support::run;
use crate::support::tide::Sides;
use crate::support::wire::{Raw, bind_in, describe, execute, parse};

use super::through_parameters::{UUID, bytes};

#[test]
fn every_binary_value_that_is_sent_as_text_is_the_text_that_postgres_gives() {
    run(async {
        let sides = Sides::new("rw_texts").await;
        let mut raw = sides.direct().await;
        raw.query("SET TimeZone = 'UTC'").await;
        raw.query("CREATE TYPE mood AS ENUM ('so so', 'good')")
            .await;
        let values = values_of_risingwave();
        let mut compared = 0;
        for (name, texts) in LITERALS {
            for text in *texts {
                for array in [false, true] {
                    let quoted = text.replace('\'', "''");
                    let sql = if array {
                        format!("SELECT ARRAY['{quoted}'::{name}, NULL, '{quoted}'::{name}]")
                    } else {
                        format!("SELECT '{quoted}'::{name}")
                    };
                    let (oid, binary) = value_in(&mut raw, &sql, 1).await;
                    let (_, text) = value_in(&mut raw, &sql, 0).await;
                    let sent = values.send(oid, &binary);
                    match sent {
                        Sent::Text(sent) => {
                            let (sent, text) = (
                                String::from_utf8_lossy(&sent),
                                String::from_utf8_lossy(&text),
                            );
                            assert_eq!(sent, text, "{sql}");
                            compared += 1;
                        }
                        // Arrays of enums have a type of the database's own, which nobody has told of.
                        Sent::Unknown => assert!(array && *name == "mood", "{sql}"),
                        other => assert_eq!((other, array), (Sent::AsItIs, false), "{sql}"),
                    }
                }
            }
        }
        assert!(compared > 150, "{compared}");
        let sql = "SELECT ARRAY[[1, 2], [3, NULL]]";
        let (oid, binary) = value_in(&mut raw, sql, 1).await;
        assert_eq!(
            values.send(oid, &binary),
            Sent::Text(b"{{1,2},{3,NULL}}".to_vec())
        );
    });
}

fn values_of_risingwave() -> &'static dyn Values {
    engine::dialect(Engine::Risingwave)
        .values()
        .expect("RisingWave's values")
}

/// The type and the value of the only column of the only row.
async fn value_in(raw: &mut Raw, sql: &str, format: u16) -> (u32, Vec<u8>) {
    let steps = [
        parse("", sql),
        bind_in("", "", &[], &[], &[format]),
        describe('P', ""),
        execute("", 0),
    ];
    let frames = raw.batch(&steps).await;
    let columns = frames.iter().find(|frame| frame.tag == 'T');
    let body = &columns.unwrap_or_else(|| panic!("{sql}: {frames:?}")).body;
    let name = body[2..]
        .iter()
        .position(|byte| *byte == 0)
        .expect("a name")
        + 3;
    let oid = body[name + 6..name + 10].try_into().expect("four bytes");
    let value = bytes(&frames)[0][0].clone().expect("a value");
    (u32::from_be_bytes(oid), value)
}

const LITERALS: &[(&str, &[&str])] = &[
    ("bool", &["t", "f"]),
    ("bytea", &["", "\\x00ff10", "abc"]),
    ("int2", &["0", "-32768"]),
    ("int4", &["1", "-2147483648"]),
    ("int8", &["9223372036854775807"]),
    ("oid", &["0", "4294967295"]),
    ("\"char\"", &["a", ""]),
    ("name", &["a name"]),
    (
        "text",
        &[
            "",
            "plain",
            "NULL",
            "a b",
            "q\"q",
            "b\\b",
            "{}",
            "c,c",
            "ümlaut",
            "line\nline",
        ],
    ),
    ("varchar", &["x"]),
    ("char(4)", &["ab"]),
    ("json", &["{\"a\": [1, 2]}"]),
    ("jsonb", &["{\"a\": [1, 2], \"b\": \"c\"}", "null"]),
    ("uuid", &[UUID, "00000000-0000-0000-0000-000000000000"]),
    (
        "float4",
        &[
            "0",
            "-0",
            "1.5",
            "1e6",
            "123456",
            "999999.9",
            "1e-5",
            "0.0001",
            "3.4028235e38",
            "NaN",
            "Infinity",
            "-Infinity",
        ],
    ),
    (
        "float8",
        &[
            "0",
            "-0",
            "0.1",
            "1e15",
            "123456789012345",
            "1e-4",
            "1e-5",
            "1.7976931348623157e308",
            "5e-324",
            "NaN",
            "9007199254740993",
            "100",
            "-1.25",
            "Infinity",
            "-Infinity",
            "1e22",
        ],
    ),
    (
        "numeric",
        &[
            "0",
            "0.00",
            "1.5",
            "-12345.6789",
            "10000",
            "100000000",
            "0.0001",
            "0.00000001",
            "123456789012345678901234567890.123456789",
            "NaN",
            "Infinity",
            "-Infinity",
            "1.10",
            "9999.9999",
            "10001.5",
        ],
    ),
    (
        "date",
        &[
            "2024-02-29",
            "0044-03-15 BC",
            "0001-01-01",
            "infinity",
            "-infinity",
            "12345-06-07",
            "4713-01-01 BC",
        ],
    ),
    (
        "time",
        &["00:00:00", "24:00:00", "12:34:56.789", "00:00:00.000001"],
    ),
    (
        "timetz",
        &["12:34:56+02", "12:34:56.5-05:30", "00:00:00+01:02:03"],
    ),
    (
        "timestamp",
        &[
            "2024-01-02 03:04:05",
            "1999-12-31 23:59:59.999999",
            "0044-03-15 01:02:03 BC",
            "infinity",
            "-infinity",
        ],
    ),
    (
        "timestamptz",
        &[
            "2024-01-02 03:04:05+02",
            "1900-01-01 00:00:00.5+00",
            "0044-03-15 01:02:03+00 BC",
            "infinity",
        ],
    ),
    (
        "interval",
        &[
            "0",
            "1 day",
            "2 days",
            "1 year 2 mons 3 days 04:05:06.789",
            "-1 years -2 mons +3 days -04:05:06",
            "-1 days +00:00:01",
            "100:00:00",
            "-00:00:00.000001",
            "1 mon -1 day",
            "14 mons",
        ],
    ),
    (
        "inet",
        &[
            "127.0.0.1",
            "10.0.0.1/8",
            "::1",
            "2001:db8::ff00:42:8329",
            "::ffff:1.2.3.4",
            "::1.2.3.4",
            "fe80::/64",
        ],
    ),
    ("cidr", &["10.0.0.0/8", "127.0.0.1/32", "2001:db8::/32"]),
    ("macaddr", &["08:00:2b:01:02:03"]),
    ("macaddr8", &["08:00:2b:01:02:03:04:05"]),
    ("bit(5)", &["10101"]),
    ("varbit", &["", "1", "1010101010"]),
    ("pg_lsn", &["16/B374D848", "0/0"]),
    ("mood", &["so so", "good"]),
];
