//! Where do the two opinions differ, and is each difference on the safe side?

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use tidegate::sql::{Access, Effect, StatementFacts, facts, split};

use crate::corpora::{self, Corpus};
use crate::second::{Class, Name, Second, second};
use crate::{kind, psql};

/// Agreement that issue 4 asks for, in statements of a thousand.
const AGREED_PER_THOUSAND: usize = 999;

/// What became of the statements of a corpus.
#[derive(Debug, Default)]
struct Tally {
    accepted: usize,
    rejected: usize,
    agreed: usize,
    reads: usize,
    proven: usize,
    safe: Vec<String>,
    dangerous: Vec<String>,
}

fn names(facts: &StatementFacts, wanted: impl Fn(Access) -> bool) -> BTreeSet<Name> {
    let cut = |name: &str| truncated(name).to_owned();
    facts
        .relations
        .iter()
        .filter(|used| wanted(used.access))
        .map(|used| (used.name.schema.as_deref().map(cut), cut(&used.name.name)))
        .collect()
}

/// PostgreSQL cuts names to 63 bytes; RisingWave does not, so our facts keep them whole.
fn truncated(name: &str) -> &str {
    let mut end = name.len().min(63);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

/// Whether our effect claims no less harm than there is.
fn covers(effect: Effect, class: Class) -> bool {
    match effect {
        Effect::Unknown | Effect::Write => true,
        Effect::Read => class == Class::Read,
        Effect::Session => matches!(class, Class::Session | Class::Read),
        Effect::Transaction => class == Class::Transaction,
        Effect::Lock => matches!(class, Class::Lock | Class::Read),
        Effect::Define => class <= Class::Define,
        Effect::Empty => false,
    }
}

/// The differences, and whether any is dangerous.
pub fn differences(ours: &StatementFacts, theirs: &Second) -> (Vec<String>, bool) {
    let mut found = Vec::new();
    let mut dangerous = false;
    let same_kind = kind::same(ours.kind, &theirs.kind);
    if !same_kind {
        found.push(format!("kind {} for {}", ours.kind, theirs.kind));
    }
    if !covers(ours.effect, theirs.class) {
        dangerous = true;
        found.push(format!("effect {:?} for {:?}", ours.effect, theirs.class));
    }
    // Locks of rows are on relations that are read, and are known by the effect.
    let rows_locked =
        theirs.class == Class::Lock && ours.kind != "lock" || theirs.class == Class::Write;
    let read = names(ours, |access| access == Access::Read);
    let changed = names(ours, |access| {
        !(access == Access::Read || rows_locked && access == Access::Lock)
    });
    let any = names(ours, |_| true);
    for (what, ours, theirs) in [
        ("reads", &read, &theirs.read),
        ("changes", &changed, &theirs.changed),
    ] {
        let missed: Vec<String> = theirs.difference(ours).map(shown).collect();
        let extra: Vec<String> = ours.difference(theirs).map(shown).collect();
        if !missed.is_empty() {
            found.push(format!("{what} not {}", missed.join(", ")));
        }
        if !extra.is_empty() {
            found.push(format!("{what} also {}", extra.join(", ")));
        }
    }
    // A relation may be found in another role, but it must be found; with nothing found in the role of one that is
    // changed, only an effect that says so is safe.
    let all_found = theirs
        .read
        .union(&theirs.changed)
        .all(|name| any.contains(name));
    let changes_known = theirs.changed.is_subset(&changed) || ours.effect == Effect::Unknown;
    dangerous |= !all_found || !changes_known;
    if ours.effect == Effect::Read {
        let calls: BTreeSet<Name> = ours
            .functions
            .iter()
            .map(|f| (f.schema.clone(), f.name.clone()))
            .collect();
        for missed in theirs.calls.difference(&calls) {
            dangerous = true;
            found.push(format!("calls not {}", shown(missed)));
        }
    }
    (found, dangerous)
}

fn shown(name: &Name) -> String {
    match name {
        (Some(schema), name) => format!("{schema}.{name}"),
        (None, name) => name.clone(),
    }
}

fn tally(corpus: &Corpus) -> Tally {
    let mut tally = Tally::default();
    for raw in &corpus.statements {
        let texts: Vec<&str> = split(raw.as_bytes())
            .into_iter()
            .filter_map(|range| raw.get(range))
            .collect();
        for text in texts {
            let mut text = text.to_owned();
            let mut opinion = second(&text);
            if opinion.is_err() {
                text = psql::with_variables(&text);
                opinion = second(&text);
            }
            match opinion {
                Ok(theirs) => judge(&mut tally, &text, &theirs),
                Err(reason) => {
                    show("rejected", &format!("{reason}: {text}"));
                    tally.rejected += 1;
                }
            }
        }
    }
    tally
}

fn judge(tally: &mut Tally, text: &str, theirs: &Second) {
    let ours = facts(text.as_bytes());
    tally.accepted += 1;
    if theirs.class == Class::Read {
        tally.reads += 1;
        tally.proven += usize::from(ours.effect == Effect::Read);
        if ours.effect != Effect::Read {
            show("unproven", text);
        }
    }
    let (found, dangerous) = differences(&ours, theirs);
    if found.is_empty() {
        tally.agreed += 1;
        return;
    }
    let line = format!("{}\n    {}", one_line(text), found.join("; "));
    if dangerous {
        &mut tally.dangerous
    } else {
        &mut tally.safe
    }
    .push(line);
}

/// `TIDEGATE_SHOW=rejected` and `TIDEGATE_SHOW=unproven` print what is only counted otherwise.
fn show(what: &str, text: &str) {
    if std::env::var("TIDEGATE_SHOW").is_ok_and(|wanted| wanted == what) {
        println!("{what}: {}", one_line(text));
    }
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(400).collect()
}

#[test]
fn facts_agree_with_postgresqls_grammar() {
    let mut listed = String::new();
    let mut problems = Vec::new();
    let (mut accepted, mut agreed) = (0, 0);
    for corpus in corpora::all() {
        let tally = tally(&corpus);
        println!(
            "{}: {} of {} agree, {} rejected by libpg_query; {} of {} reads proven; {} differ safely, {} dangerously",
            corpus.name,
            tally.agreed,
            tally.accepted,
            tally.rejected,
            tally.proven,
            tally.reads,
            tally.safe.len(),
            tally.dangerous.len()
        );
        if !tally.safe.is_empty() {
            let _ = write!(
                listed,
                "== {}\n\n{}\n\n",
                corpus.name,
                tally.safe.join("\n\n")
            );
        }
        for line in &tally.dangerous {
            problems.push(format!("dangerous: {line}"));
        }
        accepted += tally.accepted;
        agreed += tally.agreed;
    }
    println!("{agreed} of {accepted} agree");
    if agreed * 1000 < accepted * AGREED_PER_THOUSAND {
        problems.push(format!(
            "fewer than {AGREED_PER_THOUSAND} in a thousand agree"
        ));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/disagreements.txt");
    if std::env::var_os("TIDEGATE_BLESS").is_some() {
        std::fs::write(&path, &listed).unwrap();
    }
    let reviewed = std::fs::read_to_string(&path).unwrap_or_default();
    if reviewed != listed {
        problems.push(
            "tests/oracle/disagreements.txt is not what was found; TIDEGATE_BLESS=1 rewrites it"
                .to_owned(),
        );
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
