//! An application in Lua: in this process, each version of it for those who began with it.

mod consumer;
mod outbound;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use genesis_lua::{App, Error, ErrorKind, Kind, Options, Runtime};
use tokio::runtime::Handle;

use super::rehearsal::{Rehearsal, Told};
use super::watch::Watch;
use crate::exit::{Code, Failure};
use crate::observability::Observed;

pub(super) use consumer::consumer;
pub(super) use outbound::{Server, outbound};

/// A file, and how it is run.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) main: PathBuf,
    /// It is a folder with this main file.
    pub(super) whole: bool,
    pub(super) drain: Duration,
    pub(super) watch: Option<Watch>,
    pub(super) rehearsal: Option<Rehearsal>,
}

/// What an application is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Consumer,
    Outbound,
}

impl Script {
    /// Loads the files as they are now.
    fn load(&mut self) -> Result<App, Error> {
        let folder = self.main.parent().filter(|_| self.whole);
        let app = App::load(match folder {
            Some(folder) if folder.as_os_str().is_empty() => std::path::Path::new("."),
            Some(folder) => folder,
            None => &self.main,
        });
        match (&mut self.watch, &app) {
            (Some(watch), Ok(app)) => watch.only(&self.main, app.files()),
            (Some(watch), Err(error)) => watch.any(&error.to_string()),
            (None, _) => {}
        }
        app
    }

    /// Loads the first version; that it can be is what the command line says.
    fn begin(&mut self, wanted: Wanted) -> Result<App, Failure> {
        let app = self.load()?;
        self.fits(&app, wanted).map_err(Failure::usage)?;
        Ok(app)
    }

    /// Loads a version that was saved. What cannot be loaded is told, and gives `None`.
    fn again(&mut self, wanted: Wanted) -> Option<App> {
        let loaded = self.load().map_err(|error| error.to_string());
        let loaded = loaded.and_then(|app| self.fits(&app, wanted).map(|()| app));
        match loaded {
            Ok(app) => Some(app),
            Err(text) => {
                tracing::error!("{text}; the version before it goes on");
                None
            }
        }
    }

    fn fits(&self, app: &App, wanted: Wanted) -> Result<(), String> {
        let shown = self.main.display();
        match (app.kind(), wanted) {
            (Kind::Consumer, Wanted::Outbound) => Err(format!(
                "{shown} is a consumer of events; run it with `genesis consumer`"
            )),
            (Kind::Outbound | Kind::Script, Wanted::Consumer) => Err(format!(
                "{shown} takes calls; run it with `genesis outbound`"
            )),
            _ => Ok(()),
        }
    }

    /// The threads of Lua; one that does not come back from a script makes the command unhealthy.
    fn runtime(&self, seen: &Observed) -> Result<Arc<Runtime>, Failure> {
        let mut options = Options::default();
        options.drain = self.drain;
        let runtime = Arc::new(Runtime::new(options, Handle::current())?);
        let asked = Arc::downgrade(&runtime);
        seen.asks(move || {
            asked
                .upgrade()
                .is_some_and(|runtime| runtime.stuck_threads() > 0)
        });
        Ok(runtime)
    }
}

/// Waits for a save, if files are watched.
async fn saved(watch: &mut Option<Watch>) {
    match watch {
        Some(watch) => watch.saved().await,
        None => std::future::pending().await,
    }
}

/// Waits for what a simulated call does, if there are such.
async fn told(rehearsal: &mut Option<Rehearsal>) -> Told {
    match rehearsal {
        Some(rehearsal) => rehearsal.told().await,
        None => std::future::pending().await,
    }
}

fn reloaded(app: &App, began: Instant) {
    let took = began.elapsed().as_secs_f64() * 1000.0;
    tracing::info!("{} was saved and is reloaded ({took:.1} ms)", app.name());
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match error.kind() {
            ErrorKind::Connection => Code::Link,
            ErrorKind::Runtime => Code::Failed,
            _ => Code::Usage,
        };
        Self::new(code, error.to_string())
    }
}
