//! How is a COPY to the client run where the engine knows none?
//!
//! As its query, in steps like those of [`super::steps`]: the columns become CopyOutResponse, each row CopyData, see [`super::copy_out`].

use std::sync::Arc;

use super::batch::FailedBy;
use super::copy_options;
use super::copy_out::CopyOut;
use super::pipeline::{Made, Side};
use super::prepared::StatementKey;
use super::stepped_bind::Form;
use super::steps::{NO_VALUES, Progress, Run, syntax_error};
use super::{End, Session};
use crate::error::ClientError;
use crate::protocol::compose;
use crate::routing::Proof;
use crate::sql;

impl Session {
    /// Sends the steps of a COPY.
    pub(super) async fn copy(
        &mut self,
        proof: Proof,
        run: Run<'_>,
    ) -> Result<Progress, ClientError> {
        let copied = sql::copied(run.text, self.dialect).map_err(|near| syntax_error(&near))?;
        let copy = CopyOut::new(copy_options::format(&copied.options)?);
        let key = Arc::new(StatementKey {
            text: copied.query.into_bytes().into(),
            types: Box::new([0, 0]),
            settings: self.settings_number(),
        });
        self.check_none(proof.backend(), &key.text)?;
        let halves = (NO_VALUES, &[0, 1, 0, copy.code()][..]);
        let form = match self.form(proof.backend(), &key, halves)? {
            Form::Known(form) => form,
            Form::Unknown(adapted) => return self.ask_first(proof, &adapted, run).await,
        };
        self.need_analytic(proof).await?;
        let opened = self.put_bound(b"", form);
        self.put_step(b'D', b"", run.to());
        self.pipeline.makes_last(Made::Copied);
        self.opened_step(opened.as_ref());
        self.put_execution(b"", 0, run.to(), Made::Copied);
        self.opened_step(opened.as_ref());
        self.copy_out = Some(copy);
        self.end_steps(run);
        Ok(Progress::Sent)
    }

    /// A reply to one of them.
    pub(super) fn on_copied(&mut self, tag: u8, body: &[u8]) -> Result<(), End> {
        let Some(copy) = self.copy_out.as_mut() else {
            return Ok(());
        };
        let out = &mut self.client.out;
        match tag {
            b'T' | b'n' => {
                let columns = if tag == b'T' { body } else { &[0, 0] };
                if let Err(error) = copy.begin(columns, out) {
                    self.copy_out = None;
                    compose::put_error(&mut self.client.out, &error);
                    self.fail_elsewhere();
                }
            }
            b'D' => {
                let row = copy.row(body, out);
                if row.is_none() {
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
