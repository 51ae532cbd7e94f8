//! Replies reach the caller they answer, and every await ends.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

mod support;

use std::time::Duration;

use genesis_client::proto::Command;
use genesis_client::proto::command::Execute;
use genesis_client::proto::session::Outcome;
use genesis_client::{ErrorKind, Inbound, Options};
use support::{OK, Peer, api, connected, connected_with, event, reply, soon};
use tokio::io::duplex;

#[tokio::test(start_paused = true)]
async fn lesson_01_a_caller_that_gave_up_shifts_no_reply() {
    let (client, mut peer) = connected().await;
    let first = client.timeout(Duration::from_millis(10));
    assert!(first.api("slow").await.unwrap_err().is_timeout());
    let second = tokio::spawn({
        let client = client.clone();
        async move { client.api("quick").await.unwrap().text().into_owned() }
    });
    peer.expect("api slow").await;
    peer.expect("api quick").await;
    peer.send(api("answer to slow")).await;
    peer.send(api("answer to quick")).await;
    assert_eq!(second.await.unwrap(), "answer to quick");
    assert_eq!(client.stats().replies_unclaimed, 1);
}

#[tokio::test(start_paused = true)]
async fn lesson_02_a_refused_api_is_answered_by_a_command_reply() {
    let (client, mut peer) = connected().await;
    let (refused, next, ()) = tokio::join!(client.api("reloadxml"), client.api("status"), async {
        peer.expect("api reloadxml").await;
        peer.send(reply("-ERR permission denied")).await;
        peer.expect("api status").await;
        peer.send(api("UP")).await;
    });
    let error = refused.unwrap_err();
    assert!(error.is_refused());
    assert_eq!(error.switch_text(), Some("-ERR permission denied"));
    assert_eq!(next.unwrap().text(), "UP");
}

#[tokio::test(start_paused = true)]
async fn a_reply_out_of_step_ends_the_connection_instead_of_reaching_somebody() {
    let (client, mut peer) = connected().await;
    let (result, ()) = tokio::join!(client.send(Command::noevents()), async {
        peer.command().await;
        peer.send(api("who asked?")).await;
    });
    assert!(result.unwrap_err().is_disconnected());
    assert!(
        soon(client.closed())
            .await
            .to_string()
            .contains("out of step")
    );
}

#[tokio::test(start_paused = true)]
async fn lesson_03_nothing_is_sent_twice_and_the_outcome_is_told() {
    let (client, mut peer) = connected().await;
    let sent = tokio::spawn({
        let client = client.clone();
        async move { client.api("originate user/1 &park").await }
    });
    peer.expect("api originate user/1 &park").await;
    drop(peer);
    let error = soon(sent).await.unwrap().unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Disconnected(Outcome::Unknown));
    assert!(!error.is_not_sent());
    let after = client.api("status").await.unwrap_err();
    assert!(after.is_not_sent(), "{after}");
}

#[tokio::test(start_paused = true)]
async fn lesson_04_every_await_ends_when_the_connection_does() {
    let (client, mut peer) = connected().await;
    let (subscribed, _, ()) = tokio::join!(
        client.subscribe(genesis_client::Subscription::all()),
        async {},
        peer.subscribed("ALL")
    );
    let mut events = subscribed.unwrap();
    let job = tokio::spawn({
        let client = client.clone();
        async move { client.bgapi("originate user/1 &park").await }
    });
    let app = tokio::spawn({
        let client = client.clone();
        async move {
            let execute = Execute::new("playback").unwrap().arg("x").unwrap();
            client
                .execute(Some("7f4d"), execute)
                .await?
                .complete()
                .await
        }
    });
    let command = tokio::spawn({
        let client = client.clone();
        async move { client.api("status").await }
    });
    for _ in 0..3 {
        let line = peer.command().await;
        if !line.starts_with("api") {
            peer.send(reply("+OK")).await;
        }
    }
    tokio::task::yield_now().await;
    drop(peer);
    assert!(soon(job).await.unwrap().unwrap_err().is_disconnected());
    assert!(soon(app).await.unwrap().unwrap_err().is_disconnected());
    assert!(soon(command).await.unwrap().unwrap_err().is_disconnected());
    assert!(soon(events.next()).await.is_none());
    assert!(events.close_reason().is_some());
    soon(client.closed()).await;
}

