//! Events that scripts handle.

mod support;

use std::time::Duration;

use genesis_lua::client::proto::{Event, EventName};
use genesis_lua::client::{Inbound, Reconnect};
use genesis_lua::{App, ErrorKind};
use support::{Stage, options, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_read_as_tables_and_filtered() {
    let stage = Stage::new(
        r#"
        local app = genesis.consumer()
        app:handle("CHANNEL_ANSWER", { ["variable_user"] = genesis.regex("^10"), ["Unique-ID"] = true }, function(event)
          assert(event.name == "CHANNEL_ANSWER" and event.uuid == event["Unique-ID"])
          assert(event["unique-id"] == event.uuid and event["No-Such"] == nil and event.body == nil)
          local count = 0
          for name, value in pairs(event) do
            assert(type(name) == "string" and type(value) == "string")
            count = count + 1
          end
          assert(count > 20)
          assert(tostring(event) == "CHANNEL_ANSWER of " .. event.uuid)
          assert(app.client:api("uuid_exists", event.uuid) == "true")
          assert(app.client:bgapi("uuid_exists " .. event.uuid):find("true"))
          genesis.log.info("answered " .. event["variable_user"])
        end)
        app:handle("CHANNEL_ANSWER", { ["variable_user"] = "2000" }, function(event) genesis.log.info("by name " .. event["variable_user"]) end)
        app:handle("*", function(event) end)"#,
    )
    .await;
    let running = stage
        .runtime
        .consumer(&stage.live.current(), stage.client().await);
    let running = running.start().await.unwrap();
    for user in ["1001", "2000"] {
        let line = format!("{{user={user}}}null/1 &park()");
        stage.api("originate", &line).await;
    }
    stage.line("answered 1001").await;
    stage.line("by name 2000").await;
    let stats = soon(running.stop()).await;
    assert_eq!(stats.failed, 0, "{:#?}", stage.lines());
    assert!(stats.succeeded > 10);
    stage.no_states().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_channel_in_order_others_meanwhile() {
    let stage = Stage::new(
        r#"
        local app = genesis.consumer()
        local function of(event) return event["variable_number"] .. " " .. event.name end
        app:handle("CHANNEL_CREATE", function(event)
          if event["variable_number"] == "1" then genesis.sleep(0.2) end
          genesis.log.info(of(event))
        end)
        app:handle("CHANNEL_ANSWER", function(event) genesis.log.info(of(event)) end)"#,
    )
    .await;
    let running = stage
        .runtime
        .consumer(&stage.live.current(), stage.client().await);
    let running = running.start().await.unwrap();
    for number in 1..=2 {
        let line = format!("{{number={number}}}null/1 &park()");
        stage.api("originate", &line).await;
    }
    stage.line("1 CHANNEL_ANSWER").await;
    stage.line("2 CHANNEL_ANSWER").await;
    let texts: Vec<_> = stage.lines().into_iter().map(|line| line.text).collect();
    assert_eq!(
        texts,
        [
            "2 CHANNEL_CREATE",
            "2 CHANNEL_ANSWER",
            "1 CHANNEL_CREATE",
            "1 CHANNEL_ANSWER"
        ]
    );
    soon(running.stop()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_fails_or_computes_for_ever_ends_alone() {
    let stage = Stage::new(
        r#"
        local app = genesis.consumer()
        app:handle("CHANNEL_CREATE", function(event) error("no") end)
        app:handle("CHANNEL_CREATE", function(event) while true do pcall(function() while true do end end) end end)
        app:handle("CHANNEL_CREATE", function(event) genesis.log.info("third") end)
        app:handle("CHANNEL_ANSWER", function(event) genesis.log.info("fourth") end)"#,
    )
    .await;
    let running = stage
        .runtime
        .consumer(&stage.live.current(), stage.client().await);
    let running = running.start().await.unwrap();
    stage.api("originate", "null/1 &park()").await;
    stage.line("fourth").await;
    stage.line("third").await;
    let path = stage.path.canonicalize().unwrap();
    let no = stage.line(": no").await;
    assert!(
        no.text.contains(&format!("{}:3: no", path.display())),
        "{no:#?}"
    );
    let long = stage.line("computed for more than 200ms").await;
    assert!(
        long.text.contains(&format!("{}:4: ", path.display())),
        "{long:#?}"
    );
    let stats = soon(running.stop()).await;
    assert_eq!((stats.failed, stats.succeeded), (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_version_takes_over_and_a_broken_one_does_not() {
    let source = |version: &str| {
        format!(
            "local app = genesis.consumer()
            app:handle('CHANNEL_ANSWER', function(event) genesis.log.info('version {version}') end)"
        )
    };
    let stage = Stage::new(&source("1")).await;
    let running = stage
        .runtime
        .consumer(&stage.live.current(), stage.client().await);
    let mut running = running.start().await.unwrap();
    stage.api("originate", "null/1 &park()").await;
    stage.line("version 1").await;

    std::fs::write(&stage.path, source("2")).unwrap();
    running
        .reload(&App::load(&stage.path).unwrap())
        .await
        .unwrap();
    stage.api("originate", "null/1 &park()").await;
    stage.line("version 2").await;

    let broken = "local app = genesis.consumer() local client = app.client error('no')";
    std::fs::write(&stage.path, broken).unwrap();
    let error = running
        .reload(&App::load(&stage.path).unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Script);
    assert!(error.to_string().ends_with(".lua:1: no"), "{error}");
    stage.api("originate", "null/1 &park()").await;
    let counted = async {
        loop {
            let lines = stage.lines();
            if lines.iter().filter(|line| line.text == "version 2").count() == 2 {
                assert_eq!(
                    lines.iter().filter(|line| line.text == "version 1").count(),
                    1
                );
                return;
            }
            stage.line_after(lines.len()).await;
        }
    };
    soon(counted).await;
    soon(running.stop()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_takes_too_long_is_cancelled() {
    let mut options = options();
    options.handler_timeout = Duration::from_millis(50);
    let source = "local app = genesis.consumer()
        app:handle('CHANNEL_CREATE', function(event) genesis.sleep(3600) end)
        app:handle('CHANNEL_ANSWER', function(event) genesis.log.info('next') end)";
    let stage = Stage::with(source, options).await;
    let running = stage
        .runtime
        .consumer(&stage.live.current(), stage.client().await);
    let running = running.start().await.unwrap();
    stage.api("originate", "null/1 &park()").await;
    stage.line("next").await;
    assert_eq!(soon(running.stop()).await.timed_out, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_flow_while_versions_change_are_handled_once_each() {
    let source = |version: usize| {
        let other = ["HEARTBEAT", "CHANNEL_HOLD"][version % 2];
        format!(
            "local app = genesis.consumer()
            app:handle('CUSTOM my::news', function(event)
              if event['Number'] % 7 == 0 then genesis.sleep(0.002) end
              genesis.log.info('{version} ' .. event['Number'])
            end)
            app:handle('{other}', function(event) end)"
        )
    };
    let stage = Stage::new(&source(0)).await;
    let client = stage.client().await;
    let running = stage.runtime.consumer(&stage.live.current(), client);
    let mut running = running.start().await.unwrap();
    let sim = stage.sim.clone();
    let (go, mut more) = tokio::sync::mpsc::channel::<()>(1);
    let sending = tokio::spawn(async move {
        let mut number: usize = 0;
        // so many of them while each version is on its way
        while more.recv().await.is_some() {
            for _ in 0..20 {
                let mut event = Event::builder(EventName::Custom);
                event.push("Event-Subclass", "my::news").unwrap();
                event.push("Number", number.to_string()).unwrap();
                sim.switch().fire(event);
                number += 1;
            }
        }
        number
    });
    for version in 1..=50 {
        std::fs::write(&stage.path, source(version)).unwrap();
        let app = App::load(&stage.path).unwrap();
        go.send(()).await.unwrap();
        running.reload(&app).await.unwrap();
    }
    drop(go);
    let sent: usize = soon(sending).await.unwrap();
    assert_eq!(sent, 50 * 20);
    let logged = || {
        let lines = stage.lines().into_iter().map(|line| line.text);
        let numbers = lines.map(|text| {
            let (version, number) = text.split_once(' ').unwrap();
            (number.parse().unwrap(), version.parse().unwrap())
        });
        numbers.collect::<Vec<(usize, usize)>>()
    };
    // all have come, before the last version is told that it wants no more
    let handled = async {
        while stage.runtime.stats().events < sent as u64 {
            tokio::task::yield_now().await;
        }
    };
    if tokio::time::timeout(Duration::from_secs(20), handled)
        .await
        .is_err()
    {
        let numbers: Vec<_> = logged().into_iter().map(|(number, _)| number).collect();
        let lost: Vec<_> = (0..sent)
            .filter(|number| !numbers.contains(number))
            .collect();
        panic!("not handled: {lost:?}");
    }
    let stats = soon(running.stop()).await;
    assert_eq!((stats.abandoned, stats.lagged, stats.dropped), (0, 0, 0));
    let mut all = logged();
    all.sort_unstable();
    let numbers: Vec<_> = all.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (0..sent).collect::<Vec<_>>());
    let versions: Vec<_> = all.iter().map(|(_, version)| *version).collect();
    assert!(versions.is_sorted(), "{versions:?}");
    assert_eq!(stage.runtime.stats().handlers_failed, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_is_told_of_gaps_and_of_handlers_that_fail() {
    let mut options = options();
    options.handler_timeout = Duration::from_millis(100);
    let source = r#"
        local app = genesis.consumer()
        app:on_gap(function(gap)
          genesis.sleep(0)
          genesis.log.info(gap.kind .. " after " .. gap.attempts .. ": " .. gap.reason)
          assert(gap.duration > 0 and gap.duration < 30)
          assert(app.client:api("echo", "back") == "back")
          error("in the hook")
        end)
        app:on_error(function(failure)
          genesis.log.info(failure.kind .. " of " .. failure.event.name .. ": " .. failure.message)
          assert(failure.kind == "timeout" or failure.traceback:find(":16: in "))
        end)
        assert(not pcall(app.on_gap, app, print))
        app:handle("CHANNEL_CREATE", function(event)
          error("no")
        end)
        app:handle("CHANNEL_ANSWER", function(event) genesis.sleep(3600) end)"#;
    let stage = Stage::with(source, options).await;
    let reconnect = Reconnect {
        first: Duration::from_millis(1),
        ..Reconnect::default()
    };
    let builder = Inbound::builder().reconnect(reconnect);
    let client = builder.connect(stage.address()).await.unwrap();
    let running = stage.runtime.consumer(&stage.live.current(), client);
    let running = running.start().await.unwrap();
    stage.api("originate", "null/1 &park()").await;
    let full = stage.path.canonicalize().unwrap();
    let expected = format!("error of CHANNEL_CREATE: {}:16: no", full.display());
    stage.line(&expected).await;
    stage
        .line("timeout of CHANNEL_ANSWER: the handler was stopped after 100ms")
        .await;

    let faults = stage.sim.faults();
    faults.cut(*faults.connections().last().unwrap());
    stage.line("gap after 1: ").await;
    // and its own error ends nothing else
    stage.line("in the hook").await;
    stage.api("originate", "null/1 &park()").await;
    soon(async {
        while running.stats().failed < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(soon(running.stop()).await.gaps, 1);
}
