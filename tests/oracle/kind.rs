//! Which of our words names a statement of libpg_query's tree, and how harmful is it at most by its kind?

use pg_query::protobuf::{ObjectType, TransactionStmtKind, VariableSetKind};
use serde_json::{Map, Value};

use crate::second::{Class, tagged};

type Body = Map<String, Value>;

/// Whether a field of the tree is this kind of object.
pub fn is(field: &Value, kind: ObjectType) -> bool {
    field.as_i64() == Some(i64::from(kind as i32))
}

fn text<'a>(body: &'a Body, field: &str) -> &'a str {
    body[field].as_str().unwrap_or_default()
}

fn object(field: &Value) -> &'static str {
    use ObjectType as O;
    let number = field
        .as_i64()
        .and_then(|number| i32::try_from(number).ok())
        .unwrap_or(0);
    match O::try_from(number).unwrap_or(O::Undefined) {
        O::ObjectAccessMethod => "access method",
        O::ObjectAggregate => "aggregate",
        O::ObjectCast => "cast",
        O::ObjectCollation => "collation",
        O::ObjectConversion => "conversion",
        O::ObjectDatabase => "database",
        O::ObjectDomain | O::ObjectDomconstraint => "domain",
        O::ObjectEventTrigger => "event trigger",
        O::ObjectExtension => "extension",
        O::ObjectFdw => "foreign data wrapper",
        O::ObjectForeignServer => "server",
        O::ObjectForeignTable => "foreign table",
        O::ObjectFunction => "function",
        O::ObjectIndex => "index",
        O::ObjectLanguage => "language",
        O::ObjectLargeobject => "large object",
        O::ObjectMatview => "materialized view",
        O::ObjectOpclass => "operator class",
        O::ObjectOperator => "operator",
        O::ObjectOpfamily => "operator family",
        O::ObjectPolicy => "policy",
        O::ObjectProcedure => "procedure",
        O::ObjectPublication => "publication",
        O::ObjectRole => "role",
        O::ObjectRoutine => "routine",
        O::ObjectRule => "rule",
        O::ObjectSchema => "schema",
        O::ObjectSequence => "sequence",
        O::ObjectSubscription => "subscription",
        O::ObjectStatisticExt => "statistics",
        O::ObjectTable | O::ObjectTabconstraint => "table",
        O::ObjectTablespace => "tablespace",
        O::ObjectTransform => "transform",
        O::ObjectTrigger => "trigger",
        O::ObjectTsconfiguration => "text search configuration",
        O::ObjectTsdictionary => "text search dictionary",
        O::ObjectTsparser => "text search parser",
        O::ObjectTstemplate => "text search template",
        O::ObjectType | O::ObjectAttribute => "type",
        O::ObjectUserMapping => "user mapping",
        O::ObjectView => "view",
        _ => "?",
    }
}

