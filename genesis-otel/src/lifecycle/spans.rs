//! Making the span of an event.

use std::borrow::Cow;

use opentelemetry::Context;
use opentelemetry::global::BoxedSpan;
use opentelemetry::trace::{Link, Span as _, SpanBuilder, SpanContext, TraceContextExt};
use quick_xml::Reader;
use quick_xml::events::Event as Xml;

use super::channels::Known;
use super::facts::Facts;
use super::plan::Plan;
use crate::config::{Subject, Telemetry};
use crate::hooks::Sight;
use crate::vocabulary::sources::Source;

/// The name of a conference stands at the top of its document.
const MAX_DOCUMENT: usize = 16 * 1024;

/// Makes a span of an event. Gives what later spans of the channel are children of; nothing if
/// there is no provider.
pub(super) fn emit(
    telemetry: &Telemetry,
    sight: &Sight,
    plan: &Plan,
    facts: &Facts<'_>,
    known: &Known,
    other: Option<SpanContext>,
) -> Option<SpanContext> {
    let mut builder = SpanBuilder::from_name(plan.span.name).with_kind(plan.span.kind.into());
    if let Some(other) = other {
        builder = builder.with_links(vec![Link::new(other, Vec::new(), 0)]);
    }
    let mut span = sight.span(builder, &below(known.parent.as_ref()))?;
    let context = span.span_context().clone();
    if span.is_recording() {
        describe(telemetry, &mut span, plan, facts, known);
    }
    span.end();
    Some(context)
}

/// Sets the attributes of a span, adds its events, and lets the application add its own.
pub(super) fn describe(
    telemetry: &Telemetry,
    span: &mut BoxedSpan,
    plan: &Plan,
    facts: &Facts<'_>,
    known: &Known,
) {
    for source in &plan.attributes {
        if let Some(value) = value_of(telemetry, source, facts, known) {
            span.set_attribute(telemetry.attribute(source.attribute, &value));
        }
    }
    for name in plan.span.events {
        let name = event_name(name, facts);
        span.add_event(telemetry.cut(&name).to_owned(), Vec::new());
    }
    let subject = Subject::Event {
        span: plan.span.name,
        event: facts.event,
    };
    apply_details(telemetry, span, subject);
}

/// A context in which a new span is a child of `parent`, or a root. What is current where events
/// are read has nothing to do with them.
pub(crate) fn below(parent: Option<&SpanContext>) -> Context {
    match parent {
        Some(parent) => Context::new().with_remote_span_context(parent.clone()),
        None => Context::new(),
    }
}

pub(super) fn apply_details(telemetry: &Telemetry, span: &mut BoxedSpan, subject: Subject<'_>) {
    if let Some(details) = telemetry.details(subject) {
        if let Some(name) = details.name {
            span.update_name(name);
        }
        span.set_attributes(details.attributes);
    }
}

/// The channel that this event brings together with its own.
pub(super) fn meets(facts: &Facts<'_>) -> Option<String> {
    let with = match facts.kind() {
        "CHANNEL_BRIDGE" => facts.get("Bridge-B-Unique-ID").or(facts.other_leg()),
        "CALL_UPDATE" => facts.get("Bridged-To"),
        "valet_parking::info" => facts.get("Bridge-To-UUID"),
        "sofia::transferor" | "sofia::transferee" | "sofia::replaced" => facts
            .get("variable_transfer_to")
            .and_then(|to| {
                to.split_once(':')
                    .map(|(_, uuid)| Cow::Owned(uuid.to_owned()))
            })
            .or(facts.other_leg()),
        _ => None,
    }?;
    (facts.uuid.as_deref() != Some(&*with)).then(|| with.into_owned())
}

