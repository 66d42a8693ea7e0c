//! What becomes of a statement, its parameters and its columns for an engine that takes fewer forms than PostgreSQL?
//!
//! Pure. [`Adapted`] is a client's statement as the engine is sent it: with other declared types, other numbers for its parameters, and the values
//! of LIMIT and OFFSET in its text. Where nothing has to change, it is the client's own. [`Described`] is what the engine has said of it.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::again::Again;
use super::bounds::{self, Literal};
use super::errors::{
    bad_encoding, incorrect_binary, invalid_text, no_such_form, no_such_format, wrong_formats,
    wrong_parameters,
};
use super::prepared::StatementKey;
use super::recode::Columns;
use crate::backend::engine::values::{Sent, Styles, Values};
use crate::error::ClientError;
use crate::protocol::bind::{Bind, format_of};
use crate::sql::Dialect;
use crate::sql::parameters::{Cast, Clause, Parameter, Role, parameters};

/// PostgreSQL's `unknown`, which declares nothing.
const UNKNOWN: u32 = 705;
const TEXT: u32 = 25;

/// What an engine has said of a statement.
#[derive(Debug, Default)]
pub struct Described {
    /// The types of its parameters there, where it was asked for them.
    pub parameters: Option<Vec<u32>>,
    /// The types of its columns.
    pub columns: Vec<u32>,
}

/// A client's statement as an engine is sent it.
#[derive(Debug)]
pub struct Adapted {
    /// What is prepared and described there.
    pub key: Arc<StatementKey>,
    /// The client's own.
    own: Arc<StatementKey>,
    wanted: Vec<Wanted>,
    edits: Vec<Edit>,
}

/// One parameter of the client's.
#[derive(Debug, Clone, Default)]
struct Wanted {
    /// The type that is certain: the client has declared it, or its place in the text says so. 0 where there is none.
    oid: u32,
    /// Which one it is there, from 0. `None` where it stands in the text.
    there: Option<usize>,
}

/// A place in the text where something else is written.
#[derive(Debug)]
struct Edit {
    range: Range<usize>,
    what: What,
}

#[derive(Debug)]
enum What {
    /// The value of a parameter, which is all that a clause says.
    Bound(usize, Clause),
    /// The value of a parameter in an expression.
    Part(usize),
    /// Always this.
    Text(String),
}

impl Adapted {
    /// How a statement is sent.
    #[must_use]
    pub fn new(own: &Arc<StatementKey>, dialect: Dialect, values: &dyn Values) -> Self {
        let found = parameters(&own.text, dialect);
        let declared = |oid| Wanted {
            oid: if oid == UNKNOWN { 0 } else { oid },
            there: None,
        };
        let mut wanted: Vec<Wanted> = oids(&own.types).into_iter().map(declared).collect();
        let most = found.iter().map(|found| usize::from(found.number)).max();
        let count = wanted.len().max(most.unwrap_or(0));
        wanted.resize(count, Wanted::default());
        let mut in_text = vec![false; count];
        let mut as_value = vec![false; count];
        let mut edits = Vec::new();
        for Parameter {
            number,
            range,
            role,
        } in found
        {
            let at = usize::from(number) - 1;
            let implied = match role {
                Role::Bound { clause, oid } => {
                    in_text[at] = true;
                    let what = What::Bound(at, clause);
                    edits.push(Edit { range, what });
                    oid
                }
                Role::Part { oid } => {
                    in_text[at] = true;
                    let what = What::Part(at);
                    edits.push(Edit { range, what });
                    oid
                }
                Role::Value { cast } => {
                    as_value[at] = true;
                    replace_value(&mut edits, &own.text, range, cast, values)
                }
            };
            if wanted[at].oid == 0 {
                wanted[at].oid = implied;
            }
        }
        let mut next = 0;
        for (at, wanted) in wanted.iter_mut().enumerate() {
            if as_value[at] || !in_text[at] {
                wanted.there = Some(next);
                next += 1;
            }
        }
        let renumbered = wanted.iter().any(|wanted| wanted.there.is_none());
        number_values(&mut edits, &own.text, &wanted, renumbered);
        let mut adapted = Self {
            key: Arc::clone(own),
            own: Arc::clone(own),
            wanted,
            edits,
        };
        adapted.key = adapted.keyed(values);
        adapted
    }

