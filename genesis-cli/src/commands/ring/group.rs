//! Who is rung and how, from the command line.

use std::time::Duration;

use genesis_channel::OriginateOptions;
use genesis_client::proto::dial::DialString;
use genesis_ringgroup::{Destination, RingGroup, RingMode};

use crate::cli::{Mode, Ring, values};
use crate::exit::Failure;

/// Whom to ring.
pub(super) struct Destinations {
    names: Vec<String>,
    dials: Vec<DialString>,
    destinations: Vec<Destination>,
}

impl Destinations {
    /// Everything that can be wrong with them is told before anything is done.
    pub(super) fn read(options: &Ring) -> Result<Self, Failure> {
        for (option, used, mode, name) in [
            (
                "--weight",
                !options.weights.is_empty(),
                Mode::WeightedRandom,
                "weighted-random",
            ),
            (
                "--redis",
                options.redis.is_some(),
                Mode::Balancing,
                "balancing",
            ),
        ] {
            if used && options.mode != mode {
                return Err(Failure::usage(format!("{option} needs --mode {name}")));
            }
        }
        let dials = values::dial_strings(
            "DESTINATION",
            &options.destinations,
            "the answered call is parked; `genesis originate` can run an application or an extension",
        )?;
        let names: Vec<String> = dials.iter().map(DialString::endpoints).collect();
        let mut destinations: Vec<Destination> = options
            .destinations
            .iter()
            .map(|dial| {
                let destination = Destination::new(dial.expose());
                match options.ring_time {
                    Some(time) => destination.timeout(time),
                    None => destination,
                }
            })
            .collect();
        // one is named as it was given, or as it is shown
        let mut change = |option, name: &str, change: &dyn Fn(Destination) -> Destination| {
            let mut found = false;
            for (destination, shown) in destinations.iter_mut().zip(&names) {
                if destination.dial_string() == name || shown == name {
                    *destination = change(destination.clone());
                    found = true;
                }
            }
            match found {
                true => Ok(()),
                false => Err(Failure::usage(format!(
                    "{option} names somebody who is not among the destinations"
                ))),
            }
        };
        for (name, delay) in values::delays(&options.delays)? {
            change("--delay", &name, &|destination| destination.delay(delay))?;
            if delay >= options.timeout {
                return Err(too_late(delay, options.timeout));
            }
        }
        for (name, weight) in values::weights(&options.weights)? {
            change("--weight", &name, &|destination| destination.weight(weight))?;
        }
        Ok(Self {
            names,
            dials,
            destinations,
        })
    }

    /// As they are shown: without variables, which may hold passwords.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The group, whose calls can all be made.
    pub(super) fn group(&self, options: &Ring) -> Result<RingGroup, Failure> {
        let variables = values::variables(&options.variables)?;
        let mut call = OriginateOptions::new().variables(variables.iter().cloned());
        let mut group = RingGroup::new(self.destinations.iter().cloned())
            .mode(match options.mode {
                Mode::Parallel => RingMode::Parallel,
                Mode::Sequential => RingMode::Sequential,
                Mode::Balancing => RingMode::Balancing,
                Mode::WeightedRandom => RingMode::WeightedRandom,
            })
            .timeout(options.timeout)
            .pace(options.pace.unwrap_or_default());
        for (name, value) in &variables {
            if name == "origination_uuid" && self.dials.len() > 1 {
                return Err(Failure::usage(
                    "--var origination_uuid would be the Unique-ID of several legs; write \
                     [origination_uuid=…] before each destination instead",
                ));
            }
            group = group.variable(name, value);
        }
        if let Some(caller) = &options.caller_id {
            group = group.caller_id(&caller.name, &caller.number);
            call = call.caller_id(&caller.name, &caller.number);
        }
        for (dial, name) in self.dials.iter().zip(&self.names) {
            call.check(dial)
                .map_err(|error| Failure::usage(format!("{name}: {error}")))?;
        }
        Ok(group)
    }
}

fn too_late(delay: Duration, timeout: Duration) -> Failure {
    let (delay, timeout) = (delay.as_secs_f64(), timeout.as_secs_f64());
    Failure::usage(format!(
        "--delay {delay} is not before --timeout {timeout}, so that destination would never ring; \
         give a shorter delay or a longer timeout"
    ))
}
