//! Batches of the extended protocol.

use super::Author;
use super::company::Company;
use crate::differential::script::{Manner, Msg};
use crate::differential::statements::{self, Kind, Statement};

/// Values of parameters; not all of them fit.
const INTS: &[&str] = &["0", "1", "2", "3", "6", "7", "x"];
const TEXTS: &[&str] = &["a", "", "é", "it's; \"so\"", "TimeZone", "UTC", "v2"];

impl Author {
    /// Messages of the extended protocol, up to a Sync.
    pub(super) fn batch(
        &mut self,
        client: usize,
        status: char,
        ends: bool,
        out: &mut Vec<Msg>,
    ) -> bool {
        let mut pins = false;
        let mut copied = false;
        let mut company = Company::of(status);
        // A Query that follows COPY FROM STDIN without a Sync hangs.
        company.no_copy = !ends;
        let most = if status == 'T' { 2 } else { 5 };
        for _ in 0..1 + self.dice.below(most) {
            match self.dice.below(12) {
                0..5 => {
                    let statement = self.any(client, status);
                    if !company.admits(&statement, false) {
                        continue;
                    }
                    pins |= statement.pins;
                    copied |= statement.copies_in;
                    self.whole(&statement, out);
                }
                5..7 => pins |= self.prepare(client, &mut company, out),
                7..9 => pins |= self.use_prepared(client, &mut company, out),
                // In a failed transaction a portal over analytic rows is gone, where PostgreSQL refuses to run it.
                9 if !(self.mixed && status == 'E') && (status == 'T' || self.dice.percent(15)) => {
                    self.go_on(client, out);
                }
                10 => self.close(client, out),
                _ if status != 'T' || self.dice.percent(20) => self.astray(out),
                _ => {}
            }
            if self.dice.percent(8) && !copied {
                out.push(Msg::Flush);
            }
        }
        self.ends |= company.ends;
        if ends {
            out.push(Msg::Sync);
        }
        pins
    }

    fn any(&mut self, client: usize, status: char) -> Statement {
        if self.dice.percent(50) {
            let theme = self.theme();
            let found = statements::with_parameters(&mut self.dice, theme);
            let fits = |found: &Statement| !(self.free && found.pins || self.is_known(found));
            if let Some(found) = found.filter(fits) {
                return found;
            }
        }
        if self.dice.percent(4) {
            let mut statement = self.statement(client);
            statement.sql = format!("SELECT 1; {}", statement.sql);
            statement.copies_in = false;
            return statement;
        }
        loop {
            let found = self.fitting(client, status);
            if !found.is_several() {
                return found;
            }
        }
    }

    /// Parse, Bind, Describe, Execute of the unnamed statement.
    fn whole(&mut self, statement: &Statement, out: &mut Vec<Msg>) {
        out.push(self.parse("", statement));
        if self.dice.percent(25) {
            out.push(Msg::Describe('S', String::new()));
        }
        out.push(self.bind("", "", statement));
        if self.dice.percent(70) {
            out.push(Msg::Describe('P', String::new()));
        }
        self.execute("", statement, out);
    }

    fn execute(&mut self, portal: &str, statement: &Statement, out: &mut Vec<Msg>) {
        if statement.copies_in {
            out.push(Msg::Execute(portal.to_owned(), 0));
            self.rows(out);
            return;
        }
        while self.dice.percent(30) {
            let limit = [1, 2, 5][self.dice.below(3)];
            out.push(Msg::Execute(portal.to_owned(), limit));
        }
        if self.dice.percent(85) {
            out.push(Msg::Execute(portal.to_owned(), 0));
        }
    }

    fn parse(&mut self, name: &str, statement: &Statement) -> Msg {
        let types = match self.dice.below(3) {
            0 => statement
                .params
                .iter()
                .map(|kind| match kind {
                    Kind::Int => 23,
                    Kind::Text => 25,
                })
                .collect(),
            1 => vec![0; statement.params.len()],
            _ => Vec::new(),
        };
        Msg::Parse {
            name: name.to_owned(),
            sql: statement.sql.clone(),
            types,
        }
    }

    fn bind(&mut self, portal: &str, name: &str, statement: &Statement) -> Msg {
        let binary = self.dice.percent(15);
        let mut values: Vec<Option<Vec<u8>>> = Vec::new();
        for kind in &statement.params {
            let most = if self.dice.percent(5) {
                INTS.len()
            } else {
                INTS.len() - 1
            };
            let value = match kind {
                _ if self.dice.percent(5) => None,
                Kind::Int if binary => Some(
                    i32::try_from(self.dice.below(9))
                        .expect("small")
                        .to_be_bytes()
                        .to_vec(),
                ),
                Kind::Int => Some(INTS[self.dice.below(most)].as_bytes().to_vec()),
                Kind::Text => Some(self.dice.pick(TEXTS).as_bytes().to_vec()),
            };
            values.push(value);
        }
        // On the analytic side the error gives the name that the statement has there.
        if !statement.analytic && self.dice.percent(3) {
            values.push(Some(b"1".to_vec()));
        }
        let formats = if binary { vec![1] } else { Vec::new() };
        let results = match self.dice.below(20) {
            0..4 => vec![1],
            4 => vec![0, 1],
            5..8 => vec![0],
            _ => Vec::new(),
        };
        Msg::Bind {
            portal: portal.to_owned(),
            statement: name.to_owned(),
            formats,
            values,
            results,
        }
    }

