//! Makes up what the clients of a set do, one step after the other, with a look at what PostgreSQL has answered so far.

mod batch;
mod company;

use company::{Company, KNOWN, is_end};

use super::arena::CLIENTS_MAX;
use super::script::{Act, Manner, Msg, Set, Step};
use super::statements::{self, Asker, Dice, Statement, THEMES, Theme};
use crate::support::wire::Frame;

/// Steps of a set that its clients play by turns.
pub const STEPS: usize = 90;

/// What is believed of a client.
#[derive(Default)]
struct Model {
    /// Prepared statements over the protocol.
    prepared: Vec<(String, Statement)>,
    portals: Vec<String>,
    named: usize,
    logins: u64,
    /// Steps since it took its connection.
    held: usize,
    /// Of its transaction, before the step.
    status: char,
}

/// A set's author.
pub struct Author {
    dice: Dice,
    seed: u64,
    manner: Manner,
    mixed: bool,
    /// The clients share connections.
    pooled: bool,
    /// Nothing ties a client to its connection but a transaction.
    free: bool,
    deferrable: bool,
    /// How often each theme is chosen.
    weights: Vec<(Theme, usize)>,
    clients: Vec<Model>,
    /// What was written last may end a transaction.
    ends: bool,
}

impl Author {
    /// The author of a set, and the set without steps.
    pub fn of(seed: u64, pooled: bool) -> (Self, Set) {
        let mut dice = Dice(seed.wrapping_mul(0x5851_f42d_4c95_7f2d));
        let manner = if dice.percent(25) {
            Manner::InOneGo
        } else {
            Manner::ByTurns
        };
        let mixed = dice.percent(25);
        let free = pooled && dice.percent(60);
        let clients = 2 + dice.below(CLIENTS_MAX - 1);
        let mut weights: Vec<(Theme, usize)> = THEMES
            .iter()
            .filter(|theme| !(free && theme.pins()))
            .map(|theme| (*theme, [0, 0, 1, 2, 6][dice.below(5)]))
            .collect();
        for base in [Theme::Read, Theme::Write, Theme::Transaction] {
            weights.push((base, 2));
        }
        if mixed {
            weights.push((Theme::Analytic, 8));
        }
        let startups = (0..clients)
            .map(|client| startup(&mut dice, seed, client))
            .collect();
        let deferrable = dice.percent(50);
        let author = Self {
            dice,
            seed,
            manner,
            mixed,
            pooled,
            free,
            deferrable,
            weights,
            clients: (0..clients).map(|_| Model::default()).collect(),
            ends: false,
        };
        let steps = Vec::new();
        let set = Set {
            seed,
            manner,
            mixed,
            startups,
            steps,
        };
        (author, set)
    }

    /// Which of these clients goes on.
    pub fn choose(&mut self, from: &[usize]) -> usize {
        from[self.dice.below(from.len())]
    }

    /// The next step of a client.
    pub fn step(&mut self, client: usize, status: char, holds: bool, may_leave: bool) -> Step {
        let model = &mut self.clients[client];
        model.status = status;
        model.held = if holds { model.held + 1 } else { 0 };
        let held = model.held;
        // Others may be waiting for the connection.
        if self.pooled && held > 4 && self.dice.percent(12) {
            let end = vec![Msg::query("COMMIT"), Msg::query("")];
            return match status {
                'I' => self.discard(client),
                _ => Step::send(client, end, false),
            };
        }
        if may_leave && self.dice.percent(1) {
            let model = &mut self.clients[client];
            model.logins += 1;
            model.prepared.clear();
            model.portals.clear();
            let act = Act::Reconnect;
            return Step {
                client,
                act,
                pins: false,
                frees: false,
            };
        }
        let mut messages = Vec::new();
        let mut pins = false;
        match self.dice.below(20) {
            0..7 => pins = self.single(client, status, &mut messages),
            7..11 => pins = self.several(client, &mut messages),
            11..17 => pins = self.batch(client, status, true, &mut messages),
            17 => {
                // The Query ends the batch that no Sync has ended.
                pins |= self.batch(client, status, false, &mut messages);
                if self.mixed {
                    messages.push(Msg::Sync);
                }
                pins |= self.single(client, status, &mut messages);
                messages.push(Msg::Sync);
            }
            _ => {
                for _ in 0..2 + self.dice.below(3) {
                    pins |= match self.dice.below(3) {
                        0 => self.single(client, status, &mut messages),
                        1 => self.several(client, &mut messages),
                        _ => self.batch(client, status, true, &mut messages),
                    };
                    self.wait_for_end(&mut messages);
                }
                // Written at once, with one wait at the end.
                messages.retain(|message| !matches!(message, Msg::Flush));
            }
        }
        if self.manner == Manner::InOneGo {
            self.wait_for_end(&mut messages);
        }
        Step::send(client, messages, pins)
    }

