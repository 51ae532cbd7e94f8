//! The names of events.

use std::borrow::Cow;
use std::fmt;

macro_rules! event_names {
    ($($variant:ident = $text:literal,)*) => {
        /// The name of an event: all that FreeSWITCH 1.11 has (switch_event.c, `EVENT_NAMES`).
        /// Unknown names are kept.
        ///
        /// ```
        /// use genesis_proto::EventName;
        ///
        /// assert_eq!(EventName::from("channel_answer"), EventName::ChannelAnswer);
        /// assert_eq!(EventName::from("NEW_ONE").as_str(), "NEW_ONE");
        /// ```
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        #[expect(missing_docs, reason = "each is the name it is named after")]
        pub enum EventName {
            $($variant,)*
            /// A name that this crate does not know, as it came.
            Other(Box<str>),
        }

        impl EventName {
            /// Every known name.
            pub const ALL_KNOWN: &[Self] = &[$(Self::$variant,)*];

            /// The name as FreeSWITCH spells it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(text) => text,
                }
            }

            fn known(upper: &str) -> Option<Self> {
                match upper {
                    $($text => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

event_names! {
    Custom = "CUSTOM",
    Clone = "CLONE",
    ChannelCreate = "CHANNEL_CREATE",
    ChannelDestroy = "CHANNEL_DESTROY",
    ChannelState = "CHANNEL_STATE",
    ChannelCallstate = "CHANNEL_CALLSTATE",
    ChannelAnswer = "CHANNEL_ANSWER",
    ChannelHangup = "CHANNEL_HANGUP",
    ChannelHangupComplete = "CHANNEL_HANGUP_COMPLETE",
    ChannelExecute = "CHANNEL_EXECUTE",
    ChannelExecuteComplete = "CHANNEL_EXECUTE_COMPLETE",
    ChannelHold = "CHANNEL_HOLD",
    ChannelUnhold = "CHANNEL_UNHOLD",
    ChannelBridge = "CHANNEL_BRIDGE",
    ChannelUnbridge = "CHANNEL_UNBRIDGE",
    ChannelProgress = "CHANNEL_PROGRESS",
    ChannelProgressMedia = "CHANNEL_PROGRESS_MEDIA",
    ChannelOutgoing = "CHANNEL_OUTGOING",
    ChannelPark = "CHANNEL_PARK",
    ChannelUnpark = "CHANNEL_UNPARK",
    ChannelApplication = "CHANNEL_APPLICATION",
    ChannelOriginate = "CHANNEL_ORIGINATE",
    ChannelUuid = "CHANNEL_UUID",
    Api = "API",
    Log = "LOG",
    InboundChan = "INBOUND_CHAN",
    OutboundChan = "OUTBOUND_CHAN",
    Startup = "STARTUP",
    Shutdown = "SHUTDOWN",
    Publish = "PUBLISH",
    Unpublish = "UNPUBLISH",
    Talk = "TALK",
    Notalk = "NOTALK",
    SessionCrash = "SESSION_CRASH",
    ModuleLoad = "MODULE_LOAD",
    ModuleUnload = "MODULE_UNLOAD",
    Dtmf = "DTMF",
    Message = "MESSAGE",
    PresenceIn = "PRESENCE_IN",
    NotifyIn = "NOTIFY_IN",
    PresenceOut = "PRESENCE_OUT",
    PresenceProbe = "PRESENCE_PROBE",
    MessageWaiting = "MESSAGE_WAITING",
    MessageQuery = "MESSAGE_QUERY",
    Roster = "ROSTER",
    Codec = "CODEC",
    BackgroundJob = "BACKGROUND_JOB",
    DetectedSpeech = "DETECTED_SPEECH",
    DetectedTone = "DETECTED_TONE",
    PrivateCommand = "PRIVATE_COMMAND",
    Heartbeat = "HEARTBEAT",
    Trap = "TRAP",
    AddSchedule = "ADD_SCHEDULE",
    DelSchedule = "DEL_SCHEDULE",
    ExeSchedule = "EXE_SCHEDULE",
    ReSchedule = "RE_SCHEDULE",
    Reloadxml = "RELOADXML",
    Notify = "NOTIFY",
    PhoneFeature = "PHONE_FEATURE",
    PhoneFeatureSubscribe = "PHONE_FEATURE_SUBSCRIBE",
    SendMessage = "SEND_MESSAGE",
    RecvMessage = "RECV_MESSAGE",
    RequestParams = "REQUEST_PARAMS",
    ChannelData = "CHANNEL_DATA",
    General = "GENERAL",
    Command = "COMMAND",
    SessionHeartbeat = "SESSION_HEARTBEAT",
    ClientDisconnected = "CLIENT_DISCONNECTED",
    ServerDisconnected = "SERVER_DISCONNECTED",
    SendInfo = "SEND_INFO",
    RecvInfo = "RECV_INFO",
    RecvRtcpMessage = "RECV_RTCP_MESSAGE",
    SendRtcpMessage = "SEND_RTCP_MESSAGE",
    CallSecure = "CALL_SECURE",
    Nat = "NAT",
    RecordStart = "RECORD_START",
    RecordStop = "RECORD_STOP",
    PlaybackStart = "PLAYBACK_START",
    PlaybackStop = "PLAYBACK_STOP",
    CallUpdate = "CALL_UPDATE",
    Failure = "FAILURE",
    SocketData = "SOCKET_DATA",
    MediaBugStart = "MEDIA_BUG_START",
    MediaBugStop = "MEDIA_BUG_STOP",
    ConferenceDataQuery = "CONFERENCE_DATA_QUERY",
    ConferenceData = "CONFERENCE_DATA",
    CallSetupReq = "CALL_SETUP_REQ",
    CallSetupResult = "CALL_SETUP_RESULT",
    CallDetail = "CALL_DETAIL",
    DeviceState = "DEVICE_STATE",
    Text = "TEXT",
    ShutdownRequested = "SHUTDOWN_REQUESTED",
    CertReload = "CERT_RELOAD",
    All = "ALL",
}

impl EventName {
    /// The event is about one channel, and so carries a `Unique-ID`.
    pub fn is_channel_event(&self) -> bool {
        self.as_str().starts_with("CHANNEL_")
    }
}

impl From<&str> for EventName {
    /// Known names in any case, as the switch accepts them; others are kept to the letter.
    fn from(text: &str) -> Self {
        if let Some(name) = Self::known(text) {
            return name;
        }
        let upper: Cow<'_, str> = text.to_ascii_uppercase().into();
        Self::known(&upper).unwrap_or_else(|| Self::Other(text.into()))
    }
}

impl std::str::FromStr for EventName {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::from(text))
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

super::serialize_as_str!(EventName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_names_round_trip_and_unknown_ones_are_kept() {
        assert_eq!(EventName::ALL_KNOWN.len(), 94);
        for name in EventName::ALL_KNOWN {
            assert_eq!(&EventName::from(name.as_str()), name);
            assert_eq!(
                &EventName::from(name.as_str().to_lowercase().as_str()),
                name
            );
        }
        let other = EventName::from("Some_New");
        assert_eq!(other, EventName::Other("Some_New".into()));
        assert_eq!(other.to_string(), "Some_New");
    }
}
