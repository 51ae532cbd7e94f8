//! Writing a dial string so that the switch reads what was meant.

use std::fmt;

use super::words::{Pass, escape};
use super::{DialString, ENTERPRISE, Leg, Part, Variables};

impl fmt::Display for DialString {
    /// The text for the switch.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_shared(f, ('<', '>'), &self.global)?;
        for (at, part) in self.parts.iter().enumerate() {
            if at > 0 {
                f.write_str(ENTERPRISE)?;
            }
            write_part(f, part)?;
        }
        Ok(())
    }
}

impl DialString {
    /// The endpoints as they stand to each other, without any variable: for people, errors and logs.
    /// (Variables may hold passwords, `sip_auth_password` for one.)
    ///
    /// ```
    /// use genesis_proto::dial::DialString;
    ///
    /// let dial = DialString::parse("{a=1}[b=2]user/1000,user/1001|error/USER_BUSY:_:null/1")?;
    /// assert_eq!(dial.endpoints(), "user/1000,user/1001|error/USER_BUSY:_:null/1");
    /// # Ok::<(), genesis_proto::Error>(())
    /// ```
    #[must_use]
    pub fn endpoints(&self) -> String {
        let mut text = String::new();
        let mut before: Option<(usize, usize)> = None;
        for view in self.legs() {
            let at = (view.part(), view.attempt());
            text.push_str(match before {
                None => "",
                Some(before) if before == at => ",",
                Some((part, _)) if part == at.0 => "|",
                Some(_) => ENTERPRISE,
            });
            text.push_str(view.leg().endpoint().as_str());
            before = Some(at);
        }
        text
    }
}

fn write_part(f: &mut fmt::Formatter<'_>, part: &Part) -> fmt::Result {
    write_shared(f, ('{', '}'), &part.variables)?;
    for (at, legs) in part.attempts.iter().enumerate() {
        if at > 0 {
            f.write_str("|")?;
        }
        let attempt: Vec<String> = legs.iter().map(write_leg).collect();
        f.write_str(&escape(&attempt.join(","), Pass::Cut('|')))?;
    }
    Ok(())
}

/// Variables in `<>` and `{}` go through two passes: one cuts at commas, one at the first `=`.
fn write_shared(
    f: &mut fmt::Formatter<'_>,
    (open, close): (char, char),
    variables: &Variables,
) -> fmt::Result {
    if variables.is_empty() {
        return Ok(());
    }
    let entries: Vec<String> = variables
        .iter()
        .map(|(name, value)| escape(&assignment(name, value), Pass::Cut(',')))
        .collect();
    write!(f, "{open}{}{close}", entries.join(","))
}

fn assignment(name: &str, value: &str) -> String {
    format!("{name}={}", escape(value, Pass::Kept('=')))
}

/// A leg as it must be when the attempt is cut at commas. In `[]` the switch first replaces the
/// commas that separate variables by a character of its own and cuts there (hence one pass more).
/// It finds those commas by looking for quotes and for a backslash right before, which goes wrong
/// behind a value that holds either: such a variable gets brackets of its own.
fn write_leg(leg: &Leg) -> String {
    let mut out = String::new();
    let mut run = String::new();
    for (name, value) in leg.variables().iter() {
        let entry = escape(&assignment(name, value), Pass::None);
        let entry = escape(&entry, Pass::Cut(','));
        let needs_own = entry.contains(['\'', '\\']);
        if needs_own && !run.is_empty() {
            out.push_str(&format!("[{}]", std::mem::take(&mut run)));
        }
        if needs_own {
            out.push_str(&format!("[{entry}]"));
        } else {
            let comma = if run.is_empty() { "" } else { "," };
            run.push_str(comma);
            run.push_str(&entry);
        }
    }
    if !run.is_empty() {
        out.push_str(&format!("[{run}]"));
    }
    out + &escape(leg.endpoint().as_str(), Pass::Cut(','))
}