    /// What follows the end of a failed transaction without a wait in between is routed as in that transaction, unless it is a Query, which
    /// waits for what came before. That is known to differ.
    fn wait_for_end(&mut self, messages: &mut Vec<Msg>) {
        if std::mem::take(&mut self.ends) && self.mixed {
            messages.push(Msg::query(""));
        }
    }

    fn discard(&mut self, client: usize) -> Step {
        self.clients[client].prepared.clear();
        let messages = if self.dice.percent(50) {
            vec![Msg::query("DISCARD ALL")]
        } else {
            vec![
                Msg::parse("", "DISCARD ALL"),
                Msg::bind("", ""),
                Msg::Execute(String::new(), 0),
                Msg::Sync,
            ]
        };
        let mut step = Step::send(client, messages, false);
        step.frees = true;
        step
    }

    /// Learns from PostgreSQL's answer to a step.
    pub fn learn(&mut self, client: usize, frames: &[Frame]) {
        let model = &mut self.clients[client];
        if frames.last().is_some_and(|last| last.body == b"I") {
            model.portals.retain(|_| self.dice.percent(10));
        }
        let cleared = |frame: &Frame| {
            frame.tag == 'C' && frame.string().starts_with("D") && frame.string().ends_with("ALL")
        };
        if frames.iter().any(cleared) {
            model.prepared.retain(|_| self.dice.percent(20));
        }
    }

    fn asker(&self, client: usize) -> Asker {
        let unique = self.seed * CLIENTS_MAX as u64 + client as u64;
        Asker {
            client,
            unique,
            login: unique % 100_000_000 * 8 + self.clients[client].logins % 8,
            deferrable: self.deferrable,
            log: self.manner == Manner::ByTurns,
        }
    }

    fn theme(&mut self) -> Theme {
        let all: usize = self.weights.iter().map(|(_, weight)| weight).sum();
        let mut left = self.dice.below(all);
        for (theme, weight) in &self.weights {
            if left < *weight {
                return *theme;
            }
            left -= weight;
        }
        Theme::Read
    }

    fn statement(&mut self, client: usize) -> Statement {
        loop {
            let theme = self.theme();
            let found = self.about(client, theme);
            if !(self.free && found.pins || self.is_tiresome(client, theme)) {
                return found;
            }
        }
    }

    /// Most of what can only fail where the client is, or would end what it has just begun, is left out.
    fn is_tiresome(&mut self, client: usize, theme: Theme) -> bool {
        let odds = match (self.clients[client].status, theme) {
            ('I', Theme::Savepoint | Theme::Cursor) => 85,
            ('T', Theme::Transaction | Theme::Fault) => 80,
            _ => 0,
        };
        self.dice.percent(odds)
    }

    fn is_known(&self, statement: &Statement) -> bool {
        self.mixed && KNOWN.iter().any(|part| statement.sql.contains(part))
    }

    fn about(&mut self, client: usize, theme: Theme) -> Statement {
        let asker = self.asker(client);
        loop {
            let found = statements::simple(&mut self.dice, theme, asker);
            if !self.is_known(&found) {
                return found;
            }
        }
    }

    /// A statement that a client in this state is likely to send.
    fn fitting(&mut self, client: usize, status: char) -> Statement {
        let all = match (status, self.dice.below(100)) {
            ('E', 0..35) => &[
                "ROLLBACK",
                "COMMIT",
                "ABORT AND CHAIN",
                "ROLLBACK AND CHAIN",
            ][..],
            ('E', 35..70) => &[
                "ROLLBACK TO a",
                "ROLLBACK TO SAVEPOINT b",
                "COMMIT AND CHAIN",
            ],
            ('T', 0..10) => &["SAVEPOINT a", "SAVEPOINT b", "SAVEPOINT a", "RELEASE a"],
            ('E', 70..80) | ('T', 10..15) => return self.about(client, Theme::Transaction),
            ('I', 0..12) => &["BEGIN", "BEGIN", "START TRANSACTION", "BEGIN READ ONLY"],
            _ => return self.statement(client),
        };
        statements::control(self.dice.pick(all))
    }

