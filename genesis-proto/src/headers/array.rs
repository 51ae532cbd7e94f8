//! `ARRAY::first|:second`: how the switch writes a header with several values.

use std::borrow::Cow;

use nom::IResult;
use nom::Parser;
use nom::bytes::complete::{tag, take_until};
use nom::combinator::rest;
use nom::multi::fold_many0;
use nom::sequence::terminated;

/// The elements of an array header.
///
/// The one element of `ARRAY::x` is `x`. A value that holds `|:` itself cannot be told from two
/// elements; the switch does not escape it.
///
/// ```
/// use genesis_proto::Headers;
///
/// let headers = Headers::from_encoded("variable_DP_MATCH: ARRAY%3A%3A9664%7C%3A64\n");
/// let array = headers.array("variable_DP_MATCH").unwrap();
/// assert_eq!(array.iter().collect::<Vec<_>>(), ["9664", "64"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Array<'a> {
    text: Cow<'a, str>,
    elements: Vec<(usize, usize)>,
}

impl<'a> Array<'a> {
    pub(crate) fn parse(text: Cow<'a, str>) -> Option<Self> {
        let whole = text.len();
        let spans = |part: &str, rest_len: usize| {
            let end = whole - rest_len;
            (end - part.len(), end)
        };
        let (_, elements) = elements(&text, spans).ok()?;
        Some(Self { text, elements })
    }

    /// The elements in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.elements
            .iter()
            .map(|&(start, end)| &self.text[start..end])
    }

    /// How many elements there are; at least one.
    #[expect(
        clippy::len_without_is_empty,
        reason = "an array has at least one element"
    )]
    pub fn len(&self) -> usize {
        self.elements.len()
    }
}

type Span = (usize, usize);

fn elements<'i>(
    input: &'i str,
    spans: impl Fn(&str, usize) -> Span,
) -> IResult<&'i str, Vec<Span>> {
    let (input, _) = tag("ARRAY::").parse(input)?;
    let (input, mut all) = fold_many0(
        |i: &'i str| {
            let (after, part) = terminated(take_until("|:"), tag("|:")).parse(i)?;
            Ok((after, spans(part, after.len() + 2)))
        },
        Vec::new,
        |mut all: Vec<Span>, span| {
            all.push(span);
            all
        },
    )
    .parse(input)?;
    let (input, last) = rest(input)?;
    all.push(spans(last, 0));
    Ok((input, all))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Option<Vec<String>> {
        Array::parse(Cow::Borrowed(text)).map(|a| a.iter().map(str::to_owned).collect())
    }

    #[test]
    fn known_answers() {
        assert_eq!(split("x"), None);
        assert_eq!(split("array::x"), None);
        assert_eq!(split("ARRAY::x").unwrap(), ["x"]);
        assert_eq!(split("ARRAY::a|:b|:").unwrap(), ["a", "b", ""]);
        assert_eq!(split("ARRAY::|:é|:c").unwrap(), ["", "é", "c"]);
        assert_eq!(split("ARRAY::").unwrap(), [""]);
    }
}
