//! Calls to extensions that hang up, one for each hangup cause.

use std::time::Duration;

use genesis_proto::Event;
use genesis_proto::name::HangupCause;
use genesis_sim::Sim;
use genesis_sim::script::{Destination, Script};

use super::events::{assert_same, events, header, of_channel};
use super::support::{Client, Recording, like_the_recorded};

/// The `Unique-ID` of the first leg with this name.
fn leg(events: &[Event], name: &str) -> Option<String> {
    let leg = events
        .iter()
        .find(|event| header(event, "Channel-Name") == name);
    leg.map(|event| header(event, "Unique-ID"))
}

/// Sends the recorded `originate` commands and compares the leg that each of them made.
pub(crate) async fn check(name: &str) -> usize {
    let recording = Recording::read(name);
    let recorded = events(&recording.from_switch);
    let commands = recording.commands();
    let endpoint = |command: &[u8]| -> Option<String> {
        let text = String::from_utf8_lossy(command);
        let at = text.find("loopback/cause_")?;
        text[at..].split(' ').next().map(str::to_owned)
    };
    let calls: Vec<(&Vec<u8>, String)> = commands
        .iter()
        .filter_map(|command| Some((command, endpoint(command)?)))
        .collect();
    let cause_of = |endpoint: &str| {
        let name = endpoint.trim_start_matches("loopback/cause_");
        name.split('/').next().unwrap_or_default().to_owned()
    };
    let mut script = Script::new();
    for (_, endpoint) in &calls {
        let cause = HangupCause::from_argument(&cause_of(endpoint));
        script = script.destination(endpoint, Destination::fail(cause));
    }
    let builder = Sim::builder().pipe_size(64 << 20).switch(|options| {
        options.script = script;
        options.sessions_per_second = 1000;
    });
    let sim = like_the_recorded(builder).start().await.unwrap();
    let mut client = Client::new(sim.connect());
    // the password and the subscription
    client.send(commands[..2].concat()).await;
    for (command, _) in &calls {
        client.send(command).await;
        client.settle_for(Duration::from_secs(2)).await;
    }
    let got = events(&client.received);
    let mut compared = 0;
    for (_, endpoint) in &calls {
        let cause = cause_of(endpoint);
        let what = format!("{name}: {cause}");
        let recorded_name = format!("loopback/cause_{cause}-a");
        let Some(recorded_leg) = leg(&recorded, &recorded_name) else {
            continue;
        };
        let simulated_leg = leg(&got, endpoint).unwrap_or_else(|| panic!("{what}: no leg"));
        let recorded = of_channel(&recorded, &recorded_leg);
        let got = of_channel(&got, &simulated_leg);
        assert_same(&what, &recorded, &got);
        for (recorded, got) in recorded.iter().zip(&got) {
            for name in [
                "Hangup-Cause",
                "variable_hangup_cause",
                "variable_hangup_cause_q850",
            ] {
                assert_eq!(header(got, name), header(recorded, name), "{what}: {name}");
            }
        }
        compared += 1;
    }
    compared
}
