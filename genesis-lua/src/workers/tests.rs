//! A thread that does not come back.

use std::sync::mpsc as blocking;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::*;

fn label(unique_id: &str) -> Label {
    Label {
        app: "ivr".to_owned(),
        unique_id: Some(unique_id.to_owned()),
    }
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), future)
        .await
        .expect("it hangs")
}

/// A state that holds its thread until it is released.
fn hold(workers: &Workers, unique_id: &str) -> blocking::Sender<()> {
    let (release, released) = blocking::channel();
    let spawned = workers.spawn(label(unique_id), move || {
        Box::pin(async move {
            let _ = released.recv();
        })
    });
    assert!(spawned);
    release
}

async fn stuck(workers: &Workers, count: usize) {
    soon(async {
        while workers.stuck() != count {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_waits_for_a_stuck_thread_goes_to_another() {
    let workers = Workers::start(1, Duration::from_millis(30), &Handle::current()).unwrap();
    let first = hold(&workers, "a");
    let (done, waits) = oneshot::channel();
    assert!(workers.spawn(label("b"), move || {
        Box::pin(async move {
            let _ = done.send(());
        })
    }));
    soon(waits).await.unwrap();
    stuck(&workers, 1).await;
    assert!(!workers.all_stuck());

    // at most as many again
    let second = hold(&workers, "c");
    stuck(&workers, 2).await;
    assert!(workers.all_stuck());
    assert!(!workers.spawn(label("d"), || Box::pin(async {})));

    drop(second);
    stuck(&workers, 1).await;
    drop(first);
    stuck(&workers, 0).await;
    assert!(workers.spawn(label("e"), || Box::pin(async {})));
    soon(async {
        while workers.states() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_waits_is_told_when_no_thread_is_left() {
    let workers = Workers::start(1, Duration::from_millis(100), &Handle::current()).unwrap();
    let first = hold(&workers, "a");
    stuck(&workers, 1).await;
    let second = hold(&workers, "b");
    // before it is known that nobody comes back
    let (done, waits) = oneshot::channel::<()>();
    workers.spawn(label("c"), move || {
        Box::pin(async move {
            let _ = done.send(());
        })
    });
    assert!(soon(waits).await.is_err());
    drop((first, second));
}
