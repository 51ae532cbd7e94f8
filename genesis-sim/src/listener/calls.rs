//! Commands that reach beyond the connection: `api`, `bgapi`, `sendevent`, `sendmsg`, `connect`.

use genesis_proto::EventName;
use genesis_proto::event::EventBuilder;
use genesis_proto::session::switch::{Request, is_true, known_name};

use super::connection::{Answer, Connection, Handled};
use crate::switch::{ChannelMessage, Switch};

const PERMISSION_DENIED: &str = "-ERR permission denied";

/// `job-uuid` is copied into this much space.
const MAX_JOB_UUID: usize = 256;

impl Connection {
    /// `api`: the connection does nothing else until the command is done.
    pub(crate) fn api(&self, argument: &str) -> Handled {
        let (command, rest) = split(argument);
        if !self.permissions.api(command, rest) {
            return Answer::reply(PERMISSION_DENIED).into();
        }
        let (command, arguments) = (command.to_owned(), rest.unwrap_or_default().to_owned());
        let switch = self.switch().clone();
        Handled::Later(Box::pin(async move {
            Answer::Api(switch.api(&command, &arguments).await)
        }))
    }

    /// `bgapi`: the command runs on its own and its output comes as BACKGROUND_JOB.
    pub(crate) fn bgapi(&mut self, request: &Request) -> Handled {
        let argument = request.argument();
        let (command, rest) = split(&argument);
        if !self.permissions.api(command, rest) {
            return Answer::reply(PERMISSION_DENIED).into();
        }
        let uuid = match request.header("Job-UUID") {
            Some(given) => cut(&given, MAX_JOB_UUID).to_owned(),
            None => uuid::Uuid::new_v4().to_string(),
        };
        let job = Job {
            uuid: uuid.clone(),
            owner: self.controlled.clone(),
            command: command.to_owned(),
            arguments: rest.map(str::to_owned),
        };
        self.jobs.spawn(job.run(self.switch().clone()));
        let pace = self.options().bgapi_pace;
        if pace.is_zero() {
            return Answer::Job(uuid).into();
        }
        Handled::Later(Box::pin(async move {
            tokio::time::sleep(pace).await;
            Answer::Job(uuid)
        }))
    }

    /// `sendevent`: the client's headers go in front of those of the switch, forged ones included.
    pub(crate) fn sendevent(&mut self, request: &Request) -> Answer {
        let uuid = uuid::Uuid::new_v4().to_string();
        let argument = request.argument();
        let name = known_name(argument.trim_start_matches([' ', '\t']));
        let for_a_session = request
            .header("Unique-ID")
            .is_some_and(|session| self.switch().has_channel(&session));
        // an event for a session goes into its queue, and nobody else sees it
        if !for_a_session {
            let event = client_event(request, name.as_ref(), &uuid);
            fire_behind(self.switch(), name.unwrap_or(EventName::Custom), event);
        }
        Answer::Reply(format!("+OK {uuid}"))
    }

    /// `sendmsg`: hands a message to a channel.
    pub(crate) fn sendmsg(&self, request: &Request) -> Handled {
        let argument = request.argument();
        let named = argument.trim_start_matches(' ');
        let uuid = match named {
            "" => request.header("session-id").map(|uuid| uuid.into_owned()),
            uuid => Some(uuid.to_owned()),
        };
        let command = if named.is_empty() {
            request.text()
        } else {
            request.line()
        };
        let message = message(&command, request);
        let own = self.controlled.as_ref().filter(|own| {
            uuid.as_deref()
                .is_none_or(|uuid| uuid.is_empty() || uuid == own.as_str())
        });
        if let Some(own) = own {
            let (switch, own) = (self.switch().clone(), own.clone());
            let asked = request.header("async").is_some_and(|value| is_true(&value));
            if self.is_async() || asked {
                // the switch queues for a channel that is gone, too
                let _ = switch.send_message(&own, message);
                return Answer::reply("+OK").into();
            }
            return Handled::Later(Box::pin(async move {
                let _ = switch.send_message_sync(&own, message).await;
                Answer::reply("+OK")
            }));
        }
        let uuid = uuid.unwrap_or_default();
        let known = self.switch().has_channel(&uuid);
        if known && self.switch().send_message(&uuid, message).is_ok() {
            return Answer::reply("+OK").into();
        }
        Answer::Reply(format!("-ERR invalid session id [{uuid}]")).into()
    }

