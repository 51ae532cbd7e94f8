//! Which metrics an operation feeds. Most operations are a span, too; those that the contract has no
//! span for are counted and timed.

use super::metrics as m;
use super::{Metric, Span, spans as s};

/// An operation and its metrics.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Operation {
    /// By which it is known: the name of the span, if it is one.
    pub name: &'static str,
    /// The span; nothing for what is only counted and timed.
    pub span: Option<&'static Span>,
    /// What it feeds.
    pub feeds: &'static [Feed],
}

/// When an operation feeds a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// When it begins.
    Begins,
    /// From its beginning to its end: a gauge.
    Lasts,
    /// When it ends, however it does: a counter gets one, a histogram the seconds it took.
    Ends,
    /// When it has done what was asked.
    Succeeds,
    /// When it has not, or was cancelled.
    Fails,
    /// When its deadline has passed; it fails then, too.
    TimesOut,
}

/// One metric that an operation feeds.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Feed {
    /// When.
    pub when: When,
    /// Which.
    pub metric: &'static Metric,
    /// The labels that the operation fixes. The others are given with it, or follow from its end:
    /// `success`, `error`, `timeout.duration`.
    pub fixed: &'static [(&'static str, &'static str)],
}

/// The operation of this name.
#[must_use]
pub fn of(name: &str) -> Option<&'static Operation> {
    ALL.iter().find(|operation| operation.name == name)
}

const fn feed(
    when: When,
    metric: &'static Metric,
    fixed: &'static [(&'static str, &'static str)],
) -> Feed {
    Feed {
        when,
        metric,
        fixed,
    }
}

/// What every operation on a channel feeds.
macro_rules! channel {
    ($span:ident, $operation:literal $(, $more:expr)*) => {
        channel!(@ concat!("channel.", $operation), Some(&s::$span), $operation $(, $more)*)
    };
    // without a span
    ($operation:literal) => {
        channel!(@ concat!("channel.", $operation), None, $operation)
    };
    (@ $name:expr, $span:expr, $operation:literal $(, $more:expr)*) => {
        Operation {
            name: $name,
            span: $span,
            feeds: &[
                feed(When::Ends, &m::CHANNEL_OPERATIONS_TOTAL, &[("operation", $operation)]),
                feed(
                    When::Ends,
                    &m::CHANNEL_OPERATION_DURATION_SECONDS,
                    &[("operation", $operation)],
                ),
                $($more,)*
            ],
        }
    };
}