    /// What is prepared before any value is known: a row, none of them passed over.
    fn keyed(&self, values: &dyn Values) -> Arc<StatementKey> {
        let there: Vec<u32> = self
            .wanted
            .iter()
            .filter(|wanted| wanted.there.is_some())
            .map(|wanted| values.declared(wanted.oid))
            .collect();
        let given = oids(&self.own.types);
        let given = |at: usize| given.get(at).copied().unwrap_or(0);
        let same = there.iter().enumerate().all(|(at, oid)| *oid == given(at));
        if same && self.edits.is_empty() {
            return Arc::clone(&self.own);
        }
        let mut types = Vec::with_capacity(2 + there.len() * 4);
        types.extend_from_slice(&u16::try_from(there.len()).unwrap_or(u16::MAX).to_be_bytes());
        for oid in there {
            types.extend_from_slice(&oid.to_be_bytes());
        }
        let text = self.text(|_, clause| match clause {
            Some(Clause::Offset) => Literal::Number(0),
            _ => Literal::Number(1),
        });
        Arc::new(StatementKey {
            text: text.into(),
            types: types.into(),
            settings: self.own.settings,
        })
    }

    /// The text with the edits made.
    fn text(&self, literal: impl Fn(usize, Option<Clause>) -> Literal) -> Vec<u8> {
        let text = &self.own.text;
        let (mut out, mut from) = (Vec::with_capacity(text.len() + 16), 0);
        for edit in &self.edits {
            out.extend_from_slice(text.get(from..edit.range.start).unwrap_or_default());
            let written = match &edit.what {
                What::Bound(at, clause) => literal(*at, Some(*clause)).in_clause(*clause),
                What::Part(at) => literal(*at, None).in_expression(),
                What::Text(text) => text.clone(),
            };
            out.extend_from_slice(written.as_bytes());
            from = edit.range.end;
        }
        out.extend_from_slice(text.get(from..).unwrap_or_default());
        out
    }

    /// Refuses a Bind whose counts do not fit, as PostgreSQL does.
    ///
    /// # Errors
    /// PostgreSQL's, for a statement of this name.
    pub fn check(&self, bind: &Bind<'_>, name: &[u8]) -> Result<(), ClientError> {
        let (given, formats) = (bind.values.len(), bind.formats.len());
        if formats > 1 && formats != given {
            let among = format!("{given} parameters");
            return Err(wrong_formats("parameter", formats, &among));
        }
        if given != self.wanted.len() {
            return Err(wrong_parameters(name, given, self.wanted.len()));
        }
        let mut codes = bind.formats.iter().chain(&bind.results);
        match codes.find(|code| !matches!(code, 0 | 1)) {
            Some(code) => Err(no_such_format(*code)),
            None => Ok(()),
        }
    }

    /// Whether this Bind cannot be sent before the engine has said more of the statement.
    #[must_use]
    pub fn must_be_described(
        &self,
        bind: &Bind<'_>,
        described: Option<&Described>,
        styles: Styles,
    ) -> bool {
        let changes = bind.results.contains(&1) || styles != Styles::default();
        let columns = changes && described.is_none();
        let told = described.is_some_and(|described| described.parameters.is_some());
        let binary = |at: usize| bind.format(at) == 1 && bind.values[at].is_some();
        let mut each = self.wanted.iter().enumerate();
        columns
            || (!told
                && each.any(|(at, wanted)| wanted.oid == 0 && wanted.is_there() && binary(at)))
    }

    /// The statement and the Bind that the engine is sent, for one that was [checked](Self::check).
    ///
    /// # Errors
    /// Those that PostgreSQL gives for such values.
    pub fn bind(
        &self,
        bind: &Bind<'_>,
        described: Option<&Described>,
        values: &dyn Values,
        styles: Styles,
    ) -> Result<Sending, ClientError> {
        let mut literals = vec![Literal::Null; bind.values.len()];
        let mut changed = Vec::new();
        for (at, wanted) in self.wanted.iter().enumerate() {
            let Some(value) = bind.values.get(at).copied().flatten() else {
                continue;
            };
            let binary = bind.format(at) == 1;
            if self.edits.iter().any(|edit| edit.is_of(at)) {
                literals[at] = bounds::read(value, binary, wanted.oid, at)?;
            }
            if wanted.is_there()
                && let Some(text) = self.send(at, value, binary, described, values)?
            {
                changed.push((at, text));
            }
        }
        for edit in &self.edits {
            if let What::Bound(at, clause) = edit.what {
                literals[at].check(clause)?;
            }
        }
        let columns = self.columns(bind, described, values, styles)?;
        let tail = self.tail(bind, &changed, columns.as_ref());
        let fixed = self.edits.iter().all(Edit::is_fixed);
        let key = if fixed {
            Arc::clone(&self.key)
        } else {
            Arc::new(StatementKey {
                text: self.text(|at, _| literals[at]).into(),
                types: self.key.types.clone(),
                settings: self.key.settings,
            })
        };
        Ok(Sending {
            key,
            passing: !fixed,
            tail,
            columns,
        })
    }

