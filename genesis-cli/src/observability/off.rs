//! In place of `observability` in a build without the feature `telemetry`: nothing is seen.

use clap::Args;
use genesis_client::Client;

use crate::exit::Failure;

/// No options.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Serve {}

pub(crate) struct Observability;

impl Observability {
    pub(crate) fn off() -> Self {
        Self
    }

    #[expect(clippy::unnecessary_wraps, reason = "as with telemetry")]
    pub(crate) fn start(_: Option<&Serve>) -> Result<Self, Failure> {
        Ok(Self)
    }

    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "as with telemetry"
    )]
    pub(crate) fn serve(self) -> Result<Observed, Failure> {
        Ok(Observed)
    }
}

pub(crate) struct Observed;

impl Observed {
    #[expect(clippy::unused_async, reason = "as with telemetry")]
    pub(crate) async fn follow(&self, _: &Client) -> Result<(), Failure> {
        Ok(())
    }

    #[allow(dead_code, reason = "for commands that take calls")]
    pub(crate) fn listens(&self) {}

    #[expect(clippy::unused_async, reason = "as with telemetry")]
    pub(crate) async fn end(self) {}
}
