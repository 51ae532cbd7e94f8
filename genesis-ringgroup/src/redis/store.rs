//! Scripts on a connection that comes back.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use tokio::time::{Instant, sleep_until, timeout_at};
use uuid::Uuid;

use super::{RedisOptions, Subscriber};
use crate::{Error, ErrorKind, Result};

/// The first wait between two attempts; it doubles up to [`LONGEST_PAUSE`].
pub(super) const SHORTEST_PAUSE: Duration = Duration::from_millis(20);
/// The longest wait between two attempts.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// A Lua script, sent once and called by its hash afterwards.
#[derive(Clone, Debug)]
pub(crate) struct Script(redis::Script);

impl Script {
    pub(crate) fn new(code: &str) -> Self {
        Self(redis::Script::new(code))
    }
}

/// One process's handle on Redis. Cheap to clone: clones are the same process and share a connection.
#[derive(Clone)]
pub(crate) struct RedisStore(Arc<Inner>);

struct Inner {
    options: RedisOptions,
    client: redis::Client,
    address: String,
    process: String,
    connection: Mutex<Connection>,
}

#[derive(Clone)]
struct Connection {
    generation: u64,
    manager: ConnectionManager,
    since: Instant,
    /// It has served a request.
    proven: Arc<AtomicBool>,
}

impl Connection {
    fn new(generation: u64, manager: ConnectionManager) -> Self {
        Self {
            generation,
            manager,
            since: Instant::now(),
            proven: Arc::default(),
        }
    }
}

impl RedisStore {
    /// Connects.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for options that cannot work, `Backend` when Redis is not there or refuses.
    pub(crate) async fn connect(options: RedisOptions) -> Result<Self> {
        let store = Self::open(options)?;
        store.ping().await?;
        Ok(store)
    }

    /// A handle that connects when it is first used; Redis may be down.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for options that cannot work.
    pub(crate) fn open(options: RedisOptions) -> Result<Self> {
        let client = options.client()?;
        let address = client.get_connection_info().addr().to_string();
        let manager = manager(&client, &options).map_err(|error| failure(&address, &error))?;
        Ok(Self(Arc::new(Inner {
            options,
            client,
            address,
            process: Uuid::new_v4().simple().to_string(),
            connection: Mutex::new(Connection::new(0, manager)),
        })))
    }

    /// The name of this process: new for each handle, 32 hexadecimal digits.
    pub(crate) fn process(&self) -> &str {
        &self.0.process
    }

    pub(crate) fn options(&self) -> &RedisOptions {
        &self.0.options
    }

    /// Runs a script once. Whether it ran is unknown after an error.
    ///
    /// # Errors
    ///
    /// `Backend`: not reached, no answer within the command timeout, or refused.
    ///
    /// # Cancel safety
    ///
    /// The script may run even though the future was dropped.
    pub(crate) async fn run<T: redis::FromRedisValue>(
        &self,
        script: &Script,
        keys: &[&str],
        args: &[&str],
    ) -> Result<T> {
        let deadline = Instant::now() + self.0.options.command_time();
        self.attempt(script, keys, args, deadline)
            .await
            .map_err(|failed| failed.error)
    }

