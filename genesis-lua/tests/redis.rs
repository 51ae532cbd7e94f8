//! Lines and counts that several processes share, from scripts: two runtimes and one Redis.

#[path = "../../genesis-ringgroup/tests/redis_server/mod.rs"]
mod redis_server;
mod support;

use redis_server::RedisServer;
use support::{Stage, options, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_in_redis_is_one_line_for_all_processes() {
    let redis = RedisServer::start();
    let source = format!(
        r#"
        local queue = genesis.queue {{ redis = "{}", prefix = "lua" }}
        genesis.outbound(function(session)
          session.channel:answer()
          local ticket = queue:enter("support", {{ limit = 1, timeout = 20, item_id = session.uuid }})
          if ticket:position() then
            genesis.log.info("waits at " .. ticket:position() .. " of " .. queue:depth("support"))
          end
          local slot = ticket:slot()
          assert(slot.queue_id == "support" and slot.item_id == session.uuid)
          local state = queue:state("support")
          assert(state.in_use == 1 and state.limit == 1, state.in_use)
          genesis.log.info("has the place")
          session.channel:wait("CHANNEL_HOLD", 25)
          assert(not slot.is_lost)
          genesis.log.info("gives it back")
          slot:release()
        end)"#,
        redis.url()
    );
    let here = Stage::with(&source, options()).await;
    let there = Stage::with(&source, options()).await;
    let (first, first_task) = here.call().await;
    // a server that has just begun grants nothing for one lease
    here.line_of(&first, "has the place").await;
    let (second, second_task) = there.call().await;
    there.line_of(&second, "waits at ").await;
    let has = |stage: &Stage, uuid: &str| {
        let lines = stage.lines();
        let mut of_call = lines.iter().filter(|line| line.unique_id == uuid);
        of_call.any(|line| line.text == "has the place")
    };
    assert!(!has(&there, &second));

    // given back by the script
    here.api("uuid_hold", &first).await;
    there.line_of(&second, "has the place").await;
    soon(first_task).await.unwrap();

    // and by the end of a call
    let (third, third_task) = here.call().await;
    here.line_of(&third, "waits at ").await;
    assert!(!has(&here, &third));
    there.api("uuid_kill", &second).await;
    here.line_of(&third, "has the place").await;
    soon(second_task).await.unwrap();
    here.api("uuid_hold", &third).await;
    soon(third_task).await.unwrap();
    for stage in [&here, &there] {
        assert_eq!(stage.runtime.stats().failed, 0, "{:#?}", stage.lines());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_in_redis_are_those_of_all_processes() {
    let redis = RedisServer::start();
    let source = format!(
        r#"
        local balancer = genesis.balancer {{ redis = "{}" }}
        genesis.outbound(function(session)
          session.channel:answer()
          local choice, load = balancer:choose {{ "agent1", "agent2" }}
          assert(load.destination == "agent" .. choice and not load.is_local_fallback)
          load:answered(session.uuid)
          genesis.log.info("talks with " .. load.destination)
          session.channel:wait("CHANNEL_HOLD", 25)
          load:release()
          genesis.log.info("left " .. balancer:get_count("agent1") .. " and " .. balancer:get_count("agent2"))
        end)"#,
        redis.url()
    );
    let here = Stage::with(&source, options()).await;
    let there = Stage::with(&source, options()).await;
    let (first, first_task) = here.call().await;
    here.line_of(&first, "talks with agent1").await;
    let (second, second_task) = there.call().await;
    there.line_of(&second, "talks with agent2").await;
    here.api("uuid_hold", &first).await;
    here.line_of(&first, "left 0 and 1").await;
    soon(first_task).await.unwrap();
    there.api("uuid_hold", &second).await;
    there.line_of(&second, "left 0 and 0").await;
    soon(second_task).await.unwrap();
    for stage in [&here, &there] {
        assert_eq!(stage.runtime.stats().failed, 0, "{:#?}", stage.lines());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_balances_by_counts_in_redis() {
    let redis = RedisServer::start();
    let source = format!(
        r#"
        local balancer = genesis.balancer {{ redis = "{}" }}
        local agents = genesis.ring_group {{
          destinations = {{ "loopback/sales", "loopback/operator" }}, mode = "balancing", balancer = balancer, timeout = 20,
        }}
        genesis.outbound(function(session)
          session.channel:answer()
          local ring = agents:ring(session.channel)
          assert(ring.is_answered, ring.text)
          local path = ring.destinations[ring.answered_by].dial_path
          genesis.log.info("talks with " .. path .. ", counted " .. balancer:get_count(path))
          session.channel:wait("CHANNEL_HOLD", 25)
          ring.channel:hangup()
        end)"#,
        redis.url()
    );
    let here = Stage::with(&source, options()).await;
    let there = Stage::with(&source, options()).await;
    let (first, first_task) = here.call().await;
    here.line_of(&first, "talks with loopback/sales, counted 1")
        .await;
    let (second, second_task) = there.call().await;
    there
        .line_of(&second, "talks with loopback/operator, counted 1")
        .await;
    for (stage, uuid, task) in [(here, first, first_task), (there, second, second_task)] {
        stage.api("uuid_hold", &uuid).await;
        soon(task).await.unwrap();
        assert_eq!(stage.runtime.stats().failed, 0, "{:#?}", stage.lines());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_cannot_be_reached_is_told_without_its_password() {
    let mut redis = RedisServer::start();
    redis.kill();
    let stage = Stage::new(&format!(
        r#"
        genesis.outbound(function(session)
          genesis.queue {{ redis = "redis://me:s3cret@127.0.0.1:{}/" }}:slot("support", {{ limit = 1 }})
        end)"#,
        redis.port()
    ))
    .await;
    let line = stage.fails().await;
    let place = format!("{}.lua:3: ", stage.name);
    assert!(line.text.contains(&place), "{line:#?}");
    assert!(
        !format!("{:?}", stage.lines()).contains("s3cret"),
        "{line:#?}"
    );
}
