//! Did every statement go where it should?
//!
//! Each stop is sent to the router like any client's statement; where it went is asked with `SHOW tidegate.last_route`, not assumed. At
//! the end the analytic server itself is asked whether the refused write has left a trace.

use std::time::Instant;

use tokio_postgres::error::DbError;

use super::database::{Answer, Database, words};
use super::scrape;
use super::screen::{Screen, Tone, shown_time};
use super::stage::Stage;
use super::stops::{Expected, REFUSED_ORDER, STOPS, Stop};

/// The metrics that are shown where they have grown.
const SHOWN_METRICS: [&str; 3] = [
    "tidegate_statements_total",
    "tidegate_refused_total",
    "tidegate_route_rule_hits_total",
];

/// Runs the tour; the error lists what went otherwise than it should.
pub(super) async fn run(stage: &Stage, screen: &Screen) -> Result<(), Vec<String>> {
    let one = |why: String| vec![why];
    let before = scrape::read(&stage.http).await.map_err(one)?;
    let database = Database::open(stage.port, "app", "app").await;
    let database = database.map_err(|why| vec![format!("the router: {why}")])?;
    let mut wrong = Vec::new();
    for (at, stop) in STOPS.iter().enumerate() {
        let number = format!("{:>2}", at + 1);
        screen.line(&format!(
            "\n{} {}",
            screen.paint(Tone::Faint, &number),
            screen.paint(Tone::Title, stop.title)
        ));
        screen.sql(&format!("{};", stop.sql));
        if let Err(why) = visit(&database, stop, screen).await {
            screen.line(&format!("   {}", screen.paint(Tone::Refused, &why)));
            wrong.push(format!("stop {}, {}: {why}", at + 1, stop.title));
        }
    }
    let after = scrape::read(&stage.http).await.map_err(one)?;
    wrong.extend(show_metrics(&before, &after, screen));
    match stage.orders_with(REFUSED_ORDER).await {
        Ok(0) => screen.line("\nAsked directly, the analytic server has never seen order 990001."),
        Ok(n) => wrong.push(format!("{n} refused orders are on the analytic side")),
        Err(why) => wrong.push(format!("the analytic side cannot be asked: {why}")),
    }
    if wrong.is_empty() {
        let all = format!("All {} statements went where they should.", STOPS.len());
        screen.line(&screen.paint(Tone::Good, &all));
        Ok(())
    } else {
        Err(wrong)
    }
}

/// Sends one statement, shows what came, and says what is wrong with it.
async fn visit(database: &Database, stop: &Stop, screen: &Screen) -> Result<(), String> {
    let begun = Instant::now();
    let answer = database.ask(stop.sql).await;
    let took = shown_time(begun.elapsed());
    let route = match stop.expected {
        Expected::Explained(_) => None,
        _ => Some(
            database
                .ask("SHOW tidegate.last_route")
                .await
                .map_err(|e| words(&e))?,
        ),
    };
    match (&answer, &route) {
        (Ok(explained), None) => show_explained(explained, screen),
        (Ok(answer), Some(route)) => {
            screen.table(answer);
            let target = route.value("target").unwrap_or("?");
            let to = screen.paint(Tone::Good, &format!("→ {target}"));
            screen.line(&format!("\n   {to}   {}   {took}", why(route)));
        }
        (Err(error), _) => {
            let Some(refusal) = error.as_db_error() else {
                return Err(words(error));
            };
            show_refusal(refusal, screen);
            let reason = route.as_ref().map(why).unwrap_or_default();
            let to = screen.paint(Tone::Refused, "× refused");
            screen.line(&format!("\n   {to}   {reason}   {took}"));
        }
    }
    let code = |error: &tokio_postgres::Error| error.code().map(|code| code.code().to_owned());
    check(
        stop.expected,
        answer.as_ref().map_err(code),
        route.as_ref().and_then(|route| route.value("target")),
    )
}

/// Whether what happened is what should.
fn check(
    expected: Expected,
    answer: Result<&Answer, Option<String>>,
    target: Option<&str>,
) -> Result<(), String> {
    let ran = |rows: usize| {
        format!(
            "it brought {rows} rows from {}",
            target.unwrap_or("nowhere")
        )
    };
    match (expected, answer) {
        (Expected::RunBy(backend), Ok(answer)) => {
            let rows = answer.rows.len();
            if target == Some(backend) && (rows > 0 || answer.count > 0) {
                return Ok(());
            }
            Err(format!("should be run by {backend}, but {}", ran(rows)))
        }
        (Expected::Refused(sqlstate), Err(Some(code))) if code == sqlstate && target.is_none() => {
            Ok(())
        }
        (Expected::Explained(reason), Ok(answer))
            if answer.value("reason") == Some(reason) && answer.value("target").is_none() =>
        {
            Ok(())
        }
        (expected, Ok(answer)) => Err(format!(
            "expected {expected:?}, but {}",
            ran(answer.rows.len())
        )),
        (expected, Err(code)) => Err(format!(
            "expected {expected:?}, but the error was {}",
            code.as_deref().unwrap_or("not a server's")
        )),
    }
}

