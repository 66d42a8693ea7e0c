//! Does the double answer as a real 2.8.4 did, message by message?
//!
//! `transcripts/` holds what was sent to one and what came back (see the README there for the form). Each file is sent to the double again.

use crate::support::run;
use crate::support::wire::{self, Frame, Raw};

use super::Rig;
use super::double::Options;

const FILES: &[(&str, &str)] = &[
    ("01_basic", include_str!("transcripts/01_basic.txt")),
    ("02_ddl", include_str!("transcripts/02_ddl.txt")),
    ("03_set", include_str!("transcripts/03_set.txt")),
    ("04_tx", include_str!("transcripts/04_tx.txt")),
    ("05_catalog", include_str!("transcripts/05_catalog.txt")),
    ("10_wire", include_str!("transcripts/10_wire.txt")),
    ("11_wire2", include_str!("transcripts/11_wire2.txt")),
    ("12_wire3", include_str!("transcripts/12_wire3.txt")),
    ("13_text", include_str!("transcripts/13_text.txt")),
    ("15_check", include_str!("transcripts/15_check.txt")),
];

/// What is sent in one go, and what was answered.
#[derive(Default)]
struct Step {
    line: usize,
    /// On a new connection.
    fresh: bool,
    /// Sent, but the answer is not compared.
    loose: bool,
    sent: Vec<u8>,
    shown: Vec<String>,
    answer: Vec<String>,
}

