//! Something between a client and Redis that breaks.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

/// Passes everything on, until told otherwise.
pub(crate) struct Proxy {
    port: u16,
    /// How many more answers pass; then one is swallowed and its connection ends.
    answers: Arc<AtomicI64>,
    cuts: watch::Sender<usize>,
    requests: Arc<Requests>,
}

/// Which request is held up.
struct Requests {
    /// How many more pass before that.
    pass: AtomicI64,
    deliver: Notify,
    delivered: Notify,
}

impl Proxy {
    pub(crate) async fn start(redis: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            answers: Arc::new(AtomicI64::new(i64::MAX)),
            cuts: watch::Sender::new(0),
            requests: Arc::new(Requests {
                pass: AtomicI64::new(i64::MAX),
                deliver: Notify::new(),
                delivered: Notify::new(),
            }),
        };
        let (answers, cuts) = (Arc::clone(&proxy.answers), proxy.cuts.clone());
        let requests = Arc::clone(&proxy.requests);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (answers, cuts) = (Arc::clone(&answers), cuts.clone());
                let requests = Arc::clone(&requests);
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(("127.0.0.1", redis)).await {
                        pass(client, server, &answers, &cuts, &requests).await;
                    }
                });
            }
        });
        proxy
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// So many answers pass, the next one is lost with its connection, and then all pass again. The future
    /// ends when it is lost.
    pub(crate) fn lose_answer_after(&self, answers: i64) -> impl Future<Output = ()> + use<> {
        self.answers.store(answers, Ordering::SeqCst);
        let mut cuts = self.cuts.subscribe();
        let before = *cuts.borrow_and_update();
        async move { drop(cuts.wait_for(|cuts| *cuts > before).await) }
    }

    /// The next request stays on the way, and its connection ends.
    pub(crate) fn hold_up_a_request(&self) {
        self.requests.pass.store(0, Ordering::SeqCst);
    }

    /// The request that was held up arrives after all; returns when it was answered (to nobody).
    pub(crate) async fn deliver(&self) {
        self.requests.deliver.notify_one();
        self.requests.delivered.notified().await;
    }

    pub(crate) fn cuts(&self) -> usize {
        *self.cuts.borrow()
    }
}

async fn pass(
    client: TcpStream,
    server: TcpStream,
    answers: &AtomicI64,
    cuts: &watch::Sender<usize>,
    requests: &Requests,
) {
    // the end of either side is the end of both
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let there = async {
        let mut bytes = vec![0; 65_536];
        while let Ok(count @ 1..) = from_client.read(&mut bytes).await {
            bytes.truncate(count);
            if requests.pass.fetch_sub(1, Ordering::SeqCst) == 0 {
                requests.pass.store(i64::MAX, Ordering::SeqCst);
                return Some(bytes);
            }
            if to_server.write_all(&bytes).await.is_err() {
                return None;
            }
            bytes.resize(65_536, 0);
        }
        None
    };
    let back = async {
        let mut bytes = vec![0; 65_536];
        while let Ok(count @ 1..) = from_server.read(&mut bytes).await {
            if answers.fetch_sub(1, Ordering::SeqCst) == 0 {
                answers.store(i64::MAX, Ordering::SeqCst);
                cuts.send_modify(|cuts| *cuts += 1);
                return;
            }
            if to_client.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
    };
    let held_up = tokio::select! {
        held_up = there => held_up,
        () = back => None,
    };
    let Some(request) = held_up else { return };
    drop((from_client, to_client));
    requests.deliver.notified().await;
    to_server.write_all(&request).await.unwrap();
    let mut answer = [0; 4096];
    assert!(from_server.read(&mut answer).await.unwrap() > 0);
    requests.delivered.notify_one();
}
