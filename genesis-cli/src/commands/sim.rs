//! `genesis sim`: a simulated FreeSWITCH.
use crate::cli::Sim;
use crate::exit::Failure;
use crate::output::Output;

pub(crate) async fn run(_: Sim, _: &mut Output) -> Result<(), Failure> {
    Err(Failure::failed("not there yet"))
}
