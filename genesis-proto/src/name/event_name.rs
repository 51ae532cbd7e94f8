//! The names of events.

use super::table::{keep_unknown, wire_names};

wire_names! {
    /// What happened: the value of `Event-Name`.
    ///
    /// All names of FreeSWITCH 1.11 (switch_event.c, `EVENT_NAMES`); any other is kept as
    /// [`Other`](EventName::Other). Known names are read without regard to case, as
    /// `switch_name_event` does.
    ///
    /// ```
    /// use genesis_proto::EventName;
    ///
    /// let name: EventName = "Channel_Answer".into();
    /// assert_eq!(name, EventName::ChannelAnswer);
    /// assert_eq!(name.to_string(), "CHANNEL_ANSWER");
    /// assert!(name.is_channel_event());
    ///
    /// let newer = EventName::from("FROM_THE_FUTURE");
    /// assert!(!newer.is_known());
    /// assert_eq!(newer.as_str(), "FROM_THE_FUTURE");
    /// ```
    pub enum EventName {
        /// carries an `Event-Subclass`.
        Custom = "CUSTOM",
        /// internal to the switch; never fired.
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
        /// internal to the switch; log lines come as `log/data` frames.
        Log = "LOG",
        InboundChan = "INBOUND_CHAN",
        OutboundChan = "OUTBOUND_CHAN",
        /// fired before an event socket can be open.
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
        /// the result of a `bgapi`.
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
        /// internal to the switch; never fired.
        RequestParams = "REQUEST_PARAMS",
        /// internal to the switch: what the answer to `connect` is called.
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
        /// newer than FreeSWITCH 1.10.12.
        CertReload = "CERT_RELOAD",
        /// not an event: stands for every event in a subscription.
        All = "ALL",
    }
}

keep_unknown!(EventName);

impl EventName {
    /// Whether the name begins with `CHANNEL_`: such an event is about one channel and carries
    /// its `Unique-ID`. Others may carry one too (`DTMF`, `PLAYBACK_START`, `CUSTOM` ...).
    #[must_use]
    pub fn is_channel_event(&self) -> bool {
        let name = self.as_str().as_bytes();
        name.get(..8)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"CHANNEL_"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn there_are_94_and_each_reads_back() {
        assert_eq!(EventName::ALL_KNOWN.len(), 94);
        let texts: HashSet<&str> = EventName::ALL_KNOWN.iter().map(EventName::as_str).collect();
        assert_eq!(texts.len(), 94);
        for name in EventName::ALL_KNOWN {
            assert_eq!(&EventName::from(name.as_str()), name);
            assert_eq!(&EventName::from(name.as_str().to_lowercase()), name);
            assert!(name.is_known());
        }
        assert_eq!(EventName::ALL_KNOWN[0], EventName::Custom);
        assert_eq!(EventName::ALL_KNOWN[93], EventName::All);
    }

    #[test]
    fn unknown_names_are_kept_as_they_are() {
        for text in [
            "",
            "CHANNEL_ANSWER ",
            "CHANNEL-ANSWER",
            "all_",
            "\u{e9}v\u{e9}nement",
        ] {
            let name = EventName::from(text);
            assert!(!name.is_known(), "{text:?}");
            assert_eq!(name.as_str(), text);
        }
        assert_ne!(EventName::from("a"), EventName::from("A"));
    }

    #[test]
    fn channel_events() {
        let count = EventName::ALL_KNOWN
            .iter()
            .filter(|name| name.is_channel_event())
            .count();
        assert_eq!(count, 22);
        assert!(EventName::from("CHANNEL_NEW_THING").is_channel_event());
        assert!(!EventName::Dtmf.is_channel_event());
        assert!(!EventName::from("CHANNEL").is_channel_event());
    }

    #[test]
    fn compares_with_text() {
        assert!(EventName::Heartbeat == "HeartBeat");
        assert!(EventName::Heartbeat != "HEARTBEATS");
    }
}
