//! Is a read a look-up of one row, or does it crunch many?
//!
//! This decides where reads of *mirrored* relations go, never whether they are safe, so it may be
//! approximate: it looks at the top of the query and at subqueries of `FROM` and `WITH`.

use sqlparser::ast::{
    BinaryOperator, Distinct, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr,
    Query, Select, SelectItem, SetExpr, TableFactor,
};

use crate::sql::facts::Shape;

/// Aggregates of PostgreSQL and RisingWave.
const AGGREGATES: &[&str] = &[
    "any_value",
    "approx_count_distinct",
    "approx_percentile",
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "covar_pop",
    "covar_samp",
    "every",
    "first_value",
    "json_agg",
    "json_arrayagg",
    "json_object_agg",
    "json_objectagg",
    "jsonb_agg",
    "jsonb_object_agg",
    "last_value",
    "max",
    "min",
    "mode",
    "percentile_cont",
    "percentile_disc",
    "range_agg",
    "range_intersect_agg",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "var_pop",
    "var_samp",
    "variance",
    "xmlagg",
];

/// The shape of a whole query.
pub(super) fn of(query: &Query) -> Shape {
    if query_aggregates(query) {
        return Shape::Aggregate;
    }
    match main_select(&query.body).and_then(|select| select.selection.as_ref()) {
        Some(condition) if pins(condition) => Shape::Point,
        _ => Shape::Plain,
    }
}

fn main_select(body: &SetExpr) -> Option<&Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        SetExpr::Query(query) => main_select(&query.body),
        _ => None,
    }
}

fn query_aggregates(query: &Query) -> bool {
    let ctes = query.with.iter().flat_map(|with| &with.cte_tables);
    ctes.into_iter().any(|cte| query_aggregates(&cte.query)) || body_aggregates(&query.body)
}

fn body_aggregates(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => select_aggregates(select),
        SetExpr::Query(query) => query_aggregates(query),
        SetExpr::SetOperation { .. } => true,
        _ => false,
    }
}

fn select_aggregates(select: &Select) -> bool {
    let grouped = match &select.group_by {
        GroupByExpr::All(_) => true,
        GroupByExpr::Expressions(exprs, modifiers) => !exprs.is_empty() || !modifiers.is_empty(),
    };
    let distinct = matches!(select.distinct, Some(Distinct::Distinct | Distinct::On(_)));
    grouped
        || distinct
        || select.having.is_some()
        || select.projection.iter().any(|item| match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                calls_aggregate(expr)
            }
            _ => false,
        })
        || select.from.iter().any(|table| {
            factor_aggregates(&table.relation)
                || table
                    .joins
                    .iter()
                    .any(|join| factor_aggregates(&join.relation))
        })
}

fn factor_aggregates(factor: &TableFactor) -> bool {
    match factor {
        TableFactor::Derived { subquery, .. } => query_aggregates(subquery),
        TableFactor::NestedJoin {
            table_with_joins, ..
        } => {
            factor_aggregates(&table_with_joins.relation)
                || table_with_joins
                    .joins
                    .iter()
                    .any(|join| factor_aggregates(&join.relation))
        }
        _ => false,
    }
}

/// Whether an aggregate or window function is called in the expression, not in its subqueries.
fn calls_aggregate(root: &Expr) -> bool {
    let mut pending = vec![root];
    while let Some(expr) = pending.pop() {
        match expr {
            Expr::Function(function) => {
                let name = function.name.0.last().and_then(|part| part.as_ident());
                let aggregate = name.is_some_and(|name| {
                    AGGREGATES.contains(&name.value.to_ascii_lowercase().as_str())
                });
                if aggregate || function.over.is_some() {
                    return true;
                }
                if let FunctionArguments::List(list) = &function.args {
                    pending.extend(list.args.iter().filter_map(|arg| match arg {
                        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
                        _ => None,
                    }));
                }
            }
            Expr::BinaryOp { left, right, .. } => pending.extend([&**left, &**right]),
            Expr::Nested(inner)
            | Expr::UnaryOp { expr: inner, .. }
            | Expr::Cast { expr: inner, .. }
            | Expr::IsNull(inner)
            | Expr::IsNotNull(inner)
            | Expr::Extract { expr: inner, .. }
            | Expr::Floor { expr: inner, .. }
            | Expr::Ceil { expr: inner, .. } => pending.push(inner),
            Expr::Case {
                operand,
                conditions,
                else_result,
                ..
            } => {
                pending.extend(operand.as_deref());
                pending.extend(conditions.iter().flat_map(|w| [&w.condition, &w.result]));
                pending.extend(else_result.as_deref());
            }
            _ => {}
        }
    }
    false
}

/// Whether a conjunct at the top pins a column: `c = 1`, `1 = c`, `c IN (1, 2)`, `c = ANY ($1)`.
fn pins(condition: &Expr) -> bool {
    let mut pending = vec![condition];
    while let Some(expr) = pending.pop() {
        match expr {
            Expr::BinaryOp {
                left,
                op: BinaryOperator::And,
                right,
            } => {
                pending.extend([&**left, &**right]);
            }
            Expr::Nested(inner) => pending.push(inner),
            Expr::BinaryOp {
                left,
                op: BinaryOperator::Eq,
                right,
            } if is_column(left) && is_constant(right) || is_constant(left) && is_column(right) => {
                return true;
            }
            Expr::AnyOp {
                left,
                compare_op: BinaryOperator::Eq,
                right,
                ..
            } if is_column(left) && is_constant(right) => {
                return true;
            }
            Expr::InList {
                expr,
                list,
                negated: false,
            } if is_column(expr) && list.iter().all(is_constant) => {
                return true;
            }
            _ => {}
        }
    }
    false
}

fn is_column(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
}

fn is_constant(expr: &Expr) -> bool {
    let mut inner = expr;
    while let Expr::Cast { expr, .. } | Expr::Nested(expr) | Expr::UnaryOp { expr, .. } = inner {
        inner = expr;
    }
    match inner {
        Expr::Value(_) | Expr::TypedString(_) => true,
        Expr::Array(array) => array.elem.iter().all(|e| matches!(e, Expr::Value(_))),
        _ => false,
    }
}
