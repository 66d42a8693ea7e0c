//! How does a definition become an object behind, and a row in RisingWave's catalog?
//!
//! Tables are tables without PostgreSQL's keys; materialized views and indexes are views, which are as fresh as their tables. Sources are
//! tables nobody fills; a mirrored table is copied from upstream once.

use super::back::{first_text, quoted};
use super::errors::{Failure, PgError};
use super::grammar::Statement;
use super::objects::{Action, Change, Defined, Table};
use super::reader::Name;
use super::run::Local;
use super::session::Session;
use super::world::{User, role};

/// What the catalog knows of a relation.
pub struct Known {
    pub kind: String,
    append_only: bool,
}

pub fn schema_of(name: &Name) -> &str {
    name.schema.as_deref().unwrap_or("public")
}

pub fn place(name: &Name) -> String {
    format!(
        "schema_name = {} AND name = {}",
        quoted(schema_of(name)),
        quoted(&name.name)
    )
}

impl Session {
    /// Runs something on the double's own account and gives its first value.
    pub async fn admin(&self, sql: &str) -> Result<String, Failure> {
        let rows = self.world.admin.lock().await.run(sql).await;
        rows.map(|rows| first_text(&rows))
            .map_err(|error| Failure::new(error.message))
    }

    pub async fn known(&self, name: &Name) -> Result<Option<Known>, Failure> {
        let sql = format!(
            "SELECT relation_type || '|' || append_only FROM rw_meta.relations WHERE {}",
            place(name)
        );
        let found = self.admin(&sql).await?;
        Ok(found.split_once('|').map(|(kind, append_only)| Known {
            kind: kind.to_owned(),
            append_only: append_only == "true",
        }))
    }

    /// Refuses changes of rows where only a table takes them.
    pub async fn writable(&self, name: &Name, inserts: bool) -> Result<(), Failure> {
        match self.known(name).await? {
            None => Err(Failure::not_found(&format!(
                "table not found: {}",
                name.name
            ))),
            Some(known) if known.kind != "table" => {
                let why = format!(
                    "Invalid input syntax: cannot change {} \"{}\"",
                    known.kind, name.name
                );
                Err(Failure::new(why))
            }
            Some(known) if known.append_only && !inserts => Err(Failure::new(
                "Bind error: append-only table does not support update or delete",
            )),
            Some(_) => Ok(()),
        }
    }

    /// Runs something as the user, on the PostgreSQL behind.
    pub async fn behind(&mut self, sql: &str, statement: &Statement) -> Result<(), Failure> {
        match self.back.run(sql).await {
            Ok(_) => Ok(()),
            Err(PgError {
                position: None,
                ref code,
                ref message,
                ..
            }) if code == "42501" => {
                let right = if message.contains("schema") {
                    "schema \"public\": \"CREATE\""
                } else {
                    message
                };
                Err(Failure::new(format!(
                    "Permission denied: permission denied for {right}"
                )))
            }
            Err(error) => Err(self.explained(
                &PgError {
                    position: None,
                    ..error
                },
                statement,
            )),
        }
    }

