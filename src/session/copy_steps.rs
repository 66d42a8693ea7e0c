//! How is a COPY to the client run where the engine knows none?
//!
//! As its query, in steps like those of [`super::steps`]: the columns become CopyOutResponse, each row CopyData, see [`super::copy_out`].

use std::sync::Arc;

use bytes::{BufMut, BytesMut};

use super::batch::FailedBy;
use super::copy_options;
use super::copy_out::CopyOut;
use super::pipeline::{Made, Side};
use super::prepared::StatementKey;
use super::recode::{Columns, column_types};
use super::steps::{NO_VALUES, Run, syntax_error};
use super::{End, Session};
use crate::error::ClientError;
use crate::protocol::frame::HEADER_BYTES;
use crate::protocol::{compose, frontend};
use crate::routing::Proof;
use crate::sql;

impl Session {
    /// Sends the steps of a COPY.
    pub(super) async fn copy(&mut self, proof: Proof, run: Run<'_>) -> Result<(), ClientError> {
        let copied = sql::copied(run.text, self.dialect).map_err(|near| syntax_error(&near))?;
        let copy = CopyOut::new(copy_options::format(&copied.options)?);
        self.need_analytic(proof).await?;
        let key = Arc::new(StatementKey {
            text: copied.query.into_bytes().into(),
            types: Box::new([0, 0]),
            settings: self.settings_number(),
        });
        self.put_bound(&key, b"", NO_VALUES, &[0, 1, 0, copy.code()]);
        self.put_step(b'D', b"", run.to());
        self.pipeline.makes_last(Made::Copied);
        self.put_execution(b"", 0, run.to(), Made::Copied);
        self.copy_out = Some(copy);
        self.end_steps(run);
        Ok(())
    }

    /// A reply to one of them.
    pub(super) fn on_copied(&mut self, tag: u8, body: &[u8]) -> Result<(), End> {
        let values = self.values();
        let columns = self.copy_columns.as_ref();
        let Some(copy) = self.copy_out.as_mut() else {
            return Ok(());
        };
        let out = &mut self.client.out;
        match tag {
            b'T' | b'n' => {
                let oids = column_types(if tag == b'T' { body } else { &[] });
                self.copy_columns = values.and_then(|values| Columns::of(&oids, values, |_| false));
                let columns = if tag == b'T' { body } else { &[0, 0] };
                if let Err(error) = copy.begin(columns, out) {
                    self.copy_out = None;
                    compose::put_error(&mut self.client.out, &error);
                    self.fail_elsewhere();
                }
            }
            b'D' => {
                let recoded = columns.filter(|_| copy.code() == 0).map(|columns| {
                    let (mut row, mut recoded) = (BytesMut::new(), BytesMut::new());
                    frontend::put_frame(&mut row, tag, |row| row.put_slice(body));
                    columns.put_row(&mut recoded, &row);
                    recoded
                });
                let recoded = recoded.as_ref().and_then(|row| row.get(HEADER_BYTES..));
                if copy.row(recoded.unwrap_or(body), out).is_none() {
                    return self.broke(Side::Analytic, "its row is none").map(drop);
                }
            }
            b'C' => {
                copy.end(out);
                let tag = format!("COPY {}", copy.rows());
                compose::put_command_complete(out, &tag);
                self.copy_out = None;
            }
            _ => {}
        }
        Ok(())
    }

    /// What the client runs has failed by the router's own judgement.
    fn fail_elsewhere(&mut self) {
        if let Some(script) = self.script.as_mut() {
            script.failed = Some(FailedBy::Other);
        } else {
            self.batch.failed = Some(FailedBy::Other);
            self.skipping = !self.batch.closing;
        }
    }
}
