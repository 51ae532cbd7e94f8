//! Making events: for `sendevent`, tests, and to play the switch.

use bytes::Bytes;

use super::Event;
use crate::Error;
use crate::frame::Frame;
use crate::name::{EventFormat, EventName};
use crate::percent::{self, Percent};

/// How faithfully values are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fidelity {
    /// Decoding gives back exactly what was set.
    #[default]
    Exact,
    /// As FreeSWITCH writes it: in plain and XML a `%` in front of two of `0-9A-F` is not
    /// escaped (`switch_url_encode`, switch_utils.c), so that `%41` reads back as `A`.
    AsTheSwitch,
}

impl From<Fidelity> for Percent {
    fn from(fidelity: Fidelity) -> Self {
        match fidelity {
            Fidelity::Exact => Percent::Exact,
            Fidelity::AsTheSwitch => Percent::AsTheSwitch,
        }
    }
}

/// Builds an [`Event`] and writes it in any of the three formats.
///
/// ```
/// use genesis_proto::{Event, EventFormat, EventName};
///
/// let event = Event::builder(EventName::Custom)
///     .header("Event-Subclass", "my::news")?
///     .array("X-List", ["a", "b"])?
///     .body("hello")
///     .build();
/// assert_eq!(event.subclass().as_deref(), Some("my::news"));
/// assert_eq!(event.headers().array("x-list").unwrap().len(), 2);
/// assert_eq!(event.body(), Some(&b"hello"[..]));
/// # Ok::<(), genesis_proto::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct EventBuilder {
    headers: Vec<(String, Value)>,
    body: Option<Bytes>,
}

#[derive(Clone, Debug)]
enum Value {
    One(Vec<u8>),
    Many(Vec<Vec<u8>>),
}

impl EventBuilder {
    /// An event of this name; the name is its first header.
    pub fn new(name: EventName) -> Self {
        let name = Value::One(name.as_str().as_bytes().to_vec());
        Self {
            headers: vec![("Event-Name".to_owned(), name)],
            body: None,
        }
    }

    /// An event without any header yet, not even its name.
    pub fn empty() -> Self {
        Self {
            headers: Vec::new(),
            body: None,
        }
    }

    /// An event with the headers and the body of another, to change it or write it in another
    /// format.
    ///
    /// # Errors
    ///
    /// When a name cannot be written: names are not encoded, and a JSON event can hold one with a
    /// line feed, which would forge headers in a plain one.
    pub fn from_event(event: &Event) -> Result<Self, Error> {
        let mut builder = Self::empty();
        for header in event.headers().iter() {
            if header.is("Content-Length") && event.body().is_some() {
                continue; // written with the body
            }
            let name = header.name();
            match header.array() {
                Some(array) => {
                    check_name(&name)?;
                    let values = array.iter().map(|value| value.as_bytes().to_vec());
                    let value = Value::Many(values.collect());
                    builder.headers.push((name.into_owned(), value));
                }
                None => {
                    builder.push(&name, header.bytes())?;
                }
            }
        }
        builder.body = event.body().map(Bytes::copy_from_slice);
        Ok(builder)
    }

