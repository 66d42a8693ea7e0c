//! What does a query read: its `WITH`, its set operations, its `FROM`?

use sqlparser::ast::{
    Distinct, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr,
    GroupByWithModifier, Join, JoinConstraint, JoinOperator, LimitClause, NamedWindowExpr,
    ObjectName, OrderBy, OrderByExpr, OrderByKind, Query, Select, SelectFlavor, SelectInto,
    SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableFactor, TableFunctionArgs,
    TableSampleKind, TableWithJoins, Values, WildcardAdditionalOptions, WindowSpec, With,
    XmlTableColumnOption,
};

use super::Collector;
use crate::sql::facts::{Access, Effect, SessionEffect};
use crate::sql::tokens;

/// Functions in `FROM` whose first argument is a relation (RisingWave's time windows).
const WINDOWING: &[&str] = &["tumble", "hop", "session", "gap_fill"];

impl Collector {
    pub(super) fn query(&mut self, query: &Query) {
        let scopes = self.scopes.len();
        if let Some(with) = &query.with {
            self.with(with);
        }
        // Rows read by a CTE are not locked by the main query's locking clause.
        let body = self.touched.len();
        self.set_expr(&query.body);
        if !query.locks.is_empty() {
            self.found.raise(Effect::Lock);
            for name in self.touched.get(body..).unwrap_or_default().to_vec() {
                self.found.relation(name, Access::Lock);
            }
        }
        if let Some(order_by) = &query.order_by {
            self.order_by(order_by);
        }
        if let Some(LimitClause::LimitOffset {
            limit,
            offset,
            limit_by,
        }) = &query.limit_clause
        {
            self.exprs(limit);
            if let Some(offset) = offset {
                self.expr(&offset.value);
            }
            self.require(limit_by.is_empty());
        } else {
            self.require(query.limit_clause.is_none());
        }
        if let Some(fetch) = &query.fetch {
            self.exprs(&fetch.quantity);
            self.require(!fetch.percent);
        }
        self.require(
            query.for_clause.is_none()
                && query.settings.is_none()
                && query.format_clause.is_none()
                && query.pipe_operators.is_empty(),
        );
        self.scopes.truncate(scopes);
    }

    /// Opens a scope and walks the CTEs. In a plain `WITH` each sees those before it; in `WITH
    /// RECURSIVE` each sees all, itself included.
    fn with(&mut self, with: &With) {
        let mut names = Vec::with_capacity(with.cte_tables.len());
        for cte in &with.cte_tables {
            names.extend(self.fold(&cte.alias.name));
            self.require(cte.from.is_none());
        }
        let known = names.len() == with.cte_tables.len();
        self.require(known);
        self.scopes.push(if with.recursive {
            names.clone()
        } else {
            Vec::new()
        });
        for (at, cte) in with.cte_tables.iter().enumerate() {
            self.query(&cte.query);
            if !with.recursive
                && let (Some(scope), Some(name)) = (self.scopes.last_mut(), names.get(at))
            {
                scope.push(name.clone());
            }
        }
    }

    fn set_expr(&mut self, body: &SetExpr) {
        // A chain of UNIONs leans to the left and may be as long as the limits allow, so it is
        // walked without recursion, from the innermost left operand on.
        let mut rights = Vec::new();
        let mut left = body;
        while let SetExpr::SetOperation {
            left: inner, right, ..
        } = left
        {
            rights.push(right);
            left = inner;
        }
        self.set_operand(left);
        for right in rights.into_iter().rev() {
            match &**right {
                SetExpr::SetOperation { .. } => self.set_expr(right),
                operand => self.set_operand(operand),
            }
        }
    }

