//! A difference, and how it is shown.

use bytes::Buf;

use super::compare::columns;
use crate::support::wire::Frame;

/// The first difference between the two.
pub struct Mismatch {
    pub client: usize,
    /// How many steps had been played.
    pub at: usize,
    pub what: &'static str,
    pub sent: String,
    pub direct: Vec<Frame>,
    pub routed: Vec<Frame>,
}

impl Mismatch {
    /// It is the set that is wrong, not the router.
    pub fn is_void(&self) -> bool {
        [DIRECT_HANGS, DIRECT_ENDS].contains(&self.what)
    }

    /// What the difference begins with, so that a shorter set is one that shows the same.
    pub fn kind(&self) -> String {
        let mut pairs = (0..).map(|at| (self.direct.get(at), self.routed.get(at)));
        let first = pairs.find(|(a, b)| a != b || a.is_none());
        let kind = |frame: Option<&Frame>| match frame {
            Some(frame) if frame.tag == 'E' => frame.sqlstate(),
            Some(frame) => frame.tag.to_string(),
            None => "nothing".to_owned(),
        };
        let (direct, routed) = first.unwrap_or_default();
        format!("{} {} {}", self.what, kind(direct), kind(routed))
    }

    pub fn shown(&self) -> String {
        let same = self.direct.iter().zip(&self.routed);
        let same = same.take_while(|(a, b)| a == b).count();
        format!(
            "{}: client {}, step {}\n{}  direct:\n{}  routed:\n{}  the first {same} messages are the same\n",
            self.what,
            self.client,
            self.at,
            self.sent,
            shown(&self.direct),
            shown(&self.routed),
        )
    }
}

pub const DIRECT_HANGS: &str = "PostgreSQL does not answer (the set is wrong)";
pub const DIRECT_ENDS: &str = "PostgreSQL ends the connection (the set is wrong)";

/// Frames as a person reads them, one a line.
pub fn shown(frames: &[Frame]) -> String {
    frames
        .iter()
        .map(|frame| format!("    {}\n", show(frame)))
        .collect()
}

fn show(frame: &Frame) -> String {
    let body = &frame.body[..];
    match frame.tag {
        'Z' => format!("ReadyForQuery {}", body.escape_ascii()),
        'C' => format!("CommandComplete {}", frame.string()),
        'D' => {
            let values = frame.row().into_iter().map(|value| match value {
                Some(value) => value.escape_ascii().to_string(),
                None => "NULL".to_owned(),
            });
            format!("DataRow {}", values.collect::<Vec<_>>().join(" | "))
        }
        'T' => {
            let mut start = 2;
            let described = columns(body).into_iter().map(|at| {
                let name = body[start..at - 1].escape_ascii();
                start = at + 18;
                let (table, kind) = ((&body[at..]).get_u32(), (&body[at + 6..]).get_u32());
                let (column, format) = ((&body[at + 4..]).get_u16(), (&body[at + 16..]).get_u16());
                format!("{name} (table {table} column {column} type {kind} format {format})")
            });
            format!(
                "RowDescription {}",
                described.collect::<Vec<_>>().join(", ")
            )
        }
        'E' | 'N' => {
            let what = if frame.tag == 'E' { "Error" } else { "Notice" };
            let fields = body
                .split(|byte| *byte == 0)
                .filter(|field| !field.is_empty());
            let fields = fields.map(|field| {
                format!(
                    "{}={}",
                    field[..1].escape_ascii(),
                    field[1..].escape_ascii()
                )
            });
            format!("{what}Response {}", fields.collect::<Vec<_>>().join(" "))
        }
        'S' => format!("ParameterStatus {}", body.escape_ascii()),
        'A' => format!("NotificationResponse {}", body.escape_ascii()),
        '1' => "ParseComplete".to_owned(),
        '2' => "BindComplete".to_owned(),
        '3' => "CloseComplete".to_owned(),
        'n' => "NoData".to_owned(),
        's' => "PortalSuspended".to_owned(),
        'I' => "EmptyQueryResponse".to_owned(),
        't' => format!("ParameterDescription {}", body.escape_ascii()),
        'G' => format!("CopyInResponse {}", body.escape_ascii()),
        'H' => format!("CopyOutResponse {}", body.escape_ascii()),
        'd' => format!("CopyData {}", body.escape_ascii()),
        'c' => "CopyDone".to_owned(),
        other => format!("{other:?} {}", body.escape_ascii()),
    }
}
