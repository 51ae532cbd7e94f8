//! Why a call ended.

use std::fmt;

macro_rules! hangup_causes {
    ($($variant:ident = $code:literal, $text:literal;)*) => {
        /// The cause of a hangup (switch_types.h, `switch_call_cause_t`). Unknown ones are kept.
        ///
        /// ```
        /// use genesis_proto::HangupCause;
        ///
        /// let cause = HangupCause::from("USER_BUSY");
        /// assert_eq!((cause.code(), cause.q850()), (Some(17), Some(17)));
        /// assert_eq!(HangupCause::LoseRace.q850(), Some(16));
        /// assert_eq!(HangupCause::from("17"), HangupCause::UserBusy);
        /// ```
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[expect(missing_docs, reason = "each is the cause it is named after")]
        pub enum HangupCause {
            $($variant,)*
            /// A cause that this crate does not know, as it came.
            Other(Box<str>),
        }

        impl HangupCause {
            /// Every known cause.
            pub const ALL_KNOWN: &[Self] = &[$(Self::$variant,)*];

            /// The cause as FreeSWITCH spells it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(text) => text,
                }
            }

            /// The number; up to 127 it is the one of Q.850, above it is FreeSWITCH's own.
            pub fn code(&self) -> Option<u16> {
                match self {
                    $(Self::$variant => Some($code),)*
                    Self::Other(_) => None,
                }
            }

            /// The cause with this number.
            pub fn from_code(code: u16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)*
                    _ => None,
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

hangup_causes! {
    None = 0, "NONE";
    UnallocatedNumber = 1, "UNALLOCATED_NUMBER";
    NoRouteTransitNet = 2, "NO_ROUTE_TRANSIT_NET";
    NoRouteDestination = 3, "NO_ROUTE_DESTINATION";
    ChannelUnacceptable = 6, "CHANNEL_UNACCEPTABLE";
    CallAwardedDelivered = 7, "CALL_AWARDED_DELIVERED";
    NormalClearing = 16, "NORMAL_CLEARING";
    UserBusy = 17, "USER_BUSY";
    NoUserResponse = 18, "NO_USER_RESPONSE";
    NoAnswer = 19, "NO_ANSWER";
    SubscriberAbsent = 20, "SUBSCRIBER_ABSENT";
    CallRejected = 21, "CALL_REJECTED";
    NumberChanged = 22, "NUMBER_CHANGED";
    RedirectionToNewDestination = 23, "REDIRECTION_TO_NEW_DESTINATION";
    ExchangeRoutingError = 25, "EXCHANGE_ROUTING_ERROR";
    DestinationOutOfOrder = 27, "DESTINATION_OUT_OF_ORDER";
    InvalidNumberFormat = 28, "INVALID_NUMBER_FORMAT";
    FacilityRejected = 29, "FACILITY_REJECTED";
    ResponseToStatusEnquiry = 30, "RESPONSE_TO_STATUS_ENQUIRY";
    NormalUnspecified = 31, "NORMAL_UNSPECIFIED";
    NormalCircuitCongestion = 34, "NORMAL_CIRCUIT_CONGESTION";
    NetworkOutOfOrder = 38, "NETWORK_OUT_OF_ORDER";
    NormalTemporaryFailure = 41, "NORMAL_TEMPORARY_FAILURE";
    SwitchCongestion = 42, "SWITCH_CONGESTION";
    AccessInfoDiscarded = 43, "ACCESS_INFO_DISCARDED";
    RequestedChanUnavail = 44, "REQUESTED_CHAN_UNAVAIL";
    PreEmpted = 45, "PRE_EMPTED";
    FacilityNotSubscribed = 50, "FACILITY_NOT_SUBSCRIBED";
    OutgoingCallBarred = 52, "OUTGOING_CALL_BARRED";
    IncomingCallBarred = 54, "INCOMING_CALL_BARRED";
    BearercapabilityNotauth = 57, "BEARERCAPABILITY_NOTAUTH";
    BearercapabilityNotavail = 58, "BEARERCAPABILITY_NOTAVAIL";
    ServiceUnavailable = 63, "SERVICE_UNAVAILABLE";
    BearercapabilityNotimpl = 65, "BEARERCAPABILITY_NOTIMPL";
    ChanNotImplemented = 66, "CHAN_NOT_IMPLEMENTED";
    FacilityNotImplemented = 69, "FACILITY_NOT_IMPLEMENTED";
    ServiceNotImplemented = 79, "SERVICE_NOT_IMPLEMENTED";
    InvalidCallReference = 81, "INVALID_CALL_REFERENCE";
    IncompatibleDestination = 88, "INCOMPATIBLE_DESTINATION";
    InvalidMsgUnspecified = 95, "INVALID_MSG_UNSPECIFIED";
    MandatoryIeMissing = 96, "MANDATORY_IE_MISSING";
    MessageTypeNonexist = 97, "MESSAGE_TYPE_NONEXIST";
    WrongMessage = 98, "WRONG_MESSAGE";
    IeNonexist = 99, "IE_NONEXIST";
    InvalidIeContents = 100, "INVALID_IE_CONTENTS";
    WrongCallState = 101, "WRONG_CALL_STATE";
    RecoveryOnTimerExpire = 102, "RECOVERY_ON_TIMER_EXPIRE";
    MandatoryIeLengthError = 103, "MANDATORY_IE_LENGTH_ERROR";
    ProtocolError = 111, "PROTOCOL_ERROR";
    Interworking = 127, "INTERWORKING";
    Success = 142, "SUCCESS";
    OriginatorCancel = 487, "ORIGINATOR_CANCEL";
    Crash = 700, "CRASH";
    SystemShutdown = 701, "SYSTEM_SHUTDOWN";
    LoseRace = 702, "LOSE_RACE";
    ManagerRequest = 703, "MANAGER_REQUEST";
    BlindTransfer = 800, "BLIND_TRANSFER";
    AttendedTransfer = 801, "ATTENDED_TRANSFER";
    AllottedTimeout = 802, "ALLOTTED_TIMEOUT";
    UserChallenge = 803, "USER_CHALLENGE";
    MediaTimeout = 804, "MEDIA_TIMEOUT";
    PickedOff = 805, "PICKED_OFF";
    UserNotRegistered = 806, "USER_NOT_REGISTERED";
    ProgressTimeout = 807, "PROGRESS_TIMEOUT";
    InvalidGateway = 808, "INVALID_GATEWAY";
    GatewayDown = 809, "GATEWAY_DOWN";
    InvalidUrl = 810, "INVALID_URL";
    InvalidProfile = 811, "INVALID_PROFILE";
    NoPickup = 812, "NO_PICKUP";
    SrtpReadError = 813, "SRTP_READ_ERROR";
    Bowout = 814, "BOWOUT";
    BusyEverywhere = 815, "BUSY_EVERYWHERE";
    Decline = 816, "DECLINE";
    DoesNotExistAnywhere = 817, "DOES_NOT_EXIST_ANYWHERE";
    NotAcceptable = 818, "NOT_ACCEPTABLE";
    Unwanted = 819, "UNWANTED";
    NoIdentity = 820, "NO_IDENTITY";
    BadIdentityInfo = 821, "BAD_IDENTITY_INFO";
    UnsupportedCertificate = 822, "UNSUPPORTED_CERTIFICATE";
    InvalidIdentity = 823, "INVALID_IDENTITY";
    StaleDate = 824, "STALE_DATE";
    RejectAll = 825, "REJECT_ALL";
}

impl HangupCause {
    /// The Q.850 value, as `variable_hangup_cause_q850` has it: causes above 127 give 16, NONE
    /// gives 0.
    pub fn q850(&self) -> Option<u8> {
        self.code().map(|code| {
            u8::try_from(code)
                .ok()
                .filter(|code| *code < 128)
                .unwrap_or(16)
        })
    }

    /// The cause that FreeSWITCH makes of a SIP response (measured with FreeSWITCH on both ends,
    /// where its `Reason` header takes part); `None` for responses that do not end a call.
    pub fn from_sip_status(status: u16) -> Option<Self> {
        Some(match status {
            400 => Self::NormalTemporaryFailure,
            403 | 407 | 603 => Self::CallRejected,
            404 => Self::UnallocatedNumber,
            405 => Self::ServiceUnavailable,
            408 | 504 => Self::RecoveryOnTimerExpire,
            410 => Self::NumberChanged,
            413 => Self::Interworking,
            415 | 501 => Self::ServiceNotImplemented,
            480 => Self::NoUserResponse,
            481 | 500 | 503 => Self::NormalTemporaryFailure,
            482 => Self::ExchangeRoutingError,
            484 => Self::InvalidNumberFormat,
            485 | 604 => Self::NoRouteDestination,
            486 | 600 => Self::UserBusy,
            487 => Self::OriginatorCancel,
            488 | 606 => Self::IncompatibleDestination,
            502 => Self::NetworkOutOfOrder,
            607 => Self::Unwanted,
            _ => return None,
        })
    }
}

impl From<&str> for HangupCause {
    /// A name in any case, or a number, as `switch_channel_str2cause` takes it.
    fn from(text: &str) -> Self {
        if let Some(cause) = Self::known(text) {
            return cause;
        }
        let by_number = text.parse::<u16>().ok().and_then(Self::from_code);
        by_number
            .or_else(|| Self::known(&text.to_ascii_uppercase()))
            .unwrap_or_else(|| Self::Other(text.into()))
    }
}

impl std::str::FromStr for HangupCause {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::from(text))
    }
}

impl fmt::Display for HangupCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

super::serialize_as_str!(HangupCause);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_round_trip() {
        assert_eq!(HangupCause::ALL_KNOWN.len(), 82);
        for cause in HangupCause::ALL_KNOWN {
            assert_eq!(&HangupCause::from(cause.as_str()), cause);
            assert_eq!(
                cause.code().and_then(HangupCause::from_code).as_ref(),
                Some(cause)
            );
            assert_eq!(
                &HangupCause::from(cause.code().unwrap().to_string().as_str()),
                cause
            );
        }
        assert_eq!(HangupCause::NormalClearing.q850(), Some(16));
        assert_eq!(HangupCause::UserNotRegistered.q850(), Some(16));
        assert_eq!(HangupCause::None.q850(), Some(0));
        assert_eq!(HangupCause::from("999").as_str(), "999");
        assert_eq!(
            HangupCause::from_sip_status(486),
            Some(HangupCause::UserBusy)
        );
        assert_eq!(HangupCause::from_sip_status(200), None);
    }
}
