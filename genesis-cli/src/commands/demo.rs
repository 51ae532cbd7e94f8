//! `genesis demo`: calls being controlled.
use crate::exit::Failure;
use crate::output::Output;

pub(crate) async fn run(_: &mut Output) -> Result<(), Failure> {
    Err(Failure::failed("not there yet"))
}
