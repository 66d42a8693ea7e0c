//! What does a data change read and write?

use sqlparser::ast::{
    Assignment, Delete, FromTable, Insert, Merge, MergeAction, MergeInsertKind, MergeUpdateKind,
    OnConflictAction, OnInsert, OutputClause, TableFactor, TableObject, TableWithJoins, Update,
    UpdateTableFromKind,
};

use super::Collector;
use crate::sql::facts::Effect;

impl Collector {
    pub(super) fn insert(&mut self, insert: &Insert) {
        self.found.raise(Effect::Write);
        match &insert.table {
            TableObject::TableName(name) => self.target(name),
            _ => self.unknown(),
        }
        if let Some(source) = &insert.source {
            self.query(source);
        }
        self.assignments(&insert.assignments);
        match &insert.on {
            None => {}
            Some(OnInsert::OnConflict(on)) => {
                if let OnConflictAction::DoUpdate(update) = &on.action {
                    self.assignments(&update.assignments);
                    self.exprs(&update.selection);
                }
            }
            Some(_) => self.unknown(),
        }
        self.items(insert.returning.as_deref().unwrap_or_default());
    }

    pub(super) fn update(&mut self, update: &Update) {
        self.found.raise(Effect::Write);
        self.changed(&update.table);
        self.assignments(&update.assignments);
        match &update.from {
            None => {}
            Some(
                UpdateTableFromKind::BeforeSet(tables) | UpdateTableFromKind::AfterSet(tables),
            ) => {
                for table in tables {
                    self.table(table);
                }
            }
        }
        self.exprs(&update.selection);
        self.items(update.returning.as_deref().unwrap_or_default());
        self.exprs(&update.limit);
    }

    pub(super) fn delete(&mut self, delete: &Delete) {
        self.found.raise(Effect::Write);
        for name in &delete.tables {
            self.target(name);
        }
        let (FromTable::WithFromKeyword(targets) | FromTable::WithoutKeyword(targets)) =
            &delete.from;
        for target in targets {
            self.changed(target);
        }
        for table in delete.using.as_deref().unwrap_or_default() {
            self.table(table);
        }
        self.exprs(&delete.selection);
        self.items(delete.returning.as_deref().unwrap_or_default());
        self.exprs(&delete.limit);
    }

    pub(super) fn merge(&mut self, merge: &Merge) {
        self.found.raise(Effect::Write);
        self.changed_factor(&merge.table);
        self.factor(&merge.source);
        self.expr(&merge.on);
        for clause in &merge.clauses {
            self.exprs(&clause.predicate);
            match &clause.action {
                MergeAction::Insert(insert) => {
                    if let MergeInsertKind::Values(values) = &insert.kind {
                        self.values(values);
                    }
                    self.exprs(&insert.insert_predicate);
                }
                MergeAction::Update(update) => {
                    if let MergeUpdateKind::Set(assignments) = &update.kind {
                        self.assignments(assignments);
                    }
                    self.exprs(&update.update_predicate);
                    self.exprs(&update.delete_predicate);
                }
                MergeAction::Delete { .. } | MergeAction::DoNothing { .. } => {}
            }
        }
        if let Some(
            OutputClause::Output { select_items, .. }
            | OutputClause::Returning { select_items, .. },
        ) = &merge.output
        {
            self.items(select_items);
        }
    }

    fn assignments(&mut self, assignments: &[Assignment]) {
        self.exprs(assignments.iter().map(|assignment| &assignment.value));
    }

    /// The target of an `UPDATE` or `DELETE`; PostgreSQL has no joins there.
    fn changed(&mut self, table: &TableWithJoins) {
        self.changed_factor(&table.relation);
        for join in &table.joins {
            self.changed_factor(&join.relation);
        }
    }

    fn changed_factor(&mut self, factor: &TableFactor) {
        match factor {
            TableFactor::Table {
                name, args: None, ..
            } => self.target(name),
            _ => self.unknown(),
        }
    }
}
