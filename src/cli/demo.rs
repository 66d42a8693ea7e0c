//! placeholder
use std::process::ExitCode;
#[derive(clap::Args)]
pub(super) struct Demo {
    /// Run the tour and exit.
    #[arg(long)]
    once: bool,
}
pub(super) fn run(demo: &Demo) -> ExitCode {
    let _ = demo.once;
    ExitCode::SUCCESS
}
