//! What do SHOW, DESCRIBE and EXPLAIN answer?

use super::back::{first_text, quoted};
use super::errors::Failure;
use super::grammar::{Statement, Verb};
use super::reader::{Name, shown as printed};
use super::run::Local;
use super::session::Session;
use super::settings::{Settings, Shown};

const DETAILS: &[&str] = &["Name", "Type", "Is Hidden", "Description"];
const COMMAND: &str = "SHOW_COMMAND";

type Row = Vec<Option<String>>;

fn one(text: &str) -> Row {
    vec![Some(text.to_owned())]
}

/// The columns that a SHOW answers, known before it runs.
pub fn columns(shown: &Shown) -> Vec<&'static str> {
    match shown {
        Shown::Setting(_) | Shown::Relations { .. } | Shown::Databases | Shown::Schemas => {
            vec!["Name"]
        }
        Shown::All => vec!["Name", "Setting", "Description"],
        Shown::Columns(_) => DETAILS.to_vec(),
        Shown::Indexes(_) => vec!["Name", "On", "Key", "Include", "Distributed By"],
        Shown::Create { .. } => vec!["Name", "Create Sql"],
        Shown::Cluster => vec![
            "Id",
            "Addr",
            "Type",
            "State",
            "Parallelism",
            "Is Streaming",
            "Is Serving",
            "Is Unschedulable",
            "Started At",
        ],
        Shown::Jobs => vec!["Id", "Statement", "Create Type", "Progress"],
        Shown::Processes => vec![
            "Worker Id",
            "Id",
            "User",
            "Host",
            "Database",
            "Time",
            "Info",
        ],
        Shown::Cursors => vec!["Session Id", "User", "Host", "Database", "Cursor Name"],
        Shown::Parameters => vec!["Name", "Value", "Description", "Mutable"],
        Shown::Nothing(columns) => columns.to_vec(),
    }
}

impl Session {
    pub async fn show(&mut self, shown: &Shown) -> Result<Local, Failure> {
        let rows = match shown {
            Shown::Setting(name) => {
                let value = self.settings.get(name)?;
                return Ok(Local::table("SHOW_VARIABLE", &["Name"], vec![one(&value)]));
            }
            Shown::All => {
                let names = Settings::names(self.world.version);
                let row = |(name, _)| vec![Some(String::from(name)), self.settings.get(name).ok(), Some(String::new())];
                let rows = names.map(row).collect();
                return Ok(Local::table("SHOW_VARIABLE", &columns(shown), rows));
            }
            Shown::Relations { kind, schema, like } => {
                let mut condition = format!("relation_type = {}", quoted(kind));
                if let Some(schema) = schema {
                    condition = format!("{condition} AND schema_name = {}", quoted(schema));
                }
                if let Some((pattern, cased)) = like {
                    let like = if *cased { "LIKE" } else { "ILIKE" };
                    condition = format!("{condition} AND name {like} {}", quoted(pattern));
                }
                self.texts(&format!("SELECT schema_name || '.' || name FROM rw_meta.relations WHERE {condition} ORDER BY 1"))
                    .await?
            }
            Shown::Databases => {
                let databases = self.world.databases.lock().expect("the databases");
                databases.iter().map(|name| one(name)).collect()
            }
            Shown::Schemas => self.texts("SELECT name FROM rw_catalog.rw_schemas ORDER BY coalesce(array_position(ARRAY['public','rw_catalog','pg_catalog','information_schema']::varchar[], name), 0), name").await?,
            Shown::Columns(name) => {
                let mut rows = self.details(name).await?;
                rows.retain(|row| row[0].as_deref() != Some("primary key"));
                rows.truncate(rows.len() - 2);
                rows
            }
            Shown::Indexes(name) => {
                let sql = format!(
                    "SELECT i.name, t.name, '', '', '' FROM rw_meta.relations i JOIN rw_meta.relations t ON t.id = i.source_id \
                     WHERE i.relation_type = 'index' AND t.name = {}",
                    quoted(&name.name)
                );
                self.texts(&sql).await?
            }
            Shown::Create { kind, name } => {
                let sql = format!(
                    "SELECT schema_name || '.' || name, definition FROM rw_meta.relations WHERE relation_type = {} AND name = {}",
                    quoted(kind),
                    quoted(&name.name)
                );
                let rows = self.texts(&sql).await?;
                if rows.is_empty() {
                    return Err(Failure::not_found(&format!("{kind} not found: {}", name.name)));
                }
                rows
            }
            Shown::Processes => {
                let sessions = self.world.sessions.lock().expect("the sessions");
                let row = |session: &std::sync::Arc<super::world::Listed>| {
                    let info = session.info.lock().expect("the statement").clone();
                    let busy = !info.is_empty();
                    vec![
                        Some("1".to_owned()),
                        Some(format!("1:{}", session.pid)),
                        Some(session.user.clone()),
                        Some(session.host.clone()),
                        Some(session.database.clone()),
                        busy.then(|| "1ms".to_owned()),
                        busy.then_some(info),
                    ]
                };
                sessions.values().map(row).collect()
            }
            Shown::Cursors => self.cursors.keys().map(|name| {
                let listed = &self.listed;
                [listed.pid.to_string(), listed.user.clone(), listed.host.clone(), self.world.database.clone(), name.clone()].map(Some).to_vec()
            }).collect(),
            Shown::Parameters => {
                let row = |name: &str, value: &str| [name, value, "", "true"].map(|t| Some(t.to_owned())).to_vec();
                vec![row("barrier_interval_ms", "1000"), row("checkpoint_frequency", "1")]
            }
            Shown::Jobs => {
                let sql = "SELECT ddl_id, ddl_statement, 'FOREGROUND', progress FROM rw_catalog.rw_ddl_progress";
                self.texts(sql).await?
            }
            Shown::Cluster | Shown::Nothing(_) => Vec::new(),
        };
        Ok(Local::table(COMMAND, &columns(shown), rows))
    }

