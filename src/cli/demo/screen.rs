//! How does the demo look?
//!
//! Plain lines and aligned columns; colour on a terminal only, and never where NO_COLOR is set (<https://no-color.org>).

use std::io::{IsTerminal, Write as _};
use std::time::Duration;

use super::database::Answer;

/// Widest value that is shown in a table.
const VALUE_CHARS_MAX: usize = 44;
/// Most rows that are shown of a table.
const ROWS_MAX: usize = 5;

/// What a piece of text is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tone {
    Title,
    Faint,
    Sql,
    Good,
    Refused,
}

/// Standard output. A reader that has gone is no error.
pub(super) struct Screen {
    colour: bool,
}

impl Screen {
    pub(super) fn new() -> Self {
        let unwanted = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self {
            colour: std::io::stdout().is_terminal() && !unwanted("NO_COLOR") && !dumb,
        }
    }

    pub(super) fn line(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
    }

    /// Something that takes a while is under way.
    pub(super) fn step(&self, text: &str) {
        self.line(&self.paint(Tone::Faint, text));
    }

    /// A name and what it stands for; further lines stand below the first.
    pub(super) fn field(&self, name: &str, text: &str) {
        let name = self.paint(Tone::Title, &format!("{name:<11}"));
        self.line(&format!(
            "  {name} {}",
            text.replace('\n', "\n              ")
        ));
    }

    /// A statement, each line of it.
    pub(super) fn sql(&self, statement: &str) {
        for line in statement.lines() {
            self.line(&format!("   {}", self.paint(Tone::Sql, line)));
        }
    }

    /// The first rows of an answer, numbers with their points below each other.
    pub(super) fn table(&self, answer: &Answer) {
        if answer.columns.is_empty() {
            return;
        }
        let columns: Vec<Vec<String>> = answer
            .columns
            .iter()
            .enumerate()
            .map(|(at, name)| column(name, answer.rows.iter().map(|row| row.get(at)?.as_deref())))
            .collect();
        let line = |row: usize| {
            let cells = columns.iter().filter_map(|column| column.get(row));
            cells.map(String::as_str).collect::<Vec<_>>().join("   ")
        };
        self.line("");
        self.line(&format!("     {}", self.paint(Tone::Faint, &line(0))));
        for row in 1..=answer.rows.len().min(ROWS_MAX) {
            self.line(&format!("     {}", line(row)));
        }
        self.more(answer.rows.len());
    }

    fn more(&self, rows: usize) {
        if rows > ROWS_MAX {
            let more = format!("     … {} more", rows - ROWS_MAX);
            self.line(&self.paint(Tone::Faint, &more));
        }
    }

    pub(super) fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Title => "1",
            Tone::Faint => "2",
            Tone::Sql => "36",
            Tone::Good => "32",
            Tone::Refused => "33",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// A column as it is shown: its name and the first values, all of one width.
fn column<'a>(name: &str, values: impl Iterator<Item = Option<&'a str>>) -> Vec<String> {
    let mut cells: Vec<String> = values.take(ROWS_MAX).map(text).collect();
    let numeric = cells.iter().all(|cell| cell.parse::<f64>().is_ok());
    if numeric {
        let decimals = |cell: &str| cell.find('.').map_or(0, |point| cell.len() - point);
        let most = cells.iter().map(|cell| decimals(cell)).max().unwrap_or(0);
        for cell in &mut cells {
            cell.push_str(&" ".repeat(most - decimals(cell)));
        }
    }
    cells.insert(0, name.to_owned());
    let width = cells.iter().map(|cell| cell.chars().count()).max();
    let width = width.unwrap_or(0);
    let pad = |cell: String| match numeric {
        true => format!("{cell:>width$}"),
        false => format!("{cell:<width$}"),
    };
    cells.into_iter().map(pad).collect()
}

/// A value as it is shown.
fn text(value: Option<&str>) -> String {
    let value = value.unwrap_or("null");
    if value.chars().count() <= VALUE_CHARS_MAX {
        return value.to_owned();
    }
    let kept = value.chars().take(VALUE_CHARS_MAX - 1);
    kept.chain(['…']).collect()
}

/// A time with a unit that suits it.
pub(super) fn shown_time(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 0.01 => format!("{:.2} ms", seconds * 1e3),
        seconds if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        seconds => format!("{seconds:.1} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_with_their_points_below_each_other() {
        let values = ["103141", "67960.75", "5.5"].map(Some);
        let shown = column("sum", values.into_iter());
        assert_eq!(
            shown,
            ["      sum", "103141   ", " 67960.75", "     5.5 "].map(str::to_owned)
        );
    }

    #[test]
    fn words_stand_to_the_left_and_are_cut() {
        let long = "x".repeat(100);
        let shown = column("a", [Some("ab"), None, Some(&long)].into_iter());
        assert_eq!(shown[1].trim_end(), "ab");
        assert_eq!(shown[2].trim_end(), "null");
        assert_eq!(shown[3], "x".repeat(VALUE_CHARS_MAX - 1) + "…");
    }

    #[test]
    fn times_have_a_unit_that_suits_them() {
        let shown = [350, 9_620, 41_000, 2_500_000].map(|us| shown_time(Duration::from_micros(us)));
        assert_eq!(shown, ["0.35 ms", "9.62 ms", "41 ms", "2.5 s"]);
    }
}
