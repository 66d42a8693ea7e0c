//! What does PostgreSQL's own grammar say that a statement reads, changes and calls?
//!
//! The tree of libpg_query is walked as plain JSON, so that no kind of node can be overlooked: a relation
//! is a relation wherever it stands, unless it is listed here as something else. Nothing is shared with
//! `src/sql`, as an error made twice would not be seen.

use std::collections::BTreeSet;

use pg_query::protobuf::ObjectType;
use serde_json::{Map, Value};

use crate::kind;

/// A relation's or a function's name.
pub type Name = (Option<String>, String);

/// What a statement does, from the most harmless on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    Read,
    Session,
    Transaction,
    Lock,
    Define,
    Write,
}

/// The second opinion on one statement.
#[derive(Debug)]
pub struct Second {
    pub kind: String,
    pub class: Class,
    pub read: BTreeSet<Name>,
    pub changed: BTreeSet<Name>,
    /// Functions called by name, and operators that are given with a schema.
    pub calls: BTreeSet<Name>,
}

/// The second opinion, or why there is none.
pub fn second(text: &str) -> Result<Second, String> {
    let parsed = pg_query::parse(text, pg_query::ParserOptions::default());
    let tree = parsed.map_err(|error| error.to_string())?.protobuf;
    let statements = serde_json::to_value(&tree.stmts).map_err(|error| error.to_string())?;
    let [statement] = statements.as_array().map(Vec::as_slice).unwrap_or_default() else {
        return Err(format!("{} statements", tree.stmts.len()));
    };
    let (tag, body) = tagged(&statement["stmt"]).ok_or("an empty statement")?;
    let mut walk = Walk::default();
    walk.node(tag, body);
    Ok(Second {
        kind: kind::of(tag, body),
        class: kind::class(tag, body).max(walk.class),
        read: walk.read,
        changed: walk.changed,
        calls: walk.calls,
    })
}

/// The kind of a node and what it holds.
pub fn tagged(node: &Value) -> Option<(&str, &Map<String, Value>)> {
    let (tag, body) = node.get("node")?.as_object()?.iter().next()?;
    Some((tag, body.as_object()?))
}

/// The strings of a list of nodes, or of a list within it.
pub fn strings(node: &Value) -> Vec<String> {
    let list = match tagged(node) {
        Some(("List", list)) => &list["items"],
        Some(("String", body)) => {
            return body["sval"]
                .as_str()
                .map(str::to_owned)
                .into_iter()
                .collect();
        }
        Some(("TypeName", name)) => &name["names"],
        _ => node,
    };
    list.as_array()
        .into_iter()
        .flatten()
        .flat_map(strings)
        .collect()
}

pub fn name(mut parts: Vec<String>) -> Option<Name> {
    let name = parts.pop()?;
    Some((parts.pop(), name))
}

/// Functions that the grammar puts in for `LIKE … ESCAPE`, `SIMILAR TO` and, from PostgreSQL 16 on, `json_object`.
const BY_GRAMMAR: &[&str] = &["like_escape", "similar_to_escape", "json_object"];

struct Walk {
    read: BTreeSet<Name>,
    changed: BTreeSet<Name>,
    calls: BTreeSet<Name>,
    class: Class,
    /// Names of the CTEs in view.
    scopes: Vec<Vec<String>>,
    /// Relations met outside a query are changed.
    in_query: bool,
}

impl Default for Walk {
    fn default() -> Self {
        Walk {
            read: BTreeSet::new(),
            changed: BTreeSet::new(),
            calls: BTreeSet::new(),
            class: Class::Read,
            scopes: Vec::new(),
            in_query: false,
        }
    }
}

