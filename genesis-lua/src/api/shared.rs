//! What the states of one runtime share: lines, counts, and connections to Redis.
//!
//! Every call has a state of its own; a queue that only one call knew would be none.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use genesis_ringgroup::{LoadBalancer, MemoryBalancer, Queue, RedisBalancer, RedisOptions};
use tokio::sync::OnceCell;

use super::failure::{Failure, Result};

/// So many Redis servers can be named by scripts.
const SERVERS: usize = 64;

type Balancer = Arc<dyn LoadBalancer>;

/// Shared by all states of a runtime.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) queue: Queue,
    pub(crate) balancer: Balancer,
    queues: Mutex<HashMap<Server, Arc<OnceCell<Queue>>>>,
    balancers: Mutex<HashMap<Server, Arc<OnceCell<Balancer>>>>,
}

/// A Redis server and the prefix of the keys there. It has no `Debug`: passwords stand in URLs.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) prefix: Option<String>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl Server {
    fn options(&self) -> RedisOptions {
        let options = RedisOptions::new(self.url.clone());
        match &self.prefix {
            Some(prefix) => options.prefix(prefix.clone()),
            None => options,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn cell<T>(
    map: &Mutex<HashMap<Server, Arc<OnceCell<T>>>>,
    server: &Server,
) -> Result<Arc<OnceCell<T>>> {
    let mut map = lock(map);
    if let Some(cell) = map.get(server) {
        return Ok(cell.clone());
    }
    if map.len() >= SERVERS {
        return Err(Failure::invalid(format!(
            "scripts can use {SERVERS} Redis servers and prefixes at most"
        )));
    }
    let cell = Arc::<OnceCell<T>>::default();
    map.insert(server.clone(), cell.clone());
    Ok(cell)
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self {
            queue: Queue::in_memory(),
            balancer: Arc::new(MemoryBalancer::new()),
            queues: Mutex::default(),
            balancers: Mutex::default(),
        }
    }

    /// The queues of a server; the connection is made by who asks first.
    pub(crate) async fn queue_of(&self, server: Option<&Server>) -> Result<Queue> {
        let Some(server) = server else {
            return Ok(self.queue.clone());
        };
        let cell = cell(&self.queues, server)?;
        let queue = cell.get_or_try_init(|| async { Queue::redis(server.options()).await });
        Ok(queue.await?.clone())
    }

    /// The counts of a server.
    pub(crate) async fn balancer_of(&self, server: Option<&Server>) -> Result<Balancer> {
        let Some(server) = server else {
            return Ok(self.balancer.clone());
        };
        let cell = cell(&self.balancers, server)?;
        let balancer = cell.get_or_try_init(|| async {
            let balancer = RedisBalancer::connect(server.options()).await?;
            Ok::<Balancer, genesis_ringgroup::Error>(Arc::new(balancer))
        });
        Ok(balancer.await?.clone())
    }
}
