//! Statements by theme, each with what the player must know of it.

mod settings;
mod texts;

use texts::text;

/// A small generator of numbers that are always the same.
#[derive(Debug)]
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("it fits")
    }

    /// True that many times in a hundred.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

/// What a statement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    Read,
    Write,
    Transaction,
    Savepoint,
    Setting,
    Custom,
    Fault,
    Ddl,
    Copy,
    Cursor,
    Discard,
    Notify,
    Sequence,
    // From here on it always may tie the client to its connection.
    Prepare,
    HoldCursor,
    Temporary,
    Lock,
    Listen,
    Role,
    Code,
    Session,
    /// Reads of an analytic relation.
    Analytic,
}

pub const THEMES: &[Theme] = &[
    Theme::Read,
    Theme::Write,
    Theme::Transaction,
    Theme::Savepoint,
    Theme::Setting,
    Theme::Custom,
    Theme::Fault,
    Theme::Ddl,
    Theme::Copy,
    Theme::Cursor,
    Theme::Discard,
    Theme::Notify,
    Theme::Sequence,
    Theme::Prepare,
    Theme::HoldCursor,
    Theme::Temporary,
    Theme::Lock,
    Theme::Listen,
    Theme::Role,
    Theme::Code,
    Theme::Session,
];

impl Theme {
    /// Whether its statements may tie a client to its connection: errs towards yes.
    pub fn pins(self) -> bool {
        matches!(
            self,
            Self::Sequence
                | Self::Prepare
                | Self::HoldCursor
                | Self::Temporary
                | Self::Lock
                | Self::Listen
                | Self::Role
                | Self::Code
                | Self::Session
        )
    }
}

/// A kind of parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Int,
    Text,
}

/// A statement.
#[derive(Debug, Clone)]
pub struct Statement {
    pub sql: String,
    pub params: Vec<Kind>,
    pub pins: bool,
    /// It takes rows from the client.
    pub copies_in: bool,
    /// It reads an analytic relation.
    pub analytic: bool,
}

impl Statement {
    /// Only a Query may hold it.
    pub fn is_several(&self) -> bool {
        self.sql.starts_with(';')
    }
}

/// Who asks for a statement.
#[derive(Debug, Clone, Copy)]
pub struct Asker {
    pub client: usize,
    /// Tells apart the channels and settings of sets and clients.
    pub unique: u64,
    /// Tells apart the locks of logins: what an earlier one held may be free a moment later.
    pub login: u64,
    /// SERIALIZABLE is left out: together with DEFERRABLE it waits for others.
    pub deferrable: bool,
    /// The table that all clients write to may be used.
    pub log: bool,
}

/// A statement without parameters of a theme.
pub fn simple(dice: &mut Dice, theme: Theme, asker: Asker) -> Statement {
    let sql = text(dice, theme, asker);
    Statement {
        copies_in: sql.contains("FROM STDIN"),
        pins: theme.pins() || sql.contains("TEMP") || sql.contains("set_config"),
        analytic: theme == Theme::Analytic,
        params: Vec::new(),
        sql,
    }
}

/// A statement that begins or ends a transaction, or a part of one.
pub fn control(sql: &str) -> Statement {
    Statement {
        sql: sql.to_owned(),
        params: Vec::new(),
        pins: false,
        copies_in: false,
        analytic: false,
    }
}

/// A statement with parameters.
pub fn with_parameters(dice: &mut Dice, theme: Theme) -> Option<Statement> {
    use Kind::{Int, Text};
    let (sql, params): (&str, &[Kind]) = match theme {
        Theme::Read => match dice.below(8) {
            0 => ("SELECT $1::int + 1, $2::text", &[Int, Text]),
            1 => ("SELECT id, v FROM t WHERE id = $1", &[Int]),
            2 => ("SELECT * FROM t WHERE id > $1 ORDER BY id LIMIT 3", &[Int]),
            3 => ("SELECT 10 / $1::int", &[Int]),
            4 => (
                "SELECT g, $2 FROM generate_series(1, $1::int) g",
                &[Int, Text],
            ),
            5 => ("SELECT $1", &[Text]),
            6 => (
                "SELECT count(*) FROM u WHERE x = $1 OR t_id = $2",
                &[Text, Int],
            ),
            _ => (
                "SELECT a.id, b.v FROM t a JOIN t b USING (id) WHERE a.v <> $1 ORDER BY 1",
                &[Text],
            ),
        },
        Theme::Write => match dice.below(6) {
            0 => ("INSERT INTO t (id, v) VALUES ($1, $2)", &[Int, Text]),
            1 => (
                "UPDATE t SET v = $2 WHERE id = $1 RETURNING *",
                &[Int, Text],
            ),
            2 => ("DELETE FROM u WHERE id = $1", &[Int]),
            3 => (
                "INSERT INTO u (t_id, x) VALUES ($1, $2) RETURNING id",
                &[Int, Text],
            ),
            4 => ("UPDATE t SET n = n * $2 WHERE id = $1", &[Int, Int]),
            _ => (
                "INSERT INTO t VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET v = excluded.v RETURNING v, n",
                &[Int, Text],
            ),
        },
        Theme::Temporary => match dice.below(2) {
            0 => ("SELECT * FROM x1 WHERE a = $1", &[Int]),
            _ => ("INSERT INTO x1 VALUES ($1)", &[Int]),
        },
        Theme::Setting | Theme::Session => ("SELECT set_config($1, $2, false)", &[Text, Text]),
        Theme::Analytic => match dice.below(3) {
            0 => ("SELECT id, qty FROM public.orders WHERE id = $1", &[Int]),
            1 => (
                "SELECT id, state FROM orders WHERE qty > $1 AND state <> $2 ORDER BY id",
                &[Int, Text],
            ),
            _ => (
                "SELECT 10 / (id - $1::int) FROM public.orders WHERE id < 4 ORDER BY id",
                &[Int],
            ),
        },
        _ => return None,
    };
    Some(Statement {
        sql: sql.to_owned(),
        params: params.to_vec(),
        pins: theme.pins() || sql.contains("set_config"),
        copies_in: false,
        analytic: theme == Theme::Analytic,
    })
}