    /// Adds a header. The value may hold any bytes: it is encoded.
    ///
    /// # Errors
    ///
    /// When the name is empty or holds a colon or a control character: names are not encoded.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, Error> {
        self.push(name, value)?;
        Ok(self)
    }

    /// Adds a header; [`header`](Self::header) for code that builds in a loop.
    ///
    /// # Errors
    ///
    /// As [`header`](Self::header).
    pub fn push(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<&mut Self, Error> {
        check_name(name)?;
        self.headers
            .push((name.to_owned(), Value::One(value.as_ref().to_vec())));
        Ok(self)
    }

    /// Adds an array header, `ARRAY::first|:second`.
    ///
    /// # Errors
    ///
    /// As [`header`](Self::header), and when there are no values or one of them holds `|:`,
    /// which the switch cannot tell from two.
    pub fn array<V: AsRef<[u8]>>(
        mut self,
        name: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Result<Self, Error> {
        check_name(name)?;
        let values: Vec<Vec<u8>> = values.into_iter().map(|v| v.as_ref().to_vec()).collect();
        if values.is_empty() || values.iter().any(|v| v.windows(2).any(|w| w == b"|:")) {
            return Err(Error::invalid(format!(
                "the array header {name:?} needs at least one value, and none may hold \"|:\""
            )));
        }
        self.headers.push((name.to_owned(), Value::Many(values)));
        Ok(self)
    }

    /// Sets the body; its `Content-Length` is written for you. An empty body is no body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        self.body = (!body.is_empty()).then_some(body);
        self
    }

    /// The event.
    pub fn build(&self) -> Event {
        let document = self.plain(Percent::Exact);
        let frame = Frame::wrap_event(EventFormat::Plain, &document);
        let start = frame.raw().len() - document.len();
        Event::plain(frame, start as u32)
    }

    /// The document of the event (what an event frame has as its body).
    pub fn to_document(&self, format: EventFormat, fidelity: Fidelity) -> Vec<u8> {
        match format {
            EventFormat::Plain => self.plain(fidelity.into()),
            EventFormat::Json => self.json(),
            EventFormat::Xml => self.xml(fidelity.into()),
        }
    }

    /// The whole frame: envelope and document, as the switch sends it.
    pub fn to_frame(&self, format: EventFormat, fidelity: Fidelity) -> Bytes {
        Frame::wrap_event(format, &self.to_document(format, fidelity))
            .raw()
            .clone()
    }

    fn plain(&self, percent: Percent) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.headers.len() * 40 + 64);
        for (name, value) in &self.headers {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            match value {
                Value::One(value) => percent::encode_into(value, percent, &mut out),
                Value::Many(values) => {
                    percent::encode_into(b"ARRAY::", percent, &mut out);
                    for (i, value) in values.iter().enumerate() {
                        if i > 0 {
                            percent::encode_into(b"|:", percent, &mut out);
                        }
                        percent::encode_into(value, percent, &mut out);
                    }
                }
            }
            out.push(b'\n');
        }
        match &self.body {
            Some(body) => {
                out.extend_from_slice(format!("Content-Length: {}\n\n", body.len()).as_bytes());
                out.extend_from_slice(body);
            }
            None => out.push(b'\n'),
        }
        out
    }

    /// Bytes that are not UTF-8 pass unescaped, as cJSON writes them.
    fn json(&self) -> Vec<u8> {
        let mut out = vec![b'{'];
        for (i, (name, value)) in self.headers.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            json_string(name.as_bytes(), &mut out);
            out.push(b':');
            match value {
                Value::One(value) => json_string(value, &mut out),
                Value::Many(values) => {
                    out.push(b'[');
                    for (i, value) in values.iter().enumerate() {
                        if i > 0 {
                            out.push(b',');
                        }
                        json_string(value, &mut out);
                    }
                    out.push(b']');
                }
            }
        }
        if let Some(body) = &self.body {
            if !self.headers.is_empty() {
                out.push(b',');
            }
            out.extend_from_slice(
                format!("\"Content-Length\":\"{}\",\"_body\":", body.len()).as_bytes(),
            );
            json_string(body, &mut out);
        }
        out.push(b'}');
        out
    }

    fn xml(&self, percent: Percent) -> Vec<u8> {
        let mut out = b"<event>\n  <headers>\n".to_vec();
        for (name, value) in &self.headers {
            let values = match value {
                Value::One(value) => std::slice::from_ref(value),
                Value::Many(values) => values,
            };
            for value in values {
                let mut encoded = Vec::with_capacity(value.len());
                percent::encode_into(value, percent, &mut encoded);
                out.extend_from_slice(b"    <");
                out.extend_from_slice(name.as_bytes());
                out.push(b'>');
                xml_text(&encoded, &mut out);
                out.extend_from_slice(b"</");
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b">\n");
            }
        }
        out.extend_from_slice(b"  </headers>\n");
        if let Some(body) = &self.body {
            out.extend_from_slice(
                format!(
                    "  <Content-Length>{}</Content-Length>\n  <body>",
                    body.len()
                )
                .as_bytes(),
            );
            let start = out.len();
            xml_text(body, &mut out);
            let blank = out[start..].trim_ascii().is_empty();
            if blank && matches!(percent, Percent::AsTheSwitch) {
                out.extend_from_slice(b"  "); // white space is no text to it: the end tag is indented
            }
            out.extend_from_slice(b"</body>\n");
        }
        out.extend_from_slice(b"</event>\n");
        out
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    if name.is_empty() || name.bytes().any(|b| b == b':' || b < 0x20 || b == 0x7f) {
        return Err(Error::invalid(format!(
            "the header name {:?} is empty or holds a colon or a control character",
            name.escape_debug().to_string()
        )));
    }
    Ok(())
}

fn json_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            0..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// As switch_xml.c writes text: everything outside ASCII is a numeric reference, and what is no
/// UTF-8 is left out together with the byte behind it.
fn xml_text(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        rest = after;
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'\r' => out.extend_from_slice(b"&#xD;"),
            0..=0x7f => out.push(*byte),
            _ => {
                let length = byte.leading_ones() as usize;
                let tail = after.get(..length.saturating_sub(1)).unwrap_or_default();
                let sequence = [&[*byte], tail].concat();
                match std::str::from_utf8(&sequence)
                    .ok()
                    .and_then(|text| text.chars().next())
                {
                    Some(character) => {
                        out.extend_from_slice(format!("&#x{:X};", character as u32).as_bytes());
                        rest = &after[tail.len()..];
                    }
                    None => rest = after.get(1..).unwrap_or_default(),
                }
            }
        }
    }
}
