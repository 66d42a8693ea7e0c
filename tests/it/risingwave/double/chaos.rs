//! In which ways can the double break the protocol on purpose?

use super::errors::{Doing, Failure};
use super::session::{Closed, Session};
use super::wire;

/// What goes wrong with a statement that has a certain text in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mischief {
    /// A second ReadyForQuery behind a good answer.
    ExtraReady,
    /// A good answer without its ReadyForQuery; then silence.
    MissingReady,
    /// The connection is closed before any answer.
    CloseAtOnce,
    /// …behind the columns.
    CloseAfterColumns,
    /// …in the middle of a row.
    CloseInRow,
    /// …in the middle of a row that is [`LONG_ROW`] bytes long.
    CloseInLongRow,
    /// …behind the last row, before the statement is complete.
    CloseBeforeComplete,
    /// …where ReadyForQuery should come.
    CloseBeforeReady,
    /// A message of a type that does not exist.
    UnknownMessage,
    /// A length that says less than nothing.
    BadLength,
    /// A length that promises more than ever comes.
    HugeLength,
    /// Rows without end.
    Endless,
    /// No answer, and the connection stays open.
    Silence,
    /// The handler panics.
    Panic,
    /// It finds out when it runs a statement that it cannot.
    Lacks,
    /// …behind a row.
    LacksBehindRow,
}

/// Bytes of a row that is more than anybody wants to hold.
pub const LONG_ROW: u32 = 1 << 20;

const COLUMNS: &[u8] = b"T\0\0\0\x1a\0\x01n\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0";
const ROW: &[u8] = b"D\0\0\0\x0b\0\x01\0\0\0\x011";
const COMPLETE: &[u8] = b"C\0\0\0\x0dSELECT 1\0";
const READY: &[u8] = b"Z\0\0\0\x05I";

impl Session {
    /// Answers in a broken way. `simple` says whether columns belong before the rows, and readiness behind.
    pub async fn misbehave(&mut self, mischief: Mischief, simple: bool) -> Result<(), Closed> {
        let columns = if simple { COLUMNS } else { b"" };
        let ready = if simple { READY } else { b"" };
        let whole = [columns, ROW, COMPLETE].concat();
        let (sent, then_close) = match mischief {
            Mischief::ExtraReady => ([&whole, ready, READY].concat(), false),
            Mischief::MissingReady => {
                self.say(&whole).await;
                self.wire.closed().await;
                return Err(Closed);
            }
            Mischief::CloseAtOnce => (Vec::new(), true),
            Mischief::CloseAfterColumns => (columns.to_vec(), true),
            Mischief::CloseInRow => ([columns, &ROW[..8]].concat(), true),
            Mischief::CloseInLongRow => {
                let head = [&b"D"[..], &(LONG_ROW - 1).to_be_bytes()].concat();
                let half = vec![b'x'; LONG_ROW as usize / 2];
                ([columns, &head, &half].concat(), true)
            }
            Mischief::CloseBeforeComplete => ([columns, ROW].concat(), true),
            Mischief::CloseBeforeReady => (whole, true),
            Mischief::UnknownMessage => (
                [columns, b"?\0\0\0\x05!", ROW, COMPLETE, ready].concat(),
                false,
            ),
            Mischief::BadLength => ([columns, b"D\0\0\0\x01"].concat(), false),
            Mischief::HugeLength => ([columns, b"D\x7f\xff\xff\xff\0\x01"].concat(), false),
            Mischief::Endless => {
                self.say(columns).await;
                let rows = ROW.repeat(1000);
                while self.try_say(&rows).await {}
                return Err(Closed);
            }
            Mischief::Silence => {
                self.wire.closed().await;
                return Err(Closed);
            }
            Mischief::Panic => {
                self.fail(&Failure::panic("a bug"), Doing::Running)?;
                return Err(Closed);
            }
            Mischief::Lacks | Mischief::LacksBehindRow => {
                if mischief == Mischief::LacksBehindRow {
                    self.say(&[columns, ROW].concat()).await;
                }
                let failure = Failure::unimplemented("such a plan");
                if simple {
                    self.fail(&failure, Doing::Running)?;
                    self.ready();
                } else {
                    self.skipping = true;
                    self.fail(&failure, Doing::Executing)?;
                }
                return Ok(());
            }
        };
        self.say(&sent).await;
        match mischief {
            _ if then_close => Err(Closed),
            // There is nothing that could be said behind a length like that.
            Mischief::BadLength | Mischief::HugeLength => {
                self.wire.closed().await;
                Err(Closed)
            }
            _ => Ok(()),
        }
    }

    async fn say(&mut self, bytes: &[u8]) {
        self.wire.out.extend_from_slice(bytes);
        self.wire.flush().await;
    }

    async fn try_say(&mut self, bytes: &[u8]) -> bool {
        wire::write(&mut self.wire, bytes).await
    }
}
