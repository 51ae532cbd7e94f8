//! Series are bounded, whatever the wire brings.

use std::collections::BTreeMap;

use genesis_client::{Consumer, Subscription};
use genesis_otel::vocabulary::{metrics, values};
use genesis_proto::name::HangupCause;
use genesis_proto::{Command, Event, EventName};

use crate::{Watch, connect, switch};

/// A value that is known, or one that nobody knows.
fn value(random: &mut fastrand::Rng, known: &[&str]) -> String {
    if random.u8(..4) > 0 {
        random.choice(known).unwrap().to_string()
    } else {
        format!("hostile-{}", random.u64(..))
    }
}

#[tokio::test(start_paused = true)]
async fn hostile_values_on_the_wire_make_few_series() {
    let watch = Watch::with(|builder| builder.exclude_events(["*"]));
    let sim = switch(|_| {}).await;
    let client = connect(&sim, &watch.telemetry).await;
    let _events = client.subscribe(Subscription::all()).await.unwrap();
    let consumer = Consumer::new(client.clone()).on_all(|event: Event| async move {
        if event.get("Fails").is_some() {
            return Err("hostile".into());
        }
        Ok(())
    });
    let consumer = consumer.start().await.unwrap();
    let mut random = fastrand::Rng::with_seed(11);
    let names: Vec<&str> = EventName::ALL_KNOWN.iter().map(EventName::as_str).collect();
    let causes: Vec<&str> = HangupCause::ALL_KNOWN
        .iter()
        .map(HangupCause::as_str)
        .collect();
    let headers: [(&str, &[&str]); 9] = [
        ("Event-Subclass", values::SUBCLASSES),
        ("Call-Direction", &["inbound", "outbound"]),
        ("Channel-State", &["CS_INIT", "CS_EXECUTE", "CS_HANGUP"]),
        ("Answer-State", &["answered", "ringing"]),
        ("Hangup-Cause", &causes),
        ("Application", values::APPLICATIONS),
        ("Channel-Read-Codec-Name", values::CODECS),
        ("Channel-Write-Codec-Name", values::CODECS),
        ("DTMF-Digit", values::DIGITS),
    ];
    for round in 0..200 {
        for number in 0..50 {
            let mut event = Event::builder(EventName::from(&*value(&mut random, &names)));
            for (name, known) in headers {
                event.push(name, value(&mut random, known)).unwrap();
            }
            event
                .push(
                    "variable_hangup_cause_q850",
                    value(&mut random, values::Q850),
                )
                .unwrap();
            event
                .push("Unique-ID", format!("{round}-{number}"))
                .unwrap();
            if number % 10 == 0 {
                event.push("Fails", "true").unwrap();
            }
            sim.switch().fire(event);
        }
        let verb = value(&mut random, values::COMMANDS);
        if let Ok(command) = Command::raw(&verb)
            && !matches!(
                verb.as_str(),
                "exit" | "noevents" | "nixevent" | "filter" | "auth"
            )
        {
            let _ = client.send(command).await;
        }
        let _ = client.api(&value(&mut random, &["status"])).await;
    }
    consumer.stop().await;
    let metrics = watch.metrics();
    assert!(watch.total("genesis_events_received_total", &[]) > 9_000.0);
    assert!(
        metrics.len() > 300 && metrics.len() <= 2_000,
        "{}",
        metrics.len()
    );
    let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
    for series in &metrics {
        *by_name.entry(&series.name).or_default() += 1;
        for value in series.labels.values() {
            assert!(!value.contains("hostile"), "{series:?}");
        }
    }
    for (name, series) in by_name {
        let most = metrics::named(name).unwrap().max_series;
        assert!(series <= most, "{name}: {series} of {most}");
    }
}

#[test]
fn all_bounds_together_are_below_two_thousand() {
    let most: usize = metrics::ALL.iter().map(|metric| metric.max_series).sum();
    assert!(most <= 2_000, "{most}");
}
