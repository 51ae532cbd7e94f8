//! The scripts, and the keys that each of them gets.

use std::fmt::Display;

use crate::Result;
use crate::redis::{RedisOptions, RedisStore, Script};

/// A script after the functions that all of them share.
macro_rules! script {
    ($name:literal) => {
        Script::new(concat!(
            include_str!("lua/prelude.lua"),
            include_str!(concat!("lua/", $name, ".lua"))
        ))
    };
}

/// Every step that is taken in Redis: one script each, so each is atomic.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) choose: Script,
    pub(super) answered: Script,
    pub(super) release: Script,
    pub(super) detach: Script,
    pub(super) renew: Script,
    pub(super) sync: Script,
    pub(super) orphans: Script,
    pub(super) adopt: Script,
    pub(super) leave: Script,
    pub(super) get_count: Script,
    pub(super) snapshot: Script,
    /// In the order in which the prelude takes them.
    keys: [String; 8],
}

impl Scripts {
    pub(super) fn new(options: &RedisOptions) -> Self {
        // one hash tag: in a cluster all keys are in one slot, so one script may use them
        let key = |name: &str| format!("{}{{balance}}:{name}", options.key_prefix());
        Self {
            choose: script!("choose"),
            answered: script!("answered"),
            release: script!("release"),
            detach: script!("detach"),
            renew: script!("renew"),
            sync: script!("sync"),
            orphans: script!("orphans"),
            adopt: script!("adopt"),
            leave: script!("leave"),
            get_count: script!("get_count"),
            snapshot: script!("snapshot"),
            keys: [
                "counts", "entries", "owned", "members", "dead", "watching", "sums", "chosen",
            ]
            .map(key),
        }
    }

    fn keys(&self) -> [&str; 8] {
        self.keys.each_ref().map(String::as_str)
    }

    /// Runs one of the scripts, again if the connection was lost. All of them may run twice.
    pub(super) async fn run<T: redis::FromRedisValue>(
        &self,
        store: &RedisStore,
        script: &Script,
        args: &[&str],
    ) -> Result<T> {
        store.run_idempotent(script, &self.keys(), args).await
    }

    /// Runs one of the scripts, at most once more if the connection was lost: for who would rather
    /// know soon.
    pub(super) async fn run_soon<T: redis::FromRedisValue>(
        &self,
        store: &RedisStore,
        script: &Script,
        args: &[&str],
    ) -> Result<T> {
        let started = tokio::time::Instant::now();
        let first = store.run(script, &self.keys(), args).await;
        // a connection that broke unnoticed fails at once, and the next one may work
        if first.is_err() && started.elapsed() < store.options().command_time() / 2 {
            return store.run(script, &self.keys(), args).await;
        }
        first
    }
}

/// Arguments of a script.
#[derive(Debug, Default)]
pub(super) struct Args(Vec<String>);

impl Args {
    pub(super) fn with(mut self, arg: impl Display) -> Self {
        self.push(arg);
        self
    }

    pub(super) fn push(&mut self, arg: impl Display) {
        self.0.push(arg.to_string());
    }

    pub(super) fn and(mut self, more: Self) -> Self {
        self.0.extend(more.0);
        self
    }

    pub(super) fn refs(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}