    fn set_operand(&mut self, body: &SetExpr) {
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => self.query(query),
            SetExpr::Values(values) => self.values(values),
            SetExpr::Insert(statement)
            | SetExpr::Update(statement)
            | SetExpr::Delete(statement)
            | SetExpr::Merge(statement) => {
                self.found.raise(Effect::Write);
                if self.statement(statement).is_none() {
                    self.unknown();
                }
            }
            // Its name has lost its quotes, so it cannot be folded. Ours never get here: `TABLE t`
            // is rewritten before parsing.
            SetExpr::SetOperation { .. } | SetExpr::Table(_) => self.unknown(),
        }
    }

    pub(super) fn values(&mut self, values: &Values) {
        for row in &values.rows {
            self.exprs(&row.content);
        }
    }

    fn select(&mut self, select: &Select) {
        self.require(
            select.optimizer_hints.is_empty()
                && select.select_modifiers.is_none()
                && select.top.is_none()
                && select.exclude.is_none()
                && select.lateral_views.is_empty()
                && select.prewhere.is_none()
                && select.connect_by.is_empty()
                && select.cluster_by.is_empty()
                && select.distribute_by.is_empty()
                && select.sort_by.is_empty()
                && select.qualify.is_none()
                && select.value_table_mode.is_none()
                && matches!(select.flavor, SelectFlavor::Standard),
        );
        if let Some(Distinct::On(exprs)) = &select.distinct {
            self.exprs(exprs);
        }
        self.items(&select.projection);
        if let Some(into) = &select.into {
            self.into(into);
        }
        for table in &select.from {
            self.table(table);
        }
        self.exprs(&select.selection);
        self.group_by(&select.group_by);
        self.exprs(&select.having);
        for window in &select.named_window {
            match &window.1 {
                NamedWindowExpr::NamedWindow(_) => {}
                NamedWindowExpr::WindowSpec(spec) => self.window(spec),
            }
        }
    }

    /// `SELECT … INTO [TEMP] t` creates a table, whatever it reads.
    fn into(&mut self, into: &SelectInto) {
        self.found.raise(Effect::Write);
        self.into = true;
        for target in &into.targets {
            let parts: Option<Vec<String>> = match target {
                Expr::Identifier(ident) => self.fold(ident).map(|name| vec![name]),
                Expr::CompoundIdentifier(idents) => idents.iter().map(|i| self.fold(i)).collect(),
                _ => None,
            };
            match parts.and_then(tokens::relation) {
                Some(name) => {
                    let in_temp = name.schema.as_deref() == Some("pg_temp");
                    if into.temporary || in_temp {
                        self.found.session = SessionEffect::CreateTemp(name.name.clone());
                    }
                    self.found.relation(name, Access::Define);
                }
                None => self.unknown(),
            }
        }
    }

    pub(super) fn items(&mut self, items: &[SelectItem]) {
        for item in items {
            match item {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                    self.expr(expr);
                }
                SelectItem::ExprWithAliases { expr, .. } => {
                    self.expr(expr);
                    self.unknown();
                }
                SelectItem::QualifiedWildcard(kind, options) => {
                    if let SelectItemQualifiedWildcardKind::Expr(expr) = kind {
                        self.expr(expr);
                    }
                    self.wildcard(options);
                }
                SelectItem::Wildcard(options) => self.wildcard(options),
            }
        }
    }

    pub(super) fn wildcard(&mut self, options: &WildcardAdditionalOptions) {
        self.require(
            options.opt_ilike.is_none()
                && options.opt_exclude.is_none()
                && options.opt_except.is_none()
                && options.opt_replace.is_none()
                && options.opt_rename.is_none()
                && options.opt_alias.is_none(),
        );
    }

    fn group_by(&mut self, group_by: &GroupByExpr) {
        let modifiers = match group_by {
            GroupByExpr::All(modifiers) => modifiers,
            GroupByExpr::Expressions(exprs, modifiers) => {
                self.exprs(exprs);
                modifiers
            }
        };
        for modifier in modifiers {
            match modifier {
                GroupByWithModifier::GroupingSets(expr) => self.expr(expr),
                _ => self.unknown(),
            }
        }
    }

    fn order_by(&mut self, order_by: &OrderBy) {
        self.require(order_by.interpolate.is_none());
        match &order_by.kind {
            OrderByKind::Expressions(exprs) => self.sort(exprs),
            OrderByKind::All(_) => self.unknown(),
        }
    }

    pub(super) fn sort(&mut self, exprs: &[OrderByExpr]) {
        for by in exprs {
            self.expr(&by.expr);
            self.require(by.with_fill.is_none());
        }
    }

    pub(super) fn window(&mut self, spec: &WindowSpec) {
        use sqlparser::ast::WindowFrameBound::{CurrentRow, Following, Preceding};
        self.exprs(&spec.partition_by);
        self.sort(&spec.order_by);
        if let Some(frame) = &spec.window_frame {
            for bound in std::iter::once(&frame.start_bound).chain(&frame.end_bound) {
                match bound {
                    CurrentRow => {}
                    Preceding(expr) | Following(expr) => {
                        if let Some(expr) = expr {
                            self.expr(expr);
                        }
                    }
                }
            }
        }
    }

    pub(super) fn table(&mut self, table: &TableWithJoins) {
        self.factor(&table.relation);
        for join in &table.joins {
            self.join(join);
        }
    }

    fn join(&mut self, join: &Join) {
        use JoinOperator as J;
        self.factor(&join.relation);
        self.require(!join.global);
        match &join.join_operator {
            J::Join(on)
            | J::Inner(on)
            | J::Left(on)
            | J::LeftOuter(on)
            | J::Right(on)
            | J::RightOuter(on)
            | J::FullOuter(on)
            | J::CrossJoin(on) => match on {
                JoinConstraint::On(expr) => self.expr(expr),
                JoinConstraint::Using(_) | JoinConstraint::Natural | JoinConstraint::None => {}
            },
            _ => self.unknown(),
        }
    }

    pub(super) fn factor(&mut self, factor: &TableFactor) {
        match factor {
            TableFactor::Table {
                name,
                alias: _,
                args,
                with_hints,
                version,
                with_ordinality: _,
                partitions,
                json_path,
                sample,
                index_hints,
            } => {
                self.require(
                    with_hints.is_empty()
                        && version.is_none()
                        && partitions.is_empty()
                        && json_path.is_none()
                        && index_hints.is_empty(),
                );
                match args {
                    None => self.read(name),
                    Some(TableFunctionArgs { args, settings }) => {
                        self.require(settings.is_none());
                        self.table_function(name, args);
                    }
                }
                self.sample(sample.as_ref());
            }
            TableFactor::Derived {
                subquery, sample, ..
            } => {
                self.query(subquery);
                self.sample(sample.as_ref());
            }
            TableFactor::Function { name, args, .. } => self.table_function(name, args),
            TableFactor::UNNEST {
                array_exprs,
                with_offset,
                ..
            } => {
                self.syntax("unnest");
                self.exprs(array_exprs);
                self.require(!with_offset);
            }
            TableFactor::NestedJoin {
                table_with_joins, ..
            } => self.table(table_with_joins),
            TableFactor::JsonTable { json_expr, .. } => {
                self.syntax("json_table");
                self.expr(json_expr);
            }
            TableFactor::XmlTable {
                namespaces,
                row_expression,
                passing,
                columns,
                ..
            } => {
                self.syntax("xmltable");
                self.exprs(namespaces.iter().map(|namespace| &namespace.uri));
                self.expr(row_expression);
                self.exprs(passing.arguments.iter().map(|argument| &argument.expr));
                for column in columns {
                    if let XmlTableColumnOption::NamedInfo { path, default, .. } = &column.option {
                        self.exprs(path);
                        self.exprs(default);
                    }
                }
            }
            _ => self.unknown(),
        }
    }

    fn sample(&mut self, sample: Option<&TableSampleKind>) {
        let Some(
            TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample),
        ) = sample
        else {
            return;
        };
        if let Some(quantity) = &sample.quantity {
            self.expr(&quantity.value);
        }
        self.require(sample.bucket.is_none() && sample.offset.is_none());
    }

    fn table_function(&mut self, name: &ObjectName, args: &[FunctionArg]) {
        self.call(name);
        let windowing = self.is_windowing(name);
        let (first, others) = match args.split_first() {
            Some((FunctionArg::Unnamed(FunctionArgExpr::Expr(first)), others)) if windowing => {
                (first, others)
            }
            _ => return self.args(args),
        };
        match first {
            Expr::Identifier(ident) => {
                if let Some(name) = self.fold(ident) {
                    self.read_parts(vec![name]);
                }
            }
            Expr::CompoundIdentifier(parts) => {
                if let Some(parts) = parts.iter().map(|part| self.fold(part)).collect() {
                    self.read_parts(parts);
                }
            }
            // `gap_fill(tumble(t, …), …)`.
            Expr::Function(inner) if self.is_windowing(&inner.name) => match &inner.args {
                FunctionArguments::List(list) => self.table_function(&inner.name, &list.args),
                _ => self.unknown(),
            },
            _ => return self.args(args),
        }
        self.args(others);
    }

    fn is_windowing(&mut self, name: &ObjectName) -> bool {
        self.parts(name).is_some_and(|parts| {
            parts
                .last()
                .is_some_and(|name| WINDOWING.contains(&name.as_str()))
        })
    }
}