#[tokio::test(start_paused = true)]
async fn lesson_07_a_job_is_found_by_its_own_uuid_even_before_its_reply() {
    let (client, mut peer) = connected().await;
    let job = tokio::spawn({
        let client = client.clone();
        async move { client.bgapi("status").await.unwrap().text() }
    });
    let line = peer.command().await;
    let uuid = line.split("Job-UUID: ").nth(1).unwrap().to_owned();
    // another client's job, then ours, then the reply that was on its way
    peer.send(frame(&result_document("somebody-elses", "theirs")))
        .await;
    peer.send(frame(&result_document(&uuid, "ours"))).await;
    peer.send(reply(&format!("+OK Job-UUID: {uuid}"))).await;
    assert_eq!(soon(job).await.unwrap(), "ours");
}

fn result_document(uuid: &str, body: &str) -> String {
    let len = body.len();
    format!("Event-Name: BACKGROUND_JOB\nJob-UUID: {uuid}\nContent-Length: {len}\n\n{body}")
}

fn frame(document: &str) -> String {
    format!(
        "Content-Length: {}\nContent-Type: text/event-plain\n\n{document}",
        document.len()
    )
}

#[tokio::test(start_paused = true)]
async fn lesson_07_a_lost_job_result_has_a_deadline() {
    let (client, mut peer) = connected().await;
    let quick = client.timeout(Duration::from_secs(5));
    let (result, ()) = tokio::join!(quick.bgapi("status"), async {
        peer.command().await;
        peer.send(reply("+OK Job-UUID: x")).await;
    });
    assert!(result.unwrap_err().is_timeout());
}

#[tokio::test(start_paused = true)]
async fn a_failed_job_is_a_refusal_with_the_switchs_words() {
    let (client, mut peer) = connected().await;
    let (result, ()) = tokio::join!(client.bgapi("originate user/9 &park"), async {
        let line = peer.command().await;
        let uuid = line.split("Job-UUID: ").nth(1).unwrap().to_owned();
        peer.send(reply(&format!("+OK Job-UUID: {uuid}"))).await;
        peer.send(frame(&result_document(&uuid, "-ERR USER_NOT_REGISTERED\n")))
            .await;
    });
    assert_eq!(
        result.unwrap_err().switch_text(),
        Some("-ERR USER_NOT_REGISTERED")
    );
}

#[tokio::test(start_paused = true)]
async fn lesson_09_a_slow_api_blocks_no_other_caller_from_sending() {
    let (client, mut peer) = connected().await;
    let calls = ["one", "two", "three"].map(|text| {
        let client = client.clone();
        tokio::spawn(async move { client.api(text).await.unwrap().text().into_owned() })
    });
    // all three arrive before the first is answered
    for text in ["one", "two", "three"] {
        peer.expect(&format!("api {text}")).await;
    }
    for text in ["one", "two", "three"] {
        peer.send(api(text)).await;
    }
    for (call, text) in calls.into_iter().zip(["one", "two", "three"]) {
        assert_eq!(call.await.unwrap(), text);
    }
}

#[tokio::test(start_paused = true)]
async fn an_application_completes_by_its_own_id_or_ends_with_the_call() {
    let (client, mut peer) = connected().await;
    let run = |client: &genesis_client::Client| {
        let client = client.clone();
        tokio::spawn(async move {
            let execute = Execute::new("playback").unwrap().arg("x").unwrap();
            client
                .execute(Some("7f4d"), execute)
                .await
                .unwrap()
                .complete()
                .await
        })
    };
    let first = run(&client);
    peer.expect("event plain CHANNEL_HANGUP CHANNEL_HANGUP_COMPLETE CHANNEL_EXECUTE_COMPLETE")
        .await;
    let first_id = application_uuid(&peer.command().await);
    let second = run(&client);
    let second_id = application_uuid(&peer.command().await);
    peer.send(OK).await;
    peer.send(OK).await;
    peer.send(OK).await;
    // executions nest: the second completes first
    for (id, response) in [(&second_id, "TWO"), (&"foreign".to_owned(), "NOBODY")] {
        peer.send(event(&format!(
            "Event-Name: CHANNEL_EXECUTE_COMPLETE\nUnique-ID: 7f4d\nApplication-UUID: {id}\n\
             Application-Response: {response}\n"
        )))
        .await;
    }
    let done = soon(second).await.unwrap().unwrap();
    assert_eq!(done.get("Application-Response").as_deref(), Some("TWO"));
    assert!(!first.is_finished());
    for name in ["CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE"] {
        peer.send(event(&format!(
            "Event-Name: {name}\nUnique-ID: 7f4d\nHangup-Cause: USER_BUSY\n"
        )))
        .await;
    }
    let error = soon(first).await.unwrap().unwrap_err();
    assert!(
        error.is_hung_up() && error.to_string().contains("USER_BUSY"),
        "{error}"
    );
    assert_ne!(first_id, second_id);
}

