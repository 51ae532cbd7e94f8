//! Where every attribute comes from.

/// Where the value of an attribute comes from.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Source {
    /// The attribute.
    pub attribute: &'static str,
    /// The ESL header it is read from; empty if it comes from elsewhere. An absent header leaves
    /// the attribute out.
    pub header: &'static str,
    /// What else is to be known about it.
    pub note: &'static str,
}

const fn from_header(attribute: &'static str, header: &'static str) -> Source {
    noted(attribute, header, "")
}

const fn noted(attribute: &'static str, header: &'static str, note: &'static str) -> Source {
    Source {
        attribute,
        header,
        note,
    }
}

const fn made(attribute: &'static str, note: &'static str) -> Source {
    noted(attribute, "", note)
}

/// Where `attribute` comes from.
#[must_use]
pub fn of(attribute: &str) -> Option<&'static Source> {
    ALL.iter().find(|source| source.attribute == attribute)
}

/// The attributes that a name ending with `.*` stands for; those of `event.header.*` are only
/// known when the event is.
#[must_use]
pub fn expand(name: &str) -> Vec<&'static str> {
    let Some(prefix) = name.strip_suffix('*') else {
        return of(name)
            .map(|source| source.attribute)
            .into_iter()
            .collect();
    };
    ALL.iter()
        .map(|source| source.attribute)
        .filter(|attribute| attribute.starts_with(prefix) && !attribute.ends_with('*'))
        .collect()
}

