//! The headers of an event as attributes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use genesis_proto::Event;
use opentelemetry::{Key, KeyValue};

use crate::config::{HeaderAttributes, Telemetry};

const PREFIX: &str = "event.header.";
/// So many names of headers are remembered, of at most so many bytes.
const MAX_NAMES: usize = 4_096;
const MAX_NAME: usize = 128;

impl Telemetry {
    /// The attributes of a `process_event` span: `event.name`, `event.uuid`, then every header as
    /// `event.header.<snake_case_name>`, in the order in which they came; of a repeated one the
    /// last. Secrets are left out or masked, values cut.
    ///
    /// Costs about 0.1 µs per header: build it only for a span that records.
    ///
    /// ```
    /// use genesis_otel::Telemetry;
    /// use genesis_proto::{Event, EventName};
    ///
    /// let event = Event::builder(EventName::Custom)
    ///     .header("Event-Subclass", "sofia::register")?
    ///     .header("sip_auth_response", "f00")?
    ///     .build();
    /// let attributes = Telemetry::default().event_attributes(&event);
    /// let keys: Vec<&str> = attributes.iter().map(|a| a.key.as_str()).collect();
    /// assert_eq!(keys, ["event.name", "event.header.event_name", "event.header.event_subclass"]);
    /// # Ok::<(), genesis_proto::Error>(())
    /// ```
    #[must_use]
    pub fn event_attributes(&self, event: &Event) -> Vec<KeyValue> {
        let mut attributes = Vec::with_capacity(event.headers().len() + 2);
        attributes.push(self.attribute("event.name", event.name().as_str()));
        if let Some(uuid) = event.unique_id() {
            attributes.push(self.attribute("event.uuid", &uuid));
        }
        self.push_headers(event, &mut attributes);
        attributes
    }

    fn push_headers(&self, event: &Event, attributes: &mut Vec<KeyValue>) {
        let shared = self.shared();
        if matches!(shared.headers, HeaderAttributes::None) {
            return;
        }
        let mut names = shared.names.locked();
        let mut seen = Seen::default();
        let first = attributes.len();
        // backwards, for the last of a name is the one that counts
        for header in event.headers().iter().rev() {
            let name = header.raw_name();
            let Some((number, key)) = names.key_of(name, |name| self.wants(name)) else {
                continue;
            };
            let is_first = match number {
                Some(number) => seen.insert(number),
                None => attributes[first..].iter().all(|known| known.key != key),
            };
            if !is_first {
                continue;
            }
            let value = header.value();
            let value = match application_of(event, name) {
                Some(application) => self.application_data(&application, &value),
                None => shared.secrets.masked(&value),
            };
            attributes.push(KeyValue::new(key, self.cut(&value).to_owned()));
        }
        attributes[first..].reverse();
        attributes.truncate(first + shared.max_headers);
    }

    /// Whether a header of this name becomes an attribute.
    fn wants(&self, name: &[u8]) -> bool {
        let shared = self.shared();
        let wanted = match &shared.headers {
            HeaderAttributes::All => true,
            HeaderAttributes::None => false,
            HeaderAttributes::Only(globs) => globs.hit(name),
            HeaderAttributes::AllBut(globs) => !globs.hit(name),
        };
        wanted && !shared.secrets.is_secret(name)
    }
}

/// The attributes that header names become, worked out once per name. Names repeat with every
/// event; those past the bound are worked out each time.
#[derive(Debug, Default)]
pub(crate) struct HeaderNames(Mutex<Names>);

#[derive(Debug, Default)]
struct Names {
    /// Nothing for a header that becomes no attribute.
    by_name: HashMap<Box<[u8]>, Option<u16>>,
    by_key: HashMap<Key, u16>,
    keys: Vec<Key>,
}

impl HeaderNames {
    fn locked(&self) -> MutexGuard<'_, Names> {
        // what is in it is whole after every step
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Names {
    /// The attribute of a header, and its number if it has one.
    fn key_of(
        &mut self,
        name: &[u8],
        wants: impl FnOnce(&[u8]) -> bool,
    ) -> Option<(Option<u16>, Key)> {
        if let Some(known) = self.by_name.get(name) {
            let number = (*known)?;
            return Some((Some(number), self.keys[usize::from(number)].clone()));
        }
        let key = wants(name).then(|| Key::from(Arc::<str>::from(snake_case(name))));
        if self.by_name.len() >= MAX_NAMES || name.len() > MAX_NAME {
            return key.map(|key| (None, key));
        }
        let number = key.clone().map(|key| {
            let next = u16::try_from(self.keys.len()).unwrap_or(u16::MAX);
            let number = *self.by_key.entry(key.clone()).or_insert(next);
            if number == next {
                self.keys.push(key);
            }
            number
        });
        self.by_name.insert(name.into(), number);
        key.map(|key| (number, key))
    }
}

/// The attributes that an event has so far, by number.
struct Seen([u64; MAX_NAMES / 64]);

impl Default for Seen {
    fn default() -> Self {
        Self([0; MAX_NAMES / 64])
    }
}

impl Seen {
    fn insert(&mut self, number: u16) -> bool {
        let (word, bit) = (usize::from(number) / 64, 1 << (number % 64));
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }
}

/// The application whose data a header of this name holds.
fn application_of(event: &Event, name: &[u8]) -> Option<String> {
    let with = if name.eq_ignore_ascii_case(b"Application-Data") {
        "Application"
    } else if name.eq_ignore_ascii_case(b"variable_current_application_data") {
        "variable_current_application"
    } else if name.eq_ignore_ascii_case(b"execute-app-arg") {
        "execute-app-name"
    } else {
        return None;
    };
    event.get(with).map(std::borrow::Cow::into_owned)
}

/// `Event-Subclass` to `event.header.event_subclass`.
fn snake_case(name: &[u8]) -> String {
    let mut key = String::with_capacity(PREFIX.len() + name.len());
    key.push_str(PREFIX);
    for &byte in name {
        key.push(match byte {
            byte if byte.is_ascii_alphanumeric() => char::from(byte.to_ascii_lowercase()),
            _ => '_',
        });
    }
    key
}

#[cfg(test)]
mod tests {
    use genesis_proto::EventName;

