//! `event`: an event of the switch, read as a table.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use genesis_proto::{Event, EventName};
use mlua::{IntoLua, Lua, LuaString, MetaMethod, UserData, UserDataMethods, Value};

/// An event as scripts have it: `event["Unique-ID"]`, `event.name`, `event.body`, `event.uuid`,
/// `pairs(event)`.
#[derive(Debug)]
pub(crate) struct LuaEvent {
    /// `None` only while it is dropped.
    event: Option<Event>,
    used: Option<Used>,
}

/// Events that scripts have done with. They go back to the thread that made them: were they dropped
/// on the script's, both would wait for the same lock of the allocator.
#[derive(Clone, Debug, Default)]
pub(crate) struct Used(Arc<Mutex<Vec<Event>>>);

impl Used {
    fn events(&self) -> MutexGuard<'_, Vec<Event>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.events())
    }
}

impl From<Event> for LuaEvent {
    fn from(event: Event) -> Self {
        Self {
            event: Some(event),
            used: None,
        }
    }
}

impl Drop for LuaEvent {
    fn drop(&mut self) {
        if let (Some(event), Some(used)) = (self.event.take(), &self.used) {
            used.events().push(event);
        }
    }
}

impl LuaEvent {
    /// An event that is put there when the script has done with it.
    pub(crate) fn returning(event: Event, used: &Used) -> Self {
        Self {
            event: Some(event),
            used: Some(used.clone()),
        }
    }

    fn read(&self, lua: &Lua, key: &[u8]) -> mlua::Result<Value> {
        let Some(event) = &self.event else {
            return Ok(Value::Nil);
        };
        match key {
            b"name" => event.name().as_str().into_lua(lua),
            b"uuid" => event.unique_id().as_deref().into_lua(lua),
            b"subclass" => event.subclass().as_deref().into_lua(lua),
            b"body" => match event.body() {
                Some(body) => lua.create_string(body)?.into_lua(lua),
                None => Ok(Value::Nil),
            },
            name => match std::str::from_utf8(name)
                .ok()
                .and_then(|name| event.get(name))
            {
                Some(value) => lua.create_string(&*value)?.into_lua(lua),
                None => Ok(Value::Nil),
            },
        }
    }
}

impl UserData for LuaEvent {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_meta_method(MetaMethod::Index, |lua, this, key: LuaString| {
            this.read(lua, &key.as_bytes())
        });
        methods.add_meta_method(MetaMethod::Pairs, |lua, this, ()| {
            let table = lua.create_table()?;
            let headers = this.event.iter().flat_map(|event| event.headers().iter());
            for header in headers {
                table.raw_set(&*header.name(), &*header.value())?;
            }
            let next: Value = lua.globals().get("next")?;
            Ok((next, table, Value::Nil))
        });
        methods.add_meta_method(MetaMethod::ToString, |_, this, ()| {
            let name = this.event.as_ref().map(Event::name);
            let name = name.as_ref().map_or("", EventName::as_str);
            let uuid = this.event.as_ref().and_then(Event::unique_id);
            Ok(match uuid {
                Some(uuid) => format!("{name} of {uuid}"),
                None => name.to_owned(),
            })
        });
    }
}
