//! What does an expression call and read?
//!
//! Flat chains (`a OR b OR …`) make trees thousands of levels deep, so expressions are walked with a
//! stack of their own. Only subqueries recurse, and sqlparser bounds how deep those nest.

use sqlparser::ast::{
    AccessExpr, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, ListAggOnOverflow, Subscript, WindowType,
};

use super::Collector;

impl Collector {
    pub(super) fn exprs<'a>(&mut self, exprs: impl IntoIterator<Item = &'a Expr>) {
        for expr in exprs {
            self.expr(expr);
        }
    }

    pub(super) fn expr(&mut self, root: &Expr) {
        let mut pending = vec![root];
        while let Some(expr) = pending.pop() {
            let start = pending.len();
            self.step(expr, &mut pending);
            // Operands were pushed from left to right; take the leftmost first.
            if let Some(operands) = pending.get_mut(start..) {
                operands.reverse();
            }
        }
    }

    /// Notes what `expr` itself does and pushes its operands, from left to right.
    fn step<'a>(&mut self, expr: &'a Expr, pending: &mut Vec<&'a Expr>) {
        match expr {
            Expr::Identifier(name) => self.name(name),
            Expr::CompoundIdentifier(parts) => {
                if let Some(first) = parts.first() {
                    self.name(first);
                }
            }
            Expr::Value(_)
            | Expr::TypedString(_)
            | Expr::Wildcard(_)
            | Expr::QualifiedWildcard(..) => {}

            Expr::IsFalse(inner)
            | Expr::IsNotFalse(inner)
            | Expr::IsTrue(inner)
            | Expr::IsNotTrue(inner)
            | Expr::IsNull(inner)
            | Expr::IsNotNull(inner)
            | Expr::IsUnknown(inner)
            | Expr::IsNotUnknown(inner)
            | Expr::Nested(inner)
            | Expr::UnaryOp { expr: inner, .. }
            | Expr::Cast {
                expr: inner,
                format: None,
                ..
            }
            | Expr::Collate { expr: inner, .. }
            | Expr::IsJson { expr: inner, .. }
            | Expr::IsNormalized { expr: inner, .. } => pending.push(inner),

            Expr::IsDistinctFrom(left, right)
            | Expr::IsNotDistinctFrom(left, right)
            | Expr::BinaryOp { left, right, .. }
            | Expr::AnyOp { left, right, .. }
            | Expr::AllOp { left, right, .. }
            | Expr::AtTimeZone {
                timestamp: left,
                time_zone: right,
            } => {
                pending.extend([&**left, &**right]);
            }
            Expr::Between {
                expr, low, high, ..
            } => pending.extend([&**expr, low, high]),
            Expr::InList { expr, list, .. } => {
                pending.push(expr);
                pending.extend(list);
            }
            Expr::Like {
                any: false,
                expr,
                pattern,
                escape_char,
                ..
            }
            | Expr::ILike {
                any: false,
                expr,
                pattern,
                escape_char,
                ..
            }
            | Expr::SimilarTo {
                expr,
                pattern,
                escape_char,
                ..
            } => {
                pending.extend([&**expr, &**pattern]);
                pending.extend(escape_char.as_deref());
            }
            Expr::Case {
                operand,
                conditions,
                else_result,
                ..
            } => {
                pending.extend(operand.as_deref());
                for when in conditions {
                    pending.extend([&when.condition, &when.result]);
                }
                pending.extend(else_result.as_deref());
            }
            Expr::Tuple(list) => pending.extend(list),
            Expr::Array(array) => pending.extend(&array.elem),
            Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => {
                pending.extend(sets.iter().flatten());
            }
            Expr::Interval(interval) => pending.push(&interval.value),
            Expr::CompoundFieldAccess { root, access_chain } => {
                pending.push(root);
                for access in access_chain {
                    match access {
                        AccessExpr::Dot(expr) => pending.push(expr),
                        AccessExpr::Subscript(Subscript::Index { index }) => pending.push(index),
                        AccessExpr::Subscript(Subscript::Slice {
                            lower_bound,
                            upper_bound,
                            stride,
                        }) => {
                            pending.extend(lower_bound);
                            pending.extend(upper_bound);
                            self.require(stride.is_none());
                        }
                    }
                }
            }

            Expr::Extract { expr, .. } => {
                self.syntax("extract");
                pending.push(expr);
            }
            Expr::Ceil { expr, .. } => {
                self.syntax("ceil");
                pending.push(expr);
            }
            Expr::Floor { expr, .. } => {
                self.syntax("floor");
                pending.push(expr);
            }
            Expr::Position { expr, r#in } => {
                self.syntax("position");
                pending.extend([&**expr, &**r#in]);
            }
            Expr::Substring {
                expr,
                substring_from,
                substring_for,
                shorthand,
                ..
            } => {
                self.syntax(if *shorthand { "substr" } else { "substring" });
                pending.push(expr);
                pending.extend(substring_from.as_deref());
                pending.extend(substring_for.as_deref());
            }
            Expr::Trim {
                trim_what,
                expr,
                trim_characters,
                ..
            } => {
                self.syntax("trim");
                pending.extend(trim_what.as_deref());
                pending.push(expr);
                pending.extend(trim_characters.iter().flatten());
            }
            Expr::Overlay {
                expr,
                overlay_what,
                overlay_from,
                overlay_for,
            } => {
                self.syntax("overlay");
                pending.extend([&**expr, &**overlay_what, &**overlay_from]);
                pending.extend(overlay_for.as_deref());
            }
            Expr::Function(function) => self.function(function, pending),

            Expr::InSubquery { expr, subquery, .. } => {
                self.expr(expr);
                self.query(subquery);
            }
            Expr::Exists { subquery, .. } | Expr::Subquery(subquery) => self.query(subquery),

            // Other dialects' expressions, and whatever a later sqlparser adds.
            _ => self.unknown(),
        }
    }

    fn function<'a>(&mut self, function: &'a Function, pending: &mut Vec<&'a Expr>) {
        self.call(&function.name);
        self.require(
            !function.uses_odbc_syntax && matches!(function.parameters, FunctionArguments::None),
        );
        match &function.args {
            FunctionArguments::None => {}
            FunctionArguments::Subquery(query) => self.query(query),
            FunctionArguments::List(list) => {
                for arg in &list.args {
                    self.arg(arg, pending);
                }
                for clause in &list.clauses {
                    self.clause(clause);
                }
            }
        }
        self.sort(&function.within_group);
        pending.extend(function.filter.as_deref());
        if let Some(WindowType::WindowSpec(spec)) = &function.over {
            self.window(spec);
        }
    }

    /// Arguments of a function that is not part of an expression.
    pub(super) fn args(&mut self, args: &[FunctionArg]) {
        let mut pending = Vec::with_capacity(args.len());
        for arg in args {
            self.arg(arg, &mut pending);
        }
        self.exprs(pending);
    }

    fn arg<'a>(&mut self, arg: &'a FunctionArg, pending: &mut Vec<&'a Expr>) {
        let value = match arg {
            FunctionArg::Named { arg, .. } | FunctionArg::Unnamed(arg) => arg,
            FunctionArg::ExprNamed { name, arg, .. } => {
                pending.push(name);
                arg
            }
        };
        match value {
            FunctionArgExpr::Expr(expr) => pending.push(expr),
            FunctionArgExpr::QualifiedWildcard(_) | FunctionArgExpr::Wildcard => {}
            FunctionArgExpr::WildcardWithOptions(options) => self.wildcard(options),
        }
    }

    fn clause(&mut self, clause: &FunctionArgumentClause) {
        use FunctionArgumentClause as Clause;
        match clause {
            Clause::IgnoreOrRespectNulls(_)
            | Clause::JsonNullClause(_)
            | Clause::JsonReturningClause(_)
            | Clause::OnOverflow(ListAggOnOverflow::Error) => {}
            Clause::OrderBy(exprs) => self.sort(exprs),
            _ => self.unknown(),
        }
    }
}
