//! Why a call ended.

use super::Unknown;
use super::table::wire_names;

/// The names with their codes; the enum and both tables are made of these lines.
macro_rules! causes {
    ($($code:literal: $Variant:ident = $text:literal,)+) => {
        wire_names! {
            /// Why a call ended: the value of `Hangup-Cause` (switch_types.h,
            /// `switch_call_cause_t`; switch_channel.c, `CAUSE_CHART`).
            ///
            /// Codes up to 127 are those of Q.850; above are FreeSWITCH's own. What is not known
            /// is kept: a word as the word, a number as its digits.
            ///
            /// ```
            /// use genesis_proto::HangupCause;
            ///
            /// let cause = HangupCause::from("USER_BUSY");
            /// assert_eq!((cause.code(), cause.q850()), (17, 17));
            /// assert_eq!(HangupCause::from("17"), HangupCause::UserBusy);
            /// assert_eq!(HangupCause::LoseRace.q850(), 16);
            /// assert_eq!(HangupCause::from("NEW_REASON").as_str(), "NEW_REASON");
            /// ```
            pub enum HangupCause {
                $($Variant = $text,)+
            }
        }

        /// The codes in the order of `HangupCause::ALL_KNOWN`, which is ascending.
        const CODES: [u16; HangupCause::ALL_KNOWN.len()] = [$($code),+];

        const fn code_of(cause: &HangupCause) -> Option<u16> {
            match cause {
                $(HangupCause::$Variant => Some($code),)+
                HangupCause::Other(_) => None,
            }
        }
    };
}

