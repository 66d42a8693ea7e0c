//! What does a parameter of LIMIT, OFFSET or FETCH say?
//!
//! Its value is written into the text for engines that take no parameter there, so it is read here as PostgreSQL reads a `bigint`, and
//! refused in PostgreSQL's words. Only digits get into the text.

use super::errors::{incorrect_binary, invalid_text};
use crate::error::ClientError;
use crate::protocol::sqlstate;
use crate::sql::parameters::Clause;

/// A value in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Literal {
    /// A number.
    Number(i64),
    /// NULL, by which a clause says nothing.
    Null,
}

impl Literal {
    /// As all that a clause says.
    #[must_use]
    pub fn in_clause(self, clause: Clause) -> String {
        match (self, clause) {
            (Self::Number(number), _) => number.to_string(),
            (Self::Null, Clause::Limit) => "ALL".to_owned(),
            (Self::Null, Clause::Offset) => "0".to_owned(),
            (Self::Null, Clause::Fetch) => i64::MAX.to_string(),
        }
    }

    /// Within an expression.
    #[must_use]
    pub fn in_expression(self) -> String {
        match self {
            Self::Number(number) if number < 0 => format!("({number})"),
            Self::Number(number) => number.to_string(),
            Self::Null => "NULL".to_owned(),
        }
    }

    /// Refuses what is less than no rows.
    pub fn check(self, clause: Clause) -> Result<(), ClientError> {
        match self {
            Self::Number(number) if number < 0 => Err(match clause {
                Clause::Offset => {
                    ClientError::refused(sqlstate::INVALID_OFFSET, "OFFSET must not be negative")
                }
                Clause::Limit | Clause::Fetch => {
                    ClientError::refused(sqlstate::INVALID_LIMIT, "LIMIT must not be negative")
                }
            }),
            _ => Ok(()),
        }
    }
}

/// Type oids of numbers that PostgreSQL rounds to a bigint here.
const FLOAT4: u32 = 700;
const FLOAT8: u32 = 701;
const NUMERIC: u32 = 1700;

/// Reads the value of the parameter at a place, from 0, which is of this type.
pub fn read(value: &[u8], binary: bool, oid: u32, at: usize) -> Result<Literal, ClientError> {
    let wrong = || incorrect_binary(at);
    match (oid, binary) {
        (FLOAT4, true) => {
            let bytes = value.try_into().map_err(|_| wrong())?;
            rounded(f32::from_be_bytes(bytes).into(), oid)
        }
        (FLOAT8, true) => {
            let bytes = value.try_into().map_err(|_| wrong())?;
            rounded(f64::from_be_bytes(bytes), oid)
        }
        (21, true) => {
            let bytes = value.try_into().map_err(|_| wrong())?;
            Ok(Literal::Number(i16::from_be_bytes(bytes).into()))
        }
        (23, true) => {
            let bytes = value.try_into().map_err(|_| wrong())?;
            Ok(Literal::Number(i32::from_be_bytes(bytes).into()))
        }
        (20, true) => {
            let bytes = value.try_into().map_err(|_| wrong())?;
            Ok(Literal::Number(i64::from_be_bytes(bytes)))
        }
        (25 | 1043, true) => text(value, 20),
        (_, true) => Err(wrong_type(oid)),
        (FLOAT4 | FLOAT8 | NUMERIC, false) => fraction(value, oid),
        (_, false) => text(value, oid),
    }
}

/// A number that may have a fraction. Those without one are read exactly.
fn fraction(value: &[u8], oid: u32) -> Result<Literal, ClientError> {
    if let Ok(whole) = text(value, 20) {
        return Ok(whole);
    }
    let shown = String::from_utf8_lossy(value);
    match shown.trim().parse::<f64>() {
        Ok(number) => rounded(number, oid),
        Err(_) => {
            let name = match oid {
                FLOAT4 => "real",
                FLOAT8 => "double precision",
                _ => "numeric",
            };
            Err(invalid_text(name, value))
        }
    }
}

