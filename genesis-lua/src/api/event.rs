//! `event`: an event of the switch, read as a table.

use genesis_proto::Event;
use mlua::{IntoLua, Lua, LuaString, MetaMethod, UserData, UserDataMethods, Value};

/// An event as scripts have it: `event["Unique-ID"]`, `event.name`, `event.body`, `event.uuid`,
/// `pairs(event)`.
#[derive(Clone, Debug)]
pub(crate) struct LuaEvent(pub(crate) Event);

impl LuaEvent {
    fn read(&self, lua: &Lua, key: &[u8]) -> mlua::Result<Value> {
        let event = &self.0;
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
            for header in this.0.headers().iter() {
                table.raw_set(&*header.name(), &*header.value())?;
            }
            let next: Value = lua.globals().get("next")?;
            Ok((next, table, Value::Nil))
        });
        methods.add_meta_method(MetaMethod::ToString, |_, this, ()| {
            let uuid = this.0.unique_id();
            Ok(match uuid {
                Some(uuid) => format!("{} of {uuid}", this.0.name()),
                None => this.0.name().to_string(),
            })
        });
    }
}
