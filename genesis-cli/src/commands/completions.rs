//! `genesis completions`: what a shell completes.

use clap::CommandFactory as _;

use crate::cli::{Cli, Completions};
use crate::exit::Failure;
use crate::output::Output;

pub(crate) fn run(options: &Completions, output: &mut Output) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Cli::command(), "genesis", &mut script);
    output.bytes(&script)?;
    output.flush()
}