    /// The text that is sent for a value, or `None` where it is sent as it is.
    fn send(
        &self,
        at: usize,
        value: &[u8],
        binary: bool,
        described: Option<&Described>,
        values: &dyn Values,
    ) -> Result<Option<Vec<u8>>, ClientError> {
        let wanted = &self.wanted[at];
        let oid = match (wanted.oid, wanted.there, described) {
            (0, Some(there), Some(Described { parameters, .. })) => {
                let told = parameters.as_ref().and_then(|told| told.get(there));
                told.copied().unwrap_or(0)
            }
            (oid, ..) => oid,
        };
        if !binary || values.is_text(oid) {
            check_text(value)?;
        }
        let sent = if binary {
            values.send(oid, value)
        } else {
            values.send_text(oid, value)
        };
        match sent {
            Sent::AsItIs => Ok(None),
            Sent::Text(text) => check_text(&text).map(|()| Some(text)),
            Sent::Wrong => Err(incorrect_binary(at)),
            Sent::WrongText(name) => Err(invalid_text(name, value)),
            Sent::Unknown => Err(no_such_form(at, oid)),
        }
    }

    /// What is done to the columns, where they are known.
    fn columns(
        &self,
        bind: &Bind<'_>,
        described: Option<&Described>,
        values: &dyn Values,
        styles: Styles,
    ) -> Result<Option<Columns>, ClientError> {
        let Some(described) = described else {
            return Ok(None);
        };
        let (formats, all) = (bind.results.len(), described.columns.len());
        if formats > 1 && formats != all {
            let among = format!("query has {all} columns");
            return Err(wrong_formats("result", formats, &among));
        }
        let binary = |at: usize| format_of(&bind.results, at) == 1;
        Ok(Columns::of(&described.columns, values, styles, binary))
    }

    /// What follows the names in the Bind that is sent.
    fn tail(
        &self,
        bind: &Bind<'_>,
        changed: &[(usize, Vec<u8>)],
        columns: Option<&Columns>,
    ) -> Option<Vec<u8>> {
        let all_there = self.wanted.iter().all(Wanted::is_there);
        if all_there && changed.is_empty() && columns.is_none() {
            return None;
        }
        let mut sent = Bind {
            formats: Vec::with_capacity(bind.values.len()),
            values: Vec::with_capacity(bind.values.len()),
            results: columns.map_or_else(|| bind.results.clone(), Columns::asked),
        };
        let mut changed = changed.iter().peekable();
        for (at, wanted) in self.wanted.iter().enumerate() {
            let text = changed.next_if(|(place, _)| *place == at);
            if wanted.is_there() {
                sent.formats.push(text.map_or(bind.format(at), |_| 0));
                let value = bind.values.get(at).copied().flatten();
                sent.values.push(text.map_or(value, |(_, text)| Some(text)));
            }
        }
        let mut tail = Vec::new();
        sent.put(&mut tail);
        Some(tail)
    }

    /// The types of the parameters as the client is told them.
    #[must_use]
    pub fn told(&self, described: &[u32], values: &dyn Values) -> Vec<u32> {
        let told = |wanted: &Wanted| match wanted.oid {
            0 => wanted
                .there
                .and_then(|there| described.get(there))
                .map_or(TEXT, |oid| values.told(*oid)),
            oid => oid,
        };
        self.wanted.iter().map(told).collect()
    }
}

/// What the engine is sent for a Bind.
#[derive(Debug)]
pub struct Sending {
    /// The statement, with the values of its clauses.
    pub key: Arc<StatementKey>,
    /// There are such values, so that the next Bind is likely to be of another.
    pub passing: bool,
    /// What follows the names, where that is not what the client has sent.
    pub tail: Option<Vec<u8>>,
    /// What is done to the rows on their way back.
    pub columns: Option<Columns>,
}