    use super::*;

    fn event(headers: &[(&str, &str)]) -> Event {
        let mut builder = Event::builder(EventName::ChannelExecute);
        for (name, value) in headers {
            builder.push(name, value).unwrap();
        }
        builder.build()
    }

    fn value(attributes: &[KeyValue], key: &str) -> Option<String> {
        let found: Vec<_> = attributes
            .iter()
            .filter(|a| a.key.as_str() == key)
            .collect();
        assert!(found.len() < 2, "{key} is there {} times", found.len());
        found
            .first()
            .map(|attribute| attribute.value.as_str().into_owned())
    }

    #[test]
    fn names_become_snake_case_and_the_last_of_a_name_counts() {
        let event = event(&[
            ("Unique-ID", "7f4d"),
            ("Hangup-Cause", "NONE"),
            ("hangup-cause", "USER_BUSY"),
            ("variable_sip_call_id", "a@b"),
        ]);
        let attributes = Telemetry::builder().build().event_attributes(&event);
        assert_eq!(attributes[0].key.as_str(), "event.name");
        assert_eq!(attributes[1].key.as_str(), "event.uuid");
        let of = |key| value(&attributes, key);
        assert_eq!(
            of("event.header.hangup_cause").as_deref(),
            Some("USER_BUSY")
        );
        assert_eq!(
            of("event.header.variable_sip_call_id").as_deref(),
            Some("a@b")
        );
    }

    #[test]
    fn names_past_the_bound_are_read_all_the_same() {
        let telemetry = Telemetry::builder().build();
        for number in 0..MAX_NAMES {
            let _ = telemetry.event_attributes(&event(&[(&format!("X-{number}"), "1")]));
        }
        let late = event(&[("X-Late", "1"), ("x-late", "2"), ("x_late_pin", "3")]);
        for _ in 0..2 {
            let attributes = telemetry.event_attributes(&late);
            let of = |key| value(&attributes, key);
            assert_eq!(of("event.header.x_late").as_deref(), Some("2"));
            assert_eq!(of("event.header.x_late_pin"), None);
            assert_eq!(
                of("event.header.event_name").as_deref(),
                Some("CHANNEL_EXECUTE")
            );
        }
        assert_eq!(telemetry.shared().names.locked().by_name.len(), MAX_NAMES);
    }

    #[test]
    fn lists_caps_and_cuts_hold() {
        let long = "x".repeat(1000);
        let event = event(&[
            ("Unique-ID", "7f4d"),
            ("A-One", &long),
            ("A-Two", "2"),
            ("B", "3"),
        ]);
        let keys = |telemetry: Telemetry| -> Vec<String> {
            let attributes = telemetry.event_attributes(&event);
            attributes[2..].iter().map(|a| a.key.to_string()).collect()
        };
        let build = Telemetry::builder;
        assert!(keys(build().header_attributes(false).build()).is_empty());
        assert_eq!(
            keys(build().only_headers(["b"]).build()),
            ["event.header.b"]
        );
        let without = keys(build().without_headers(["a-*", "event-*"]).build());
        assert_eq!(without, ["event.header.unique_id", "event.header.b"]);
        assert_eq!(keys(build().max_header_attributes(2).build()).len(), 2);
        let attributes = build().build().event_attributes(&event);
        let cut = value(&attributes, "event.header.a_one").unwrap();
        assert_eq!(cut.len(), 256);
    }

    #[test]
    fn lesson_42_secrets_are_left_out_or_masked() {
        let event = event(&[
            ("variable_sip_auth_password", "hunter2"),
            ("Application", "conference"),
            ("Application-Data", "3001@default+hunter2"),
            ("execute-app-name", "conference"),
            ("execute-app-arg", "3001@default+hunter2"),
            ("variable_current_application", "conference"),
            (
                "variable_current_application_data",
                "3001@default+hunter2+flags{mute}",
            ),
            (
                "API-Command-Argument",
                "{x_password=hunter2}user/1000 &park",
            ),
        ]);
        let shown = format!(
            "{:?}",
            Telemetry::builder().build().event_attributes(&event)
        );
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("flags{mute}") && shown.contains("user/1000"));
    }
}
