//! Finds the bytes that matter in a block, many at a time.
//!
//! A header is some thirty bytes long, and a search that is started anew for every line end costs
//! more than the bytes it looks at. Here 64 bytes at a time are compared without a branch, in a
//! form that compilers turn into vector instructions, and give one bit each.

use std::ops::ControlFlow;

const STEP: usize = 64;

/// Calls `found` with the place of every byte for which `is_mark(byte, the byte after it)` holds,
/// in order, until it breaks. After the last byte comes a zero.
///
/// `is_mark` must be free of branches (`|` and `&`, not `||` and `&&`) and refuse `(0, 0)`.
#[inline]
pub(crate) fn for_each_mark(
    block: &[u8],
    is_mark: impl Fn(u8, u8) -> bool,
    mut found: impl FnMut(usize) -> ControlFlow<()>,
) {
    let mut start = 0;
    while let Some((bytes, next)) = step(block, start) {
        if report(marks(bytes, next, &is_mark), start, &mut found).is_break() {
            return;
        }
        start += STEP;
    }
    // what is left is shorter than a step and the byte after it
    let rest = &block[start..];
    let mut last = [0u8; STEP + 1];
    last[..rest.len()].copy_from_slice(rest);
    if let Some((bytes, next)) = step(&last, 0) {
        let _ = report(marks(bytes, next, &is_mark), start, &mut found);
    }
}

/// The place of the first two line ends in a row.
pub(crate) fn blank_line(block: &[u8]) -> Option<usize> {
    let mut place = None;
    let is_mark = |byte: u8, next: u8| (byte == b'\n') & (next == b'\n');
    for_each_mark(block, is_mark, |at| {
        place = Some(at);
        ControlFlow::Break(())
    });
    place
}

#[inline]
fn step(block: &[u8], start: usize) -> Option<(&[u8; STEP], &[u8; STEP])> {
    let window = block.get(start..start + STEP + 1)?;
    Some((window.first_chunk()?, window.last_chunk()?))
}

/// One bit for every byte, the lowest for the first.
#[inline]
fn marks(bytes: &[u8; STEP], next: &[u8; STEP], is_mark: impl Fn(u8, u8) -> bool) -> u64 {
    let mut flags = [0u8; STEP];
    for i in 0..STEP {
        flags[i] = if is_mark(bytes[i], next[i]) { 0xff } else { 0 };
    }
    // bit i of byte b: whether byte b of the eight at i is a mark
    let mut planes = 0;
    for (i, eight) in flags.as_chunks::<8>().0.iter().enumerate() {
        planes |= u64::from_le_bytes(*eight) & (0x0101_0101_0101_0101 << i);
    }
    if planes == 0 { 0 } else { transposed(planes) }
}

/// Eight by eight bits, rows and columns exchanged.
#[inline]
fn transposed(mut bits: u64) -> u64 {
    for (distance, mask) in [
        (7, 0x00aa_00aa_00aa_00aa),
        (14, 0x0000_cccc_0000_cccc),
        (28, 0x0000_0000_f0f0_f0f0),
    ] {
        let exchanged = (bits ^ (bits >> distance)) & mask;
        bits ^= exchanged ^ (exchanged << distance);
    }
    bits
}

#[inline]
fn report(
    mut marks: u64,
    start: usize,
    found: &mut impl FnMut(usize) -> ControlFlow<()>,
) -> ControlFlow<()> {
    while marks != 0 {
        found(start + marks.trailing_zeros() as usize)?;
        marks &= marks - 1;
    }
    ControlFlow::Continue(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(block: &[u8], is_mark: impl Fn(u8, u8) -> bool) -> Vec<usize> {
        let mut all = Vec::new();
        for_each_mark(block, is_mark, |at| {
            all.push(at);
            ControlFlow::Continue(())
        });
        all
    }

    #[test]
    fn a_blank_line_is_two_line_ends() {
        for before in [0, 1, 62, 63, 64, 65, 130] {
            let mut block = vec![b'x'; before];
            block.extend(b"\n\n\n tail");
            assert_eq!(blank_line(&block), Some(before));
            assert_eq!(blank_line(&block[..before + 1]), None);
        }
    }

    #[test]
    fn stops_when_told() {
        let mut seen = 0;
        for_each_mark(
            &[1; 200],
            |byte, _| byte == 1,
            |at| {
                seen += 1;
                if at == 70 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        );
        assert_eq!(seen, 71);
    }

    proptest! {
        #[test]
        fn agrees_with_a_plain_loop(block in proptest::collection::vec(0u8..4, 0..300)) {
            let next = |i: usize| block.get(i + 1).copied().unwrap_or(0);
            let expected = |is_mark: fn(u8, u8) -> bool| -> Vec<usize> {
                (0..block.len()).filter(|&i| is_mark(block[i], next(i))).collect()
            };
            let one: fn(u8, u8) -> bool = |a, _| a == 1;
            let pair: fn(u8, u8) -> bool = |a, b| (a == 1) & ((b == 0) | (b == 2));
            prop_assert_eq!(all(&block, one), expected(one));
            prop_assert_eq!(all(&block, pair), expected(pair));
        }
    }
}
