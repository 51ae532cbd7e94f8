//! The metrics that events feed.

use super::Lifecycle;
use super::channels::Update;
use super::facts::Facts;
use super::spans;
use crate::metering::Meter;
use crate::vocabulary::values::Slot;

impl Lifecycle {
    /// Every event that this connection has delivered.
    pub(super) fn count_received(&mut self, facts: &Facts<'_>) {
        let Some(meter) = &mut self.meter else {
            return;
        };
        let sets = &self.telemetry.shared().sets;
        let labels = [
            self.last.kind.name,
            self.last.kind.subclass,
            facts.direction_in(&sets.directions),
            facts.channel_state_in(&sets.channel_states),
            facts.answer_state_in(&sets.answer_states),
            facts.cause_in(&sets.causes),
        ];
        meter.count(|tables| &mut tables.events_received, &labels);
    }

    /// What an event says of calls, once per switch.
    pub(super) fn count(&mut self, facts: &Facts<'_>, update: &Update) {
        let Some(meter) = &mut self.meter else {
            return;
        };
        let shared = self.telemetry.shared();
        let sets = &shared.sets;
        let is_of_a_channel = shared
            .plans
            .of(self.last.kind)
            .is_some_and(|plan| plan.span.is_of_a_channel());
        if is_of_a_channel && !facts.has_call_id(&shared.plans.call_id) {
            meter.count(|tables| &mut tables.without_call_id, &[]);
        }
        if update.ended {
            let cause = sets
                .causes
                .slot(facts.cause().as_deref().unwrap_or_default());
            // no error: that label is for hangups that we asked for
            meter.count(|tables| &mut tables.hangup_causes, &[cause, Slot::ABSENT]);
        }
        if let Some(seconds) = update.duration {
            meter.record(|tables| &mut tables.call_duration, &[], seconds);
        }
        let header = |name: &str| facts.find(name);
        match facts.kind() {
            "CHANNEL_HANGUP_COMPLETE" if update.completed => {
                if let Some(code) = header("variable_hangup_cause_q850") {
                    meter.count(|tables| &mut tables.q850, &[sets.q850.slot(&code)]);
                }
            }
            "CHANNEL_BRIDGE" => {
                let established = sets.bridge_results.slot("established");
                meter.count(|tables| &mut tables.bridges, &[established, Slot::ABSENT]);
            }
            "CHANNEL_UNBRIDGE" => {
                let unbridged = sets.bridge_results.slot("unbridged");
                let cause = facts.cause_in(&sets.causes);
                meter.count(|tables| &mut tables.bridges, &[unbridged, cause]);
            }
            "sofia::transferor" | "sofia::transferee" => {
                let kind = sets.transfer_types.slot(spans::transfer_type(facts));
                let role = facts.kind().trim_start_matches("sofia::");
                let role = sets.transfer_roles.slot(role);
                meter.count(|tables| &mut tables.transfers, &[kind, role]);
            }
            "CODEC" => {
                let codec = |name: &str| sets.codecs.slot(&header(name).unwrap_or_default());
                let labels = [
                    codec("Channel-Read-Codec-Name"),
                    codec("Channel-Write-Codec-Name"),
                ];
                meter.count(|tables| &mut tables.codecs, &labels);
            }
            "CHANNEL_EXECUTE" | "CHANNEL_EXECUTE_COMPLETE" => {
                let application = sets
                    .applications
                    .slot(&header("Application").unwrap_or_default());
                let result = sets.application_results.slot(application_result(facts));
                meter.count(|tables| &mut tables.applications, &[application, result]);
            }
            "DTMF" => {
                let digit = header("DTMF-Digit").unwrap_or_default();
                let digit = sets.digits.slot(self.telemetry.digit(&digit));
                meter.count(|tables| &mut tables.digits, &[digit]);
            }
            _ => {}
        }
    }

    /// Moves the number of active calls.
    pub(super) fn step_active(&mut self, steps: &[(Slot, f64)]) {
        if steps.is_empty() {
            return;
        }
        // steps are of channels that somebody has counted: then there is a recorder by now
        if self.meter.is_none() {
            self.meter = Meter::new(&self.telemetry);
        }
        if let Some(meter) = &mut self.meter {
            for (direction, step) in steps {
                meter.step(|tables| &mut tables.calls_active, &[*direction], *step);
            }
        }
    }
}

/// What became of an application. There is no field for it: some write an error into
/// `Application-Response` (`PLAYBACK ERROR`, `FILE NOT FOUND`, `-ERR ...`), most write nothing.
fn application_result(facts: &Facts<'_>) -> &'static str {
    if facts.name == "CHANNEL_EXECUTE" {
        return "started";
    }
    let response = facts.find("Application-Response").unwrap_or_default();
    let failed = response.starts_with("-ERR")
        || ["ERROR", "FAIL", "NOT FOUND", "INVALID"]
            .iter()
            .any(|word| response.contains(word));
    if failed { "fail" } else { "success" }
}
