//! Which relations does a parsed query or data change use, and how?
//!
//! The tree is walked by hand, with the scopes of `WITH` in view, rather than with sqlparser's
//! visitor: that one takes CTEs for relations and knows neither reads from writes nor `TUMBLE`'s
//! first argument. The rule that keeps it safe is *exhaustion*: every kind of node and every field that
//! is not understood makes the effect [`Effect::Unknown`]. Nothing is a read because it was
//! overlooked.

mod change;
mod expr;
mod query;
mod shape;

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart, SetExpr, Statement};

use super::facts::{Access, Effect, FunctionName, ParsedBy, RelationName, StatementFacts};
use super::findings::Findings;
use super::reserved::is_reserved;
use super::tokens;

/// The facts of a parsed statement, or `None` if it is not a query or data change, or surely misread.
pub(super) fn collect(statement: &Statement) -> Option<StatementFacts> {
    let mut collector = Collector {
        found: Findings::new(Effect::Read),
        scopes: Vec::new(),
        touched: Vec::new(),
        into: false,
        misread: false,
    };
    let kind = collector.statement(statement)?;
    if collector.misread {
        return None;
    }
    if let Statement::Query(query) = statement {
        collector.found.shape = shape::of(query);
    }
    let into = collector.into && kind == "select";
    let kind = if into { "select into" } else { kind };
    Some(collector.found.into_facts(kind, ParsedBy::Sqlparser))
}

/// The walk's state.
struct Collector {
    found: Findings,
    /// Names of the CTEs in view, innermost `WITH` last.
    scopes: Vec<Vec<String>>,
    /// Every relation read so far, repeated, so that a locking clause finds those of its query.
    touched: Vec<RelationName>,
    /// A `SELECT … INTO` was met.
    into: bool,
    /// A reserved word was taken for a name, so the tree is not what PostgreSQL sees.
    misread: bool,
}

impl Collector {
    /// Walks a statement that may stand at the top or in a `WITH`; gives its kind.
    fn statement(&mut self, statement: &Statement) -> Option<&'static str> {
        Some(match statement {
            Statement::Query(query) => {
                self.query(query);
                query_kind(&query.body)
            }
            Statement::Insert(insert) => {
                self.insert(insert);
                "insert"
            }
            Statement::Update(update) => {
                self.update(update);
                "update"
            }
            Statement::Delete(delete) => {
                self.delete(delete);
                "delete"
            }
            Statement::Merge(merge) => {
                self.merge(merge);
                "merge"
            }
            _ => return None,
        })
    }

    /// Something was met whose meaning is not known here.
    fn unknown(&mut self) {
        self.found.raise(Effect::Unknown);
    }

    /// Notes what must not be there for the node to be understood.
    fn require(&mut self, understood: bool) {
        if !understood {
            self.unknown();
        }
    }

    /// A name's first part; what follows a dot may be any word.
    fn name(&mut self, ident: &Ident) {
        self.misread |= ident.quote_style.is_none() && is_reserved(&ident.value);
    }

    fn parts(&mut self, name: &ObjectName) -> Option<Vec<String>> {
        let mut parts = Vec::with_capacity(name.0.len());
        for part in &name.0 {
            match part {
                ObjectNamePart::Identifier(ident) => parts.push(self.fold(ident)?),
                ObjectNamePart::Function(_) => {
                    self.unknown();
                    return None;
                }
            }
        }
        if parts.len() > 3 {
            self.unknown();
        }
        Some(parts)
    }

    fn fold(&mut self, ident: &Ident) -> Option<String> {
        match ident.quote_style {
            None => Some(ident.value.to_ascii_lowercase()),
            Some('"') => Some(ident.value.clone()),
            Some(_) => {
                self.unknown();
                None
            }
        }
    }

    /// A relation named where rows are read from, unless a CTE of that name is in view.
    fn read(&mut self, name: &ObjectName) {
        self.relation_name(name);
        if let Some(parts) = self.parts(name) {
            self.read_parts(parts);
        }
    }

    fn relation_name(&mut self, name: &ObjectName) {
        if let Some(first) = name.0.first().and_then(ObjectNamePart::as_ident) {
            self.name(first);
        }
    }

    fn read_parts(&mut self, parts: Vec<String>) {
        let in_view = |name: &String| self.scopes.iter().any(|scope| scope.contains(name));
        if parts.len() == 1 && parts.first().is_some_and(in_view) {
            return;
        }
        if let Some(name) = tokens::relation(parts) {
            self.touched.push(name.clone());
            self.found.relation(name, Access::Read);
        }
    }

    /// The target of a data change: never a CTE.
    fn target(&mut self, name: &ObjectName) {
        self.relation_name(name);
        if let Some(name) = self.parts(name).and_then(tokens::relation) {
            self.found.relation(name, Access::Write);
        }
    }

    fn call(&mut self, name: &ObjectName) {
        if let Some(mut parts) = self.parts(name)
            && let Some(name) = parts.pop()
        {
            let schema = parts.pop();
            self.found.function(FunctionName { schema, name });
        }
    }

    /// A construct of the syntax that acts as a built-in function.
    fn syntax(&mut self, name: &str) {
        self.found.function(FunctionName {
            schema: None,
            name: name.to_owned(),
        });
    }
}

/// The kind of a `Query`: that of its main part, which may change data (`WITH … INSERT …`).
fn query_kind(body: &SetExpr) -> &'static str {
    match body {
        SetExpr::Values(_) => "values",
        SetExpr::Insert(_) => "insert",
        SetExpr::Update(_) => "update",
        SetExpr::Delete(_) => "delete",
        SetExpr::Merge(_) => "merge",
        SetExpr::Query(query) => query_kind(&query.body),
        SetExpr::Select(_) | SetExpr::SetOperation { .. } | SetExpr::Table(_) => "select",
    }
}
