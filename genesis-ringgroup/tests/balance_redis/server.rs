//! A redis-server of our own, and a look into it.

use crate::redis_server::{Data, RedisServer};

/// A private redis-server; dropping it ends it and removes its folder.
pub(crate) struct Server(RedisServer);

/// All keys, with what `DUMP` says of them.
pub(crate) type Contents = Vec<(String, Vec<u8>)>;

impl Server {
    pub(crate) fn start() -> Self {
        Self(RedisServer::start())
    }

    /// What is acknowledged outlives a restart.
    pub(crate) fn start_durable() -> Self {
        Self(RedisServer::start_durable())
    }

    pub(crate) fn url(&self) -> String {
        self.0.url()
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.port()
    }

    fn connection(&self) -> redis::Connection {
        let client = redis::Client::open(self.url()).unwrap();
        client.get_connection().unwrap()
    }

    /// Runs a command on a connection of its own.
    pub(crate) fn get<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(*word);
        }
        command.query(&mut self.connection()).unwrap()
    }

    pub(crate) fn run(&self, words: &[&str]) {
        self.get::<redis::Value>(words);
    }

    /// Everything that is in it.
    pub(crate) fn contents(&self) -> Contents {
        let keys: Vec<String> = self.get(&["KEYS", "*"]);
        let dump = |key: String| {
            let dump = self.get(&["DUMP", &key]);
            (key, dump)
        };
        keys.into_iter().map(dump).collect()
    }

    /// Replaces everything that is in it, and gives a field of a hash, in one step.
    pub(crate) fn put_back(&self, contents: &Contents, key: &str, field: &str) -> String {
        let mut pipe = redis::pipe();
        pipe.atomic().cmd("FLUSHALL").ignore();
        for (key, dump) in contents {
            let restore = pipe.cmd("RESTORE").arg(key).arg(60_000).arg(dump);
            restore.ignore();
        }
        pipe.cmd("HGET").arg(key).arg(field);
        let (value,) = pipe.query(&mut self.connection()).unwrap();
        value
    }

    /// Kills it, as a crash would.
    pub(crate) fn kill(&mut self) {
        self.0.kill();
    }

    /// Starts it again, with its data if it is durable.
    pub(crate) fn restart(&mut self) {
        self.0.start_again(Data::Kept);
    }

    /// Starts it again without data.
    pub(crate) fn restart_empty(&mut self) {
        self.0.start_again(Data::Lost);
    }
}
