//! Bytes that no client should send: an error and a close, and nobody else notices.

use tokio::task::JoinSet;

use crate::support::program::Served;
use crate::support::tide::{Setup, Sides, open};
use crate::support::wire::{
    Raw, bind, describe, execute, message, parse, query, sqlstates, startup, status, sync, tags,
    values, whole,
};
use crate::support::{run, sql};

/// The router as a program, so that a panic, a leak or an exit would be seen.
struct Target {
    served: Served,
    sides: Sides,
    bystander: tokio_postgres::Client,
}

impl Target {
    async fn new(hint: &str) -> Self {
        let (served, sides) = Setup::new(hint).await.serve().await;
        let mut config = tokio_postgres::Config::new();
        config
            .host("127.0.0.1")
            .port(served.port())
            .user("app")
            .dbname(&sides.database);
        let (bystander, _) = open(&config, tokio_postgres::NoTls).await.unwrap();
        Self {
            served,
            sides,
            bystander,
        }
    }

    async fn raw(&self) -> Raw {
        let mut raw = Raw::connect(&self.served.address).await;
        raw.log_in("app", &self.sides.database).await;
        raw
    }

    /// What was sent after a login must end the connection with a protocol violation.
    async fn violates(&self, bytes: &[u8]) {
        let mut raw = self.raw().await;
        raw.try_send(bytes).await;
        let frames = raw.rest().await;
        let shown = &bytes[..bytes.len().min(40)];
        assert_eq!(sqlstates(&frames), ["08P01"], "{shown:?}: {frames:?}");
        assert_eq!(
            frames.last().and_then(|frame| frame.field('V')).as_deref(),
            Some("FATAL"),
            "{shown:?}"
        );
    }

    /// Nobody else has noticed anything.
    async fn unharmed(mut self) {
        assert_eq!(
            sql::scalar(&self.bystander, "SELECT count(*) FROM orders").await,
            "100"
        );
        assert_eq!(
            sql::scalar(&self.bystander, "SELECT count(*) FROM customers").await,
            "3"
        );
        assert!(self.served.runs());
        let log = self.served.log();
        assert!(!log.contains("panicked"), "{log}");
        let megabytes = self.served.megabytes();
        assert!(megabytes < 400, "{megabytes} MB");
    }
}

#[test]
fn lengths_that_cannot_be_are_refused() {
    run(async {
        let target = Target::new("bad_lengths").await;
        for tag in [
            b'Q', b'P', b'B', b'E', b'D', b'C', b'S', b'H', b'F', b'd', b'c', b'f',
        ] {
            for length in [0u32, 1, 2, 3, 0x8000_0000, u32::MAX] {
                target
                    .violates(&[&[tag][..], &length.to_be_bytes()].concat())
                    .await;
            }
        }
        target.unharmed().await;
    });
}

#[test]
fn messages_longer_than_their_kind_may_be_are_refused_unread() {
    run(async {
        let target = Target::new("long_messages").await;
        for tag in [b'S', b'H', b'D', b'C', b'E', b'X'] {
            target
                .violates(&[&[tag][..], &20_000u32.to_be_bytes()].concat())
                .await;
        }
        for tag in [b'Q', b'P', b'B', b'F', b'd'] {
            target
                .violates(&[&[tag][..], &0x3fff_ffffu32.to_be_bytes()].concat())
                .await;
        }
        target.unharmed().await;
    });
}

#[test]
fn unknown_messages_are_refused() {
    run(async {
        let target = Target::new("unknown_tags").await;
        for tag in 0..=255u8 {
            if b"QPBEDCSHFdcfXp".contains(&tag) {
                continue;
            }
            target.violates(&message(tag, b"abc")).await;
        }
        // A password when nobody asked.
        target.violates(&message(b'p', b"secret\0")).await;
        target.unharmed().await;
    });
}

#[test]
fn malformed_bodies_are_refused() {
    run(async {
        let target = Target::new("bodies").await;
        for bytes in [
            message(b'Q', b""),
            message(b'Q', b"SELECT 1"),
            message(b'Q', b"SELECT 1\0more\0"),
            message(b'P', b""),
            message(b'P', b"name"),
            message(b'P', b"\0SELECT 1\0"),
            message(b'P', b"\0SELECT 1\0\0\x05"),
            message(b'P', b"\0SELECT 1\0\xff\xff"),
            message(b'P', b"\0SELECT 1\0\0\0left"),
            message(b'D', b""),
            message(b'D', b"X\0"),
            message(b'D', b"Sname"),
            message(b'D', b"S\0more"),
            message(b'C', b"Z\0"),
            message(b'E', b"\0"),
            message(b'E', b"\0\0\0\0\0\0"),
            message(b'E', b"portal"),
            message(b'S', b"x"),
            message(b'B', b"no zero"),
            message(b'B', b"portal\0no zero"),
        ] {
            target.violates(&bytes).await;
        }
        target.unharmed().await;
    });
}