    /// Runs a script, again if the connection was lost, until the command timeout. For scripts that
    /// do no harm when they run twice.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// The script may run even though the future was dropped.
    #[allow(dead_code, reason = "not every user of this module repeats")]
    pub(crate) async fn run_idempotent<T: redis::FromRedisValue>(
        &self,
        script: &Script,
        keys: &[&str],
        args: &[&str],
    ) -> Result<T> {
        let deadline = Instant::now() + self.0.options.command_time();
        let mut pause = SHORTEST_PAUSE;
        loop {
            match self.attempt(script, keys, args, deadline).await {
                Ok(value) => return Ok(value),
                Err(failed) if failed.again && Instant::now() + pause < deadline => {
                    // a pause between attempts to reach a server that is down, bounded by the deadline
                    sleep_until(Instant::now() + pause).await;
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
                Err(failed) => return Err(failed.error),
            }
        }
    }

    /// Hears what is published on `channels`, on a connection of its own.
    pub(crate) fn subscribe(&self, channels: Vec<String>) -> Subscriber {
        Subscriber::start(
            self.0.client.clone(),
            self.0.address.clone(),
            self.0.options.connect_time(),
            channels,
        )
    }

    /// Asks whether Redis is there.
    pub(crate) async fn ping(&self) -> Result<()> {
        let wait = self.0.options.connect_time();
        let mut connection = self.current();
        let ping = redis::cmd("PING");
        let answer = ping.query_async::<redis::Value>(&mut connection.manager);
        let answer = tokio::time::timeout(wait, answer).await;
        self.look_after(&connection, answer.as_ref().ok());
        match answer {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(failure(&self.0.address, &error)),
            Err(_) => Err(no_answer(&self.0.address, wait)),
        }
    }

    async fn attempt<T: redis::FromRedisValue>(
        &self,
        script: &Script,
        keys: &[&str],
        args: &[&str],
        deadline: Instant,
    ) -> Result<T, Failed> {
        let mut invocation = script.0.prepare_invoke();
        for key in keys {
            invocation.key(*key);
        }
        for arg in args {
            invocation.arg(*arg);
        }
        let mut connection = self.current();
        let answer = invocation.invoke_async(&mut connection.manager);
        let answer = timeout_at(deadline, answer).await;
        self.look_after(&connection, answer.as_ref().ok());
        match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(Failed {
                again: passes(&error),
                error: failure(&self.0.address, &error),
            }),
            Err(_) => Err(Failed {
                again: false,
                error: no_answer(&self.0.address, self.0.options.command_time()),
            }),
        }
    }

    /// Whoever is next gets a new connection where the crate would keep one that is of no use: one
    /// that does not answer (`None`), or one that the server refused when it was made (it is loading,
    /// has too many clients, does not know the password yet), or that leads to a server which is no
    /// master any more.
    ///
    /// One that is only being made is left to be made, for as long as that may take: a request may
    /// have less time, and beginning anew with each would never end on a busy machine.
    fn look_after<T>(&self, connection: &Connection, answer: Option<&redis::RedisResult<T>>) {
        let useless = match answer {
            Some(Ok(_)) => {
                connection.proven.store(true, Ordering::Relaxed);
                false
            }
            // the crate connects again
            Some(Err(error)) if error.is_io_error() => false,
            Some(Err(_)) => true,
            None => {
                connection.proven.load(Ordering::Relaxed)
                    || connection.since.elapsed() >= self.0.options.connect_time()
            }
        };
        if useless {
            self.replace(connection.generation);
        }
    }