    pub async fn apply(
        &mut self,
        statement: &Statement,
        change: &Change,
    ) -> Result<Local, Failure> {
        let mut local = Local::done(&change.tag);
        let relation = matches!(
            change.action,
            Action::Table(_)
                | Action::TableAs(_)
                | Action::Source(_)
                | Action::View(_)
                | Action::Index { .. }
                | Action::Label
        );
        if relation && let Some(known) = self.known(&change.name).await? {
            let name = &change.name.name;
            if change.exists_ok {
                return Ok(local.notice(&format!("relation \"{name}\" already exists, skipping")));
            }
            return Err(Failure::exists(&known.kind, name));
        }
        match &change.action {
            Action::Table(table) => {
                self.create_table(statement, change, table).await?;
                if table.append_only {
                    local = local.notice("APPEND ONLY TABLE is currently an experimental feature.");
                }
            }
            Action::Source(table) => self.create_table(statement, change, table).await?,
            Action::TableAs(query) => return self.create_table_as(statement, change, query).await,
            Action::View(query) => {
                let inner = super::run::inner_statement(query)?;
                let described = self.back.describe(inner.text(), &[]).await;
                described.map_err(|error| self.explained(&error, &inner))?;
                let sql = format!("CREATE VIEW {} AS {query}", change.name.quoted());
                self.behind(&sql, statement).await?;
                self.note(change, "'{}'", "NULL").await?;
            }
            Action::Index {
                table,
                columns,
                include,
            } => {
                self.create_index(statement, change, table, columns, include.as_deref())
                    .await?
            }
            Action::Label => self.note(change, "'{}'", "NULL").await?,
            Action::Schema => {
                let missing = if change.exists_ok {
                    "IF NOT EXISTS "
                } else {
                    ""
                };
                self.behind(
                    &format!("CREATE SCHEMA {missing}{}", change.name.quoted()),
                    statement,
                )
                .await?;
            }
            Action::Database => {
                let made = self.world.create_database(&change.name.name).await;
                made.map_err(|error| Failure::new(error.message))?;
            }
            Action::User {
                password,
                login,
                notice,
                superuser,
            } => {
                self.user(change, password.clone(), *login, *superuser)
                    .await?;
                if *notice {
                    local = local.notice("empty string is not a valid password, clearing password");
                }
            }
            Action::Drop {
                missing_ok,
                cascade,
            } => {
                if !self
                    .drop_object(statement, change, *missing_ok, *cascade)
                    .await?
                {
                    let (kind, name) = (&change.kind, &change.name.name);
                    return Ok(local.notice(&format!("{kind} \"{name}\" does not exist, skipping")));
                }
            }
            Action::Verbatim(sql) => self.behind(sql, statement).await?,
            Action::Comment => self.must_exist(change, "table").await?,
            _ => self.alter(statement, change).await?,
        }
        self.world
            .checkpoint()
            .await
            .map_err(|error| Failure::new(error.message))?;
        Ok(local)
    }

    async fn must_exist(&self, change: &Change, kind: &str) -> Result<(), Failure> {
        match self.known(&change.name).await? {
            Some(_) => Ok(()),
            None => Err(Failure::not_found(&format!(
                "{kind} not found: {}",
                change.name.name
            ))),
        }
    }

    /// Writes the catalog's row. The id is PostgreSQL's own where there is a relation behind.
    async fn note(&self, change: &Change, key: &str, more: &str) -> Result<(), Failure> {
        let (schema, name) = (schema_of(&change.name), &change.name.name);
        let sql = format!(
            "INSERT INTO rw_meta.objects (id, kind, schema_name, name, definition, key, source_id) \
             SELECT coalesce(to_regclass({})::oid::int8::int4, nextval('rw_meta.ids')::int4), {}, {}, {}, {}, {key}, {more}",
            quoted(&format!("\"{schema}\".\"{name}\"")),
            quoted(&change.kind),
            quoted(schema),
            quoted(name),
            quoted(&change.definition),
        );
        self.admin(&sql).await.map(drop)
    }