#[test]
fn binds_with_wrong_counts_fail_on_either_side_and_the_session_goes_on() {
    run(async {
        let target = Target::new("binds").await;
        for table in ["customers", "orders"] {
            for rest in [
                &b""[..],
                b"\0",
                b"\0\0",
                b"\0\0\0\x05\0\0",
                b"\0\0\xff\xff\0\0",
                b"\xff\xff\0\0\0\0",
                b"\0\0\0\x01\x7f\xff\xff\xff\0\0",
                b"\0\0\0\x01\0\0\0\x05ab\0\0",
                b"\0\0\0\0\0\x01",
                b"\0\x03\0\0\0\0\0\0\0\0\0\0",
                b"\0\0\0\x01\0\0\0\x011\0\0extra",
            ] {
                let mut raw = target.raw().await;
                let text = format!("SELECT id FROM {table} WHERE id = $1");
                let bad = message(b'B', &[b"\0\0", rest].concat());
                raw.send(&[parse("", &text), bad, execute("", 0), sync()].concat())
                    .await;
                let frames = raw.until_ready().await;
                assert!(tags(&frames).contains('E'), "{table} {rest:?}: {frames:?}");
                if frames.last().is_some_and(|frame| frame.tag == 'Z') {
                    assert_eq!(status(&frames), 'I');
                    assert_eq!(values(&raw.query("SELECT 1").await), ["1"]);
                }
            }
        }
        target.unharmed().await;
    });
}

#[test]
fn messages_split_into_single_bytes_and_messages_merged_into_one_packet_are_read() {
    run(async {
        let target = Target::new("split").await;
        let mut raw = Raw::connect(&target.served.address).await;
        let login = startup(
            3 << 16,
            &[("user", "app"), ("database", &target.sides.database)],
        );
        for byte in login {
            raw.send(&[byte]).await;
        }
        raw.welcomed().await;
        let all = [
            query("SELECT count(*) FROM orders"),
            query("SELECT count(*) FROM customers"),
            [whole("SELECT max(id) FROM orders"), sync()].concat(),
        ]
        .concat();
        for byte in &all {
            raw.send(&[*byte]).await;
        }
        for expected in ["100", "3", "100"] {
            assert_eq!(values(&raw.until_ready().await), [expected]);
        }
        for size in [2, 3, 7, 64, all.len()] {
            for piece in all.chunks(size) {
                raw.send(piece).await;
            }
            for expected in ["100", "3", "100"] {
                assert_eq!(values(&raw.until_ready().await), [expected]);
            }
        }
        target.unharmed().await;
    });
}

#[test]
fn very_long_names_are_names() {
    run(async {
        let target = Target::new("long_names").await;
        let name = "n".repeat(10_000);
        for table in ["customers", "orders"] {
            let mut raw = target.raw().await;
            let text = format!("SELECT min(id) FROM {table}");
            let frames = raw
                .batch(&[
                    parse(&name, &text),
                    bind(&name, &name, &[]),
                    execute(&name[..10], 0),
                ])
                .await;
            assert_eq!(sqlstates(&frames), ["34000"]);
            let frames = raw.batch(&[parse("", &text), bind(&name, "", &[])]).await;
            assert_eq!(tags(&frames), "12Z", "{table}");
            // Describe is one of the small messages.
            let frames = raw
                .batch(&[
                    bind("", &name[1..].replace('n', "m"), &[]),
                    describe('S', ""),
                ])
                .await;
            assert_eq!(sqlstates(&frames), ["26000"]);
        }
        let mut raw = target.raw().await;
        raw.try_send(&describe('S', &name)).await;
        assert_eq!(sqlstates(&raw.rest().await), ["08P01"]);
        target.unharmed().await;
    });
}