/// The value of an attribute; nothing if it is not known.
fn value_of<'a>(
    telemetry: &Telemetry,
    source: &Source,
    facts: &'a Facts<'_>,
    known: &'a Known,
) -> Option<Cow<'a, str>> {
    let header = || facts.get(source.header);
    let secrets = &telemetry.shared().secrets;
    let value = match source.attribute {
        "sip.call_id" => header().or(known.call_id.as_deref().map(Cow::Borrowed)),
        "bridge.a_uuid" => header().or(facts.uuid.clone()),
        "bridge.b_uuid" => header().or(facts.other_leg()),
        "application.data" => {
            let application = facts.get("Application").unwrap_or_default();
            let data = header()?;
            let shown = telemetry.application_data(&application, &data).into_owned();
            Some(Cow::Owned(shown))
        }
        "sofia.profile" => header()
            .or_else(|| facts.get("variable_sofia_profile_name"))
            .or_else(|| profile(known.name.as_deref()?).map(Cow::Borrowed)),
        "register.aor" => address(facts),
        "register.action" => action(facts).map(Cow::Borrowed),
        "transfer.role" => action(facts).map(Cow::Borrowed),
        "transfer.type" => Some(Cow::Borrowed(transfer_type(facts))),
        "conference.name" => header().or_else(|| conference_of_cdr(facts).map(Cow::Owned)),
        _ => header(),
    }?;
    let masked = match secrets.masked(&value) {
        Cow::Borrowed(_) => None,
        Cow::Owned(masked) => Some(masked),
    };
    Some(masked.map_or(value, Cow::Owned))
}

/// `hangup.cause.<normalized>` with the cause of the event, `app.<name>.done` with its application.
fn event_name(name: &'static str, facts: &Facts<'_>) -> Cow<'static, str> {
    let put = |part: &str, value: Option<Cow<'_, str>>| {
        let value = value.unwrap_or_default();
        Cow::Owned(name.replace(part, &value.to_lowercase().replace(' ', "_")))
    };
    if name.contains("<normalized>") {
        put("<normalized>", facts.cause())
    } else if name.contains("<name>") {
        put("<name>", facts.get("Application"))
    } else {
        Cow::Borrowed(name)
    }
}

/// The subclass without the name of its module.
fn action<'a>(facts: &'a Facts<'_>) -> Option<&'a str> {
    let (_, action) = facts.subclass.as_deref()?.split_once("::")?;
    Some(action)
}

/// How the transfer is made that the event reports.
pub(super) fn transfer_type(facts: &Facts<'_>) -> &'static str {
    let attended = match facts.kind() {
        "sofia::transferor" => facts
            .get("variable_transfer_to")
            .is_some_and(|to| to.starts_with("att:")),
        _ => facts
            .get("Caller-Transfer-Source")
            .is_some_and(|source| source.contains(":att_xfer:")),
    };
    if attended { "attended" } else { "blind" }
}

/// Who is registered: `user@host`.
fn address<'a>(facts: &Facts<'a>) -> Option<Cow<'a, str>> {
    let pair = |user: &str, host: &str| Some((facts.get(user)?, facts.get(host)?));
    let (user, host) = pair("from-user", "from-host").or_else(|| pair("user", "host"))?;
    Some(Cow::Owned(format!("{user}@{host}")))
}

/// The profile in `sofia/PROFILE/...`.
fn profile(channel: &str) -> Option<&str> {
    let rest = channel.strip_prefix("sofia/")?;
    rest.split('/').next().filter(|profile| !profile.is_empty())
}

/// The name in the document of a `conference::cdr`: `cdr/conference/name`.
fn conference_of_cdr(facts: &Facts<'_>) -> Option<String> {
    if facts.kind() != "conference::cdr" {
        return None;
    }
    let body = facts.event.body()?;
    let mut reader = Reader::from_reader(&body[..body.len().min(MAX_DOCUMENT)]);
    let mut path: Vec<Vec<u8>> = Vec::new();
    let mut name = String::new();
    loop {
        // a document that is cut or broken ends here
        match reader.read_event().ok()? {
            Xml::Start(start) => path.push(start.name().as_ref().to_vec()),
            Xml::End(_) if !name.is_empty() => return Some(name),
            Xml::End(_) => {
                path.pop();
            }
            Xml::Text(text) if path == [&b"cdr"[..], b"conference", b"name"] => {
                name.push_str(&text.decode().ok()?);
            }
            Xml::GeneralRef(entity) if path == [&b"cdr"[..], b"conference", b"name"] => {
                let plain = match entity.resolve_char_ref().ok()? {
                    Some(character) => character.to_string(),
                    None => quick_xml::escape::resolve_predefined_entity(&entity.decode().ok()?)?
                        .to_owned(),
                };
                name.push_str(&plain);
            }
            Xml::Eof => return None,
            _ => {}
        }
    }
}
