//! What does a mirrored table take from the PostgreSQL upstream?

use super::apply::place;
use super::back::{Back, Behind, quoted};
use super::errors::{Failure, PgError};
use super::objects::Defined;
use super::reader::Name;
use super::session::Session;

/// A table that is mirrored, as it was read upstream.
pub struct Upstream {
    pub source_id: String,
    pub columns: Vec<Defined>,
    pub key: Vec<String>,
    rows: Vec<String>,
}

impl Upstream {
    /// Statements that put the rows into the mirror.
    pub fn copy_into(&self, table: &str) -> String {
        let row = |row: &String| {
            format!(
                "INSERT INTO {table} SELECT (r).* FROM (SELECT {}::{table} AS r) t",
                quoted(row)
            )
        };
        let rows: Vec<String> = self.rows.iter().map(row).collect();
        if rows.is_empty() {
            "SELECT 1".to_owned()
        } else {
            rows.join("; ")
        }
    }
}

impl Session {
    /// Reads a table that is to be mirrored: its columns, its key, its rows.
    pub async fn upstream(&self, source: &Name, table: &str) -> Result<Upstream, Failure> {
        let get = |key: &str| format!("props -> '{key}' ->> 'value'");
        let sql = format!(
            "SELECT concat_ws('|', id, {}, {}, {}) FROM rw_meta.objects WHERE kind = 'source' AND {}",
            get("port"),
            get("username"),
            get("database.name"),
            place(source)
        );
        let found = self.admin(&sql).await?;
        let parts: Vec<&str> = found.split('|').collect();
        let [id, port, user, database] = parts[..] else {
            return Err(Failure::not_found(&format!(
                "source not found: {}",
                source.name
            )));
        };
        let behind = Behind {
            port: port.parse().unwrap_or(0),
            user: user.to_owned(),
            database: database.to_owned(),
        };
        let refused = |error: PgError| Failure::new(format!("connector error: {}", error.message));
        let mut back = Back::open(&behind).await.map_err(refused)?;
        let name = quoted(table);
        let columns = back
            .run(&format!(
                "SELECT attname, CASE WHEN t.typcategory IN ('S', 'E') OR t.typname = 'uuid' THEN 'character varying' ELSE format_type(atttypid, NULL) END \
                 FROM pg_attribute a JOIN pg_type t ON t.oid = atttypid WHERE attrelid = {name}::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
            ))
            .await
            .map_err(refused)?;
        let text = |value: &Option<bytes::Bytes>| {
            String::from_utf8_lossy(value.as_deref().unwrap_or_default()).into_owned()
        };
        let columns = columns
            .iter()
            .map(|row| Defined {
                name: text(&row[0]),
                postgres: text(&row[1]),
                not_null: false,
                default: None,
            })
            .collect();
        let key = back
            .run(&format!(
                "SELECT attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) \
                 WHERE i.indrelid = {name}::regclass AND i.indisprimary"
            ))
            .await
            .map_err(refused)?;
        let rows = back
            .run(&format!("SELECT t::text FROM {table} t"))
            .await
            .map_err(refused)?;
        Ok(Upstream {
            source_id: id.to_owned(),
            columns,
            key: key.iter().map(|row| text(&row[0])).collect(),
            rows: rows.iter().map(|row| text(&row[0])).collect(),
        })
    }
}