    /// `connect`: the data of the channel.
    pub(crate) fn connect(&self) -> Answer {
        let uuid = self.controlled.as_deref().unwrap_or_default();
        let mut data = EventBuilder::empty();
        for (name, value) in self.switch().channel_data(uuid).unwrap_or_default() {
            match value.strip_prefix("ARRAY::") {
                Some(list) => put_array(&mut data, &name, list.as_bytes()),
                None => put(&mut data, &name, value.as_bytes()),
            }
        }
        Answer::Connect(data)
    }
}

/// A command that runs in the background.
pub(crate) struct Job {
    pub(crate) uuid: String,
    pub(crate) owner: Option<String>,
    pub(crate) command: String,
    pub(crate) arguments: Option<String>,
}

impl Job {
    /// mod_event_socket.c, `api_exec`.
    pub(crate) async fn run(self, switch: Switch) {
        let arguments = self.arguments.unwrap_or_default();
        let output = switch.api(&self.command, &arguments).await;
        switch.emit(EventName::BackgroundJob, |event| {
            put(event, "Job-UUID", self.uuid.as_bytes());
            if let Some(owner) = &self.owner {
                put(event, "Job-Owner-UUID", owner.as_bytes());
            }
            put(event, "Job-Command", self.command.as_bytes());
            if !arguments.is_empty() {
                put(event, "Job-Command-Arg", arguments.as_bytes());
            }
            *event = std::mem::replace(event, EventBuilder::empty()).body(output);
        });
    }
}

/// The event of a `sendevent`, up to where the switch adds its own headers.
fn client_event(request: &Request, name: Option<&EventName>, uuid: &str) -> EventBuilder {
    let mut event = EventBuilder::empty();
    let subclass = request
        .header("Event-Subclass")
        .filter(|_| name == Some(&EventName::Custom));
    // the switch sets the subclass anew, which puts it in front
    if let Some(subclass) = &subclass {
        put(&mut event, "Event-Subclass", subclass.as_bytes());
    }
    put(&mut event, "Command", request.line().as_bytes());
    for (header, value) in request.headers() {
        if subclass.is_some() && header.eq_ignore_ascii_case("Event-Subclass") {
            continue;
        }
        match value.strip_prefix(b"ARRAY::") {
            Some(list) => put_array(&mut event, header, list),
            None => put(&mut event, header, value),
        }
    }
    put(&mut event, "Event-UUID", uuid.as_bytes());
    match request.body() {
        Some(body) => event.body(body.clone()),
        None => event,
    }
}

/// Fires an event whose own headers come before the block of the switch: nothing that a client
/// forges is taken out, only outdone by what follows it.
fn fire_behind(switch: &Switch, name: EventName, mut event: EventBuilder) {
    let core = switch.begin_event(&name).build();
    for header in core.headers().iter() {
        match &*header.name() {
            "Event-Calling-Line-Number" => put(&mut event, "Event-Calling-Line-Number", b"2283"),
            name => put(&mut event, name, &header.bytes()),
        }
    }
    switch.emit_begun(name, event, |_| {});
}

fn message(command: &str, request: &Request) -> ChannelMessage {
    let mut headers = vec![("Command".to_owned(), command.to_owned())];
    headers.extend(
        request
            .headers()
            .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned())),
    );
    ChannelMessage {
        headers,
        body: request.body().map(|body| body.to_vec()),
    }
}

/// Adds a header; one whose name cannot be written is left out.
fn put(event: &mut EventBuilder, name: &str, value: &[u8]) {
    if event.push(name, value).is_err() {
        tracing::debug!(
            name,
            "a header name that cannot be written was left out of an event"
        );
    }
}

fn put_array(event: &mut EventBuilder, name: &str, list: &[u8]) {
    let list = String::from_utf8_lossy(list);
    if let Ok(longer) = event.clone().array(name, list.split("|:")) {
        *event = longer;
    }
}

/// The command and, after the first space, its arguments.
fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once(' ') {
        Some((command, rest)) => (command, Some(rest)),
        None => (text, None),
    }
}

fn cut(text: &str, size: usize) -> &str {
    let mut end = text.len().min(size);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