/// Nodes whose kind follows from themselves alone.
const PLAIN: &[(&str, &str)] = &[
    ("InsertStmt", "insert"),
    ("UpdateStmt", "update"),
    ("DeleteStmt", "delete"),
    ("MergeStmt", "merge"),
    ("AlterCollationStmt", "alter collation"),
    ("AlterDatabaseRefreshCollStmt", "alter database"),
    ("AlterDatabaseSetStmt", "alter database"),
    ("AlterDatabaseStmt", "alter database"),
    ("AlterDefaultPrivilegesStmt", "alter default privileges"),
    ("AlterDomainStmt", "alter domain"),
    ("AlterEnumStmt", "alter type"),
    ("AlterEventTrigStmt", "alter event trigger"),
    ("AlterExtensionContentsStmt", "alter extension"),
    ("AlterExtensionStmt", "alter extension"),
    ("AlterFdwStmt", "alter foreign data wrapper"),
    ("AlterForeignServerStmt", "alter server"),
    ("AlterOpFamilyStmt", "alter operator family"),
    ("AlterOperatorStmt", "alter operator"),
    ("AlterPolicyStmt", "alter policy"),
    ("AlterPublicationStmt", "alter publication"),
    ("AlterRoleSetStmt", "alter role"),
    ("AlterRoleStmt", "alter role"),
    ("AlterSeqStmt", "alter sequence"),
    ("AlterStatsStmt", "alter statistics"),
    ("AlterSubscriptionStmt", "alter subscription"),
    ("AlterSystemStmt", "alter system"),
    ("AlterTableSpaceOptionsStmt", "alter tablespace"),
    (
        "AlterTsconfigurationStmt",
        "alter text search configuration",
    ),
    (
        "AlterTsConfigurationStmt",
        "alter text search configuration",
    ),
    ("AlterTsdictionaryStmt", "alter text search dictionary"),
    ("AlterTsDictionaryStmt", "alter text search dictionary"),
    ("AlterTypeStmt", "alter type"),
    ("AlterUserMappingStmt", "alter user mapping"),
    ("CallStmt", "call"),
    ("CheckPointStmt", "checkpoint"),
    ("ClosePortalStmt", "close"),
    ("ClusterStmt", "cluster"),
    ("CommentStmt", "comment on"),
    ("CompositeTypeStmt", "create type"),
    ("ConstraintsSetStmt", "set constraints"),
    ("CopyStmt", "copy"),
    ("CreateAmStmt", "create access method"),
    ("CreateCastStmt", "create cast"),
    ("CreateConversionStmt", "create conversion"),
    ("CreateDomainStmt", "create domain"),
    ("CreateEnumStmt", "create type"),
    ("CreateEventTrigStmt", "create event trigger"),
    ("CreateExtensionStmt", "create extension"),
    ("CreateFdwStmt", "create foreign data wrapper"),
    ("CreateForeignServerStmt", "create server"),
    ("CreateForeignTableStmt", "create foreign table"),
    ("CreateOpClassStmt", "create operator class"),
    ("CreateOpFamilyStmt", "create operator family"),
    ("CreatePlangStmt", "create language"),
    ("CreatePLangStmt", "create language"),
    ("CreatePolicyStmt", "create policy"),
    ("CreatePublicationStmt", "create publication"),
    ("CreateRangeStmt", "create type"),
    ("CreateRoleStmt", "create role"),
    ("CreateSchemaStmt", "create schema"),
    ("CreateSeqStmt", "create sequence"),
    ("CreateStatsStmt", "create statistics"),
    ("CreateStmt", "create table"),
    ("CreateSubscriptionStmt", "create subscription"),
    ("CreateTableSpaceStmt", "create tablespace"),
    ("CreateTransformStmt", "create transform"),
    ("CreateTrigStmt", "create trigger"),
    ("CreateUserMappingStmt", "create user mapping"),
    ("CreatedbStmt", "create database"),
    ("DeallocateStmt", "deallocate"),
    ("DeclareCursorStmt", "declare"),
    ("DiscardStmt", "discard"),
    ("DoStmt", "do"),
    ("DropOwnedStmt", "drop owned"),
    ("DropRoleStmt", "drop role"),
    ("DropSubscriptionStmt", "drop subscription"),
    ("DropTableSpaceStmt", "drop tablespace"),
    ("DropUserMappingStmt", "drop user mapping"),
    ("DropdbStmt", "drop database"),
    ("ExecuteStmt", "execute"),
    ("ExplainStmt", "explain"),
    ("ImportForeignSchemaStmt", "import foreign schema"),
    ("IndexStmt", "create index"),
    ("ListenStmt", "listen"),
    ("LoadStmt", "load"),
    ("LockStmt", "lock"),
    ("NotifyStmt", "notify"),
    ("PrepareStmt", "prepare"),
    ("ReassignOwnedStmt", "reassign owned"),
    ("RefreshMatViewStmt", "refresh materialized view"),
    ("ReindexStmt", "reindex"),
    ("RuleStmt", "create rule"),
    ("SecLabelStmt", "security label"),
    ("TruncateStmt", "truncate"),
    ("UnlistenStmt", "unlisten"),
    ("VariableShowStmt", "show"),
    ("ViewStmt", "create view"),
];

/// The kind in our words.
pub fn of(tag: &str, body: &Body) -> String {
    let yes = |field: &str| body[field] == Value::Bool(true);
    match tag {
        "SelectStmt" if makes_table(body) => "select into".into(),
        "SelectStmt"
            if body["values_lists"]
                .as_array()
                .is_some_and(|rows| !rows.is_empty()) =>
        {
            "values".into()
        }
        "SelectStmt" => "select".into(),
        "AlterTableStmt" => format!("alter {}", object(&body["objtype"])),
        "AlterTableMoveAllStmt" => format!("alter {}", object(&body["objtype"])),
        "AlterFunctionStmt" => format!("alter {}", object(&body["objtype"])),
        "AlterObjectSchemaStmt" | "AlterOwnerStmt" | "AlterObjectDependsStmt" => {
            format!("alter {}", object(&body["object_type"]))
        }
        "RenameStmt" if is(&body["rename_type"], ObjectType::ObjectColumn) => {
            format!("alter {}", object(&body["relation_type"]))
        }
        "RenameStmt" => format!("alter {}", object(&body["rename_type"])),
        "CreateTableAsStmt" if yes("is_select_into") => "select into".into(),
        "CreateTableAsStmt" => format!("create {}", object(&body["objtype"])),
        "CreateFunctionStmt" if yes("is_procedure") => "create procedure".into(),
        "CreateFunctionStmt" => "create function".into(),
        "DefineStmt" => format!("create {}", object(&body["kind"])),
        "DropStmt" => format!("drop {}", object(&body["remove_type"])),
        "FetchStmt" => if yes("ismove") { "move" } else { "fetch" }.into(),
        "GrantStmt" | "GrantRoleStmt" => if yes("is_grant") { "grant" } else { "revoke" }.into(),
        "VacuumStmt" => if yes("is_vacuumcmd") {
            "vacuum"
        } else {
            "analyze"
        }
        .into(),
        "TransactionStmt" => transaction(&body["kind"]).into(),
        "VariableSetStmt" => setting(body).into(),
        _ => PLAIN
            .iter()
            .find(|(known, _)| *known == tag)
            .map_or(tag, |(_, kind)| kind)
            .into(),
    }
}

