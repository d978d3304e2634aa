//! One run: it is played, its end is looked at, and what is left of it.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use ppair_tests::inject::{Counted, Fault, Traced};
use ppair_tests::{End, Fixture, Signal, group_members, patience};

use crate::scenarios::Scenario;
use crate::script::{self, DEADLINE, Script, Stop};

/// How it went, and what the log complained of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) how: String,
    pub(crate) says: BTreeSet<String>,
}

/// A run: what became of it, and what it counted.
pub(crate) struct Run {
    pub(crate) outcome: Result<Outcome, String>,
    pub(crate) counted: Vec<Counted>,
    pub(crate) hits: usize,
    /// It took too long, or a worker hung that was not told to. If that is so each time, the program is to blame, and else the machine.
    pub(crate) is_slow: bool,
}

pub(crate) fn run(scenario: &'static Scenario, fault: Option<&Fault>) -> Run {
    let mut fixture = Fixture::new(env!("CARGO_BIN_EXE_service"))
        .stdin()
        .deadline(DEADLINE)
        .env("PPAIR_RESTART_DELAY", "5ms")
        .env("PPAIR_STOP_TIMEOUT", "2s");
    for (name, value) in scenario.environment {
        fixture = fixture.env(name, value);
    }
    if let Some(argument) = scenario.argument {
        fixture = fixture.arg(argument);
    }
    let (socket, address) = scenario.has_manager.then(script::manager).unzip();
    if let Some(address) = address {
        fixture = fixture.env("NOTIFY_SOCKET", address);
    }
    let mut faults = scenario.own_faults();
    faults.extend(fault.cloned());
    let traced = Traced::spawn(fixture, scenario.whom, faults, scenario.first_phase());
    let mut script = Script::new(traced, scenario.name, socket);
    // A wait that is too long panics, with all that the program has said.
    let played = catch_unwind(AssertUnwindSafe(|| (scenario.play)(&mut script)));
    let Ok(played) = played else {
        let wrong = Run::wrong("hangs", &mut script);
        return Run {
            is_slow: true,
            ..wrong
        };
    };
    if let Err(Stop::Wrong(why)) = played {
        return Run::wrong(&why, &mut script);
    }
    let (counted, hits) = script.traced.join();
    let kept = script.kept;
    let mut running = script.traced.into_running();
    let group = running.pid();
    let end = catch_unwind(AssertUnwindSafe(|| {
        // With its input open: the end of that would be another reason to stop.
        running.wait();
        running.finish_and_keep()
    }));
    let Ok((end, running)) = end else {
        return Run {
            outcome: Err("hangs at its end".to_owned()),
            counted,
            hits,
            is_slow: true,
        };
    };
    let until = Instant::now() + patience(Duration::from_secs(2));
    let left = loop {
        let left = group_members(group);
        let left = left.into_iter().filter(|pid| Some(*pid) != kept).count();
        if left == 0 || Instant::now() > until {
            break left;
        }
        thread::sleep(Duration::from_millis(2));
    };
    drop(running);
    let outcome = if left > 0 {
        Err(format!("leaves {left} processes behind"))
    } else {
        outcome(&end, played.is_ok(), scenario, fault)
    };
    Run {
        is_slow: hangs(&end.stderr),
        outcome: outcome.map_err(|why| format!("{why}\n{}", end.stderr.join("\n"))),
        counted,
        hits,
    }
}

/// Whether more than one worker hung.
fn hangs(log: &[String]) -> bool {
    let hung = log.iter().filter(|line| line.contains("event=hung"));
    hung.count() > 1
}

impl Run {
    fn wrong(why: &str, script: &mut Script) -> Self {
        let running = script.traced.running();
        running.kill_group(Signal::SIGKILL);
        let mut log = Vec::new();
        while let Ok(Some(line)) = catch_unwind(AssertUnwindSafe(|| running.try_stderr_line())) {
            log.push(line);
        }
        let (counted, hits) = script.traced.join();
        Self {
            is_slow: hangs(&log),
            outcome: Err(format!("{why}\n{}", log.join("\n"))),
            counted,
            hits,
        }
    }
}

/// What a program did that has ended, in words; an error if that is none of the ways in which it may.
fn outcome(
    end: &End,
    played: bool,
    scenario: &Scenario,
    fault: Option<&Fault>,
) -> Result<Outcome, String> {
    let says = said(end);
    let Some(code) = end.code() else {
        return Err(format!("ends by a signal: {}", end.status));
    };
    let has = |name| !end.events(name).is_empty();
    if played && code == scenario.code {
        // Without a way to the log there is no word to be had.
        let is_silenced = fault.is_some_and(|fault| {
            fault.call.name.contains("standard error") || fault.call.name == "poll"
        });
        if !has("stopped") && !is_silenced {
            return Err("ends without a word".to_owned());
        }
        let mut how = "goes on".to_owned();
        if end.events("died").len() > scenario.deaths {
            how += "; one more worker";
        }
        if !scenario.is_degraded && has("degraded") {
            how += "; degraded for a while";
        }
        return Ok(Outcome { how, says });
    }
    let reason = match code {
        71 | 78 => end.events("refused").first().map(|refused| {
            let reason = refused.value("reason");
            // The error itself stands in another column.
            let (what, _) = reason.rsplit_once(": ").unwrap_or((reason, ""));
            format!("ends with {code}: {what}")
        }),
        _ => None,
    };
    let how = reason.ok_or_else(|| format!("ends with {code}"))?;
    Ok(Outcome { how, says })
}

/// What the log complains of.
fn said(end: &End) -> BTreeSet<String> {
    let warnings = end.events("warning").into_iter();
    let says = warnings.map(|warning| {
        let call = warning.get("call").map(|call| format!("`{call}`"));
        call.unwrap_or_else(|| {
            let reason = warning.value("reason");
            // What follows is another one each time.
            let (what, _) = reason.split_once('=').unwrap_or((reason, ""));
            format!("\"{what}\"")
        })
    });
    says.collect()
}