#[test]
fn statements_made_to_exhaust_the_parser_are_answered() {
    run(async {
        let target = Target::new("deep").await;
        let mut raw = target.raw().await;
        for text in [
            format!(
                "SELECT {}1{} FROM orders",
                "(".repeat(5_000),
                ")".repeat(5_000)
            ),
            format!("SELECT {} FROM orders", vec!["1"; 20_000].join(" + ")),
            format!(
                "SELECT 1 FROM orders WHERE {}",
                vec!["id = 1"; 10_000].join(" OR ")
            ),
            format!("SELECT {} FROM orders", "NOT ".repeat(20_000) + "true"),
            format!("{} SELECT 1 FROM orders", "EXPLAIN ".repeat(1_000)),
            format!("SELECT 1 FROM orders {}", "/*".repeat(10_000)),
            format!("SELECT {}1{}", "ARRAY[".repeat(2_000), "]".repeat(2_000)),
            format!(
                "SELECT * FROM {}orders{}",
                "(SELECT * FROM ".repeat(500),
                ") x".repeat(500)
            ),
            "SELECT 'unterminated FROM orders".to_owned(),
            "SELECT $tag$ unterminated FROM orders".to_owned(),
            "SELECT \"unterminated FROM orders".to_owned(),
            "\u{0}".replace('\0', "\u{1}").repeat(1_000),
            "é☃\u{10ffff} FROM orders".to_owned(),
            ";".repeat(50_000),
            "SELECT 1;".repeat(2_000),
        ] {
            let frames = raw.query(&text).await;
            assert_eq!(
                frames.last().map(|frame| frame.tag),
                Some('Z'),
                "{}",
                &text[..text.len().min(60)]
            );
        }
        let mut bytes = b"SELECT '\xff\xfe\x80' FROM orders".to_vec();
        bytes.push(0);
        raw.send(&message(b'Q', &bytes)).await;
        assert_eq!(status(&raw.until_ready().await), 'I');
        target.unharmed().await;
    });
}

#[test]
fn connections_that_end_at_any_point_leave_nothing_behind() {
    run(async {
        let target = Target::new("cut").await;
        let login = startup(
            3 << 16,
            &[("user", "app"), ("database", &target.sides.database)],
        );
        let all = [
            login,
            query("SELECT count(*) FROM orders"),
            whole("SELECT count(*) FROM orders"),
            sync(),
        ]
        .concat();
        for end in 0..all.len() {
            let mut raw = Raw::connect(&target.served.address).await;
            raw.send(&all[..end]).await;
            if end % 2 == 0 {
                raw.finish().await;
            }
        }
        let alone = || async {
            let name = "tidegate_clients";
            crate::support::http::sample(&target.served.http, name).await == Some(1.0)
        };
        crate::support::eventually("only the bystander is left", alone).await;
        target.unharmed().await;
    });
}

/// A small generator of numbers that are always the same.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most);
        (0..length).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

/// Bytes that look more or less like messages.
fn garbage(dice: &mut Dice) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..=dice.below(6) {
        let tag = b"QPBEDCSHFdcfp\0\xffZ"[dice.below(16)];
        match dice.below(8) {
            0 => out.extend(dice.bytes(200)),
            1 => out.extend(message(tag, &dice.bytes(100))),
            2 => {
                let mut body = dice.bytes(20);
                body.push(0);
                out.extend(message(tag, &body));
            }
            3 => out.extend(whole("SELECT count(*) FROM orders")),
            4 => out.extend(query("SELECT 1; SELECT count(*) FROM orders")),
            5 => {
                let mut frame = whole("SELECT id FROM customers");
                let at = dice.below(frame.len());
                frame[at] = dice.next().to_le_bytes()[0];
                out.extend(frame);
            }
            6 => out.extend(sync()),
            _ => {
                let cut = dice.below(20);
                out.extend(&bind("p", "", &["a"])[..cut]);
            }
        }
    }
    out
}

#[test]
fn garbage_ends_every_connection_and_harms_nobody() {
    run(async {
        let target = Target::new("garbage").await;
        let (address, database) = (target.served.address.clone(), target.sides.database.clone());
        let mut running = JoinSet::new();
        for seed in 0..1000u64 {
            let (address, database) = (address.clone(), database.clone());
            if running.len() >= 16 {
                running.join_next().await.unwrap().unwrap();
            }
            running.spawn(async move {
                let mut dice = Dice(seed);
                let mut raw = Raw::connect(&address).await;
                if seed % 4 == 0 {
                    raw.try_send(&dice.bytes(300)).await;
                } else {
                    raw.log_in("app", &database).await;
                    raw.try_send(&garbage(&mut dice)).await;
                }
                raw.finish().await;
                // It ends, whatever it was; that frames are whole is checked on the way.
                raw.rest().await;
            });
        }
        while let Some(ended) = running.join_next().await {
            ended.unwrap();
        }
        target.unharmed().await;
    });
}
