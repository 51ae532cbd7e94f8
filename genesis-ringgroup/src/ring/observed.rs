//! A ring as telemetry sees it.

use std::time::Duration;

use genesis_channel::Channel;
use genesis_client::Client;
use genesis_client::observe::{Connection, Operation};

use super::RingMode;
use crate::Error;
use crate::balance::{Choice, LoadBalancer};

/// The operation `ring_group.ring`. Dropped before its end, the ring was given up.
pub(super) struct Observed {
    operation: Operation,
    balances: bool,
}

/// The operation at its end.
pub(super) struct Ended(Operation);

impl Observed {
    pub(super) fn new(
        client: &Client,
        mode: RingMode,
        size: usize,
        timeout: Duration,
        has_variables: bool,
    ) -> Self {
        let balances = mode == RingMode::Balancing;
        let mut operation = client.observe().operation("ring_group.ring", Some(timeout));
        operation.label("mode", mode.as_str());
        operation.label("has_balancer", if balances { "true" } else { "false" });
        operation.text("ring_group.mode", mode.as_str());
        operation.number("ring_group.size", size as u64);
        operation.seconds("ring_group.timeout", timeout);
        operation.flag("ring_group.has_balancer", balances);
        operation.flag("ring_group.has_variables", has_variables);
        Self {
            operation,
            balances,
        }
    }

    /// Runs the ring, so that what it does nests below it.
    pub(super) fn around<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        self.operation.run(work)
    }

    /// `reordered`: somebody had a turn before one who stands before them in the list.
    pub(super) fn end(self, duration: Duration, reordered: bool) -> Ended {
        let operation = self.operation;
        operation.seconds("ring_group.duration", duration);
        if self.balances {
            operation.flag("ring_group.balanced", reordered);
        }
        Ended(operation)
    }
}

impl Ended {
    pub(super) fn answered(self, channel: &Channel, dial_path: &str) {
        let operation = self.result("answered");
        operation.text("ring_group.answered_uuid", channel.uuid());
        operation.text("ring_group.answered_dial_path", dial_path);
        operation.succeeded();
    }

    /// Nobody answered: that is a result, and no error.
    pub(super) fn nobody(self) {
        self.result("no_answer").succeeded();
    }

    pub(super) fn failed(self, error: &Error) {
        let operation = self.result("error");
        let kind = error.kind().as_str();
        operation.text("ring_group.error", kind);
        operation.failed(kind, error);
    }

    fn result(self, result: &'static str) -> Operation {
        let mut operation = self.0;
        operation.label("result", result);
        operation.text("ring_group.result", result);
        operation
    }
}

/// Counts what a balancer has chosen.
pub(super) fn chosen(
    observe: &Connection,
    balancer: &dyn LoadBalancer,
    choice: &Result<Choice, Error>,
) {
    let backend = ("loadbalancer.backend", balancer.backend());
    match choice {
        Ok(choice) => {
            let result = match choice.is_local_fallback() {
                true => "fallback",
                false => "selected",
            };
            let labels = [backend, ("loadbalancer.result", result)];
            observe.count("genesis_loadbalancer_selections_total", &labels, 1);
        }
        Err(error) => {
            let labels = [backend, ("error", error.kind().as_str())];
            observe.count("genesis_loadbalancer_errors_total", &labels, 1);
        }
    }
}