/// `INTO` stands in the first of several queries that `UNION` joins.
fn makes_table(body: &Body) -> bool {
    !body["into_clause"].is_null() || body["larg"].as_object().is_some_and(makes_table)
}

fn transaction(kind: &Value) -> &'static str {
    use TransactionStmtKind as T;
    let number = kind
        .as_i64()
        .and_then(|number| i32::try_from(number).ok())
        .unwrap_or(0);
    match T::try_from(number).unwrap_or(T::Undefined) {
        T::TransStmtBegin => "begin",
        T::TransStmtStart => "start transaction",
        T::TransStmtCommit => "commit",
        T::TransStmtRollback | T::TransStmtRollbackTo => "rollback",
        T::TransStmtSavepoint => "savepoint",
        T::TransStmtRelease => "release",
        T::TransStmtPrepare => "prepare transaction",
        T::TransStmtCommitPrepared => "commit prepared",
        T::TransStmtRollbackPrepared => "rollback prepared",
        T::Undefined => "?",
    }
}

fn setting(body: &Body) -> &'static str {
    let kind = body["kind"].as_i64();
    let is = |wanted: VariableSetKind| kind == Some(i64::from(wanted as i32));
    if is(VariableSetKind::VarReset) || is(VariableSetKind::VarResetAll) {
        return "reset";
    }
    match text(body, "name") {
        "TRANSACTION" | "TRANSACTION SNAPSHOT" => "set transaction",
        "SESSION CHARACTERISTICS" => "set session characteristics",
        _ => "set",
    }
}

/// How harmful a statement of this kind is at least.
pub fn class(tag: &str, body: &Body) -> Class {
    match tag {
        "SelectStmt" => Class::Read,
        // What is inside decides; the walk has seen it.
        "ExplainStmt" | "PrepareStmt" | "DeclareCursorStmt" => match tagged(&body["query"]) {
            Some((tag, body)) => class(tag, body),
            None => Class::Write,
        },
        "CopyStmt"
            if body["is_from"] == Value::Bool(true) || !text(body, "filename").is_empty() =>
        {
            Class::Write
        }
        "CopyStmt" => Class::Read,
        "TransactionStmt" => Class::Transaction,
        "VariableSetStmt" if setting(body).starts_with("set ") => Class::Transaction,
        "VariableSetStmt" | "VariableShowStmt" | "DiscardStmt" | "DeallocateStmt"
        | "ExecuteStmt" | "ListenStmt" | "UnlistenStmt" | "LoadStmt" | "FetchStmt"
        | "ClosePortalStmt" => Class::Session,
        "LockStmt" => Class::Lock,
        "InsertStmt" | "UpdateStmt" | "DeleteStmt" | "MergeStmt" | "TruncateStmt" | "DoStmt"
        | "CallStmt" | "NotifyStmt" | "CheckPointStmt" | "ConstraintsSetStmt" => Class::Write,
        _ => Class::Define,
    }
}

/// Whether the two words mean the same kind.
pub fn same(ours: &str, theirs: &str) -> bool {
    let plain = |kind: &str| {
        match kind {
            // Two spellings of one command, or of one kind of object.
            "end" => "commit",
            "abort" => "rollback",
            "create user" | "create group" => "create role",
            "alter user" | "alter group" => "alter role",
            "drop user" | "drop group" => "drop role",
            // `TABLE t` is a `SELECT` to the grammar.
            "table" => "select",
            kind => kind,
        }
        .to_owned()
    };
    plain(ours) == plain(theirs)
}