causes! {
    0: None = "NONE",
    1: UnallocatedNumber = "UNALLOCATED_NUMBER",
    2: NoRouteTransitNet = "NO_ROUTE_TRANSIT_NET",
    3: NoRouteDestination = "NO_ROUTE_DESTINATION",
    6: ChannelUnacceptable = "CHANNEL_UNACCEPTABLE",
    7: CallAwardedDelivered = "CALL_AWARDED_DELIVERED",
    16: NormalClearing = "NORMAL_CLEARING",
    17: UserBusy = "USER_BUSY",
    18: NoUserResponse = "NO_USER_RESPONSE",
    19: NoAnswer = "NO_ANSWER",
    20: SubscriberAbsent = "SUBSCRIBER_ABSENT",
    21: CallRejected = "CALL_REJECTED",
    22: NumberChanged = "NUMBER_CHANGED",
    23: RedirectionToNewDestination = "REDIRECTION_TO_NEW_DESTINATION",
    25: ExchangeRoutingError = "EXCHANGE_ROUTING_ERROR",
    27: DestinationOutOfOrder = "DESTINATION_OUT_OF_ORDER",
    28: InvalidNumberFormat = "INVALID_NUMBER_FORMAT",
    29: FacilityRejected = "FACILITY_REJECTED",
    30: ResponseToStatusEnquiry = "RESPONSE_TO_STATUS_ENQUIRY",
    31: NormalUnspecified = "NORMAL_UNSPECIFIED",
    34: NormalCircuitCongestion = "NORMAL_CIRCUIT_CONGESTION",
    38: NetworkOutOfOrder = "NETWORK_OUT_OF_ORDER",
    41: NormalTemporaryFailure = "NORMAL_TEMPORARY_FAILURE",
    42: SwitchCongestion = "SWITCH_CONGESTION",
    43: AccessInfoDiscarded = "ACCESS_INFO_DISCARDED",
    44: RequestedChanUnavail = "REQUESTED_CHAN_UNAVAIL",
    45: PreEmpted = "PRE_EMPTED",
    50: FacilityNotSubscribed = "FACILITY_NOT_SUBSCRIBED",
    52: OutgoingCallBarred = "OUTGOING_CALL_BARRED",
    54: IncomingCallBarred = "INCOMING_CALL_BARRED",
    57: BearercapabilityNotauth = "BEARERCAPABILITY_NOTAUTH",
    58: BearercapabilityNotavail = "BEARERCAPABILITY_NOTAVAIL",
    63: ServiceUnavailable = "SERVICE_UNAVAILABLE",
    65: BearercapabilityNotimpl = "BEARERCAPABILITY_NOTIMPL",
    66: ChanNotImplemented = "CHAN_NOT_IMPLEMENTED",
    69: FacilityNotImplemented = "FACILITY_NOT_IMPLEMENTED",
    79: ServiceNotImplemented = "SERVICE_NOT_IMPLEMENTED",
    81: InvalidCallReference = "INVALID_CALL_REFERENCE",
    88: IncompatibleDestination = "INCOMPATIBLE_DESTINATION",
    95: InvalidMsgUnspecified = "INVALID_MSG_UNSPECIFIED",
    96: MandatoryIeMissing = "MANDATORY_IE_MISSING",
    97: MessageTypeNonexist = "MESSAGE_TYPE_NONEXIST",
    98: WrongMessage = "WRONG_MESSAGE",
    99: IeNonexist = "IE_NONEXIST",
    100: InvalidIeContents = "INVALID_IE_CONTENTS",
    101: WrongCallState = "WRONG_CALL_STATE",
    102: RecoveryOnTimerExpire = "RECOVERY_ON_TIMER_EXPIRE",
    103: MandatoryIeLengthError = "MANDATORY_IE_LENGTH_ERROR",
    111: ProtocolError = "PROTOCOL_ERROR",
    127: Interworking = "INTERWORKING",
    142: Success = "SUCCESS",
    487: OriginatorCancel = "ORIGINATOR_CANCEL",
    700: Crash = "CRASH",
    701: SystemShutdown = "SYSTEM_SHUTDOWN",
    702: LoseRace = "LOSE_RACE",
    703: ManagerRequest = "MANAGER_REQUEST",
    800: BlindTransfer = "BLIND_TRANSFER",
    801: AttendedTransfer = "ATTENDED_TRANSFER",
    802: AllottedTimeout = "ALLOTTED_TIMEOUT",
    803: UserChallenge = "USER_CHALLENGE",
    804: MediaTimeout = "MEDIA_TIMEOUT",
    805: PickedOff = "PICKED_OFF",
    806: UserNotRegistered = "USER_NOT_REGISTERED",
    807: ProgressTimeout = "PROGRESS_TIMEOUT",
    808: InvalidGateway = "INVALID_GATEWAY",
    809: GatewayDown = "GATEWAY_DOWN",
    810: InvalidUrl = "INVALID_URL",
    811: InvalidProfile = "INVALID_PROFILE",
    812: NoPickup = "NO_PICKUP",
    813: SrtpReadError = "SRTP_READ_ERROR",
    814: Bowout = "BOWOUT",
    815: BusyEverywhere = "BUSY_EVERYWHERE",
    816: Decline = "DECLINE",
    817: DoesNotExistAnywhere = "DOES_NOT_EXIST_ANYWHERE",
    818: NotAcceptable = "NOT_ACCEPTABLE",
    819: Unwanted = "UNWANTED",
    820: NoIdentity = "NO_IDENTITY",
    821: BadIdentityInfo = "BAD_IDENTITY_INFO",
    822: UnsupportedCertificate = "UNSUPPORTED_CERTIFICATE",
    823: InvalidIdentity = "INVALID_IDENTITY",
    824: StaleDate = "STALE_DATE",
    825: RejectAll = "REJECT_ALL",
}

impl From<&str> for HangupCause {
    /// A name in any case, or a number: a text that begins with a digit is read as one, as
    /// `switch_channel_str2cause` does.
    fn from(text: &str) -> Self {
        match leading_number(text) {
            Some(code) => Self::from_code(code),
            None => Self::find(text).unwrap_or_else(|| Self::Other(Unknown::new(text))),
        }
    }
}

/// The number at the start, as C's `atoi` reads it, but held at 65535.
fn leading_number(text: &str) -> Option<u16> {
    let digits = text.bytes().take_while(u8::is_ascii_digit);
    digits.fold(None, |number: Option<u16>, digit| {
        Some(
            number
                .unwrap_or(0)
                .saturating_mul(10)
                .saturating_add(u16::from(digit - b'0')),
        )
    })
}

