//! In place of `observability` in a build without the feature `telemetry`: nothing is seen.

use clap::Args;
use genesis_client::Client;
use genesis_client::observe::Telemetry;

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
    pub(crate) fn start(_: Option<&Serve>, _: bool) -> Result<Self, Failure> {
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

    pub(crate) fn asks(&self, _: impl Fn() -> bool + Send + Sync + 'static) {}

    pub(crate) fn drains(&self) {}

    #[expect(clippy::unused_async, reason = "as with telemetry")]
    pub(crate) async fn end(self) {}
}

/// Cannot be made.
pub(crate) enum Picture {}

/// A finished span.
#[derive(Debug)]
pub(crate) struct Drawn {
    pub(crate) depth: usize,
    pub(crate) name: String,
    pub(crate) span_id: String,
    pub(crate) parent_span_id: Option<String>,
    pub(crate) start: f64,
    pub(crate) duration: f64,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) failed: bool,
}

impl Picture {
    pub(crate) fn new() -> Result<Self, Failure> {
        Err(Failure::usage(
            "this genesis was built without telemetry; build it with the feature telemetry",
        ))
    }

    pub(crate) fn telemetry(&self) -> &Telemetry {
        match *self {}
    }

    pub(crate) async fn around<F: Future>(&self, _: &'static str, _: F) -> F::Output {
        match *self {}
    }

    pub(crate) fn trace(&self, _: &str) -> Option<(String, Vec<Drawn>)> {
        match *self {}
    }

    pub(crate) fn sampler(&self) -> Option<&str> {
        match *self {}
    }

    pub(crate) fn metrics(&self) -> String {
        match *self {}
    }
}