/// The rule or the reason that decided.
fn why(route: &Answer) -> String {
    let reason = route.value("reason").unwrap_or("?");
    match route.value("rule") {
        Some(rule) => format!("{reason}: {rule}"),
        None => reason.to_owned(),
    }
}

fn show_refusal(refusal: &DbError, screen: &Screen) {
    let sqlstate = refusal.code().code();
    screen.line("");
    for (name, text) in [
        ("ERROR", Some(format!("{sqlstate}: {}", refusal.message()))),
        ("DETAIL", refusal.detail().map(str::to_owned)),
        ("HINT", refusal.hint().map(str::to_owned)),
    ] {
        if let Some(text) = text {
            let name = screen.paint(Tone::Refused, &format!("{name:<7}"));
            screen.line(&format!("     {name} {text}"));
        }
    }
}

/// `EXPLAIN ROUTE` has one wide row, so its columns stand below each other.
fn show_explained(explained: &Answer, screen: &Screen) {
    screen.line("");
    for column in &explained.columns {
        let name = screen.paint(Tone::Faint, &format!("{column:<10}"));
        match explained.value(column) {
            Some("") => {}
            Some(value) => screen.line(&format!("     {name} {value}")),
            None if column == "target" => screen.line(&format!("     {name} none: refused")),
            None => {}
        }
    }
}

/// Shows which counters have grown, and says which have not as they should.
fn show_metrics(
    before: &scrape::Samples,
    after: &scrape::Samples,
    screen: &Screen,
) -> Option<String> {
    let grown = scrape::grown(before, after, &SHOWN_METRICS);
    let width = grown.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
    screen.line(&format!(
        "\n   {}",
        screen.paint(Tone::Title, "Metrics that changed")
    ));
    screen.line("");
    for (name, was, is) in &grown {
        screen.line(&format!("     {name:<width$}   {was:>3} → {is}"));
    }
    let sum = |metric: &str, label: &str| -> f64 {
        let of = grown
            .iter()
            .filter(|(name, ..)| name.starts_with(metric) && name.contains(label));
        of.map(|(_, was, is)| is - was).sum()
    };
    let count = |wanted: fn(&Expected) -> bool| {
        STOPS.iter().filter(|stop| wanted(&stop.expected)).count() as f64
    };
    let analytic = count(|expected| *expected == Expected::RunBy("analytic"));
    let refused = count(|expected| matches!(expected, Expected::Refused(_)));
    let counted = (
        sum("tidegate_statements_total", "target=\"analytic\""),
        sum("tidegate_refused_total", ""),
    );
    (counted.0 < analytic || counted.1 < refused).then(|| {
        format!("the metrics count {counted:?} analytic and refused statements, not ({analytic}, {refused})")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(columns: &[&str], rows: &[&[Option<&str>]]) -> Answer {
        let row = |row: &&[Option<&str>]| row.iter().map(|v| v.map(str::to_owned)).collect();
        Answer {
            columns: columns.iter().map(|&name| name.to_owned()).collect(),
            rows: rows.iter().map(row).collect(),
            count: 0,
        }
    }

    #[test]
    fn a_statement_must_be_run_where_it_should() {
        let one = answer(&["n"], &[&[Some("1")]]);
        let on_analytic = Expected::RunBy("analytic");
        assert_eq!(check(on_analytic, Ok(&one), Some("analytic")), Ok(()));
        assert!(check(on_analytic, Ok(&one), Some("oltp")).is_err());
        assert!(check(on_analytic, Ok(&one), None).is_err());
        assert!(check(on_analytic, Ok(&answer(&["n"], &[])), Some("analytic")).is_err());
        assert!(check(on_analytic, Err(Some("42P01".to_owned())), Some("analytic")).is_err());
    }

    #[test]
    fn a_refusal_must_be_the_routers_own() {
        let refused = Expected::Refused("25006");
        assert_eq!(check(refused, Err(Some("25006".to_owned())), None), Ok(()));
        // A server that refuses it has been sent it.
        assert!(check(refused, Err(Some("25006".to_owned())), Some("analytic")).is_err());
        assert!(check(refused, Err(Some("0A000".to_owned())), None).is_err());
        assert!(check(refused, Ok(&answer(&[], &[])), None).is_err());
        assert!(check(refused, Err(None), None).is_err());
    }

    #[test]
    fn an_explanation_must_name_the_reason_and_no_target() {
        let explained = Expected::Explained("write_on_analytic");
        let columns = ["target", "reason"];
        let right = answer(&columns, &[&[None, Some("write_on_analytic")]]);
        let wrong = answer(&columns, &[&[Some("analytic"), Some("write_on_analytic")]]);
        assert_eq!(check(explained, Ok(&right), None), Ok(()));
        assert!(check(explained, Ok(&wrong), None).is_err());
    }
}
