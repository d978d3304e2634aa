//! The medians, and how sure one can be of their ratios.

use std::fmt::Write as _;
use std::time::Duration;

use ppair_tests::{interval, median};

use crate::compiler::Cost;
use crate::{BASE, CONTESTANTS, MEASURE};

/// All rounds of one way to compile: each holds one cost of every contestant, measured one after the other.
pub(crate) struct Rounds {
    pub(crate) emitted: &'static str,
    pub(crate) costs: Vec<[Cost; CONTESTANTS.len()]>,
}

/// One row a contestant, of every way to compile.
pub(crate) fn table(all: &[Rounds]) -> String {
    let mut text = String::from(
        "\nrustc on a crate of 200 structs, by their derives; the derives' own time is what comes on top of the base\n\n\
         emitted   derives                rounds  wall ms   on top  ratio on top [95 %]    \
         ratio of wall [95 %]   ratio of processor time on top [95 %]\n",
    );
    for Rounds { emitted, costs } in all {
        for (which, contestant) in CONTESTANTS.iter().enumerate() {
            let wall = |cost: &Cost| cost.wall;
            let total = of(costs, which, wall);
            let _ = write!(
                text,
                "{emitted:<8}  {:<21}  {:>6}  {:>7.1}",
                contestant.name,
                costs.len(),
                total * 1e3,
            );
            if which == BASE {
                text.push_str("        0\n");
                continue;
            }
            let on_top = |costs: &[_], which, time: fn(&Cost) -> Duration| {
                of(costs, which, time) - of(costs, BASE, time)
            };
            let ratio = |text: &mut String, of: &dyn Fn(&[_], usize) -> f64| {
                let words = if which == MEASURE {
                    "1 (the measure)".to_owned()
                } else {
                    let [low, middle, high] =
                        interval(costs, |draw| of(draw, which) / of(draw, MEASURE));
                    format!("{middle:.3} [{low:.3}, {high:.3}]")
                };
                let _ = write!(text, "  {words:<21}");
            };
            let _ = write!(text, "  {:>7.1}", on_top(costs, which, wall) * 1e3);
            ratio(&mut text, &|draw, which| on_top(draw, which, wall));
            ratio(&mut text, &|draw, which| of(draw, which, wall));
            ratio(&mut text, &|draw, which| {
                on_top(draw, which, |cost| cost.processor)
            });
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
    }
    text
}

/// The median of one contestant, in seconds.
fn of(costs: &[[Cost; CONTESTANTS.len()]], which: usize, time: impl Fn(&Cost) -> Duration) -> f64 {
    median(costs.iter().map(|round| time(&round[which]))).as_secs_f64()
}