    /// Parse under a name.
    fn prepare(&mut self, client: usize, company: &mut Company, out: &mut Vec<Msg>) -> bool {
        let statement = self.any(client, 'I');
        if !company.admits(&statement, false) {
            return false;
        }
        // Two Parses of one name that are both on their way, of which the first fails, are known to differ.
        // And what takes rows must be known to do so when it is run.
        let fresh = self.mixed
            || statement.copies_in
            || self.manner == Manner::InOneGo
            || out
                .iter()
                .any(|message| matches!(message, Msg::Query(_) | Msg::Sync));
        let model = &mut self.clients[client];
        let name = if fresh {
            model.named += 1;
            format!("n{}", model.named)
        } else {
            self.dice.pick(&["s1", "s2", "s3"]).to_owned()
        };
        let taken = model.prepared.iter().position(|(known, _)| *known == name);
        if let Some(at) = taken {
            if self.dice.percent(15) {
                out.push(Msg::parse(&name, "SELECT 'taken'"));
                return false;
            }
            self.clients[client].prepared.remove(at);
            out.push(Msg::Close('S', name.clone()));
        }
        out.push(self.parse(&name, &statement));
        if self.dice.percent(50) {
            out.push(Msg::Describe('S', name.clone()));
        }
        let pins = statement.pins;
        self.clients[client].prepared.push((name, statement));
        pins
    }

    /// Bind and Execute of a statement that was prepared once.
    fn use_prepared(&mut self, client: usize, company: &mut Company, out: &mut Vec<Msg>) -> bool {
        let model = &self.clients[client];
        let count = model.prepared.len();
        let Some((name, statement)) = (count > 0).then(|| {
            let at = if self.dice.percent(60) {
                count - 1
            } else {
                self.dice.below(count)
            };
            model.prepared[at].clone()
        }) else {
            return false;
        };
        // In a failed transaction it is lost.
        let lost = statement.analytic && (company.status == 'E' || !out.is_empty());
        if lost || !company.admits(&statement, false) {
            return false;
        }
        let mut portal = self.dice.pick(&["", "", "p1", "p2"]);
        if !portal.is_empty() && statement.analytic {
            // The sides do not know each other's names; a cursor of PostgreSQL's would be in the way there.
            portal = "analytic";
            // It would not outlive ROLLBACK TO (docs/protocol.md).
            out.push(self.bind(portal, &name, &statement));
            self.execute(portal, &statement, out);
            out.push(Msg::Close('P', portal.to_owned()));
            return statement.pins;
        }
        out.push(self.bind(portal, &name, &statement));
        if self.dice.percent(40) {
            out.push(Msg::Describe('P', portal.to_owned()));
        }
        self.execute(portal, &statement, out);
        if !portal.is_empty() && company.status == 'T' {
            self.clients[client].portals.push(portal.to_owned());
        }
        statement.pins
    }

    /// Execute of a portal that may still be there.
    fn go_on(&mut self, client: usize, out: &mut Vec<Msg>) {
        let portals = &self.clients[client].portals;
        let portal = match portals.last() {
            Some(portal) if self.dice.percent(80) => portal.clone(),
            _ => self.dice.pick(&["p1", "p2", "c1", "never"]).to_owned(),
        };
        if self.dice.percent(30) {
            out.push(Msg::Describe('P', portal.clone()));
        }
        out.push(Msg::Execute(
            portal,
            i32::try_from(self.dice.below(4)).expect("small"),
        ));
    }

    fn close(&mut self, client: usize, out: &mut Vec<Msg>) {
        let name = self.clients[client]
            .prepared
            .last()
            .map(|(name, _)| name.clone());
        let alone = matches!(out.last(), None | Some(Msg::Sync));
        out.push(match (self.dice.below(4), name) {
            // On the analytic side it is closed even if the message is skipped.
            (0, Some(name)) if !self.mixed || alone => {
                self.clients[client].prepared.pop();
                Msg::Close('S', name)
            }
            (1, _) => Msg::Close('P', self.dice.pick(&["p1", "p2", ""]).to_owned()),
            (2, _) => Msg::Close('S', self.dice.pick(&["", "unheard of"]).to_owned()),
            _ => Msg::Close('P', "unheard of".to_owned()),
        });
    }

    /// Something that is about nothing that is there, or that is empty.
    fn astray(&mut self, out: &mut Vec<Msg>) {
        match self.dice.below(6) {
            0 => out.push(Msg::bind("", "unheard of")),
            1 => out.push(Msg::Describe('S', "unheard of".to_owned())),
            2 => out.push(Msg::Describe('P', "unheard of".to_owned())),
            // An unnamed statement that is on the analytic side outlives a Query.
            3 if !self.mixed => out.push(Msg::bind("p1", "")),
            // Never Execute of an unnamed portal that an earlier batch or Query may have left: after a `ROLLBACK TO` in a Query that has failed
            // it makes PostgreSQL 15 read freed memory.
            _ => out.extend([
                Msg::parse("", self.dice.pick(&["", " -- nothing", ";"])),
                Msg::bind("", ""),
                Msg::Describe('P', String::new()),
                Msg::Execute(String::new(), 0),
            ]),
        }
    }
}
