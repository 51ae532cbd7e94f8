//! Handlers that run one after another in one coroutine, because their events wait together.

mod support;

use std::time::Duration;

use genesis_lua::Options;
use support::{Stage, options, soon};

/// Computing takes longer while other tests run.
fn patient() -> Options {
    let mut options = options();
    options.computing = Duration::from_secs(1);
    options
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_together_fails_stops_and_pauses_alone() {
    let stage = Stage::with(
        r#"
        local app = genesis.consumer()
        app:handle("CHANNEL_CREATE", function(event)
          local number = event["variable_number"]
          if number == "0" then
            -- meanwhile the others come
            local over = os.clock() + 0.02
            while os.clock() < over do end
          end
          if number == "2" then error("no") end
          if number == "3" then while true do pcall(function() while true do end end) end end
          if number == "4" then genesis.sleep(0.3) end
          if number == "6" then
            coroutine.wrap(function() genesis.sleep(0) end)()
            local ok = pcall(error, "caught")
            assert(not ok)
          end
          genesis.log.info("done " .. number)
        end)"#,
        patient(),
    )
    .await;
    let running = stage
        .runtime
        .consumer(&stage.live.current(), stage.client().await);
    let running = running.start().await.unwrap();
    for number in 0..10 {
        let line = format!("{{number={number}}}null/1 &park()");
        stage.api("originate", &line).await;
    }
    for number in [0, 1, 4, 5, 6, 7, 8, 9] {
        stage.line(&format!("done {number}")).await;
    }
    let texts: Vec<_> = stage.lines().into_iter().map(|line| line.text).collect();
    let at = |text: &str| texts.iter().position(|line| line.contains(text)).unwrap();
    assert!(at("done 4") > at("done 9"), "{texts:#?}");
    let path = stage.path.canonicalize().unwrap().display().to_string();
    assert!(at(&format!("{path}:10: no")) < at("done 4"), "{texts:#?}");
    let stopped = at("computed for more than 1s");
    assert!(
        texts[stopped].contains(&format!("{path}:11: ")),
        "{texts:#?}"
    );
    let stats = soon(running.stop()).await;
    assert_eq!((stats.failed, stats.succeeded), (2, 8), "{texts:#?}");
    assert_eq!(stage.runtime.stats().events, 10);
    stage.no_states().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_whose_memory_is_full_takes_no_other_with_it() {
    let stage = Stage::with(
        r#"
        local app = genesis.consumer()
        app:handle("CHANNEL_CREATE", function(event)
          local number = event["variable_number"]
          if number == "0" then
            local over = os.clock() + 0.02
            while os.clock() < over do end
          end
          if number == "2" then
            local hog = {}
            while true do hog[#hog + 1] = ("x"):rep(100000) .. #hog end
          end
          genesis.log.info("done " .. number)
        end)"#,
        patient(),
    )
    .await;
    let running = stage
        .runtime
        .consumer(&stage.live.current(), stage.client().await);
    let running = running.start().await.unwrap();
    for number in 0..6 {
        let line = format!("{{number={number}}}null/1 &park()");
        stage.api("originate", &line).await;
    }
    for number in [0, 1, 3, 4, 5] {
        stage.line(&format!("done {number}")).await;
    }
    stage.line("not enough memory").await;
    let stats = soon(running.stop()).await;
    assert_eq!(
        (stats.failed, stats.succeeded),
        (1, 5),
        "{:#?}",
        stage.lines()
    );
}
