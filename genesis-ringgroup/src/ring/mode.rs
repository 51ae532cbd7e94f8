//! [`RingMode`], and the order in which destinations have their turn.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use genesis_client::observe::Connection;

use super::observed::chosen;
use crate::balance::{Load, LoadBalancer};
use crate::{Error, ErrorKind, Result};

/// Who of a ring group rings when.
///
/// Its names, for [`FromStr`] and [`Display`](fmt::Display), are `parallel`, `sequential`,
/// `round-robin`, `weighted-random` and `balancing`.
///
/// ```
/// use genesis_ringgroup::RingMode;
///
/// let mode: RingMode = "round-robin".parse()?;
/// assert_eq!(mode, RingMode::RoundRobin);
/// # Ok::<(), genesis_ringgroup::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RingMode {
    /// All at once, each after its delay; the first that answers wins.
    #[default]
    Parallel,
    /// One after the other in the order of the list, each until it fails or its time is up.
    Sequential,
    /// As sequential, and every ring begins one further than the last one did. A ring group and its
    /// clones count together.
    RoundRobin,
    /// As sequential, in an order that is drawn for each ring by weight.
    WeightedRandom,
    /// As sequential, and the next is always the one with the fewest calls in progress among those
    /// that were not tried yet; see [`balance`](crate::balance). The calls of a destination are
    /// counted under the endpoints of its dial string, without variables: `user/1000` for
    /// `[leg_timeout=10]user/1000`.
    Balancing,
}

impl RingMode {
    /// All modes.
    ///
    /// ```
    /// # use genesis_ringgroup::RingMode;
    /// let names: Vec<_> = RingMode::ALL.iter().map(|mode| mode.as_str()).collect();
    /// println!("--mode {}", names.join("|"));
    /// # assert_eq!(names.len(), 5);
    /// ```
    pub const ALL: &[Self] = &[
        Self::Parallel,
        Self::Sequential,
        Self::RoundRobin,
        Self::WeightedRandom,
        Self::Balancing,
    ];

    /// Its name.
    ///
    /// ```
    /// # use genesis_ringgroup::RingMode;
    /// assert_eq!(RingMode::WeightedRandom.as_str(), "weighted-random");
    /// ```
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Parallel => "parallel",
            Self::Sequential => "sequential",
            Self::RoundRobin => "round-robin",
            Self::WeightedRandom => "weighted-random",
            Self::Balancing => "balancing",
        }
    }
}

impl fmt::Display for RingMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for RingMode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let named = Self::ALL.iter().find(|mode| mode.as_str() == text);
        named.copied().ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(Self::as_str).collect();
            Error::new(
                ErrorKind::InvalidArgument,
                format!("{text:?} is no ring mode; there are {}", names.join(", ")),
            )
        })
    }
}

/// Who is next.
pub(super) enum Order {
    AtOnce(VecDeque<usize>),
    InTurn(VecDeque<usize>),
    Balanced {
        balancer: Arc<dyn LoadBalancer>,
        /// Those that were not tried yet, and their names in the same order.
        left: Vec<usize>,
        names: Vec<String>,
    },
}

impl Order {
    /// The next one begins only when nobody rings.
    pub(super) fn one_at_a_time(&self) -> bool {
        !matches!(self, Self::AtOnce(_))
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::AtOnce(left) | Self::InTurn(left) => left.is_empty(),
            Self::Balanced { left, .. } => left.is_empty(),
        }
    }

    /// The next one, with its count where calls are counted.
    ///
    /// # Cancel safety
    ///
    /// Safe: nobody was taken, nothing is counted.
    pub(super) async fn next(
        &mut self,
        observe: &Connection,
    ) -> Result<Option<(usize, Option<Load>)>> {
        match self {
            Self::AtOnce(left) | Self::InTurn(left) => {
                Ok(left.pop_front().map(|index| (index, None)))
            }
            Self::Balanced { left, .. } if left.is_empty() => Ok(None),
            Self::Balanced {
                balancer,
                left,
                names,
            } => {
                let choice = balancer.choose(names).await;
                chosen(observe, balancer, &choice);
                let choice = choice?;
                if choice.index >= left.len() {
                    return Err(Error::new(
                        ErrorKind::Backend,
                        format!(
                            "the balancer chose destination {} of {}; an index counts from 0",
                            choice.index,
                            left.len()
                        ),
                    ));
                }
                names.remove(choice.index);
                Ok(Some((left.remove(choice.index), Some(choice.load))))
            }
        }
    }
}

/// All of `0..count`, beginning with `first`.
pub(super) fn rotated(count: usize, first: usize) -> VecDeque<usize> {
    let mut order: VecDeque<usize> = (0..count).collect();
    if count > 0 {
        order.rotate_left(first % count);
    }
    order
}

/// Draws an order: whoever has twice the weight is twice as likely to be the next, at every place.
///
/// Each one draws the time of the first event of a process of its rate, and they go by time: the
/// first of them is the one with rate `w` with a probability of `w` in the sum of rates, and so on
/// among the rest.
pub(super) fn drawn(weights: &[u32], random: &mut fastrand::Rng) -> VecDeque<usize> {
    let mut timed: Vec<(f64, f64, usize)> = weights
        .iter()
        .enumerate()
        .map(|(index, weight)| {
            // in (0, 1], so that its logarithm is finite
            let chance = 1.0 - random.f64();
            let time = match weight {
                0 => f64::INFINITY,
                weight => -chance.ln() / f64::from(*weight),
            };
            (time, chance, index)
        })
        .collect();
    timed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    timed.into_iter().map(|(_, _, index)| index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read_by_their_names() {
        for mode in RingMode::ALL {
            assert_eq!(mode.to_string().parse::<RingMode>().unwrap(), *mode);
        }
        let error = "serial".parse::<RingMode>().unwrap_err();
        assert!(error.to_string().contains("round-robin"), "{error}");
    }

    #[test]
    fn a_rotation_has_everybody_once() {
        assert_eq!(rotated(3, 4), [1, 2, 0]);
        assert!(rotated(0, 7).is_empty());
    }

    #[test]
    fn orders_are_drawn_by_weight_and_zero_comes_last() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut first = [0_u32; 4];
        let mut last = [0_u32; 4];
        for _ in 0..8000 {
            let order = drawn(&[1, 0, 2, 5], &mut random);
            assert_eq!(order.len(), 4);
            first[order[0]] += 1;
            last[order[3]] += 1;
        }
        assert_eq!(last, [0, 8000, 0, 0]);
        for (index, expected) in [(0, 1000), (2, 2000), (3, 5000)] {
            let off = first[index].abs_diff(expected);
            assert!(off < expected / 8, "{first:?}");
        }
        let mut zeros = [0_u32; 2];
        for _ in 0..1000 {
            zeros[drawn(&[0, 0], &mut random)[0]] += 1;
        }
        assert!(zeros.iter().all(|count| *count > 400), "{zeros:?}");
    }
}
