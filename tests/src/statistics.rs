//! What is said of measured rounds.

use crate::Random;

/// How often the rounds are drawn anew for an interval.
const DRAWS: usize = 2000;

/// The value in the middle.
///
/// # Panics
///
/// If there is none.
pub fn median<T: Ord>(values: impl IntoIterator<Item = T>) -> T {
    let mut values: Vec<_> = values.into_iter().collect();
    let middle = values.len() / 2;
    values.select_nth_unstable(middle);
    values.swap_remove(middle)
}

/// What `statistic` is of all rounds, between the ends of its 95 % interval (bootstrap by rounds).
///
/// # Panics
///
/// If there are no rounds.
pub fn interval<T: Copy>(rounds: &[T], statistic: impl Fn(&[T]) -> f64) -> [f64; 3] {
    let mut random = Random::new(1);
    let mut drawn: Vec<_> = (0..DRAWS)
        .map(|_| {
            let one = || rounds[usize::try_from(random.below(rounds.len() as u64)).unwrap_or(0)];
            let draw: Vec<_> = std::iter::repeat_with(one).take(rounds.len()).collect();
            statistic(&draw)
        })
        .collect();
    drawn.sort_by(f64::total_cmp);
    [
        drawn[DRAWS * 25 / 1000],
        statistic(rounds),
        drawn[DRAWS * 975 / 1000],
    ]
}