    fn current(&self) -> Connection {
        let current = self.0.connection.lock();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, generation: u64) {
        let Ok(manager) = manager(&self.0.client, &self.0.options) else {
            return;
        };
        let current = self.0.connection.lock();
        let mut current = current.unwrap_or_else(PoisonError::into_inner);
        if current.generation == generation {
            *current = Connection::new(generation + 1, manager);
        }
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("process", &self.0.process)
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}

struct Failed {
    error: Error,
    /// Another attempt may succeed.
    again: bool,
}

/// The connection was lost or could not be made, or the server says that it is not ready (it loads
/// its data, or has lost its master).
fn passes(error: &redis::RedisError) -> bool {
    let not_ready = matches!(error.retry_method(), redis::RetryMethod::WaitAndRetry);
    error.is_io_error() || error.is_unrecoverable_error() || not_ready
}

/// A manager that connects when it is first used.
fn manager(
    client: &redis::Client,
    options: &RedisOptions,
) -> Result<ConnectionManager, redis::RedisError> {
    // we keep the deadlines; the crate's retries only bridge a moment
    let config = ConnectionManagerConfig::new()
        .set_number_of_retries(1)
        .set_min_delay(SHORTEST_PAUSE)
        .set_max_delay(LONGEST_PAUSE)
        .set_connection_timeout(Some(options.connect_time()))
        .set_response_timeout(None);
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}

pub(super) fn failure(address: &str, error: &redis::RedisError) -> Error {
    let denied = error.kind() == redis::ErrorKind::AuthenticationFailed
        || matches!(error.code(), Some("NOAUTH" | "WRONGPASS"));
    let text = if denied {
        format!(
            "Redis at {address} refused the user or password; give what it expects in the URL: \
             redis://[user]:[password]@host[:port]"
        )
    } else if error.is_io_error() || error.is_unrecoverable_error() {
        format!("Redis at {address} cannot be reached: {error}; is it running?")
    } else {
        format!("Redis at {address} refused the command: {error}")
    };
    Error::new(ErrorKind::Backend, text).with_source(error.clone())
}

fn no_answer(address: &str, within: Duration) -> Error {
    Error::new(
        ErrorKind::Backend,
        format!("Redis at {address} did not answer within {within:?}; is it running, is it busy?"),
    )
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

    use super::*;

    #[tokio::test]
    async fn a_server_that_is_not_there_is_told() {
        // a port that was free a moment ago
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let options = RedisOptions::new(format!("redis://:hunter2@127.0.0.1:{port}"));
        let error = RedisStore::connect(options).await.unwrap_err();
        assert!(error.is_backend());
        let text = error.to_string();
        assert!(
            text.contains(&format!("Redis at 127.0.0.1:{port} cannot be reached")),
            "{text}"
        );
        assert!(text.contains("is it running?"), "{text}");
        assert!(!format!("{error:?}{text}").contains("hunter2"));
    }

    /// Plays a server: how each command of each connection, both counted from 0, is answered.
    async fn server(
        answer: impl Fn(usize, &str) -> (Duration, &'static str) + Send + Sync + 'static,
    ) -> u16 {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let answer = Arc::clone(&answer);
                tokio::spawn(async move {
                    let (read, mut write) = stream.into_split();
                    let mut lines = BufReader::new(read).lines();
                    // `*COUNT`, then `$LENGTH` and the word for each
                    while let Ok(Some(head)) = lines.next_line().await {
                        let count = head.strip_prefix('*').unwrap().parse().unwrap();
                        let mut words = Vec::new();
                        for _ in 0..count {
                            lines.next_line().await.unwrap();
                            words.push(lines.next_line().await.unwrap().unwrap());
                        }
                        let (after, reply) = answer(connection, &words[0]);
                        tokio::time::sleep(after).await;
                        // whoever asked may have left
                        let _ = write.write_all(reply.as_bytes()).await;
                    }
                });
            }
        });
        port
    }

    /// Runs a script until it succeeds, as those who keep something do; gives the errors before.
    async fn run_until_it_works(store: &RedisStore) -> Vec<String> {
        let script = Script::new("return 1");
        let mut errors = Vec::new();
        loop {
            match store.run::<i64>(&script, &[], &[]).await {
                Ok(_) => return errors,
                Err(error) => errors.push(error.to_string()),
            }
            assert!(errors.len() < 50, "{errors:?}");
        }
    }

    #[tokio::test]
    async fn a_connection_that_takes_longer_to_make_than_a_request_may_is_made() {
        let port = server(|_, command| match command {
            "CLIENT" => (Duration::from_millis(150), "+OK\r\n"),
            _ => (Duration::ZERO, ":1\r\n"),
        });
        let options = RedisOptions::new(format!("redis://127.0.0.1:{}", port.await))
            .command_timeout(Duration::from_millis(100));
        let store = RedisStore::open(options).unwrap();
        let errors = run_until_it_works(&store).await;
        assert!(!errors.is_empty(), "the test shows nothing");
    }

    #[tokio::test]
    async fn a_connection_that_was_refused_is_made_again() {
        let full = "-ERR max number of clients reached\r\n";
        let port = server(move |connection, _| match connection {
            // the crate tries twice
            0 | 1 => (Duration::ZERO, full),
            _ => (Duration::ZERO, ":1\r\n"),
        });
        let url = format!("redis://127.0.0.1:{}/3", port.await);
        let store = RedisStore::open(RedisOptions::new(url)).unwrap();
        let errors = run_until_it_works(&store).await;
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].contains("max number of clients"), "{errors:?}");
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_told() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let options = RedisOptions::new(format!("redis://127.0.0.1:{port}"))
            .connect_timeout(Duration::from_millis(50));
        let error = RedisStore::connect(options).await.unwrap_err();
        assert!(error.is_backend());
        assert!(
            error.to_string().contains("50ms") || error.to_string().contains("reached"),
            "{error}"
        );
    }
}