    /// A Query of one statement.
    fn single(&mut self, client: usize, status: char, out: &mut Vec<Msg>) -> bool {
        if self.mixed && status == 'I' && out.is_empty() && self.dice.percent(8) {
            let mode = self
                .dice
                .pick(&["REPEATABLE READ", "SERIALIZABLE, READ ONLY"]);
            out.push(Msg::query(format!("BEGIN ISOLATION LEVEL {mode}")));
            return false;
        }
        let statement = self.fitting(client, status);
        self.ends |= is_end(&statement.sql);
        out.push(Msg::Query(vec![statement.sql]));
        if statement.copies_in {
            self.rows(out);
        }
        statement.pins
    }

    /// A Query of several statements.
    fn several(&mut self, client: usize, out: &mut Vec<Msg>) -> bool {
        let mut parts = Vec::new();
        let (mut pins, mut copies) = (false, 0);
        let mut company = Company::of('I');
        let most = if self.clients[client].status == 'T' {
            2
        } else {
            4
        };
        for _ in 0..2 + self.dice.below(most) {
            let statement = self.statement(client);
            if !company.admits(&statement, true) {
                continue;
            }
            pins |= statement.pins;
            copies += usize::from(statement.copies_in);
            let space = self.dice.pick(&["", " ", "\n", " /* ; */ "]);
            parts.push(format!("{space}{}", statement.sql));
        }
        if self.dice.percent(10) {
            parts.push(String::new());
        }
        self.ends |= company.ends;
        out.push(Msg::Query(parts));
        for _ in 0..copies {
            self.rows(out);
        }
        pins
    }

    /// What a COPY takes.
    fn rows(&mut self, out: &mut Vec<Msg>) {
        for _ in 0..self.dice.below(3) {
            let row = self.dice.pick(&[
                "7\tseven\n",
                "8\teight\n9\tnine\n",
                "1\tagain\n",
                "1,x\n",
                "x\ty\n",
                "10",
                "\tten\n",
                "\\.\n",
            ]);
            out.push(Msg::CopyData(row.to_owned()));
        }
        out.push(if self.dice.percent(75) {
            Msg::CopyDone
        } else {
            Msg::CopyFail("no more; \"thanks\"".to_owned())
        });
    }
}

fn startup(dice: &mut Dice, seed: u64, client: usize) -> Vec<(String, String)> {
    let mut parameters: Vec<(String, String)> = Vec::new();
    let mut put = |name: &str, value: String| parameters.push((name.to_owned(), value));
    let unique = seed * CLIENTS_MAX as u64 + client as u64;
    let mut options = Vec::new();
    let path = format!("s{client},public");
    if dice.percent(50) {
        put("search_path", path);
    } else {
        options.push(format!("-c search_path={path}"));
    }
    if dice.percent(40) {
        put("application_name", format!("app {client}"));
    }
    if dice.percent(20) {
        put(
            "TimeZone",
            dice.pick(&["America/New_York", "UTC"]).to_owned(),
        );
    }
    if dice.percent(20) {
        put("DateStyle", dice.pick(&["SQL, DMY", "German"]).to_owned());
    }
    if dice.percent(20) {
        put(
            "client_encoding",
            dice.pick(&["UTF8", "LATIN1", "'utf-8'"]).to_owned(),
        );
    }
    if dice.percent(10) {
        put("extra_float_digits", "2".to_owned());
    }
    if dice.percent(20) {
        options.push(format!("-c app.s{unique}_0=start"));
    }
    if dice.percent(20) {
        options.push(
            dice.pick(&[
                "-c geqo=off",
                "--work-mem=5MB",
                "-c intervalstyle=iso_8601",
                "-c default_transaction_isolation=repeatable\\ read",
                "-c TimeZone=UTC",
            ])
            .to_owned(),
        );
    }
    if dice.percent(2) {
        options.push(
            dice.pick(&["-c no_such=1", "-c datestyle=nonsense", "-z"])
                .to_owned(),
        );
    }
    if !options.is_empty() {
        put("options", options.join(" "));
    }
    parameters
}