    async fn create_table(
        &mut self,
        statement: &Statement,
        change: &Change,
        table: &Table,
    ) -> Result<(), Failure> {
        let mut columns = table.columns.clone();
        let mut key = table.key.clone();
        let upstream = match &table.mirrors {
            Some((source, upstream)) => Some(self.upstream(source, upstream).await?),
            None => None,
        };
        if let Some(upstream) = &upstream
            && columns.is_empty()
        {
            columns.clone_from(&upstream.columns);
            key.clone_from(&upstream.key);
        }
        let column = |column: &Defined| {
            let mut text = format!("\"{}\" {}", column.name, column.postgres);
            if column.not_null {
                text.push_str(" NOT NULL");
            }
            if let Some(default) = &column.default {
                text = format!("{text} DEFAULT {default}");
            }
            text
        };
        let list: Vec<String> = columns.iter().map(column).collect();
        let name = change.name.quoted();
        let mut sql = format!(
            "CREATE TABLE {name} ({}); GRANT ALL ON {name} TO CURRENT_USER",
            list.join(", ")
        );
        if !key.is_empty() {
            let mode = if table.keeps_first {
                "ignore"
            } else {
                "overwrite"
            };
            let quoted_names: Vec<String> = key.iter().map(|k| format!("\"{k}\"")).collect();
            let texts: Vec<String> = key.iter().map(|k| quoted(k)).collect();
            sql = format!(
                "{sql}; CREATE INDEX ON {name} ({}); CREATE TRIGGER make_room BEFORE INSERT ON {name} FOR EACH ROW \
                 EXECUTE FUNCTION rw_meta.make_room('{mode}', {})",
                quoted_names.join(", "),
                texts.join(", ")
            );
        }
        self.behind(&sql, statement).await?;
        let key: Vec<String> = key.iter().map(|k| quoted(k)).collect();
        let key = format!("ARRAY[{}]::text[]", key.join(", "));
        let source = upstream
            .as_ref()
            .map_or("NULL".to_owned(), |upstream| upstream.source_id.clone());
        self.note(change, &key, &source).await?;
        let property = |name: &str| {
            table
                .properties
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, value)| value.clone())
        };
        let shown: Vec<String> = table
            .properties
            .iter()
            .map(|(name, value)| {
                format!(
                    "{}, jsonb_build_object('type', 'plaintext', 'value', {})",
                    quoted(name),
                    quoted(value)
                )
            })
            .collect();
        let sql = format!(
            "UPDATE rw_meta.objects SET append_only = {}, connector = {}, props = jsonb_build_object({}), upstream = {} WHERE {}",
            table.append_only,
            property("connector").map_or("NULL".to_owned(), |c| quoted(&c)),
            shown.join(", "),
            table
                .mirrors
                .as_ref()
                .map_or("NULL".to_owned(), |(_, upstream)| quoted(upstream)),
            place(&change.name)
        );
        self.admin(&sql).await?;
        if let Some(upstream) = upstream {
            self.admin(&upstream.copy_into(&name)).await?;
            let state = format!(
                "CREATE OR REPLACE VIEW \"{}\".\"__internal_{}_1_streamcdcscan_1\" AS \
                 SELECT 1 AS split_id, backfilled AS backfill_finished FROM rw_meta.objects WHERE {}",
                schema_of(&change.name),
                change.name.name,
                place(&change.name)
            );
            self.admin(&state).await?;
        }
        Ok(())
    }

    async fn create_table_as(
        &mut self,
        statement: &Statement,
        change: &Change,
        query: &str,
    ) -> Result<Local, Failure> {
        let inner = super::run::inner_statement(query)?;
        let rows = self.read_all(&inner, None).await?.rows.len();
        let name = change.name.quoted();
        self.behind(&format!("CREATE TABLE {name} AS {query}"), statement)
            .await?;
        self.note(change, "'{}'", "NULL").await?;
        self.world.touched();
        Ok(Local::done(&format!("INSERT 0 {rows}")))
    }

    /// An index is a relation that can be read: its columns, then the others.
    async fn create_index(
        &mut self,
        statement: &Statement,
        change: &Change,
        table: &Name,
        columns: &str,
        include: Option<&[String]>,
    ) -> Result<(), Failure> {
        if self.known(table).await?.is_none() {
            return Err(Failure::not_found(&format!(
                "table or source not found: {}",
                table.name
            )));
        }
        let indexed: Vec<&str> = columns
            .split(',')
            .map(|c| c.split_whitespace().next().unwrap_or_default())
            .collect();
        let names: Vec<String> = indexed
            .iter()
            .map(|c| quoted(c.trim_matches('"')))
            .collect();
        let only = include.map_or(String::new(), |include| {
            let included: Vec<String> = include.iter().map(|c| quoted(c)).collect();
            format!(" AND c.name IN ({})", included.join(", "))
        });
        let others = self
            .admin(&format!(
                "SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.position) FROM rw_catalog.rw_columns c JOIN rw_meta.relations r \
                 ON r.id = c.relation_id WHERE r.name = {} AND r.schema_name = {} AND c.name NOT IN ({}){only}",
                quoted(&table.name),
                quoted(schema_of(table)),
                names.join(", ")
            ))
            .await?;
        let list = [&indexed.join(", "), &others]
            .into_iter()
            .filter(|l| !l.is_empty())
            .cloned()
            .collect::<Vec<_>>();
        let sql = format!(
            "CREATE VIEW {} AS SELECT {} FROM {}",
            change.name.quoted(),
            list.join(", "),
            table.quoted()
        );
        self.behind(&sql, statement).await?;
        let owner = format!("(SELECT id FROM rw_meta.relations WHERE {})", place(table));
        self.note(change, "'{}'", &owner).await
    }

    async fn user(
        &self,
        change: &Change,
        password: Option<String>,
        login: bool,
        superuser: bool,
    ) -> Result<(), Failure> {
        let name = &change.name.name;
        let there = self
            .world
            .users
            .lock()
            .expect("the users")
            .contains_key(name);
        if change.tag == "CREATE_USER" && there {
            return Err(Failure::exists("user", name));
        }
        self.admin(&role(name, superuser)).await?;
        let user = User {
            password,
            cleartext: false,
            login,
        };
        self.world
            .users
            .lock()
            .expect("the users")
            .insert(name.clone(), user);
        Ok(())
    }
}
