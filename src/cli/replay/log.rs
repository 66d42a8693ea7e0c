//! Which statements does a query log hold?
//!
//! Three forms: one statement a line, PostgreSQL's csv log, PostgreSQL's plain (stderr) log. A log is cut off at its ends, rotated, and
//! written by a server that may have crashed; what cannot be read is told with its line, and reading goes on at the next line that begins
//! a record.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use super::lines::{Line, Lines, RECORD_BYTES_MAX};
use super::message::Message;
use super::{csvlog, stderr_log};

/// Bytes from the beginning of a log by which its form is told.
const SAMPLE_BYTES: u64 = 64 * 1024;

/// The form of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// Told by the beginning of the file.
    Auto,
    /// One statement a line, or several separated by `;`.
    Lines,
    /// PostgreSQL's csv log.
    Csv,
    /// PostgreSQL's plain log.
    Stderr,
}

/// What a log holds next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A text of one or more statements that was run.
    Statement(Logged),
    /// A message about something else.
    Other,
    /// A line that cannot be read.
    Unreadable(u64),
}

/// A text of one or more statements, and whose it is where the log says so.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Logged {
    /// The line on which it begins.
    pub(super) line: u64,
    /// The statements.
    pub(super) sql: Vec<u8>,
    pub(super) user: Option<String>,
    pub(super) database: Option<String>,
    pub(super) application: Option<String>,
}

/// Reads a log once, holding one record at a time.
pub(super) struct Log {
    lines: Lines<Box<dyn BufRead>>,
    format: Format,
    held: Option<Line>,
}

impl Log {
    /// # Errors
    /// What the file system says.
    pub(super) fn open(mut file: impl Read + 'static, format: Format) -> io::Result<Self> {
        let mut sample = Vec::new();
        file.by_ref().take(SAMPLE_BYTES).read_to_end(&mut sample)?;
        let format = match format {
            Format::Auto => recognise(&sample),
            told => told,
        };
        let whole = Cursor::new(sample).chain(BufReader::new(file));
        Ok(Self {
            lines: Lines::new(Box::new(whole)),
            format,
            held: None,
        })
    }

    /// The next entry, `None` at the end.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn next(&mut self) -> io::Result<Option<Entry>> {
        loop {
            let Some(line) = self.line()? else {
                return Ok(None);
            };
            let number = line.number;
            let Some(text) = line.text else {
                return Ok(Some(Entry::Unreadable(number)));
            };
            if text.trim_ascii().is_empty() {
                continue;
            }
            let message = match self.format {
                Format::Auto | Format::Lines => {
                    let logged = Logged {
                        line: number,
                        sql: text,
                        ..Logged::default()
                    };
                    return Ok(Some(Entry::Statement(logged)));
                }
                Format::Csv => self.csv(text)?,
                Format::Stderr => self.stderr(text)?,
            };
            return Ok(Some(match message {
                Some(message) => entry(number, message),
                None => Entry::Unreadable(number),
            }));
        }
    }

    fn line(&mut self) -> io::Result<Option<Line>> {
        match self.held.take() {
            Some(line) => Ok(Some(line)),
            None => self.lines.next(),
        }
    }

    /// The rest of a record in which a quote is open, up to a line that begins another.
    fn csv(&mut self, mut record: Vec<u8>) -> io::Result<Option<Message>> {
        if !csvlog::begins(&record) {
            return Ok(None);
        }
        let quotes = |text: &[u8]| memchr::memchr_iter(b'"', text).count();
        let mut open = quotes(&record) % 2 == 1;
        while open {
            match self.line()? {
                Some(Line {
                    text: Some(text), ..
                }) if !csvlog::begins(&text) && record.len() + text.len() < RECORD_BYTES_MAX => {
                    open ^= quotes(&text) % 2 == 1;
                    record.push(b'\n');
                    record.extend_from_slice(&text);
                }
                Some(other) => {
                    self.held = Some(other);
                    return Ok(None);
                }
                None => return Ok(None),
            }
        }
        Ok(csvlog::message(&record))
    }

    /// The further lines of an entry, which begin with a tab.
    fn stderr(&mut self, mut record: Vec<u8>) -> io::Result<Option<Message>> {
        if !stderr_log::begins(&record) {
            return Ok(None);
        }
        loop {
            match self.line()? {
                Some(Line {
                    text: Some(text), ..
                }) if text.first() == Some(&b'\t')
                    && record.len() + text.len() < RECORD_BYTES_MAX =>
                {
                    record.push(b'\n');
                    record.extend_from_slice(&text[1..]);
                }
                Some(other) => {
                    // The rest of an entry that is too long is no statement of its own.
                    let torn = other
                        .text
                        .as_ref()
                        .is_some_and(|text| text.first() == Some(&b'\t'));
                    self.held = Some(other);
                    return Ok(if torn {
                        None
                    } else {
                        stderr_log::message(&record)
                    });
                }
                None => return Ok(stderr_log::message(&record)),
            }
        }
    }
}

fn entry(line: u64, message: Message) -> Entry {
    let Some(sql) = message.statement().map(<[u8]>::to_vec) else {
        return Entry::Other;
    };
    Entry::Statement(Logged {
        line,
        sql,
        user: message.user,
        database: message.database,
        application: message.application,
    })
}

/// The form of the first line that has one of PostgreSQL's; the very first may be the rest of a record.
fn recognise(sample: &[u8]) -> Format {
    for line in sample.split(|byte| *byte == b'\n') {
        if csvlog::begins(line) {
            return Format::Csv;
        }
        if stderr_log::begins(line) {
            return Format::Stderr;
        }
    }
    Format::Lines
}
