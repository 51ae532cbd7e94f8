//! The buckets of histograms, in seconds.

/// Commands, channel operations, waits in a queue, and whatever is not named below.
pub(super) const USUAL: &[f64] = &[
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// Calls.
const CALLS: &[f64] = &[
    1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0,
];
/// Ring groups: from a quick answer to the longest a caller waits.
const RINGS: &[f64] = &[1.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0];

/// The buckets of the histogram with this name; an application may have put a prefix before it.
pub(super) fn of(name: &str) -> &'static [f64] {
    let own = [
        ("genesis_call_duration_seconds", CALLS),
        ("genesis_ring_group_operation_duration_seconds", RINGS),
    ];
    let own = own.into_iter().find(|(metric, _)| name.ends_with(metric));
    own.map_or(USUAL, |(_, buckets)| buckets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::{Instrument, metrics};

    #[test]
    fn buckets_grow_and_belong_to_histograms_that_there_are() {
        for buckets in [USUAL, CALLS, RINGS] {
            assert!(buckets.is_sorted_by(|a, b| a < b));
        }
        for name in [
            "genesis_call_duration_seconds",
            "genesis_ring_group_operation_duration_seconds",
        ] {
            assert_ne!(of(name), USUAL);
            assert_eq!(of(&format!("acme_{name}")), of(name));
            let metric = metrics::named(name).unwrap();
            assert_eq!(metric.instrument, Instrument::Histogram);
        }
    }
}
