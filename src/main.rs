//! Parses the command line and calls [`tidegate::cli::run`]. Nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    tidegate::cli::run()
}
