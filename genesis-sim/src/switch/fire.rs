//! Firing events: making them complete and handing them to the listeners.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use genesis_proto::event::EventBuilder;
use genesis_proto::name::EventName;

use super::channel::Channel;
use super::events::{self, put};
use super::{Switch, SwitchEvent};

impl Switch {
    /// Fires an event: puts the block of the core (`Core-UUID` to `Event-Sequence`) after its
    /// `Event-Name` and delivers it to all feeds. Headers of that block which the event has
    /// already are replaced.
    pub fn fire(&self, builder: EventBuilder) {
        let given = builder.build();
        let name = given.name();
        let has_body = given.body().is_some();
        self.inner.events.publish(|| {
            let mut event = self.begin_event(&name);
            for header in given.headers().iter() {
                let key = header.name();
                if is_core(&key) || (has_body && key.eq_ignore_ascii_case("Content-Length")) {
                    continue;
                }
                match header.array() {
                    Some(values) => {
                        let values: Vec<String> = values.iter().map(str::to_owned).collect();
                        if let Ok(longer) = event.clone().array(&key, &values) {
                            event = longer;
                        }
                    }
                    None => put(&mut event, &key, header.bytes()),
                }
            }
            if let Some(body) = given.body() {
                event = event.body(bytes::Bytes::copy_from_slice(body));
            }
            Arc::new(SwitchEvent::of(event, name, &given))
        });
    }

    /// An event with its name and the block of the core.
    pub(crate) fn begin_event(&self, name: &EventName) -> EventBuilder {
        let mut event = EventBuilder::new(name.clone());
        self.put_core(&mut event, name);
        event
    }

    /// Adds the block of the core, dated now, with the next sequence number.
    pub(super) fn put_core(&self, event: &mut EventBuilder, name: &EventName) {
        let sequence = self.inner.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        self.inner.core.put(event, name, self.now(), sequence);
    }

    /// Fires an event that is not about a channel, or whose headers need code.
    pub(crate) fn emit(&self, name: EventName, fill: impl FnOnce(&mut EventBuilder)) {
        if !self.inner.events.has_listeners() {
            return;
        }
        self.inner.events.publish(|| {
            let mut event = self.begin_event(&name);
            fill(&mut event);
            finished(event, name)
        });
    }

    /// Fires an event that began earlier: as in the switch, its `Event-Sequence` is then lower
    /// than that of events which were fired meanwhile.
    pub(crate) fn emit_begun(
        &self,
        name: EventName,
        mut event: EventBuilder,
        fill: impl FnOnce(&mut EventBuilder),
    ) {
        if !self.inner.events.has_listeners() {
            return;
        }
        self.inner.events.publish(|| {
            fill(&mut event);
            finished(event, name)
        });
    }

    pub(crate) fn emit_channel(
        &self,
        name: EventName,
        channel: &Channel,
        before: &[(&str, &str)],
        after: &[(&str, &str)],
    ) {
        if !self.inner.events.has_listeners() {
            return;
        }
        self.inner.events.publish(|| {
            let mut event = self.begin_event(&name);
            for (key, value) in before {
                put(&mut event, key, value);
            }
            events::put_channel(&mut event, channel, &name);
            for (key, value) in after {
                put(&mut event, key, value);
            }
            Arc::new(SwitchEvent::about(event, name, channel.uuid.clone()))
        });
    }
}

/// An event made from parts: where it belongs is read from its headers.
fn finished(event: EventBuilder, name: EventName) -> Arc<SwitchEvent> {
    let made = event.build();
    Arc::new(SwitchEvent::of(event, name, &made))
}

fn is_core(name: &str) -> bool {
    const CORE: [&str; 13] = [
        "Event-Name",
        "Core-UUID",
        "FreeSWITCH-Hostname",
        "FreeSWITCH-Switchname",
        "FreeSWITCH-IPv4",
        "FreeSWITCH-IPv6",
        "Event-Date-Local",
        "Event-Date-GMT",
        "Event-Date-Timestamp",
        "Event-Calling-File",
        "Event-Calling-Function",
        "Event-Calling-Line-Number",
        "Event-Sequence",
    ];
    CORE.iter().any(|core| core.eq_ignore_ascii_case(name))
}