impl HangupCause {
    /// The cause with this code; one that is not known is kept by its number.
    ///
    /// ```
    /// use genesis_proto::HangupCause;
    ///
    /// assert_eq!(HangupCause::from_code(487), HangupCause::OriginatorCancel);
    /// assert_eq!(HangupCause::from_code(999).as_str(), "999");
    /// ```
    #[must_use]
    pub fn from_code(code: u16) -> Self {
        match CODES.binary_search(&code) {
            Ok(at) => Self::ALL_KNOWN[at].clone(),
            Err(_) => Self::Other(Unknown::new(&code.to_string())),
        }
    }

    /// The code. A word that is not known has the code that the switch would give it, 16
    /// (`NORMAL_CLEARING`).
    #[must_use]
    pub fn code(&self) -> u16 {
        code_of(self)
            .or_else(|| leading_number(self.as_str()))
            .unwrap_or(16)
    }

    /// The Q.850 code, as the switch writes it to `variable_hangup_cause_q850`: the code itself
    /// up to 127, and 16 for every other (`switch_channel_cause_q850`). `NONE`, which means that
    /// nothing has ended, is 0.
    #[must_use]
    pub fn q850(&self) -> u8 {
        match u8::try_from(self.code()) {
            Ok(code) if code <= 127 => code,
            _ => 16,
        }
    }

    /// Reads the text as the switch reads an argument (`hangup`, `uuid_kill`): like
    /// `HangupCause::from`, but a word that is not known is `NORMAL_CLEARING`.
    ///
    /// ```
    /// use genesis_proto::HangupCause;
    ///
    /// assert_eq!(HangupCause::from_argument("call_rejected"), HangupCause::CallRejected);
    /// assert_eq!(HangupCause::from_argument("whatever"), HangupCause::NormalClearing);
    /// ```
    #[must_use]
    pub fn from_argument(text: &str) -> Self {
        match Self::from(text) {
            Self::Other(_) if leading_number(text).is_none() => Self::NormalClearing,
            cause => cause,
        }
    }

    /// The name that the switch itself shows: like [`as_str`](HangupCause::as_str), but `UNKNOWN`
    /// for a cause without a name (`switch_channel_cause2str`).
    #[must_use]
    pub fn switch_name(&self) -> &str {
        if self.is_known() {
            self.as_str()
        } else {
            "UNKNOWN"
        }
    }