#[test]
fn the_double_answers_as_a_real_risingwave_did() {
    run(async {
        let options = Options {
            checkpoint: None,
            ..Options::default()
        };
        let rig = Rig::start("rw_golden", options).await;
        let mut wrong = Vec::new();
        let mut compared = 0;
        for (name, text) in FILES {
            let steps = steps(text);
            compared += steps.iter().filter(|step| !step.loose).count();
            replay(&rig, name, &steps, &mut wrong).await;
        }
        assert!(
            wrong.is_empty(),
            "{} of {compared} answers differ:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
        assert!(compared > 850, "only {compared} answers were compared");
    });
}

async fn replay(rig: &Rig, name: &str, steps: &[Step], wrong: &mut Vec<String>) {
    let plain = steps
        .iter()
        .any(|step| step.answer.iter().any(|line| line.starts_with("C rows")));
    let mut raw = rig.raw().await;
    for step in steps {
        if step.fresh {
            raw = rig.raw().await;
        }
        raw.send(&step.sent).await;
        let got = answer(&mut raw, step, plain).await;
        if !step.loose && got != step.answer {
            let (line, sent) = (step.line, step.shown.join(" "));
            let differs = step
                .answer
                .iter()
                .zip(&got)
                .take_while(|(old, new)| old == new)
                .count();
            let shown = |lines: &[String]| lines.get(differs).cloned().unwrap_or_default();
            wrong.push(format!(
                "{name}:{line}: {sent}\n  recorded   {}\n  the double {}",
                shown(&step.answer),
                shown(&got)
            ));
        }
        if got.last().is_some_and(|last| last == "closed") {
            raw = rig.raw().await;
        }
    }
}

/// As much as was answered then: up to as many ReadyForQuery, or as many messages.
async fn answer(raw: &mut Raw, step: &Step, plain: bool) -> Vec<String> {
    let mut got = Vec::new();
    let mut readies = step
        .answer
        .iter()
        .filter(|line| line.starts_with("Z "))
        .count();
    if plain || (step.loose && step.answer.is_empty()) {
        readies = 1;
    }
    let counted = readies == 0;
    while readies > 0 || (counted && got.len() < step.answer.len()) {
        let Some(frame) = raw.frame().await else {
            got.push("closed".to_owned());
            return got;
        };
        readies -= usize::from(frame.tag == 'Z' && readies > 0);
        if plain {
            as_psql_shows(&frame, &mut got);
        } else {
            got.push(as_recorded(&frame));
        }
    }
    got
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let (mut fresh, mut loose) = (false, false);
    for (n, line) in text.lines().enumerate() {
        if line.starts_with("===") {
            fresh = true;
        } else if line.starts_with('~') {
            loose = true;
        } else if let Some(message) = line.strip_prefix("> ") {
            let answered = steps.last().is_none_or(|step| !step.answer.is_empty());
            if answered || fresh || loose {
                steps.push(Step {
                    line: n + 1,
                    fresh,
                    loose,
                    ..Step::default()
                });
                (fresh, loose) = (false, false);
            }
            let step = steps.last_mut().expect("a step");
            step.sent.extend(sent(message));
            step.shown.push(message.to_owned());
        } else if let Some(message) = line.strip_prefix("< ") {
            steps
                .last_mut()
                .expect("something was sent")
                .answer
                .push(message.to_owned());
        }
    }
    steps
}

/// The bytes of a message as it is written in the files.
fn sent(message: &str) -> Vec<u8> {
    let (tag, rest) = message.split_once(' ').unwrap_or((message, ""));
    match tag {
        "Q" => wire::query(&unescaped(rest)),
        "P" => {
            let (name, rest) = rest.split_once(" [").expect("a name");
            let (types, sql) = rest
                .split_once("] ")
                .unwrap_or((rest.trim_end_matches(']'), ""));
            let types: Vec<u32> = types
                .split_whitespace()
                .map(|t| t.parse().expect("an oid"))
                .collect();
            wire::parse_typed(name.trim_matches('\''), &unescaped(sql), &types)
        }
        "B" => bind(rest),
        "D" | "C" => {
            let (kind, name) = rest.split_once(' ').expect("a kind");
            let kind = kind.chars().next().expect("a kind");
            let name = name.trim_matches('\'');
            if tag == "D" {
                wire::describe(kind, name)
            } else {
                wire::close(kind, name)
            }
        }
        "E" => {
            let (name, rows) = rest.split_once(' ').expect("a name");
            wire::execute(name.trim_matches('\''), rows.parse().expect("a number"))
        }
        "S" => wire::sync(),
        "H" => wire::flush(),
        _ => panic!("what is {message:?}?"),
    }
}

/// `'portal' 'statement' : 'value' NULL : 1 : 0 0`
fn bind(text: &str) -> Vec<u8> {
    let mut words = words(text).into_iter();
    let mut next = || words.next().expect("a word");
    let (portal, statement) = (next(), next());
    assert_eq!(next(), Word::Bare(":".to_owned()));
    let mut parts: Vec<Vec<Word>> = vec![Vec::new()];
    for word in words {
        match word {
            Word::Bare(colon) if colon == ":" => parts.push(Vec::new()),
            word => parts.last_mut().expect("a part").push(word),
        }
    }
    let formats = |part: &[Word]| part.iter().map(Word::number).collect::<Vec<u16>>();
    let values: Vec<Option<Vec<u8>>> = parts[0].iter().map(Word::value).collect();
    let values: Vec<Option<&[u8]>> = values.iter().map(Option::as_deref).collect();
    wire::bind_in(
        &portal.text(),
        &statement.text(),
        &formats(&parts[1]),
        &values,
        &formats(&parts[2]),
    )
}

#[derive(Debug, PartialEq)]
enum Word {
    Quoted(Vec<u8>),
    Bare(String),
}

impl Word {
    fn text(&self) -> String {
        match self {
            Self::Quoted(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::Bare(text) => text.clone(),
        }
    }

    fn number(&self) -> u16 {
        self.text().parse().expect("a number")
    }

    fn value(&self) -> Option<Vec<u8>> {
        match self {
            Self::Quoted(bytes) => Some(bytes.clone()),
            Self::Bare(null) => {
                assert_eq!(null, "NULL");
                None
            }
        }
    }
}

fn words(text: &str) -> Vec<Word> {
    let mut found = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(first) = chars.next() {
        match first {
            ' ' => {}
            '\'' => {
                let mut bytes = Vec::new();
                while let Some(char) = chars.next().filter(|c| *c != '\'') {
                    match (char, char == '\\') {
                        (_, true) => bytes.push(match chars.next().expect("an escape") {
                            'n' => b'\n',
                            't' => b'\t',
                            'x' => {
                                let hex: String = chars.by_ref().take(2).collect();
                                u8::from_str_radix(&hex, 16).expect("two digits")
                            }
                            other => u8::try_from(other).expect("a byte"),
                        }),
                        (char, false) => bytes.push(u8::try_from(char).expect("a byte")),
                    }
                }
                found.push(Word::Quoted(bytes));
            }
            _ => {
                let mut word = first.to_string();
                while let Some(char) = chars.next_if(|c| *c != ' ') {
                    word.push(char);
                }
                found.push(Word::Bare(word));
            }
        }
    }
    found
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                other => out.extend(other),
            },
            _ => out.push(char),
        }
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('\t', "\\t")
}