/// Every operation that feeds metrics. Those of events are fed by the events.
pub const ALL: &[Operation] = &[
    Operation {
        name: s::INBOUND_CONNECT.name,
        span: Some(&s::INBOUND_CONNECT),
        feeds: &[
            feed(When::Fails, &m::CONNECTIONS_ERRORS_TOTAL, &[]),
            feed(
                When::TimesOut,
                &m::TIMEOUTS_TOTAL,
                &[
                    ("timeout.type", "connection"),
                    ("timeout.operation", "connect"),
                ],
            ),
        ],
    },
    Operation {
        name: s::SEND_COMMAND.name,
        span: Some(&s::SEND_COMMAND),
        feeds: &[
            feed(When::Begins, &m::COMMANDS_SENT_TOTAL, &[]),
            feed(When::Lasts, &m::COMMANDS_QUEUE_DEPTH, &[]),
            feed(When::Ends, &m::COMMANDS_DURATION_SECONDS, &[]),
            feed(When::Fails, &m::COMMANDS_ERRORS_TOTAL, &[]),
            feed(
                When::TimesOut,
                &m::TIMEOUTS_TOTAL,
                &[("timeout.type", "command")],
            ),
        ],
    },
    channel!(CHANNEL_CREATE, "create"),
    channel!(CHANNEL_ANSWER, "answer"),
    channel!(
        CHANNEL_HANGUP,
        "hangup",
        feed(When::Fails, &m::CHANNEL_HANGUP_CAUSES_TOTAL, &[])
    ),
    channel!(
        CHANNEL_BRIDGE,
        "bridge",
        feed(When::Ends, &m::CHANNEL_BRIDGE_OPERATIONS_TOTAL, &[])
    ),
    channel!(CHANNEL_PLAYBACK, "playback"),
    channel!(CHANNEL_SAY, "say"),
    channel!(CHANNEL_PLAY_AND_GET_DIGITS, "play_and_get_digits"),
    channel!(CHANNEL_PARK, "park"),
    channel!(
        CHANNEL_WAIT,
        "wait",
        feed(
            When::TimesOut,
            &m::TIMEOUTS_TOTAL,
            &[("timeout.type", "wait"), ("timeout.operation", "wait")]
        )
    ),
    channel!("attach"),
    channel!("break_media"),
    channel!("broadcast"),
    channel!("execute"),
    channel!("get_variable"),
    channel!("hold"),
    channel!("log"),
    channel!("pre_answer"),
    channel!("record"),
    channel!("send_dtmf"),
    channel!("set_variable"),
    channel!("set_variables"),
    channel!("sleep"),
    channel!("start_recording"),
    channel!("stop_recording"),
    channel!("transfer"),
    channel!("unhold"),
    Operation {
        name: s::RING_GROUP_RING.name,
        span: Some(&s::RING_GROUP_RING),
        feeds: &[
            feed(When::Ends, &m::RING_GROUP_OPERATIONS_TOTAL, &[]),
            feed(When::Ends, &m::RING_GROUP_OPERATION_DURATION_SECONDS, &[]),
            feed(When::Ends, &m::RING_GROUP_RESULTS_TOTAL, &[]),
        ],
    },
    Operation {
        name: s::SESSION_SENDMSG.name,
        span: Some(&s::SESSION_SENDMSG),
        feeds: &[
            feed(When::Begins, &m::SESSION_COMMANDS_TOTAL, &[]),
            feed(When::Ends, &m::SESSION_COMMAND_DURATION_SECONDS, &[]),
        ],
    },
    Operation {
        name: s::QUEUE_WAIT_AND_ACQUIRE.name,
        span: Some(&s::QUEUE_WAIT_AND_ACQUIRE),
        feeds: &[
            feed(When::Ends, &m::QUEUE_WAIT_DURATION_SECONDS, &[]),
            feed(
                When::Succeeds,
                &m::QUEUE_OPERATIONS_TOTAL,
                &[("op", "acquire")],
            ),
            feed(
                When::TimesOut,
                &m::QUEUE_OPERATIONS_TOTAL,
                &[("op", "timeout")],
            ),
            feed(
                When::TimesOut,
                &m::TIMEOUTS_TOTAL,
                &[
                    ("timeout.type", "wait"),
                    ("timeout.operation", "wait_and_acquire"),
                ],
            ),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::super::Instrument;
    use super::super::values::Sets;
    use super::*;

    #[test]
    fn what_is_fed_fits_the_metric() {
        let sets = Sets::new();
        for operation in ALL {
            for feed in operation.feeds {
                let metric = feed.metric;
                let lasts = feed.when == When::Lasts;
                assert_eq!(
                    lasts,
                    metric.instrument == Instrument::Gauge,
                    "{}",
                    metric.name
                );
                for (label, value) in feed.fixed {
                    let known = metric.labels.contains(label) || metric.when.contains(label);
                    assert!(known, "{}: {label}", metric.name);
                    assert_eq!(sets.of_label(label).slot(value).text, Some(*value));
                }
            }
        }
    }

    #[test]
    fn every_operation_on_a_channel_is_counted() {
        let spans = s::ALL
            .iter()
            .filter(|span| span.name.starts_with("channel."));
        for span in spans.filter(|span| span.name != "channel.dtmf.received") {
            let operation = of(span.name).unwrap();
            let name = &span.name["channel.".len()..];
            assert_eq!(operation.feeds[0].fixed, [("operation", name)]);
        }
    }

    #[test]
    fn every_operation_is_known_by_its_span_and_has_a_label_of_its_own() {
        let mut labels = Vec::new();
        for operation in ALL {
            if let Some(span) = operation.span {
                assert_eq!(operation.name, span.name);
            } else {
                assert!(s::named(operation.name).is_none(), "{}", operation.name);
            }
            let fixed = operation.feeds.iter().flat_map(|feed| feed.fixed);
            let mut fixed = fixed.filter(|(label, _)| *label == "operation");
            labels.extend(fixed.next().map(|(_, value)| *value));
        }
        labels.sort_unstable();
        assert_eq!(labels, super::super::values::OPERATIONS);
    }
}