    async fn texts(&mut self, sql: &str) -> Result<Vec<Row>, Failure> {
        let rows = self
            .back
            .run(sql)
            .await
            .map_err(|error| Failure::new(error.message))?;
        let text = |value: bytes::Bytes| String::from_utf8_lossy(&value).into_owned();
        Ok(rows
            .into_iter()
            .map(|row| row.into_iter().map(|v| v.map(text)).collect())
            .collect())
    }

    pub async fn describe_relation(&mut self, name: &Name) -> Result<Local, Failure> {
        let rows = self.details(name).await?;
        Ok(Local::table("DESCRIBE", DETAILS, rows))
    }

    pub fn detail_columns() -> &'static [&'static str] {
        DETAILS
    }

    async fn details(&mut self, name: &Name) -> Result<Vec<Row>, Failure> {
        let schema = quoted(name.schema.as_deref().unwrap_or("public"));
        let table = quoted(&name.name);
        let sql = format!(
            "SELECT c.name, c.data_type, 'false', NULL FROM rw_catalog.rw_columns c JOIN rw_meta.relations r ON r.id = c.relation_id \
             WHERE r.name = {table} AND r.schema_name = {schema} ORDER BY c.position"
        );
        let mut rows = self.texts(&sql).await?;
        if rows.is_empty() {
            return Err(Failure::not_found(&format!(
                "table, source, sink or view not found: {}",
                name.name
            )));
        }
        let key = format!(
            "SELECT array_to_string(key, ', ') FROM rw_meta.relations WHERE name = {table} AND schema_name = {schema}"
        );
        let key = self
            .back
            .run(&key)
            .await
            .map(|rows| first_text(&rows))
            .unwrap_or_default();
        let key = if key.is_empty() {
            "_row_id".to_owned()
        } else {
            key
        };
        let text = |text: &str| Some(text.to_owned());
        rows.push(vec![
            text("_rw_timestamp"),
            text("timestamp with time zone"),
            text("true"),
            None,
        ]);
        rows.push(vec![text("primary key"), text(&key), None, None]);
        rows.push(vec![text("distribution key"), text(&key), None, None]);
        rows.push(vec![
            text("table description"),
            text(&name.name),
            None,
            None,
        ]);
        Ok(rows)
    }

    /// Says that there is a plan; nobody should read it.
    pub async fn explain(&mut self, statement: &Statement) -> Result<Local, Failure> {
        let first = statement
            .tokens
            .iter()
            .position(|t| ["select", "with", "values"].iter().any(|w| t.is(w)));
        let mut rows = vec![one("BatchValues { rows: [[1:Int32]] }")];
        if let Some(first) = first {
            let inner = Statement {
                start: statement.tokens[first].start,
                tokens: statement.tokens[first..].to_vec(),
                verb: Verb::Read,
                ..statement.clone()
            };
            let described = self.back.describe(inner.text(), &[]).await;
            described.map_err(|error| self.explained(&error, &inner))?;
            if let Some(from) = inner.tokens.iter().position(|t| t.is("from")) {
                let table = printed(
                    &inner.tokens[from + 1..(from + 2).min(inner.tokens.len())],
                    true,
                );
                rows = vec![
                    one("BatchExchange { order: [], dist: Single }"),
                    one(&format!("└─BatchScan {{ table: {table} }}")),
                ];
            }
        }
        Ok(Local::table("EXPLAIN", &["QUERY PLAN"], rows))
    }
}
