//! How are objects altered and dropped, and what is in the way of it?

use super::apply::{place, schema_of};
use super::back::quoted;
use super::errors::{Failure, NOT_FOUND};
use super::grammar::Statement;
use super::objects::{Action, Change};
use super::session::Session;

impl Session {
    /// Drops something; false where it was not there and need not be.
    pub async fn drop_object(
        &mut self,
        statement: &Statement,
        change: &Change,
        missing_ok: bool,
        cascade: bool,
    ) -> Result<bool, Failure> {
        let (kind, name) = (change.kind.as_str(), &change.name.name);
        let missing = Failure::caused(
            NOT_FOUND,
            &["Catalog error", &format!("{kind} not found: {name}")],
        );
        let gone = |was: bool| match was {
            true => Ok(true),
            false if missing_ok => Ok(false),
            false => Err(missing.clone()),
        };
        match kind {
            "user" => {
                return gone(
                    self.world
                        .users
                        .lock()
                        .expect("the users")
                        .remove(name)
                        .is_some(),
                );
            }
            "database" => {
                let dropped = self.world.drop_database(name).await;
                return gone(dropped.map_err(|error| Failure::new(error.message))?);
            }
            "schema" => {
                let there = format!(
                    "SELECT 'y' FROM pg_namespace WHERE nspname = {}",
                    quoted(name)
                );
                if self.admin(&there).await? != "y" {
                    return gone(false);
                }
                let used = format!(
                    "SELECT count(*)::text FROM rw_meta.relations WHERE schema_name = {}",
                    quoted(name)
                );
                if !cascade && self.admin(&used).await? != "0" {
                    return Err(Failure::new(
                        "Permission denied: PermissionDenied: schema is not empty",
                    ));
                }
                self.behind(&format!("DROP SCHEMA \"{name}\" CASCADE"), statement)
                    .await?;
                self.admin(&format!(
                    "DELETE FROM rw_meta.objects WHERE schema_name = {}",
                    quoted(name)
                ))
                .await?;
                return Ok(true);
            }
            "function" => {
                let sql = format!("DROP FUNCTION {}", change.name.quoted());
                return self.behind(&sql, statement).await.map(|()| true);
            }
            _ => {}
        }
        let Some(known) = self.known(&change.name).await? else {
            return gone(false);
        };
        // A view is looked for among views alone; the others are told what they are.
        if known.kind != kind {
            if matches!(kind, "view" | "index" | "source") {
                return gone(false);
            }
            let is = &known.kind;
            let verb = is.to_ascii_uppercase();
            return Err(Failure::new(format!(
                "Invalid input syntax: Use `DROP {verb}` to drop a {is}."
            )));
        }
        let users = format!(
            "SELECT string_agg(u.relation_type || ' ' || u.schema_name || '.' || u.name || ' depends on it', E'\\n') \
             FROM rw_catalog.rw_depend d JOIN rw_meta.relations u ON u.id = d.objid JOIN rw_meta.relations r ON r.id = d.refobjid \
             WHERE r.name = {} AND r.schema_name = {} AND u.relation_type <> 'index'",
            quoted(name),
            quoted(schema_of(&change.name))
        );
        let users = self.admin(&users).await?;
        if !cascade && !users.is_empty() {
            let count = users.lines().count();
            return Err(Failure::new(format!(
                "Permission denied: PermissionDenied: {kind} used by {count} other objects. \nDETAIL: {users}\n\
                 HINT:  Use DROP ... CASCADE to drop the dependent objects too."
            )));
        }
        let sql = match kind {
            "table" | "source" => format!("DROP TABLE {} CASCADE", change.name.quoted()),
            "view" | "materialized view" | "index" => {
                format!("DROP VIEW {} CASCADE", change.name.quoted())
            }
            _ => "SELECT 1".to_owned(),
        };
        self.behind(&sql, statement).await?;
        let tidy = format!(
            "DELETE FROM rw_meta.objects WHERE {}; DELETE FROM rw_meta.objects o WHERE kind IN ('table', 'source', 'view', 'materialized view', 'index') \
             AND to_regclass(format('%I.%I', schema_name, name)) IS NULL",
            place(&change.name)
        );
        self.admin(&tidy).await?;
        self.world.alter(name);
        Ok(true)
    }

    pub async fn alter(&mut self, statement: &Statement, change: &Change) -> Result<(), Failure> {
        let name = &change.name;
        let known = self.known(name).await?;
        let Some(known) = known else {
            return Err(Failure::not_found(&format!(
                "{} not found: {}",
                change.kind, name.name
            )));
        };
        let table = name.quoted();
        if change.kind == "table" && known.kind != "table" {
            return Err(Failure::new(format!(
                "Invalid input syntax: \"{}\" is not a table or cannot be altered",
                name.name
            )));
        }
        let has = |column: &str| {
            format!(
                "SELECT count(*)::text FROM rw_catalog.rw_columns c JOIN rw_meta.relations r ON r.id = c.relation_id WHERE c.name = {} AND r.{}",
                quoted(column),
                place(name).replace(" AND ", " AND r.")
            )
        };
        let sql = match &change.action {
            Action::AddColumn { column } if self.admin(&has(&column.name)).await? != "0" => {
                return Err(Failure::new(format!(
                    "Invalid input syntax: column \"{}\" of table \"{}\" already exists",
                    column.name, name.name
                )));
            }
            Action::DropColumn(column) if self.admin(&has(column)).await? == "0" => {
                return Err(Failure::new(format!(
                    "Invalid input syntax: column \"{column}\" of table \"{}\" does not exist",
                    name.name
                )));
            }
            Action::AddColumn { column } => {
                let default = column
                    .default
                    .as_ref()
                    .map_or(String::new(), |d| format!(" DEFAULT {d}"));
                format!(
                    "ALTER TABLE {table} ADD COLUMN \"{}\" {}{default}",
                    column.name, column.postgres
                )
            }
            Action::DropColumn(column) => format!("ALTER TABLE {table} DROP COLUMN \"{column}\""),
            Action::Retype { column, postgres } => {
                let now = self
                    .admin(&format!(
                        "SELECT data_type FROM rw_catalog.rw_columns c JOIN rw_meta.relations r ON r.id = c.relation_id WHERE c.name = {} AND r.name = {}",
                        quoted(column),
                        quoted(&name.name)
                    ))
                    .await?;
                if now != *postgres {
                    let why = format!(
                        "column \"{column}\" cannot be altered; only types containing struct can be altered"
                    );
                    return Err(Failure::new(why));
                }
                return Ok(());
            }
            Action::Rename(to) => {
                let what = if known.kind == "table" {
                    "TABLE"
                } else {
                    "VIEW"
                };
                self.behind(
                    &format!("ALTER {what} {table} RENAME TO \"{to}\""),
                    statement,
                )
                .await?;
                let sql = format!(
                    "UPDATE rw_meta.objects SET name = {} WHERE {}",
                    quoted(to),
                    place(name)
                );
                self.admin(&sql).await?;
                self.world.alter(&name.name);
                return Ok(());
            }
            _ => return Ok(()),
        };
        let done = self.behind(&sql, statement).await;
        if matches!(change.action, Action::DropColumn(_)) && done.is_err() {
            return Err(Failure::new(
                "Invalid parameter: unable to drop the column due to being referenced by downstream materialized views or sinks",
            ));
        }
        done?;
        self.world.alter(&name.name);
        Ok(())
    }
}