fn quoted(bytes: &[u8]) -> String {
    let mut out = "'".to_owned();
    for byte in bytes {
        match byte {
            b'\'' | b'\\' => out.extend(['\\', char::from(*byte)]),
            b'\n' => out.push_str("\\n"),
            b'\t' => out.push_str("\\t"),
            32..127 => out.push(char::from(*byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out + "'"
}

fn complaint(frame: &Frame) -> String {
    let field = |field| frame.field(field).unwrap_or_default();
    assert!(
        !frame.body.contains(&b'V') || frame.field('V').is_none(),
        "no V: {frame:?}"
    );
    format!("{} {} {}", frame.tag, field('C'), escaped(&field('M')))
}

/// A message in the files' form.
fn as_recorded(frame: &Frame) -> String {
    match frame.tag {
        'Z' => format!("Z {}", char::from(frame.body[0])),
        'E' | 'N' => complaint(frame),
        'C' => format!("C {}", frame.string()),
        'D' => {
            let row = frame.row();
            let values: Vec<String> = row
                .iter()
                .map(|v| v.as_deref().map_or("NULL".to_owned(), quoted))
                .collect();
            format!("D {}", values.join(" "))
        }
        'T' => {
            let shown = |(name, rest): &(String, Vec<u8>)| {
                let number = |at: usize| i16::from_be_bytes([rest[at], rest[at + 1]]);
                let oid = i32::from_be_bytes([rest[6], rest[7], rest[8], rest[9]]);
                assert_eq!(
                    (&rest[..6], &rest[12..16]),
                    (&[0; 6][..], &[255; 4][..]),
                    "no table, no modifier"
                );
                format!(
                    "{}:{oid}:{}:{}",
                    quoted(name.as_bytes()),
                    number(10),
                    number(16)
                )
            };
            let columns: Vec<String> = columns(frame).iter().map(shown).collect();
            format!("T {}", columns.join(" "))
        }
        't' => {
            let oid = |bytes: &[u8]| {
                i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]).to_string()
            };
            let oids: Vec<String> = frame.body[2..].chunks(4).map(oid).collect();
            format!("t {}", oids.join(" "))
        }
        'H' | 'd' => format!("{} {}", frame.tag, quoted(&frame.body)),
        tag => tag.to_string(),
    }
}

/// The columns of a RowDescription: name, and the 18 bytes behind it.
fn columns(frame: &Frame) -> Vec<(String, Vec<u8>)> {
    let mut rest = &frame.body[2..];
    let mut found = Vec::new();
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        let name = String::from_utf8_lossy(&rest[..end]).into_owned();
        found.push((name, rest[end + 1..end + 19].to_vec()));
        rest = &rest[end + 19..];
    }
    found
}

/// A message as psql printed it: no types, NULL like an empty text, the number of rows instead of the tag of a query.
fn as_psql_shows(frame: &Frame, got: &mut Vec<String>) {
    match frame.tag {
        'Z' => {}
        'T' => {
            let names: Vec<String> = columns(frame).into_iter().map(|(name, _)| name).collect();
            got.push(format!("T {}", names.join(" | ")));
        }
        'D' => {
            let text = |value: Option<Vec<u8>>| {
                let text = String::from_utf8_lossy(&value.unwrap_or_default()).into_owned();
                escaped(text.trim())
            };
            let values: Vec<String> = frame.row().into_iter().map(text).collect();
            got.push(format!("D {}", values.join(" | ")));
        }
        'C' => {
            let tag = frame.string();
            let table = got.iter().rposition(|line| line.starts_with("T "));
            let open = table.filter(|at| !got[*at..].iter().any(|line| line.starts_with("C ")));
            if let Some(at) = open {
                let rows = got.len() - at - 1;
                got.push(format!("C rows {rows}"));
            }
            let changes = ["INSERT", "UPDATE", "DELETE"]
                .iter()
                .any(|verb| tag.starts_with(verb));
            if open.is_none() || changes {
                got.push(format!("C {tag}"));
            }
        }
        'E' | 'N' => got.push(complaint(frame)),
        tag => got.push(tag.to_string()),
    }
}
