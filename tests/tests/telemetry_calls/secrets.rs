//! What must not be seen is in no span, metric, error, reply of `Debug` or line of the log.

use std::io::Write;
use std::sync::{Arc, Mutex};

use genesis_channel::{Channel, OriginateOptions};
use genesis_client::{Client, Consumer, Inbound, Subscription};
use genesis_proto::EventName;
use genesis_ringgroup::{Destination, RingGroup};
use genesis_sim::Sim;
use tracing_subscriber::fmt::MakeWriter;

use crate::{Served, Watch, millis, served, soon};

const SECRET: &str = "hunter2";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// What was said to the application.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn note<T, E: std::error::Error>(&self, result: &Result<T, E>) {
        let Err(error) = result else {
            return;
        };
        let mut told = self.0.lock().unwrap();
        told.push(format!("{error} {error:?} {error:#?}"));
        let mut source = error.source();
        while let Some(error) = source {
            told.push(format!("{error} {error:?}"));
            source = error.source();
        }
    }

    fn errors(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Secrets wherever a caller can put one.
async fn commands(client: &Client, told: &Told) {
    for command in [
        format!("originate {{sip_auth_password={SECRET}}}user/1001 &park"),
        format!("originate [voicemail_pin={SECRET}]nowhere/1001 &park"),
        format!("uuid_setvar gone sip_auth_password {SECRET}"),
        format!("uuid_setvar_multi gone a=1;user_password={SECRET};b=2"),
        format!("uuid_broadcast gone playback::https://joe:{SECRET}@example.com/a.wav aleg"),
        format!("global_setvar default_password={SECRET}"),
        "global_getvar default_password".to_owned(),
        format!("originate user/1001 &conference(3001@default+{SECRET})"),
        format!("originate user/1001 'conference:3001@default+{SECRET}+flags{{mute}}' inline"),
    ] {
        told.note(&client.api(&command).await);
        if let Ok(job) = client.bgapi(&command).await {
            let told = &told.0;
            told.lock().unwrap().push(format!("{job:?}"));
        }
    }
}

async fn calls(client: &Client, told: &Told) {
    let options = OriginateOptions::new()
        .variable("sip_auth_username", "joe")
        .variable("sip_auth_password", SECRET)
        .variable("voicemail_pin", SECRET)
        .application("park", "");
    for dial in [
        "user/1001".to_owned(),
        format!("[my_password={SECRET}]user/1002"),
        format!("{{conf_pin={SECRET}}}sim/busy"),
        format!("{{conf_pin={SECRET}}}nowhere/1"),
        format!("{{conf_pin={SECRET}"),
    ] {
        let called = Channel::originate(client, &*dial, options.clone()).await;
        told.note(&called);
        let Ok(called) = called else {
            continue;
        };
        let channel = called;
        told.note(&channel.set_variable("voicemail_password", SECRET).await);
        told.note(&channel.get_variable("voicemail_password").await);
        let url = format!("https://joe:{SECRET}@example.com/hello.wav");
        told.note(&channel.playback(&url).await);
        told.note(
            &channel
                .execute("conference", &format!("3001@default+{SECRET}"))
                .await,
        );
        told.note(
            &channel
                .execute("set", &format!("vm-password={SECRET}"))
                .await,
        );
        told.note(
            &channel
                .bridge(&*format!("{{sip_auth_password={SECRET}}}nowhere/2"))
                .await,
        );
        let _ = channel.hangup(None).await;
        told.note(
            &channel
                .execute("set", &format!("vm-password={SECRET}"))
                .await,
        );
    }
    let destinations = [
        Destination::new(format!("[sip_auth_password={SECRET}]sim/busy")),
        Destination::new("user/1001").variable("agent_pin", SECRET),
    ];
    let group = RingGroup::new(destinations).variable("sip_auth_password", SECRET);
    let ring = group.ring(client).await;
    told.note(&ring);
    if let Ok(ring) = &ring {
        told.0.lock().unwrap().push(format!("{ring}"));
        let _ = ring.channel().unwrap().hangup(None).await;
    }
    let broken = RingGroup::new([format!("{{agent_pin={SECRET}")]);
    told.note(&broken.ring(client).await);
}

async fn sessions(sim: &Sim, watch: &Watch, told: &Told) {
    let notes = told.clone();
    let server = served(&watch.telemetry, move |session| {
        let told = notes.clone();
        async move {
            let channel = Channel::from_session(&session).await?;
            told.note(&channel.set_variable("my_password", SECRET).await);
            let data = format!("sip_auth_password={SECRET}");
            let set = session.execute("set", &data).await?;
            told.note(&set.complete().await);
            let current = session.current_variable("my_password").await;
            assert_eq!(current.unwrap().as_deref(), Some(SECRET));
            Err("it had to fail".into())
        }
    });
    let Served {
        address,
        mut over,
        _serving,
    } = server.await;
    let line = format!("{{user_password={SECRET}}}null/1 '&socket({address} async full)'");
    sim.switch().api("originate", &line).await;
    let _ = soon(over.recv()).await.unwrap();
}

#[tokio::test]
async fn lesson_42_secrets_on_every_way_show_nowhere() {
    let log = Log::default();
    let lines = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    let _logging = tracing_subscriber::util::SubscriberInitExt::set_default(lines);
    let watch = Watch::new();
    let told = Told::default();
    let sim = Sim::builder().password(SECRET).switch(|options| {
        options.sessions_per_second = 1_000;
        let quick = genesis_sim::script::Destination::answer_after(millis(5));
        options.script = genesis_sim::script::Script::new().destination("user/*", quick);
    });
    let sim = sim.start().await.unwrap();
    let wrong = Inbound::builder()
        .password(format!("{SECRET}-wrong"))
        .telemetry(watch.telemetry.clone());
    told.note(&wrong.connect_over(sim.connect()).await);
    let client = Inbound::builder()
        .password(SECRET)
        .telemetry(watch.telemetry.clone());
    let client = client.connect_over(sim.connect()).await.unwrap();
    let _events = client.subscribe(Subscription::all()).await.unwrap();
    let consumer = Consumer::new(client.clone())
        .on(EventName::ChannelAnswer, |_| async {
            Err("it had to fail".into())
        })
        .on_all(|_| async { Ok(()) });
    let consumer = consumer.start().await.unwrap();
    soon(commands(&client, &told)).await;
    soon(calls(&client, &told)).await;
    soon(sessions(&sim, &watch, &told)).await;
    soon(consumer.stop()).await;

    let spans = watch.spans();
    for name in [
        "send_command",
        "process_event",
        "channel.create",
        "ring_group.ring",
    ] {
        assert!(spans.iter().any(|span| span.name == name), "{name}");
    }
    let mut leaks = Vec::new();
    for span in &spans {
        let shown = format!("{span:?}");
        if let Some(at) = shown.find(SECRET) {
            leaks.push(format!("{}: {}", span.name, around(&shown, at)));
        }
    }
    let debug = format!("{client:?} {:?}", watch.telemetry);
    let metrics = format!("{:?}", watch.metrics());
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("handler"), "there is a log");
    let errors = told.errors();
    assert!(errors.len() > 5, "{errors:?}");
    for (what, text) in [("debug", debug), ("metrics", metrics), ("log", log)] {
        leaks.extend(
            text.find(SECRET)
                .map(|at| format!("{what}: {}", around(&text, at))),
        );
    }
    for error in &errors {
        leaks.extend(
            error
                .find(SECRET)
                .map(|at| format!("error: {}", around(error, at))),
        );
    }
    leaks.sort();
    leaks.dedup();
    assert!(leaks.is_empty(), "{leaks:#?}");
}

fn around(text: &str, at: usize) -> String {
    let bytes = &text.as_bytes()[at.saturating_sub(160)..(at + 60).min(text.len())];
    String::from_utf8_lossy(bytes).into_owned()
}