/// A portal of an adapted statement.
#[derive(Debug)]
pub struct Opened {
    /// Its statement.
    pub adapted: Arc<Adapted>,
    /// What was sent for it.
    pub sent: Arc<StatementKey>,
    /// That is prepared under a name.
    pub named: bool,
    /// What followed the names in its Bind, for the unnamed portal, which may have to be opened once more.
    pub tail: Bytes,
    /// What is done to its rows, once the columns are known.
    pub columns: OnceLock<Option<Columns>>,
    /// Its name there, where it has one, which is the router's own.
    pub name: OnceLock<Box<[u8]>>,
    /// How it is bound on the default backend, where that may have to run it.
    pub again: Option<Arc<Again>>,
}

impl Wanted {
    fn is_there(&self) -> bool {
        self.there.is_some()
    }
}

impl Edit {
    fn is_of(&self, parameter: usize) -> bool {
        matches!(self.what, What::Bound(at, _) | What::Part(at) if at == parameter)
    }

    fn is_fixed(&self) -> bool {
        matches!(self.what, What::Text(_))
    }
}

/// The types that a client has declared, as in `Parse`.
fn oids(types: &[u8]) -> Vec<u32> {
    let (each, _) = types.get(2..).unwrap_or_default().as_chunks::<4>();
    each.iter().map(|oid| u32::from_be_bytes(*oid)).collect()
}

/// Makes room for a parameter's number, and writes another type where it is cast to one that the engine has not. Returns the oid of the
/// type that is written otherwise.
fn replace_value(
    edits: &mut Vec<Edit>,
    text: &[u8],
    number: Range<usize>,
    cast: Option<Cast>,
    values: &dyn Values,
) -> u32 {
    let mut edit = |range, text: &str| {
        let what = What::Text(text.to_owned());
        edits.push(Edit { range, what });
    };
    let Some(Cast { name, sizes }) = cast else {
        edit(number, "");
        return 0;
    };
    let word = text.get(name.clone()).unwrap_or_default();
    let word = std::str::from_utf8(word).unwrap_or_default();
    if let Some(sizes) = sizes
        && let Some((before, after)) = values.sized(word, &sizes.numbers)
    {
        edit(sizes.cast.start..sizes.cast.start, before);
        edit(number, "");
        let end = sizes.cast.end;
        if sizes.range.end == end {
            edit(sizes.range, &after);
        } else {
            // Not nothing, which is what stands for a number.
            edit(sizes.range, " ");
            edit(end..end, &after);
        }
        return 0;
    }
    edit(number, "");
    let Some((instead, oid, array)) = values.cast(word) else {
        return 0;
    };
    let behind = text.get(name.end..).unwrap_or_default().trim_ascii_start();
    edit(name, instead);
    if behind.starts_with(b"[") { array } else { oid }
}

/// Gives the values their numbers, or leaves them as they are where none has another.
fn number_values(edits: &mut Vec<Edit>, text: &[u8], wanted: &[Wanted], renumbered: bool) {
    edits.retain_mut(|edit| {
        let What::Text(written) = &mut edit.what else {
            return true;
        };
        if !written.is_empty() {
            return true;
        }
        let number = text
            .get(edit.range.start + 1..edit.range.end)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| digits.parse::<usize>().ok());
        let there = number
            .and_then(|number| wanted.get(number.checked_sub(1)?))
            .and_then(|wanted| wanted.there);
        if let Some(there) = there {
            *written = format!("${}", there + 1);
        }
        renumbered && there.is_some()
    });
}

/// A text must be proper UTF-8 without a zero, wherever it goes.
fn check_text(value: &[u8]) -> Result<(), ClientError> {
    let zero = memchr::memchr(0, value);
    let bad = std::str::from_utf8(value).err();
    let at = match (zero, bad.map(|bad| bad.valid_up_to())) {
        (None, None) => return Ok(()),
        (Some(zero), Some(bad)) => zero.min(bad),
        (Some(at), None) | (None, Some(at)) => at,
    };
    Err(bad_encoding(value.get(at..).unwrap_or_default()))
}

#[cfg(test)]
#[path = "adapted_tests.rs"]
mod tests;
