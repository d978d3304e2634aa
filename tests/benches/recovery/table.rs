//! The medians, and how sure one can be of their ratios.

use std::fmt::Write as _;
use std::time::Duration;

use ppair_tests::{interval, median};

use crate::program::Found;

/// All rounds of one size: each holds one time of every program, measured one after the other.
pub(crate) struct Rounds {
    pub(crate) mib: usize,
    pub(crate) times: Vec<[Duration; 3]>,
    /// What was found of each program at its start and at the last round.
    pub(crate) found: [(Found, Found); 3],
}

/// One row a program, of every size.
pub(crate) fn table(names: [&str; 3], all: &[Rounds]) -> String {
    let mut text = String::from(
        "\nFrom SIGKILL to the first line of the next worker's main\n\n\
         memory   program    rounds  min µs  median µs  p95 µs  ratio [95 %]           \
         faults: worker, watch dog  mappings  resident KiB\n",
    );
    for rounds in all {
        for (which, name) in names.iter().enumerate() {
            let mut times: Vec<_> = rounds.times.iter().map(|round| round[which]).collect();
            times.sort();
            let ratio = if which == 1 {
                "1 (the measure)".to_owned()
            } else {
                let [low, middle, high] = ratio(&rounds.times, which, 1);
                format!("{middle:.3} [{low:.3}, {high:.3}]")
            };
            let (first, last) = rounds.found[which];
            let tenths = (last.watchdog_faults - first.watchdog_faults) * 10 / times.len() as u64;
            let _ = writeln!(
                text,
                "{:>3} MiB  {name:<9}  {:>6}  {:>6.0}  {:>9.1}  {:>6.0}  {ratio:<21}  \
                 {:>6} {:>16}.{}  {:>8}  {:>12}",
                rounds.mib,
                times.len(),
                microseconds(times[0]),
                microseconds(times[times.len() / 2]),
                microseconds(times[times.len() * 95 / 100]),
                last.worker_faults,
                tenths / 10,
                tenths % 10,
                last.mappings,
                last.resident,
            );
        }
    }
    text
}

/// The ratio of two programs' medians, between the ends of its 95 % interval.
fn ratio(rounds: &[[Duration; 3]], which: usize, measure: usize) -> [f64; 3] {
    interval(rounds, |draw| {
        let median = |which: usize| median(draw.iter().map(|round| round[which])).as_secs_f64();
        median(which) / median(measure)
    })
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
