//! The digits that a channel's caller presses.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use futures_util::FutureExt;
use genesis_client::observe::carried;
use genesis_proto::Event;
use tokio::sync::mpsc;

use crate::channel::Channel;

/// How many digits wait for a reader; further ones are dropped and counted.
const WAITING: usize = 1024;

/// A digit that was pressed: the DTMF event of one channel.
///
/// ```
/// use std::time::Duration;
/// use genesis_channel::Digit;
///
/// /// A star that is held asks for the operator.
/// fn asks_for_operator(pressed: &Digit) -> bool {
///     pressed.digit == '*' && pressed.duration >= Duration::from_secs(1)
/// }
/// # let pressed = Digit { digit: '*', duration: Duration::from_millis(1200), source: None };
/// # assert!(asks_for_operator(&pressed));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digit {
    /// `0` to `9`, `*`, `#`, `A` to `D`.
    pub digit: char,
    /// How long it was pressed. The switch counts in samples of 8 kHz.
    pub duration: Duration,
    /// Where it came from: `RTP`, `INBAND_AUDIO`, `ENDPOINT`, `APP`, ….
    pub source: Option<String>,
}

impl Digit {
    fn from_event(event: &Event) -> Option<Self> {
        let event = event.clone();
        let digit = event.get("DTMF-Digit")?.chars().next()?;
        let samples = event
            .get("DTMF-Duration")
            .and_then(|text| text.parse().ok());
        let samples: u64 = samples.unwrap_or(0);
        Some(Self {
            digit: digit.to_ascii_uppercase(),
            duration: Duration::from_micros(samples.saturating_mul(125)),
            source: event.get("DTMF-Source").map(std::borrow::Cow::into_owned),
        })
    }
}

/// A stream of the digits of one channel, from its making on. It ends with the call, or with the
/// connection.
///
/// ```no_run
/// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
/// let mut digits = channel.digits();
/// let mut pin = String::new();
/// while let Some(pressed) = digits.next().await {
///     match pressed.digit {
///         '#' => break,
///         digit => pin.push(digit),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct DigitStream {
    digits: mpsc::Receiver<Digit>,
    lost: Arc<AtomicU64>,
    /// Its events are followed as long as somebody reads them.
    channel: Channel,
}

impl DigitStream {
    /// The next digit; `None` when the call or the connection has ended.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let mut digits = channel.digits();
    /// match tokio::time::timeout(Duration::from_secs(10), digits.next()).await {
    ///     Ok(Some(pressed)) => println!("{} from {:?}", pressed.digit, pressed.source),
    ///     Ok(None) => println!("the caller hung up"),
    ///     Err(_) => println!("nothing for ten seconds"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Safe: no digit is taken unless the future completes.
    pub async fn next(&mut self) -> Option<Digit> {
        self.digits.recv().await
    }

    /// How many digits were dropped, because 1,024 waited already.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let digits = channel.digits();
    /// channel.ended_with().await?; // nobody read them meanwhile
    /// println!("{} digits were too many to keep", digits.lost());
    /// # Ok(())
    /// # }
    /// ```
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Stream for DigitStream {
    type Item = Digit;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Digit>> {
        self.digits.poll_recv(cx)
    }
}

type Handling = Pin<Box<dyn Future<Output = ()> + Send>>;
type Handler = Arc<dyn Fn(Digit) -> Handling + Send + Sync>;

/// Names a handler of digits, to take it off again.
///
/// ```no_run
/// # use genesis_channel::DigitHandlerId;
/// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
/// let star: DigitHandlerId = channel.on_digit('*', |_| async { println!("back to the menu") });
/// channel.playback("ivr/ivr-terms.wav").await?.complete().await?;
/// channel.remove_digit_handler(star);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DigitHandlerId(u64);

/// Those who want the digits of one channel.
#[derive(Default)]
pub(crate) struct Digits {
    readers: Mutex<Vec<Reader>>,
    handlers: Mutex<Handlers>,
    handling: AtomicBool,
}

struct Reader {
    digits: mpsc::Sender<Digit>,
    lost: Arc<AtomicU64>,
}

#[derive(Default)]
struct Handlers {
    next: u64,
    of_digit: HashMap<char, Vec<(DigitHandlerId, Handler)>>,
    of_any: Vec<(DigitHandlerId, Handler)>,
}

impl Digits {
    fn readers(&self) -> MutexGuard<'_, Vec<Reader>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handlers(&self) -> MutexGuard<'_, Handlers> {
        self.handlers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, event: &Event) {
        let Some(digit) = Digit::from_event(event) else {
            return;
        };
        self.readers()
            .retain(|reader| match reader.digits.try_send(digit.clone()) {
                Ok(()) => true,
                Err(mpsc::error::TrySendError::Full(_)) => {
                    reader.lost.fetch_add(1, Ordering::Relaxed);
                    true
                }
                Err(mpsc::error::TrySendError::Closed(_)) => false,
            });
    }

    /// No digit will come any more.
    pub(crate) fn close(&self) {
        self.readers().clear();
    }

    fn stream(&self, channel: Channel) -> DigitStream {
        let (sender, digits) = mpsc::channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        self.readers().push(Reader {
            digits: sender,
            lost: lost.clone(),
        });
        DigitStream {
            digits,
            lost,
            channel,
        }
    }

