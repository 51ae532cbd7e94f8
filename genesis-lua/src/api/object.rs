//! Objects of scripts, and the way of a call from the script to the operation and back.

use std::collections::VecDeque;
use std::future::Future;
use std::rc::Rc;

use futures_util::future::BoxFuture;
use mlua::{
    Function, IntoLuaMulti, Lua, LuaString, MetaMethod, MultiValue, UserDataMethods, Value,
};

use super::CLASSES;
use super::args::Args;
use super::failure::{Failure, Result};
use crate::state::Context;

/// Makes Lua values of a result, on the script's thread.
pub(crate) type Answer = Box<dyn FnOnce(&Lua) -> mlua::Result<MultiValue> + Send>;

/// What becomes of a call.
pub(crate) enum Step {
    /// It is done.
    Now(MultiValue),
    /// It is done on the caller's runtime.
    Work(BoxFuture<'static, Result<Answer>>),
}

pub(crate) type Begun = Result<Step>;

/// Reads the arguments and says what is to be done.
pub(crate) type Begin = fn(&Lua, &Context, Args) -> Begun;

/// So many methods has a class at most.
const METHODS: u16 = 64;

/// What a script calls an object.
pub(crate) trait Class: 'static {
    /// Its place in [`CLASSES`].
    const NUMBER: u16;
    /// How errors call it: "a channel".
    const NAME: &'static str;

    /// A value that is there without asking anybody.
    fn field(&self, lua: &Lua, name: &[u8]) -> mlua::Result<Option<Value>>;
}

/// `object.name` and `tostring(object)`.
pub(crate) fn register<T: Class, M: UserDataMethods<T>>(methods: &mut M) {
    methods.add_meta_method(MetaMethod::Index, |lua, this, key: LuaString| {
        let key = key.as_bytes();
        if let Some(value) = this.field(lua, &key)? {
            return Ok(value);
        }
        let of_class = CLASSES[usize::from(T::NUMBER)];
        let found = of_class
            .iter()
            .position(|(name, _)| name.as_bytes() == &*key);
        match found.and_then(|at| u16::try_from(at).ok()) {
            Some(at) => Ok(Value::Function(method(lua, T::NUMBER * METHODS + at)?)),
            None => {
                let names: Vec<_> = of_class.iter().map(|(name, _)| *name).collect();
                let (key, names) = (String::from_utf8_lossy(&key), names.join(", "));
                let text = format!("{} has no '{key}'; its methods are {names}", T::NAME);
                Err(mlua::Error::runtime(text))
            }
        }
    });
    methods.add_meta_method(
        MetaMethod::NewIndex,
        |_, _, (key, _): (Value, Value)| -> mlua::Result<()> {
            let key = key.as_string().map(|key| key.to_string_lossy());
            let key = key.unwrap_or_else(|| "a field".to_owned());
            let text = format!(
                "{} is not a table; keep '{key}' in a local variable or in a table of the script",
                T::NAME
            );
            Err(mlua::Error::runtime(text))
        },
    );
    methods.add_meta_method(MetaMethod::ToString, |_, _, ()| Ok(T::NAME));
}

macro_rules! class {
    ($Name:ident, $number:expr, $shown:expr, |$this:ident, $lua:ident| { $($field:literal => $value:expr),* $(,)? }) => {
        impl $crate::api::object::Class for $Name {
            const NUMBER: u16 = $number;
            const NAME: &'static str = $shown;

            #[allow(unused_variables, reason = "some classes have no fields")]
            fn field(&self, $lua: &mlua::Lua, name: &[u8]) -> mlua::Result<Option<mlua::Value>> {
                let $this = self;
                $(
                    if name == $field.as_bytes() {
                        return mlua::IntoLua::into_lua($value, $lua).map(Some);
                    }
                )*
                Ok(None)
            }
        }

        impl mlua::UserData for $Name {
            fn add_methods<M: mlua::UserDataMethods<Self>>(methods: &mut M) {
                $crate::api::object::register(methods);
            }
        }
    };
}
pub(crate) use class;

/// The closure of a method, made once per state.
fn method(lua: &Lua, id: u16) -> mlua::Result<Function> {
    let context = context(lua)?;
    if let Some(function) = context.methods.borrow().get(&id) {
        return Ok(function.clone());
    }
    let function: Function = context.method()?.call(id)?;
    context.methods.borrow_mut().insert(id, function.clone());
    Ok(function)
}

/// What belongs to the state.
pub(crate) fn context(lua: &Lua) -> mlua::Result<Rc<Context>> {
    let context = lua.app_data_ref::<Rc<Context>>();
    let context = context.ok_or_else(|| mlua::Error::runtime("the state is ending"))?;
    Ok(context.clone())
}

/// The number of a function of the table `genesis`.
pub(crate) fn function_ids() -> impl Iterator<Item = (&'static str, usize)> {
    let named = CLASSES[0].iter().enumerate();
    named.map(|(id, (name, _))| (*name, id))
}

/// The one function: gives nil and what the operation gave, or what it failed with.
pub(crate) async fn dispatch(lua: Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let context = context(&lua)?;
    // many at once that do not wait are many steps for few instructions
    context.clock().check_here(&lua)?;
    let done = match begin(&lua, &context, arguments) {
        Ok(Step::Now(values)) => Ok(values),
        Ok(Step::Work(work)) => match context.check_probe() {
            Ok(()) => match context.remote().run(work).await {
                Ok(Ok(answer)) => Ok(answer(&lua)?),
                Ok(Err(failure)) => Err(failure),
                Err(_) => Err(Failure::gone()),
            },
            Err(failure) => Err(failure),
        },
        Err(failure) => Err(failure),
    };
    match done {
        Ok(mut values) => {
            values.push_front(Value::Nil);
            Ok(values)
        }
        Err(mut failure) => {
            if failure.place.is_none() {
                failure.place = context.place(&lua);
            }
            lua.create_userdata(failure)?.into_lua_multi(&lua)
        }
    }
}

fn begin(lua: &Lua, context: &Rc<Context>, arguments: MultiValue) -> Begun {
    let mut arguments: VecDeque<Value> = arguments.into_iter().collect();
    let id = match arguments.pop_front() {
        Some(Value::Integer(id)) => usize::try_from(id).ok(),
        _ => None,
    };
    let found = id.and_then(|id| {
        let class = CLASSES.get(id / usize::from(METHODS))?;
        class.get(id % usize::from(METHODS))
    });
    let Some((name, begin)) = found else {
        return Err(Failure::invalid("there is no such operation"));
    };
    begin(
        lua,
        context,
        Args::new(name, arguments.into_iter().collect()),
    )
}

/// Does `work` on the caller's runtime.
pub(crate) fn work<F>(work: F) -> Begun
where
    F: Future<Output = Result<Answer>> + Send + 'static,
{
    Ok(Step::Work(Box::pin(work)))
}

/// Gives a value at once.
pub(crate) fn now(lua: &Lua, value: impl IntoLuaMulti) -> Begun {
    Ok(Step::Now(value.into_lua_multi(lua)?))
}

/// The answer that is this value.
pub(crate) fn answer<T: IntoLuaMulti + Send + 'static>(value: T) -> Answer {
    Box::new(move |lua| value.into_lua_multi(lua))
}

/// The answer without a value.
pub(crate) fn done() -> Answer {
    Box::new(|_| Ok(MultiValue::new()))
}

/// A value for `field`.
pub(crate) fn text(value: impl ToString) -> String {
    value.to_string()
}