    /// The cause with which a SIP call fails when the other side answers with this status
    /// (sofia_glue.c, `sofia_glue_sip_cause_to_freeswitch`). A status without a cause of its own
    /// is `NORMAL_UNSPECIFIED`. A `Reason` header in the answer takes precedence in the switch.
    ///
    /// ```
    /// use genesis_proto::HangupCause;
    ///
    /// assert_eq!(HangupCause::from_sip_status(486), HangupCause::UserBusy);
    /// ```
    #[must_use]
    pub fn from_sip_status(status: u16) -> Self {
        match status {
            200 => Self::NormalClearing,
            400 | 481 | 500 | 503 => Self::NormalTemporaryFailure,
            401..=403 | 407 | 603 | 608 => Self::CallRejected,
            404 => Self::UnallocatedNumber,
            405 => Self::ServiceUnavailable,
            406 | 415 | 501 => Self::ServiceNotImplemented,
            408 | 504 => Self::RecoveryOnTimerExpire,
            410 => Self::NumberChanged,
            413 | 414 | 416 | 420 | 421 | 423 | 505 | 513 => Self::Interworking,
            428 => Self::NoIdentity,
            429 => Self::BadIdentityInfo,
            437 => Self::UnsupportedCertificate,
            438 => Self::InvalidIdentity,
            480 => Self::NoUserResponse,
            482 | 483 => Self::ExchangeRoutingError,
            484 => Self::InvalidNumberFormat,
            485 | 604 => Self::NoRouteDestination,
            486 | 600 => Self::UserBusy,
            487 => Self::OriginatorCancel,
            488 | 606 => Self::IncompatibleDestination,
            502 => Self::NetworkOutOfOrder,
            607 => Self::Unwanted,
            _ => Self::NormalUnspecified,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_ascend_and_every_cause_reads_back() {
        assert_eq!(HangupCause::ALL_KNOWN.len(), 82);
        assert!(CODES.is_sorted_by(|a, b| a < b));
        for (cause, code) in HangupCause::ALL_KNOWN.iter().zip(CODES) {
            assert_eq!(cause.code(), code);
            assert_eq!(&HangupCause::from_code(code), cause);
            assert_eq!(&HangupCause::from(code.to_string()), cause);
            assert_eq!(&HangupCause::from(cause.as_str()), cause);
            assert_eq!(&HangupCause::from(cause.as_str().to_lowercase()), cause);
            let q850 = if code <= 127 { code } else { 16 };
            assert_eq!(u16::from(cause.q850()), q850, "{cause}");
        }
    }

    #[test]
    fn some_codes_by_hand() {
        for (code, name) in [
            (0, "NONE"),
            (16, "NORMAL_CLEARING"),
            (19, "NO_ANSWER"),
            (21, "CALL_REJECTED"),
            (102, "RECOVERY_ON_TIMER_EXPIRE"),
            (127, "INTERWORKING"),
            (142, "SUCCESS"),
            (702, "LOSE_RACE"),
            (806, "USER_NOT_REGISTERED"),
            (825, "REJECT_ALL"),
        ] {
            assert_eq!(HangupCause::from_code(code).as_str(), name);
        }
    }

    #[test]
    fn unknown_causes_are_kept() {
        let word = HangupCause::from("BORED");
        assert_eq!((word.as_str(), word.code(), word.q850()), ("BORED", 16, 16));
        assert_eq!(word.switch_name(), "UNKNOWN");
        for (text, kept, code, q850) in [
            ("999", "999", 999, 16),
            ("5", "5", 5, 5),
            ("99999999999", "65535", 65535, 16),
            ("999 or so", "999", 999, 16),
        ] {
            let cause = HangupCause::from(text);
            assert_eq!(
                (cause.as_str(), cause.code(), cause.q850()),
                (kept, code, q850)
            );
            assert_eq!(cause.switch_name(), "UNKNOWN");
        }
    }

    #[test]
    fn arguments_are_read_as_the_switch_reads_them() {
        for (text, cause) in [
            ("17", HangupCause::UserBusy),
            ("17x", HangupCause::UserBusy),
            ("user_busy", HangupCause::UserBusy),
            ("", HangupCause::NormalClearing),
            ("BORED", HangupCause::NormalClearing),
            ("-17", HangupCause::NormalClearing),
        ] {
            assert_eq!(HangupCause::from_argument(text), cause, "{text:?}");
        }
        assert_eq!(HangupCause::from_argument("999").code(), 999);
    }

    /// Measured on FreeSWITCH 1.11.2 with the application `respond`.
    #[test]
    fn sip_answers_as_measured() {
        let measured = "400 NORMAL_TEMPORARY_FAILURE, 403 407 603 CALL_REJECTED, \
            404 UNALLOCATED_NUMBER, 405 SERVICE_UNAVAILABLE, \
            408 504 RECOVERY_ON_TIMER_EXPIRE, 410 NUMBER_CHANGED, 413 INTERWORKING, \
            415 501 SERVICE_NOT_IMPLEMENTED, 480 NO_USER_RESPONSE, \
            481 500 503 NORMAL_TEMPORARY_FAILURE, 482 EXCHANGE_ROUTING_ERROR, \
            484 INVALID_NUMBER_FORMAT, 485 604 NO_ROUTE_DESTINATION, 486 600 USER_BUSY, \
            487 ORIGINATOR_CANCEL, 488 606 INCOMPATIBLE_DESTINATION, \
            502 NETWORK_OUT_OF_ORDER, 607 UNWANTED";
        for row in measured.split(", ") {
            let (statuses, name) = row.rsplit_once(' ').unwrap();
            for status in statuses.split(' ') {
                let cause = HangupCause::from_sip_status(status.parse().unwrap());
                assert_eq!(cause.as_str(), name, "{status}");
            }
        }
        assert_eq!(
            HangupCause::from_sip_status(599),
            HangupCause::NormalUnspecified
        );
    }
}