    /// The handlers for a digit: its own, else those for any.
    fn for_digit(&self, digit: char) -> Vec<Handler> {
        let handlers = self.handlers();
        let own = handlers.of_digit.get(&digit).filter(|own| !own.is_empty());
        let list = own.unwrap_or(&handlers.of_any);
        list.iter().map(|(_, handler)| handler.clone()).collect()
    }
}

/// Runs the handlers, digit after digit, until the call ends.
async fn handle(digits: Arc<Digits>, mut stream: DigitStream) {
    while let Some(digit) = stream.next().await {
        let handlers = digits.for_digit(digit.digit);
        let observed = stream.channel.observe("channel.dtmf.received", None);
        observed.text("dtmf.digit", digit.digit.encode_utf8(&mut [0; 4]));
        observed.flag("dtmf.handled", !handlers.is_empty());
        let mut panicked = false;
        for handler in handlers {
            let digit = digit.clone();
            // a handler that panics costs its own digit only; it is called inside, so that what it
            // does before its first await is below the digit too
            let handling = AssertUnwindSafe(async move { handler(digit).await }).catch_unwind();
            let done = observed.run(handling).await.is_ok();
            panicked |= !done;
            if !done {
                observed.inside(|| {
                    tracing::error!(
                        "a handler of digits panicked; the next digit is handled all the same"
                    );
                });
            }
        }
        match panicked {
            true => observed.failed("panic", &"a handler of digits panicked"),
            false => observed.succeeded(),
        }
    }
    let mut handlers = digits.handlers();
    // they may hold the channel, which holds them
    handlers.of_digit.clear();
    handlers.of_any.clear();
}

impl Channel {
    /// The digits that are pressed on this channel from now on, as a stream.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) {
    /// let mut digits = channel.digits();
    /// while let Some(digit) = digits.next().await {
    ///     println!("{} was pressed for {:?}", digit.digit, digit.duration);
    /// }
    /// # }
    /// ```
    pub fn digits(&self) -> DigitStream {
        let digits = self.tracked().digits();
        let stream = digits.stream(self.clone());
        if self.is_over() {
            digits.close();
        }
        stream
    }

    /// Calls `handler` for each press of this digit on this channel. A digit that has a handler of
    /// its own does not reach those of [`on_any_digit`](Self::on_any_digit).
    ///
    /// The handlers of one channel run one after the other, in the order of the digits; while one
    /// runs, up to 1,024 digits wait. They are called until the call ends, also when every handle of the
    /// channel has been dropped.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) {
    /// let caller = channel.clone();
    /// channel.on_digit('1', move |_| {
    ///     let caller = caller.clone();
    ///     async move {
    ///         let _ = caller.transfer("sales").await;
    ///     }
    /// });
    /// channel.on_any_digit(|digit| async move { println!("{} does nothing", digit.digit) });
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn on_digit<F, H>(&self, digit: char, handler: F) -> DigitHandlerId
    where
        F: Fn(Digit) -> H + Send + Sync + 'static,
        H: Future<Output = ()> + Send + 'static,
    {
        self.add_handler(Some(digit), Arc::new(move |digit| Box::pin(handler(digit))))
    }

    /// Calls `handler` for each digit that has no handler of its own.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let (sender, mut pressed) = tokio::sync::mpsc::unbounded_channel();
    /// channel.on_any_digit(move |digit| {
    ///     let sent = sender.send(digit.digit);
    ///     async move { drop(sent) }
    /// });
    /// println!("the first was {:?}", pressed.recv().await);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn on_any_digit<F, H>(&self, handler: F) -> DigitHandlerId
    where
        F: Fn(Digit) -> H + Send + Sync + 'static,
        H: Future<Output = ()> + Send + 'static,
    {
        self.add_handler(None, Arc::new(move |digit| Box::pin(handler(digit))))
    }

    /// Takes a handler off; whether it was there.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let skip = {
    ///     let caller = channel.clone();
    ///     channel.on_any_digit(move |_| {
    ///         let caller = caller.clone();
    ///         async move { drop(caller.break_media(false).await) }
    ///     })
    /// };
    /// channel.playback("ivr/ivr-announcement.wav").await?.complete().await?; // any digit skips it
    /// assert!(channel.remove_digit_handler(skip));
    /// # Ok(())
    /// # }
    /// ```
    pub fn remove_digit_handler(&self, id: DigitHandlerId) -> bool {
        let digits = self.tracked().digits();
        let mut handlers = digits.handlers();
        let mut found = false;
        let Handlers {
            of_digit, of_any, ..
        } = &mut *handlers;
        for list in of_digit.values_mut().chain([of_any]) {
            let before = list.len();
            list.retain(|(other, _)| *other != id);
            found |= list.len() < before;
        }
        found
    }

    fn add_handler(&self, digit: Option<char>, handler: Handler) -> DigitHandlerId {
        let digits = self.tracked().digits();
        let id = {
            let mut handlers = digits.handlers();
            handlers.next += 1;
            let id = DigitHandlerId(handlers.next);
            if !self.is_over() {
                match digit {
                    Some(digit) => handlers
                        .of_digit
                        .entry(digit.to_ascii_uppercase())
                        .or_default(),
                    None => &mut handlers.of_any,
                }
                .push((id, handler));
            }
            id
        };
        if !digits.handling.swap(true, Ordering::AcqRel) {
            let stream = self.digits();
            tokio::spawn(carried(handle(digits, stream)));
        }
        id
    }
}

impl fmt::Debug for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digits").finish_non_exhaustive()
    }
}
