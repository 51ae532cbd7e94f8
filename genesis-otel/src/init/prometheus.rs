//! What Prometheus scrapes.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use metrics::Recorder;
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use super::{Error, buckets};
use crate::vocabulary::{Instrument, metrics as all};

/// Values of histograms are kept one by one until they are sorted into their buckets.
const UPKEEP: Duration = Duration::from_secs(5);

/// The metrics as text for Prometheus to scrape; a handle that can be cloned.
#[derive(Clone)]
pub struct Prometheus(PrometheusHandle);

impl Prometheus {
    /// The content type of what [`render`](Self::render) gives.
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// Every metric that has a value, in the text format of Prometheus.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Keeps the metrics small while nobody scrapes, in a thread of its own.
    pub(super) fn upkeep(&self) -> Result<Upkeep, Error> {
        let handle = self.0.clone();
        Upkeep::every(UPKEEP, move || handle.run_upkeep())
    }
}

/// Work that is done again and again until this is dropped.
#[derive(Debug)]
pub(super) struct Upkeep {
    _alive: Sender<()>,
}

impl Upkeep {
    fn every(period: Duration, work: impl Fn() + Send + 'static) -> Result<Self, Error> {
        let (alive, ended) = channel::<()>();
        std::thread::Builder::new()
            .name("genesis-metrics".to_owned())
            .spawn(move || {
                while ended.recv_timeout(period) == Err(RecvTimeoutError::Timeout) {
                    work();
                }
            })
            .map_err(|error| Error::Exporter(format!("cannot start a thread: {error}")))?;
        Ok(Self { _alive: alive })
    }
}

impl std::fmt::Debug for Prometheus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prometheus").finish_non_exhaustive()
    }
}

/// A recorder that knows every metric, and the handle to what it recorded.
pub(super) fn recorder() -> Result<(PrometheusRecorder, Prometheus), Error> {
    let cannot =
        |error: metrics_exporter_prometheus::BuildError| Error::Exporter(error.to_string());
    let mut builder = PrometheusBuilder::new()
        .with_recommended_naming(true)
        .set_buckets(buckets::USUAL)
        .map_err(cannot)?;
    for metric in all::ALL {
        let own = buckets::of(metric.name);
        if metric.instrument == Instrument::Histogram && own != buckets::USUAL {
            // an application may have put a prefix before it
            builder = builder
                .set_buckets_for_metric(Matcher::Suffix(metric.name.to_owned()), own)
                .map_err(cannot)?;
        }
    }
    let recorder = builder.build_recorder();
    let handle = Prometheus(recorder.handle());
    Ok((recorder, handle))
}

/// Tells a recorder the unit and the meaning of every metric.
pub(super) fn describe(recorder: &dyn Recorder) {
    for metric in all::ALL {
        let (name, text) = (metric.name.into(), metric.description.into());
        match metric.instrument {
            Instrument::Counter => recorder.describe_counter(name, metric.unit, text),
            Instrument::Gauge => recorder.describe_gauge(name, metric.unit, text),
            Instrument::Histogram => recorder.describe_histogram(name, metric.unit, text),
        }
    }
}

#[cfg(test)]
mod tests {
    use metrics::{Key, Label, Level, Metadata};

    use super::*;

    static METADATA: Metadata<'static> = Metadata::new("genesis", Level::INFO, None);

    #[test]
    fn calls_have_their_buckets_behind_a_prefix_too() {
        let (recorder, prometheus) = recorder().unwrap();
        let telemetry = crate::Telemetry::builder()
            .metric_prefix("acme_")
            .recorder(recorder)
            .build();
        let connection = crate::hooks::Connection::none(&telemetry);
        connection.operation("ring_group.ring", None).succeeded();
        let text = prometheus.render();
        let name = "acme_genesis_ring_group_operation_duration_seconds";
        assert!(text.contains(&format!("# HELP {name} Duration")), "{text}");
        assert!(
            text.contains(&format!("# TYPE {name} histogram\n")),
            "{text}"
        );
        assert!(
            text.contains("le=\"120\"") && !text.contains("le=\"0.001\""),
            "{text}"
        );
    }

    #[test]
    fn lesson_45_names_come_out_as_the_vocabulary_has_them() {
        let (recorder, prometheus) = recorder().unwrap();
        describe(&recorder);
        for metric in all::ALL {
            let labels: Vec<Label> = metric
                .labels
                .iter()
                .map(|&name| Label::new(name, "x"))
                .collect();
            let key = Key::from_parts(metric.name, labels);
            match metric.instrument {
                Instrument::Counter => recorder.register_counter(&key, &METADATA).increment(1),
                Instrument::Gauge => recorder.register_gauge(&key, &METADATA).set(1.0),
                Instrument::Histogram => recorder.register_histogram(&key, &METADATA).record(2.0),
            }
        }
        let text = prometheus.render();
        for metric in all::ALL {
            let name = metric.name;
            let kind = format!("{:?}", metric.instrument).to_lowercase();
            assert!(
                text.contains(&format!("# TYPE {name} {kind}\n")),
                "{name}\n{text}"
            );
            assert!(
                text.contains(&format!("# HELP {name} {}", metric.description)),
                "{name}"
            );
            let labels: Vec<String> = metric
                .labels
                .iter()
                .map(|label| format!("{}=\"x\"", label.replace('.', "_")))
                .collect();
            let labels = labels.join(",");
            let series = match (metric.instrument, &*labels) {
                (Instrument::Histogram, "") => format!("{name}_bucket{{le=\"30\"}} 1\n"),
                (Instrument::Histogram, labels) => {
                    format!("{name}_bucket{{{labels},le=\"30\"}} 1\n")
                }
                (_, "") => format!("{name} 1\n"),
                (_, labels) => format!("{name}{{{labels}}} 1\n"),
            };
            assert!(text.contains(&series), "{series}\n{text}");
        }
    }

    #[test]
    fn an_upkeep_keeps_what_was_recorded() {
        let (recorder, prometheus) = recorder().unwrap();
        let key = Key::from_name("genesis_call_duration_seconds");
        recorder.register_histogram(&key, &METADATA).record(4.0);
        prometheus.0.run_upkeep();
        let text = prometheus.render();
        assert!(
            text.contains("genesis_call_duration_seconds_bucket{le=\"1\"} 0"),
            "{text}"
        );
        assert!(
            text.contains("genesis_call_duration_seconds_bucket{le=\"5\"} 1"),
            "{text}"
        );
        assert!(
            text.contains("genesis_call_duration_seconds_bucket{le=\"7200\"} 1"),
            "{text}"
        );
    }

    #[test]
    fn upkeep_is_done_again_and_again_and_ends_with_its_owner() {
        let (sender, done) = channel();
        let work = move || sender.send(()).unwrap_or_default();
        let upkeep = Upkeep::every(Duration::from_millis(1), work).unwrap();
        for _ in 0..3 {
            done.recv().unwrap();
        }
        drop(upkeep);
        // the thread ends, and with it its sender
        while done.recv().is_ok() {}
    }
}
