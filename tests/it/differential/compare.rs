//! What is the same in two replies, and what inherently differs: process ids, keys, and object ids.

use std::collections::{BTreeMap, HashMap};

use bytes::Buf;

use crate::support::wire::Frame;

/// Object ids from here on are those of users' objects, and differ from database to database.
const FIRST_NORMAL_OID: u32 = 16_384;

/// Object ids in the order in which a client met them, which must be the same on both sides.
pub struct Names {
    oids: HashMap<u32, u32>,
    /// Both sides are used, see [`Self::add`].
    mixed: bool,
    /// The settings that the client was told, and those that it was told since the last ReadyForQuery.
    told: BTreeMap<Vec<u8>, Vec<u8>>,
    telling: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Names {
    pub fn new(mixed: bool) -> Self {
        Self {
            oids: HashMap::new(),
            mixed,
            told: BTreeMap::new(),
            telling: BTreeMap::new(),
        }
    }

    /// Adds a frame to a reply, without what inherently differs.
    ///
    /// A string or batch over both sides is run in parts, so that: object ids, which are those of two servers, say nothing about each other;
    /// text positions are those in the statement, not in the string; changed settings are told after each part. And what is refused may be
    /// refused by another routine everywhere, since the Bind of a statement that a connection has not seen yet is preceded by a Parse.
    pub fn add(&mut self, frame: &Frame, frames: &mut Vec<Frame>) {
        let frame = self.canonical(frame);
        if self.mixed {
            match frame.tag {
                'S' => {
                    let name = frame.body.split_inclusive(|byte| *byte == 0).next();
                    let name = name.unwrap_or_default().to_vec();
                    self.telling.insert(name, frame.body);
                    return;
                }
                'Z' => {
                    for (name, body) in std::mem::take(&mut self.telling) {
                        if self.told.get(&name) != Some(&body) {
                            self.told.insert(name, body.clone());
                            frames.push(Frame { tag: 'S', body });
                        }
                    }
                }
                _ => {}
            }
        }
        frames.push(frame);
    }

    fn oid(&mut self, oid: u32) -> u32 {
        if oid < FIRST_NORMAL_OID {
            return oid;
        }
        if self.mixed {
            return FIRST_NORMAL_OID;
        }
        let next = FIRST_NORMAL_OID + u32::try_from(self.oids.len()).expect("few");
        *self.oids.entry(oid).or_insert(next)
    }

    fn canonical(&mut self, frame: &Frame) -> Frame {
        let mut body = frame.body.clone();
        match frame.tag {
            'K' => body.clear(),
            'A' => body[..4].fill(0),
            'T' => {
                for at in columns(&body) {
                    for at in [at, at + 6] {
                        let oid = (&body[at..]).get_u32();
                        body[at..at + 4].copy_from_slice(&self.oid(oid).to_be_bytes());
                    }
                }
            }
            'E' | 'N' => {
                let fields = body.split(|byte| *byte == 0);
                let ignored: &[u8] = if self.mixed { b"PFLR" } else { b"FLR" };
                let fields =
                    fields.filter(|field| !field.iter().take(1).any(|f| ignored.contains(f)));
                let fields: Vec<Vec<u8>> = fields.map(temporary_schema).collect();
                body = fields.join(&0);
            }
            _ => {}
        }
        Frame {
            tag: frame.tag,
            body,
        }
    }
}

/// Where in a RowDescription each column's table is.
pub fn columns(body: &[u8]) -> Vec<usize> {
    let count = (&body[..]).get_u16();
    let mut at = 2;
    let mut found = Vec::new();
    for _ in 0..count {
        at += body[at..]
            .iter()
            .position(|byte| *byte == 0)
            .expect("a name")
            + 1;
        found.push(at);
        at += 18;
    }
    found
}

/// The number of a session's temporary schema is that of a slot in the server.
fn temporary_schema(field: &[u8]) -> Vec<u8> {
    const SCHEMA: &str = "pg_temp_";
    let text = String::from_utf8_lossy(field);
    let Some((before, after)) = text.split_once(SCHEMA) else {
        return field.to_vec();
    };
    let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{before}{SCHEMA}N{after}").into_bytes()
}

/// The frames of a login: the order of its parameters says nothing. PostgreSQL says that the client may come in before it looks at the
/// parameters.
pub fn login(frames: Vec<Frame>) -> Vec<Frame> {
    let (mut parameters, mut others): (Vec<Frame>, Vec<Frame>) =
        frames.into_iter().partition(|frame| frame.tag == 'S');
    parameters.sort_by(|a, b| a.body.cmp(&b.body));
    others.retain(|frame| frame.tag != 'R');
    others.append(&mut parameters);
    others
}
