//! `genesis completions`: what a shell completes.

use clap::{Command, CommandFactory as _};

use crate::cli::{Cli, Completions};
use crate::exit::Failure;
use crate::output::Output;

pub(crate) fn run(options: &Completions, output: &mut Output) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut command(), "genesis", &mut script);
    output.bytes(&script)?;
    output.flush()
}

/// The command as shells see it: `run` and `dev` are words of their own there, which are offered. For
/// the command itself they may be left out, so they are the first of two values.
fn command() -> Command {
    let mut command = Cli::command();
    for name in ["consumer", "outbound"] {
        command = command.mut_subcommand(name, |whole| {
            let word = |name: &'static str, about: &'static str| {
                let word = whole.clone().name(name).about(about);
                word.mut_arg("words", |path| path.value_name("APP").num_args(1))
            };
            let words = [
                word("run", "Runs the application; the word may be left out"),
                word("dev", "Runs it, and again whenever a file of it is saved"),
            ];
            whole.subcommands(words)
        });
    }
    command
}