/// Floats round half to even, numerics away from zero.
fn rounded(number: f64, oid: u32) -> Result<Literal, ClientError> {
    let whole = if oid == NUMERIC {
        number.round()
    } else {
        number.round_ties_even()
    };
    // Both bounds are powers of two, and exact.
    if !(-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&whole) {
        let message = "bigint out of range";
        return Err(ClientError::refused(sqlstate::OUT_OF_RANGE, message));
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and in range")]
    Ok(Literal::Number(whole as i64))
}

fn text(value: &[u8], oid: u32) -> Result<Literal, ClientError> {
    let shown = String::from_utf8_lossy(value);
    let (name, most, least) = match oid {
        21 => ("smallint", i64::from(i16::MAX), i64::from(i16::MIN)),
        23 => ("integer", i64::from(i32::MAX), i64::from(i32::MIN)),
        _ => ("bigint", i64::MAX, i64::MIN),
    };
    let trimmed = shown.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    let digits = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid_text(name, value));
    }
    match trimmed.parse::<i64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(Literal::Number(number)),
        _ => {
            let message = format!("value \"{shown}\" is out of range for type {name}");
            Err(ClientError::refused(sqlstate::OUT_OF_RANGE, message))
        }
    }
}

fn wrong_type(oid: u32) -> ClientError {
    let message = format!("LIMIT and OFFSET take a bigint, not a value of type {oid}");
    ClientError::refused(sqlstate::DATATYPE_MISMATCH, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_as_postgres_reads_a_bigint() {
        for (value, number) in [("5", 5), (" 7\n", 7), ("+3", 3), ("-2", -2)] {
            let read = read(value.as_bytes(), false, 0, 0);
            assert_eq!(read, Ok(Literal::Number(number)));
        }
        for (value, oid, code, message) in [
            ("", 0, "22P02", "invalid input syntax for type bigint: \"\""),
            (
                "1; DROP",
                23,
                "22P02",
                "invalid input syntax for type integer: \"1; DROP\"",
            ),
            (
                "+-1",
                20,
                "22P02",
                "invalid input syntax for type bigint: \"+-1\"",
            ),
            (
                "3000000000",
                23,
                "22003",
                "value \"3000000000\" is out of range for type integer",
            ),
            (
                "9223372036854775808",
                20,
                "22003",
                "value \"9223372036854775808\" is out of range for type bigint",
            ),
        ] {
            let error = read(value.as_bytes(), false, oid, 0).unwrap_err();
            assert_eq!((error.sqlstate, &*error.message), (code, message));
        }
    }

    #[test]
    fn binary_values_have_the_length_of_their_type() {
        let four = 9_i32.to_be_bytes();
        assert_eq!(read(&four, true, 23, 0), Ok(Literal::Number(9)));
        let error = read(&four, true, 20, 1).unwrap_err();
        assert_eq!(error.sqlstate, "22P03");
        assert_eq!(read(&four, true, 1700, 0).unwrap_err().sqlstate, "42804");
    }

    #[test]
    fn numbers_with_a_fraction_are_rounded_as_postgres_does() {
        for (value, oid, number) in [
            ("2.5", FLOAT8, 2),
            ("3.5", FLOAT4, 4),
            ("2.5", NUMERIC, 3),
            ("-0.4", NUMERIC, 0),
            ("9007199254740993", NUMERIC, 9_007_199_254_740_993),
        ] {
            let read = read(value.as_bytes(), false, oid, 0);
            assert_eq!(read, Ok(Literal::Number(number)), "{value}");
        }
        let binary = read(&2.5_f64.to_be_bytes(), true, FLOAT8, 0);
        assert_eq!(binary, Ok(Literal::Number(2)));
        for odd in ["1e19", "NaN", "Infinity"] {
            let error = read(odd.as_bytes(), false, FLOAT8, 0).unwrap_err();
            assert_eq!(error.message, "bigint out of range");
        }
        let error = read(b"x", false, NUMERIC, 0).unwrap_err();
        assert_eq!(error.sqlstate, "22P02");
    }

    #[test]
    fn null_says_nothing_and_less_than_nothing_is_refused() {
        assert_eq!(Literal::Null.in_clause(Clause::Limit), "ALL");
        assert_eq!(Literal::Null.in_clause(Clause::Offset), "0");
        assert_eq!(Literal::Number(-3).in_expression(), "(-3)");
        let code = |clause| Literal::Number(-1).check(clause).unwrap_err().sqlstate;
        assert_eq!(
            (code(Clause::Limit), code(Clause::Offset)),
            ("2201W", "2201X")
        );
    }
}
