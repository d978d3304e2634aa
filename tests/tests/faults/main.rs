//! Each system call of the watch dog fails in turn, with each error that its man page lists: the
//! service goes on, or the program ends with a documented code and says why. `tests/faults.md` has
//! the outcomes; `FAULTS=overwrite` writes it anew.
//!
//! By default the faults of one call in eight are tried, of other ones in each run; `FAULTS=all`
//! tries them all.

mod run;
mod scenarios;
mod script;
mod table;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use nix::errno::Errno;
use ppair_tests::inject::{Counted, Fault, Times};
use ppair_tests::step::may_trace;
use ppair_tests::{Power, Random, lacks};

use run::{Outcome, Run, run};
use scenarios::{SCENARIOS, Scenario};
use table::{Often, Row, Rows};

/// So many runs at once: they wait most of the time.
const AT_ONCE: usize = 12;
/// How often a run is tried in which the call was not made, or time was short.
const ATTEMPTS: usize = 4;
/// What the watch dog can do without for ever.
const ALWAYS: [(&str, Errno); 5] = [
    ("rt_sigtimedwait", Errno::EINVAL),
    ("waitid", Errno::EINVAL),
    ("write standard error", Errno::EIO),
    ("write standard error", Errno::EAGAIN),
    ("poll", Errno::EINVAL),
];
/// Of calls that there are more of in a part, only the first one is failed: how many there are depends on the machine (it lists all processes).
const FEW: usize = 8;

/// How many calls there are to one whose faults are tried by default.
const SAMPLE: u32 = 8;

/// All faults of a scenario.
fn faults(scenario: &'static Scenario) -> Vec<Fault> {
    let Run {
        outcome, counted, ..
    } = run(scenario, None);
    let expected = Outcome {
        how: "goes on".to_owned(),
        ..Outcome::default()
    };
    let name = scenario.name;
    assert_eq!(outcome, Ok(expected), "{name}: with nothing failing");
    let counted: Vec<_> = counted
        .into_iter()
        .filter(|Counted { call, .. }| {
            let only = scenario.only;
            call.phase == scenario.name
                && only.is_none_or(|only| only.contains(&call.name.as_str()))
        })
        .collect();
    let mut number: BTreeMap<String, usize> = BTreeMap::new();
    for Counted { call, .. } in &counted {
        *number.entry(call.name.clone()).or_default() += 1;
    }
    let mut faults = Vec::new();
    for Counted { call, errnos } in &counted {
        let varies = number[&call.name] > FEW || call.name.ends_with("/proc/locks");
        if call.index > 0 && varies {
            continue;
        }
        for &errno in *errnos {
            let fault = |times| Fault {
                call: call.clone(),
                errno,
                times,
            };
            faults.push(fault(Times::Once));
            if call.index == 0 {
                faults.push(fault(Times::Next(scenario.many)));
                let always = ALWAYS.contains(&(call.name.as_str(), errno));
                // A degraded pair that cannot find out whether it has children stays degraded.
                if always && !(scenario.is_degraded && call.name == "waitid") {
                    faults.push(fault(Times::Next(usize::MAX)));
                }
            }
        }
    }
    faults
}

#[test]
fn whatever_call_fails_the_service_goes_on_or_ends_with_a_reason() {
    let test = "whatever_call_fails_the_service_goes_on_or_ends_with_a_reason";
    if lacks(test, &Power::new("ptrace", may_trace())) {
        return;
    }
    // For whoever looks for one fault: a part of the table.
    let only = std::env::var("FAULTS_ONLY").ok();
    let scenarios = SCENARIOS
        .iter()
        .filter(|scenario| only.as_deref().is_none_or(|only| only == scenario.name));
    let jobs: Vec<(&Scenario, Fault)> = scenarios
        .flat_map(|scenario| {
            let faults = faults(scenario).into_iter();
            faults.map(move |fault| (scenario, fault))
        })
        .collect();
    let is_sample = only.is_none() && std::env::var_os("FAULTS").is_none();
    let drawn = Random::seeded("faults").below(u64::from(SAMPLE));
    let drawn = u32::try_from(drawn).expect("a small number");
    // All faults of a call or none: the table has one row for those with the same outcome.
    let is_tried = |(scenario, fault): &(&Scenario, Fault)| {
        let names = scenario.name.bytes().chain(fault.call.name.bytes());
        let sum = names.fold(drawn, |sum, byte| sum.wrapping_add(u32::from(byte)));
        !is_sample || sum % SAMPLE == 0
    };
    let jobs: Vec<_> = jobs.into_iter().filter(is_tried).collect();
    let next = AtomicUsize::new(0);
    let (rows, wrong) = (Mutex::new(Rows::default()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((scenario, fault)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match until_hit(scenario, fault) {
                        Ok(Some(outcome)) => {
                            rows.lock().unwrap().add(row(scenario, fault, outcome));
                        }
                        Ok(None) => {}
                        Err(why) => {
                            let name = scenario.name;
                            wrong
                                .lock()
                                .unwrap()
                                .push(format!("{name}: {fault:?}: {why}"));
                        }
                    }
                }
            });
        }
    });
    println!("{} runs", jobs.len());
    let wrong = wrong.into_inner().unwrap();
    let (bad, all) = (wrong.len(), jobs.len());
    assert!(bad == 0, "{bad} of {all} runs:\n{}", wrong.join("\n\n"));
    rows.into_inner()
        .unwrap()
        .check(only.is_some() || is_sample);
}

/// The outcome of a run in which the call was made. Time decides how often the watch dog wakes up, so one of the later calls of a name may not
/// come at all; then there is none.
fn until_hit(scenario: &'static Scenario, fault: &Fault) -> Result<Option<Outcome>, String> {
    for attempt in 1..=ATTEMPTS {
        let Run {
            outcome,
            hits,
            is_slow,
            ..
        } = run(scenario, Some(fault));
        let is_last = attempt == ATTEMPTS;
        if (!is_slow || is_last) && (outcome.is_err() || hits > scenario.own_faults().len()) {
            return outcome.map(Some);
        }
    }
    if fault.call.index > 0 {
        return Ok(None);
    }
    Err("the call is not made".to_owned())
}

fn row(scenario: &Scenario, fault: &Fault, outcome: Outcome) -> Row {
    Row {
        scenario: scenario.name,
        about: scenario.about,
        call: fault.call.name.clone(),
        index: fault.call.index,
        times: match fault.times {
            Times::Once => Often::Once,
            Times::Next(usize::MAX) => Often::Always,
            Times::Next(many) => Often::Many(many),
        },
        errno: format!("{:?}", fault.errno),
        outcome,
    }
}
