//! The outcomes as a table that people read, and that the test compares with.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::run::Outcome;
use crate::scenarios::SCENARIOS;

/// How often a call failed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Often {
    Once,
    Many(usize),
    Always,
}

impl Often {
    fn in_words(self, places: &BTreeSet<usize>) -> String {
        if let Self::Many(times) = self {
            return format!("{times} times");
        }
        let places = places.iter().map(|place| (place + 1).to_string());
        places.collect::<Vec<_>>().join(", ")
    }
}

/// What became of one run.
pub(crate) struct Row {
    pub(crate) scenario: &'static str,
    pub(crate) about: &'static str,
    pub(crate) call: String,
    pub(crate) index: usize,
    pub(crate) times: Often,
    pub(crate) errno: String,
    pub(crate) outcome: Outcome,
}

/// Where it came to an outcome, and what was said in any of these places: not in all, as it is not said twice in a row.
type Places = (BTreeSet<usize>, BTreeSet<String>);
/// Each error, and how it went.
type Errnos = BTreeMap<String, BTreeMap<String, Places>>;
/// By call and by how often it failed.
type Calls = BTreeMap<(String, Often), Errnos>;

#[derive(Default)]
pub(crate) struct Rows {
    scenarios: BTreeMap<&'static str, (&'static str, Calls)>,
}

const HEAD: &str = "\
# What happens when a system call of the watch dog fails

Written and checked by the test `faults` of `ppair-tests`: it fails each system call with each error of its man page, and looks
whether all commits are there, whether there are ever two workers, how the program ends, and whether a process is left behind.
`FAULTS=overwrite cargo test -p ppair-tests --test faults` writes it anew.

- *which*: of the calls of that name in that part, `each` or those with these numbers, once; `20 times` (and so on) and `always`: the first
  one and those of its name that follow.
- *goes on*: the worker has all commits, the next worker after it too, and the program then stops with the code that it should.
  What the log complains of follows, as `says`, if it does so in at least one of these places;
  the test does not compare it.
";

impl Rows {
    pub(crate) fn add(&mut self, row: Row) {
        let (_, calls) = self
            .scenarios
            .entry(row.scenario)
            .or_insert_with(|| (row.about, Calls::new()));
        let errnos = calls.entry((row.call, row.times)).or_default();
        let outcomes = errnos.entry(row.errno).or_default();
        let (places, says) = outcomes.entry(row.outcome.how).or_default();
        places.insert(row.index);
        says.extend(row.outcome.says);
    }

    /// Fails if the table is another one.
    pub(crate) fn check(&self, is_part: bool) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("faults.md");
        let text = self.to_string();
        if std::env::var("FAULTS").is_ok_and(|how| how == "overwrite") && !is_part {
            fs::write(&path, text).expect("the table can be written");
            return;
        }
        let known = fs::read_to_string(&path).unwrap_or_default();
        let (known, found) = (outcomes(&known), outcomes(&text));
        let mut differences = String::new();
        // Which calls are made depends on the machine: on its kind of cgroups, on what it permits. One that the table does not know may not cost
        // anything; one that is not made here costs nothing.
        let (known_calls, found_calls) = (calls(&known), calls(&found));
        let is_harmless = |new: &&Told| !known_calls.contains(&new.call) && new.how == "goes on";
        for new in found.difference(&known).filter(|new| !is_harmless(new)) {
            let _ = writeln!(differences, "+ {new}");
        }
        let is_made = |gone: &&Told| found_calls.contains(&gone.call);
        for gone in known
            .difference(&found)
            .filter(|gone| !is_part && is_made(gone))
        {
            let _ = writeln!(differences, "- {gone}");
        }
        assert!(
            differences.is_empty(),
            "the table is another one; if that is right, run it again with FAULTS=overwrite\n{differences}"
        );
    }
}

/// One line of a table, for one error.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    /// The call, with the title that it stands under.
    call: String,
    which: String,
    errno: String,
    how: String,
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            call,
            which,
            errno,
            how,
        } = self;
        write!(f, "{call}, {which}, {errno}: {how}")
    }
}

fn calls(told: &BTreeSet<Told>) -> BTreeSet<String> {
    told.iter().map(|told| told.call.clone()).collect()
}

/// What the tables say. Without what the log complains of: that depends on time, as nothing is said twice in a row.
fn outcomes(text: &str) -> BTreeSet<Told> {
    let mut title = "";
    let mut outcomes = BTreeSet::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            title = name;
        }
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        if let [_, call, which, errnos, outcome, _] = cells[..] {
            let (how, _) = outcome.split_once("; says ").unwrap_or((outcome, ""));
            outcomes.extend(errnos.split(' ').map(|errno| Told {
                call: format!("{title}: {call}"),
                which: which.to_owned(),
                errno: errno.to_owned(),
                how: how.to_owned(),
            }));
        }
    }
    outcomes
}

impl std::fmt::Display for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(HEAD)?;
        for name in SCENARIOS.map(|scenario| scenario.name) {
            let Some((about, calls)) = self.scenarios.get(name) else {
                continue;
            };
            write!(
                f,
                "\n## {name}\n\n{about}\n\n| call | which | error | outcome |\n|---|---|---|---|\n"
            )?;
            for ((call, times), errnos) in calls {
                for ((which, outcome), errnos) in folded(*times, errnos) {
                    let errnos = errnos.join(" ");
                    writeln!(f, "| `{call}` | {which} | {errnos} | {outcome} |")?;
                }
            }
        }
        Ok(())
    }
}

/// Errors with the same outcome in the same places, together.
fn folded(times: Often, errnos: &Errnos) -> BTreeMap<(String, String), Vec<&str>> {
    let mut rows: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (errno, outcomes) in errnos {
        for (how, (places, says)) in outcomes {
            let which = match outcomes.len() {
                _ if times == Often::Always => "always".to_owned(),
                1 if times == Often::Once => "each".to_owned(),
                _ => times.in_words(places),
            };
            let mut outcome = how.clone();
            if !says.is_empty() {
                let says: Vec<_> = says.iter().map(String::as_str).collect();
                outcome = format!("{how}; says {}", says.join(", "));
            }
            let errnos = rows.entry((which, outcome)).or_default();
            errnos.push(errno.as_str());
        }
    }
    rows
}
