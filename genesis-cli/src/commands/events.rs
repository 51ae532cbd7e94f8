//! `genesis events`: events as they happen.

use genesis_client::proto::EventName;
use genesis_client::{EventStream, Item, Subscription};

use super::describe::Describer;
use super::{Interrupts, holes};
use crate::cli::Events;
use crate::exit::Failure;
use crate::observability::Observed;
use crate::output::Output;

pub(crate) async fn run(
    options: Events,
    seen: &Observed,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut subscription = named(&options.names)?;
    for filter in options.filter {
        subscription = subscription.filter(filter);
    }
    let builder = options
        .connect
        .builder_following(options.reconnect)?
        .event_format(options.format.into());
    let address = options.connect.address();
    let mut interrupts = Interrupts::new()?;
    let follow = async {
        let client = builder.connect(address).await?;
        seen.follow(&client).await?;
        let mut events = client.subscribe(subscription).await?;
        let done = follow(&mut events, options.count, output).await;
        if done.is_ok() {
            client.exit().await;
        }
        done
    };
    tokio::select! {
        done = follow => done,
        interrupted = interrupts.wait() => interrupted,
    }
}

async fn follow(
    events: &mut EventStream,
    count: Option<u64>,
    output: &mut Output,
) -> Result<(), Failure> {
    let describer = Describer::new(output);
    let mut left = count;
    loop {
        let item = match events.try_next() {
            Some(item) => item,
            None => {
                output.flush()?;
                match events.next().await {
                    Some(item) => item,
                    None => return Err(Failure::lost(events.close_reason().as_ref())),
                }
            }
        };
        let is_event = matches!(item, Item::Event(_));
        show(item, &describer, output)?;
        if is_event && let Some(left) = &mut left {
            *left -= 1;
            if *left == 0 {
                return output.flush();
            }
        }
    }
}

fn show(item: Item, describer: &Describer, output: &mut Output) -> Result<(), Failure> {
    match item {
        Item::Event(event) if output.json => output.object(&event),
        Item::Event(event) => output.line(&describer.describe(&event)),
        hole => holes::show(&hole, output),
    }
}

/// The subscription for what the command line names.
///
/// A word with `::`, or one after CUSTOM that is no event name, is a subclass; CUSTOM with nothing
/// of that kind after it means the CUSTOM events without a subclass.
fn named(names: &[String]) -> Result<Subscription, Failure> {
    if names.iter().any(|name| name.trim().is_empty()) {
        return Err(Failure::usage(
            "an event name is empty; leave the names out for every event",
        ));
    }
    let mut subscription = Subscription::new();
    let mut words = names
        .iter()
        .flat_map(|name| name.split_whitespace())
        .peekable();
    if words.peek().is_none() {
        return Ok(Subscription::all());
    }
    // CUSTOM was read, and nothing after it yet
    let (mut pending, mut after_custom) = (false, false);
    for word in words {
        let name = EventName::from(word.to_ascii_uppercase().as_str());
        if word.contains("::") || (after_custom && !name.is_known()) {
            subscription = subscription.subclass(word);
            pending = false;
            continue;
        }
        if pending {
            subscription = subscription.event(EventName::Custom);
        }
        if !name.is_known() {
            return Err(Failure::usage(format!(
                "{word:?} is no event name; a subclass is written `CUSTOM {word}`"
            )));
        }
        after_custom = name == EventName::Custom;
        pending = after_custom;
        if !after_custom {
            subscription = subscription.event(name);
        }
    }
    if pending {
        subscription = subscription.event(EventName::Custom);
    }
    Ok(subscription)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription(names: &[&str]) -> String {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        format!("{:?}", named(&names).unwrap())
    }

    #[test]
    fn names_and_subclasses_are_told_apart() {
        let same = |names: &[&str], expected: Subscription| {
            assert_eq!(subscription(names), format!("{expected:?}"), "{names:?}");
        };
        let new = Subscription::new;
        same(&[], Subscription::all());
        same(&["channel_answer"], new().event(EventName::ChannelAnswer));
        same(&["sofia::register"], new().subclass("sofia::register"));
        same(
            &["CUSTOM sofia::register", "DTMF"],
            new().subclass("sofia::register").event(EventName::Dtmf),
        );
        same(
            &["CUSTOM", "menu:enter", "a::b"],
            new().subclass("menu:enter").subclass("a::b"),
        );
        same(&["CUSTOM"], new().event(EventName::Custom));
        same(
            &["CUSTOM", "DTMF"],
            new().event(EventName::Custom).event(EventName::Dtmf),
        );
    }

    #[test]
    fn an_unknown_name_is_a_mistake() {
        assert!(named(&["CHANNEL_ANSWERED".to_owned()]).is_err());
        assert!(named(&["DTMF".to_owned(), "CHANNEL_ANSWERED".to_owned()]).is_err());
    }
}