fn application_uuid(message: &str) -> String {
    let line = message
        .lines()
        .find_map(|line| line.strip_prefix("Event-UUID: "));
    line.expect("the message has an Event-UUID").to_owned()
}

#[tokio::test(start_paused = true)]
async fn lesson_30_a_wrong_password_and_an_access_list_are_told_apart() {
    let (ours, theirs) = duplex(4096);
    let mut peer = Peer::new(theirs);
    let (result, ()) = tokio::join!(
        Inbound::builder().password("not-it").connect_over(ours),
        async {
            peer.send("Content-Type: auth/request\n\n").await;
            peer.expect("auth not-it").await;
            peer.send(reply("-ERR invalid")).await;
            peer.send(GOODBYE).await;
            drop(peer);
        }
    );
    let error = result.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Authentication);
    assert!(
        !error.to_string().contains("not-it"),
        "the password is in the error"
    );

    let (ours, theirs) = duplex(4096);
    let mut peer = Peer::new(theirs);
    let (result, ()) = tokio::join!(Inbound::builder().connect_over(ours), async {
        peer.send("Content-Type: text/rude-rejection\nContent-Length: 24\n\n")
            .await;
        peer.send("Access Denied, go away.\n").await;
        peer.send(GOODBYE).await;
        drop(peer);
    });
    assert_eq!(*result.unwrap_err().kind(), ErrorKind::AccessDenied);
}

const GOODBYE: &str = "Content-Type: text/disconnect-notice\nContent-Length: 67\n\n\
    Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n";

#[tokio::test(start_paused = true)]
async fn a_silent_switch_is_a_timeout() {
    let (ours, _theirs) = duplex(4096);
    let error = soon(Inbound::builder().connect_over(ours))
        .await
        .unwrap_err();
    assert!(error.is_timeout());
}

#[tokio::test(start_paused = true)]
async fn at_most_so_many_commands_are_in_flight() {
    let options = Options {
        commands_in_flight: 2,
        ..Options::default()
    };
    let (client, mut peer) = connected_with(Inbound::builder().options(options)).await;
    let calls: Vec<_> = (0..3)
        .map(|n| {
            let client = client.clone();
            tokio::spawn(async move { client.api(&format!("echo {n}")).await.unwrap() })
        })
        .collect();
    peer.expect("api echo 0").await;
    peer.expect("api echo 1").await;
    let third = tokio::time::timeout(Duration::from_secs(1), peer.command()).await;
    assert!(third.is_err(), "the third waits for a place: {third:?}");
    peer.send(api("0")).await;
    peer.expect("api echo 2").await;
    peer.send(api("1")).await;
    peer.send(api("2")).await;
    for call in calls {
        soon(call).await.unwrap();
    }
}

#[tokio::test]
async fn ten_thousand_commands_with_every_second_caller_leaving() {
    let (client, mut peer) = connected().await;
    let switch = tokio::spawn(async move {
        while let Some(line) = peer.try_command().await {
            let text = line.strip_prefix("api echo ").unwrap_or("?").to_owned();
            peer.send(api(&text)).await;
        }
    });
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let client = client.clone();
            tokio::spawn(async move {
                let mut random = fastrand::Rng::with_seed(task);
                for n in 0..157 {
                    let text = format!("{task}-{n}");
                    let command = format!("echo {text}");
                    let call = client.api(&command);
                    if random.bool() {
                        // polled a random number of times, then dropped
                        let mut call = Box::pin(call);
                        for _ in 0..random.u8(0..4) {
                            let polled = futures_util::poll!(call.as_mut());
                            if let std::task::Poll::Ready(reply) = polled {
                                assert_eq!(reply.unwrap().text(), text);
                                break;
                            }
                            tokio::task::yield_now().await;
                        }
                    } else {
                        assert_eq!(call.await.unwrap().text(), text, "a foreign reply");
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    drop(client);
    switch.await.unwrap();
}