/// Every attribute.
pub const ALL: &[Source] = &[
    from_header("event.name", "Event-Name"),
    from_header("event.uuid", "Unique-ID"),
    from_header("channel.uuid", "Unique-ID"),
    from_header("channel.call_uuid", "Channel-Call-UUID"),
    from_header("channel.direction", "Call-Direction"),
    from_header("channel.name", "Channel-Name"),
    from_header("channel.state", "Channel-State"),
    from_header("channel.destination_number", "Caller-Destination-Number"),
    from_header("channel.context", "Caller-Context"),
    from_header("channel.dialplan", "Caller-Dialplan"),
    from_header("answer.state", "Answer-State"),
    noted(
        "sip.call_id",
        "variable_sip_call_id",
        "remembered per channel: later spans have it even if their event does not",
    ),
    from_header("channel.read_codec", "Channel-Read-Codec-Name"),
    from_header("channel.write_codec", "Channel-Write-Codec-Name"),
    from_header("channel.read_codec.name", "Channel-Read-Codec-Name"),
    from_header("channel.read_codec.rate", "Channel-Read-Codec-Rate"),
    from_header("channel.write_codec.name", "Channel-Write-Codec-Name"),
    from_header("channel.write_codec.rate", "Channel-Write-Codec-Rate"),
    noted(
        "bridge.a_uuid",
        "Bridge-A-Unique-ID",
        "without it, `Unique-ID`",
    ),
    noted(
        "bridge.b_uuid",
        "Bridge-B-Unique-ID",
        "without it, `Other-Leg-Unique-ID`",
    ),
    from_header("other_leg.uuid", "Other-Leg-Unique-ID"),
    from_header("other_leg.type", "Other-Type"),
    from_header(
        "other_leg.destination_number",
        "Other-Leg-Destination-Number",
    ),
    from_header("other_leg.caller_id_number", "Other-Leg-Caller-ID-Number"),
    from_header("hangup.cause", "Hangup-Cause"),
    from_header("hangup.cause.q850", "variable_hangup_cause_q850"),
    from_header("application.name", "Application"),
    from_header("application.uuid", "Application-UUID"),
    noted(
        "application.data",
        "Application-Data",
        "secrets masked, a PIN of `conference` too",
    ),
    noted(
        "application.response",
        "Application-Response",
        "secrets masked",
    ),
    from_header("bridged.to", "Bridged-To"),
    from_header("caller.transfer_source", "Caller-Transfer-Source"),
    noted(
        "sofia.profile",
        "profile-name",
        "`variable_sofia_profile_name` on transfers and replaces; on a reinvite from the remembered `Channel-Name`, `sofia/PROFILE/...`",
    ),
    noted(
        "register.aor",
        "from-user@from-host",
        "`sofia::expire` has `user` and `host` instead",
    ),
    from_header("gateway.name", "Gateway"),
    from_header("gateway.state", "State"),
    from_header("cc.queue", "CC-Queue"),
    from_header("cc.action", "CC-Action"),
    from_header("cc.agent", "CC-Agent"),
    from_header("cc.member_uuid", "CC-Member-UUID"),
    from_header("cc.count", "CC-Count"),
    from_header("cc.selection", "CC-Selection"),
    noted(
        "conference.name",
        "Conference-Name",
        "`conference::cdr` has it in its XML body only, `cdr/conference/name`",
    ),
    from_header("conference.profile", "Conference-Profile-Name"),
    from_header("conference.action", "Action"),
    from_header("conference.member_id", "Member-ID"),
    from_header("valet.lot", "Valet-Lot-Name"),
    from_header("valet.extension", "Valet-Extension"),
    from_header("valet.action", "Action"),
    from_header("bridge.to_uuid", "Bridge-To-UUID"),
    made(
        "event.header.*",
        "every header, secrets left out, values cut at 256 characters",
    ),
    made(
        "register.action",
        "the subclass without `sofia::`: register, unregister, expire, gateway_state",
    ),
    made("transfer.role", "the subclass: transferor or transferee"),
    made(
        "transfer.type",
        "attended if `variable_transfer_to` begins with `att:` (transferor) or `Caller-Transfer-Source` holds `:att_xfer:` (transferee), else blind",
    ),
    made(
        "net.peer.name",
        "the address of the other side, never our own",
    ),
    made("net.peer.port", "the port of the other side"),
    made(
        "command.name",
        "the first word of the command, for api and bgapi with the word after it; never arguments",
    ),
    made(
        "command.reply",
        "the reply, secrets masked, cut at 256 characters",
    ),
    made("channel.dial_path", "the dial string without its variables"),
    made(
        "channel.has_variables",
        "whether the dial string sets variables",
    ),
    made("channel.answer.success", "whether the leg was answered"),
    made("channel.answer.duration", "seconds until the answer"),
    made(
        "call.duration",
        "seconds since the channel was created, if that was seen",
    ),
    made("channel.other_uuid", "the leg it was bridged with"),
    made("channel.bridge.success", "whether the bridge came about"),
    made("playback.path", "what was played"),
    made("playback.block", "whether the call waited for its end"),
    made("say.module", "the argument of that name"),
    made("say.kind", "the argument of that name"),
    made("say.method", "the argument of that name"),
    made("play_and_get_digits.file", "what was played"),
    made("play_and_get_digits.tries", "how often the caller may try"),
    made("wait.target", "the state or event that was waited for"),
    made("wait.timeout", "the limit in seconds"),
    made("wait.type", "whether a state or an event was waited for"),
    made("wait.result", "what ended the wait"),
    made("dtmf.digit", "the digit, unless digits are hidden"),
    made("dtmf.handled", "whether a handler took it"),
    made("ring_group.mode", "how the group rings"),
    made("ring_group.size", "how many destinations it has"),
    made("ring_group.timeout", "the limit in seconds"),
    made("ring_group.has_balancer", "whether there is a balancer"),
    made(
        "ring_group.has_variables",
        "whether variables are set on its legs",
    ),
    made("ring_group.result", "answered, no_answer or error"),
    made("ring_group.duration", "seconds it took"),
    made(
        "ring_group.balanced",
        "whether destinations were reordered by load",
    ),
    made("ring_group.answered_uuid", "the leg that answered"),
    made(
        "ring_group.answered_dial_path",
        "the dial string that answered, without its variables",
    ),
    made("ring_group.error", "the kind of the error"),
    made(
        "application.block",
        "whether the command waited for the end of the application",
    ),
    made("consumer.host", "the host of the switch"),
    made("consumer.port", "the port of the switch"),
    made("queue.id", "the queue"),
    made("queue.item_id", "who waits"),
    made("queue.depth", "how many wait"),
];

#[cfg(test)]
mod tests {
    use super::super::spans;
    use super::*;

    #[test]
    fn every_attribute_of_a_span_has_a_source() {
        for span in spans::ALL {
            for name in span.always.iter().chain(span.when) {
                let known = of(name).is_some() || !expand(name).is_empty();
                assert!(known, "{}: {name}", span.name);
            }
        }
    }

    #[test]
    fn names_with_a_star_stand_for_several() {
        assert_eq!(
            expand("channel.read_codec.*"),
            ["channel.read_codec.name", "channel.read_codec.rate"]
        );
        assert_eq!(expand("other_leg.*").len(), 4);
        assert_eq!(expand("hangup.cause"), ["hangup.cause"]);
    }
}