impl Walk {
    fn any(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.any(item)),
            Value::Object(body) => match tagged(value) {
                Some((tag, body)) => self.node(tag, body),
                None if body.contains_key("relpersistence") && body.contains_key("relname") => {
                    self.range(body)
                }
                None if body.contains_key("larg") && body.contains_key("from_clause") => {
                    self.node("SelectStmt", body)
                }
                None if body.contains_key("inh_relations") => self.node("CreateStmt", body),
                None if body.contains_key("rel") && body.contains_key("on_commit") => {
                    self.changed_only(&body["rel"])
                }
                None => self.fields(body, &[]),
            },
            _ => {}
        }
    }

    fn fields(&mut self, body: &Map<String, Value>, without: &[&str]) {
        for (field, value) in body {
            if !without.contains(&field.as_str()) {
                self.any(value);
            }
        }
    }

    fn range(&mut self, body: &Map<String, Value>) {
        let text = |field: &str| {
            body[field]
                .as_str()
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let Some(relation) = text("relname") else {
            return;
        };
        let schema = text("schemaname");
        let is_cte = schema.is_none() && self.scopes.iter().any(|scope| scope.contains(&relation));
        if !self.in_query {
            self.changed.insert((schema, relation));
        } else if !is_cte {
            self.read.insert((schema, relation));
        }
    }

    fn changed_only(&mut self, value: &Value) {
        let before = std::mem::replace(&mut self.in_query, false);
        self.any(value);
        self.in_query = before;
    }

    fn queried(&mut self, value: &Value) {
        let before = std::mem::replace(&mut self.in_query, true);
        self.any(value);
        self.in_query = before;
    }

    /// The fields of a query or data change, within the scope of its `WITH`.
    fn query(&mut self, body: &Map<String, Value>, without: &[&str]) {
        let before = std::mem::replace(&mut self.in_query, true);
        let scopes = self.scopes.len();
        let with = &body["with_clause"];
        let ctes: Vec<&Map<String, Value>> = with["ctes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|cte| tagged(cte).map(|(_, body)| body))
            .collect();
        let name =
            |cte: &Map<String, Value>| cte["ctename"].as_str().unwrap_or_default().to_owned();
        let recursive = with["recursive"] == Value::Bool(true);
        let all = if recursive {
            ctes.iter().map(|cte| name(cte)).collect()
        } else {
            Vec::new()
        };
        self.scopes.push(all);
        for cte in ctes {
            self.any(&cte["ctequery"]);
            self.any(&cte["search_clause"]);
            self.any(&cte["cycle_clause"]);
            if let Some(scope) = self.scopes.last_mut() {
                scope.push(name(cte));
            }
        }
        let without: Vec<&str> = without.iter().copied().chain(["with_clause"]).collect();
        self.fields(body, &without);
        self.scopes.truncate(scopes);
        self.in_query = before;
    }

    fn raise(&mut self, class: Class) {
        self.class = self.class.max(class);
    }

    fn named(&mut self, parts: Vec<String>) {
        self.changed.extend(name(parts));
    }

    fn node(&mut self, tag: &str, body: &Map<String, Value>) {
        match tag {
            "RangeVar" => self.range(body),
            "SelectStmt" => {
                if !body["into_clause"].is_null() {
                    self.raise(Class::Write);
                }
                self.query(body, &[]);
            }
            "InsertStmt" | "UpdateStmt" | "DeleteStmt" | "MergeStmt" => {
                self.raise(Class::Write);
                self.changed_only(&body["relation"]);
                self.query(body, &["relation"]);
            }
            // Its relations are the aliases of what is locked.
            "LockingClause" => self.raise(Class::Lock),
            "FuncCall" => {
                // Syntax such as `EXTRACT` is a function of the system's schema.
                let syntax = body["funcformat"].as_i64()
                    == Some(i64::from(
                        pg_query::protobuf::CoercionForm::CoerceSqlSyntax as i32,
                    ));
                let parts = strings(&body["funcname"]);
                if !syntax
                    && !BY_GRAMMAR
                        .iter()
                        .any(|known| parts == ["pg_catalog", known])
                {
                    self.calls.extend(name(strings(&body["funcname"])));
                }
                self.fields(body, &[]);
            }
            "AExpr" => {
                let parts = strings(&body["name"]);
                if parts.len() > 1 && parts[0] != "pg_catalog" {
                    self.calls.extend(name(parts));
                }
                self.fields(body, &[]);
            }
            "TableLikeClause" | "CreateStatsStmt" => {
                let before = std::mem::replace(&mut self.in_query, true);
                self.fields(body, &[]);
                self.in_query = before;
            }
            "CopyStmt" => {
                self.queried(&body["query"]);
                if body["is_from"] == Value::Bool(true) {
                    self.changed_only(&body["relation"]);
                } else {
                    self.queried(&body["relation"]);
                }
                self.queried(&body["where_clause"]);
            }
            // Expressions of definitions; their subqueries set `in_query` themselves.
            "CreateFunctionStmt" => self.fields(body, &["sql_body"]),
            // A rule's actions and a policy's conditions run later, and on others' behalf; what they name counts.
            "RuleStmt" | "CreatePolicyStmt" | "AlterPolicyStmt" => {
                let before = self.class;
                self.fields(body, &[]);
                self.class = before;
            }
            // Names on another server, of constraints, of a type.
            "ImportForeignSchemaStmt" | "ConstraintsSetStmt" | "CompositeTypeStmt" => {}
            "AlterTableStmt" if kind::is(&body["objtype"], ObjectType::ObjectType) => {}
            "RenameStmt" if kind::is(&body["rename_type"], ObjectType::ObjectAttribute) => {}
            "IndexStmt" => {
                let index = body["idxname"].as_str().unwrap_or_default();
                if !index.is_empty() {
                    self.changed.insert((None, index.to_owned()));
                }
                self.fields(body, &[]);
            }
            "ClusterStmt" => {
                let index = body["indexname"].as_str().unwrap_or_default();
                if !index.is_empty() {
                    self.changed.insert((None, index.to_owned()));
                }
                self.fields(body, &[]);
            }
            "RenameStmt" => {
                self.fields(body, &[]);
                if is_relation(&body["rename_type"]) {
                    self.named(strings_of(&body["newname"]));
                } else if body["relation"].is_null() {
                    self.object(&body["rename_type"], &body["object"]);
                }
            }
            "DropStmt" => {
                for object in body["objects"].as_array().into_iter().flatten() {
                    self.object(&body["remove_type"], object);
                }
            }
            "CommentStmt" | "SecLabelStmt" | "AlterExtensionContentsStmt" => {
                self.object(&body["objtype"], &body["object"]);
            }
            "DefElem" => {
                if body["defname"] == "owned_by" {
                    let mut column = strings(&body["arg"]);
                    column.pop();
                    self.named(column);
                }
                self.fields(body, &[]);
            }
            _ => self.fields(body, &[]),
        }
    }

    /// An object that is named by a list of strings.
    fn object(&mut self, kind: &Value, object: &Value) {
        let mut parts = strings(object);
        let inside = [
            ObjectType::ObjectColumn,
            ObjectType::ObjectTrigger,
            ObjectType::ObjectRule,
            ObjectType::ObjectPolicy,
            ObjectType::ObjectTabconstraint,
        ];
        if inside.iter().any(|inside| kind::is(kind, *inside)) {
            parts.pop();
        } else if !is_relation(kind) {
            return;
        }
        self.named(parts);
    }
}

fn strings_of(text: &Value) -> Vec<String> {
    text.as_str().map(str::to_owned).into_iter().collect()
}

fn is_relation(kind: &Value) -> bool {
    [
        ObjectType::ObjectTable,
        ObjectType::ObjectView,
        ObjectType::ObjectMatview,
        ObjectType::ObjectForeignTable,
        ObjectType::ObjectIndex,
        ObjectType::ObjectSequence,
    ]
    .iter()
    .any(|relation| kind::is(kind, *relation))
}
