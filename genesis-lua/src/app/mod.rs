//! [`App`]: the files of an application, as they were when it was loaded.

mod files;
mod probe;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use mlua::{Function, Lua, Result as LuaResult};

use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::state::{Names, compile_prelude};

/// What an application is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// It calls `genesis.consumer()` and handles events.
    Consumer,
    /// It calls `genesis.outbound(…)` and handles calls.
    Outbound,
    /// It uses the `session` object of mod_lua and is run once per call.
    Script,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Consumer => "a consumer",
            Self::Outbound => "an outbound application",
            Self::Script => "a script in mod_lua's way",
        })
    }
}

/// An application: its files, compiled. What changes on the disk later does not change it.
///
/// Cheap to clone.
#[derive(Clone)]
pub struct App {
    code: Arc<Code>,
    kind: Kind,
}

impl App {
    /// Loads a `.lua` file, or a folder with `main.lua`.
    ///
    /// The file is run once, without any connection, to see what it defines; an operation that needs
    /// one ends that look. Of a folder all `.lua` files are read (at most 1,000, and 16 MiB), of a file
    /// those beside it that it names in `require("…")`. A file that is wrong and that nobody names so
    /// is told when it is required.
    ///
    /// # Errors
    ///
    /// A file that is missing, is no Lua, has a syntax error, fails, or defines nothing; the text has
    /// path and line and says what to do.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::load_with(path, &Options::default())
    }

    /// As [`load`](Self::load), with the limits of these options while the file is looked at.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_with(path: impl AsRef<Path>, options: &Options) -> Result<Self> {
        let code = Arc::new(Code::read(path.as_ref())?);
        let kind = probe::kind(&code, options)?;
        Ok(Self { code, kind })
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The name of its file or folder, without `.lua`.
    pub fn name(&self) -> &str {
        self.code.name()
    }

    /// Its files, the main one first. What changes there needs a new load.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.code.files.iter().map(|file| &*file.path)
    }

    pub(crate) fn code(&self) -> &Arc<Code> {
        &self.code
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("name", &self.name())
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// The version of an application that new calls run. Calls that are up stay with the version that they
/// began with. Clones are one holder.
///
/// ```no_run
/// use genesis_lua::{App, Live};
///
/// # fn example() -> genesis_lua::Result<()> {
/// let live = Live::new(App::load("ivr.lua")?);
/// // the file was saved: what cannot be loaded leaves the old version running
/// match App::load("ivr.lua") {
///     Ok(app) => drop(live.swap(app)),
///     Err(error) => eprintln!("{error}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Live(Arc<RwLock<App>>);

impl Live {
    /// This version at first.
    pub fn new(app: App) -> Self {
        Self(Arc::new(RwLock::new(app)))
    }

    /// The version that the next call runs.
    pub fn current(&self) -> App {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// From now on calls run `app`; gives the version before.
    pub fn swap(&self, app: App) -> App {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, app)
    }
}

impl From<App> for Live {
    fn from(app: App) -> Self {
        Self::new(app)
    }
}

/// One file, compiled.
struct File {
    path: PathBuf,
    /// As `require` names it; empty for the main one.
    module: String,
    /// As Lua names it.
    chunk: String,
    /// Or what is wrong with the file.
    bytecode: std::result::Result<Vec<u8>, String>,
}

/// The code of an application.
pub(crate) struct Code {
    name: String,
    /// The main one first.
    files: Vec<File>,
    names: Names,
    prelude: Vec<u8>,
    bounded: Vec<u8>,
    /// The methods of mod_lua's objects.
    pub(crate) modlua: Vec<Vec<u8>>,
    /// Of a single file only what it names was read.
    is_folder: bool,
}

impl Code {
    fn read(path: &Path) -> Result<Self> {
        let found = files::find(path)?;
        let mut names = Names::default();
        let lua = Lua::new();
        let mut files = Vec::new();
        for source in found.sources {
            let chunk = names.add(&source.path);
            let compiled = source.text.and_then(|text| {
                let function = lua.load(text).set_name(&*chunk).into_function();
                function
                    .map(|function| function.dump(false))
                    .map_err(|error| syntax(&names, &error))
            });
            let bytecode = match (compiled, source.needed) {
                (Err(error), true) => return Err(error),
                (compiled, _) => compiled.map_err(|error| error.to_string()),
            };
            files.push(File {
                bytecode,
                path: source.path,
                module: source.module,
                chunk,
            });
        }
        let [prelude, bounded] = compile_prelude().map_err(|error| internal(&error))?;
        Ok(Self {
            name: found.name,
            files,
            names,
            prelude,
            bounded,
            modlua: crate::modlua::compile().map_err(|error| internal(&error))?,
            is_folder: found.is_folder,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn main_path(&self) -> &Path {
        let main = self.files.first();
        main.map_or_else(|| Path::new(""), |file| &file.path)
    }

    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    fn load(&self, lua: &Lua, file: &File) -> LuaResult<Function> {
        let bytecode = match &file.bytecode {
            Ok(bytecode) => bytecode,
            Err(wrong) => return Err(mlua::Error::runtime(wrong)),
        };
        let chunk = lua.load(&**bytecode).set_name(&*file.chunk);
        chunk
            .set_mode(mlua::chunk::ChunkMode::Binary)
            .into_function()
    }

    /// The main file as a function.
    pub(crate) fn main(&self, lua: &Lua) -> LuaResult<Function> {
        match self.files.first() {
            Some(file) => self.load(lua, file),
            None => Err(mlua::Error::runtime("the application has no file")),
        }
    }

    /// A module and its path, or nil and why there is none.
    pub(crate) fn module(&self, lua: &Lua, name: &str) -> LuaResult<(Option<Function>, String)> {
        let mut files = self.files.iter();
        if let Some(file) = files.find(|file| !file.module.is_empty() && file.module == name) {
            return Ok((Some(self.load(lua, file)?), file.path.display().to_string()));
        }
        let folder = self.main_path().parent();
        let folder = folder.unwrap_or_else(|| Path::new(".")).display();
        let rest = match self.is_folder {
            true => "when the application was loaded",
            false => {
                "when the application was loaded; of a single file only modules that it names in \
                 require(\"…\") are read, a folder with main.lua brings all its modules"
            }
        };
        let path = name.replace('.', "/");
        Ok((
            None,
            format!("there was no module '{name}' ({folder}/{path}.lua) {rest}"),
        ))
    }

    pub(crate) fn prelude(&self, lua: &Lua) -> LuaResult<Function> {
        let chunk = lua.load(&*self.prelude).set_name("=genesis prelude");
        chunk
            .set_mode(mlua::chunk::ChunkMode::Binary)
            .into_function()
    }

    /// The functions that replace those of Lua's libraries.
    pub(crate) fn bounded(&self, lua: &Lua) -> LuaResult<Function> {
        let chunk = lua.load(&*self.bounded).set_name("=genesis bounded");
        chunk
            .set_mode(mlua::chunk::ChunkMode::Binary)
            .into_function()
    }
}

fn syntax(names: &Names, error: &mlua::Error) -> Error {
    let text = match error {
        mlua::Error::SyntaxError { message, .. } => message.clone(),
        other => other.to_string(),
    };
    Error::new(ErrorKind::Syntax, names.expand(&text))
}

pub(crate) fn internal(error: &mlua::Error) -> Error {
    Error::new(
        ErrorKind::Runtime,
        format!("a Lua state cannot be made: {error}"),
    )
}
