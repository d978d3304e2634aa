//! `ppair status`.

use std::io::Write;
use std::time::Duration;

use ppair::inspect::{self, Death, Life, Report, Store};

use crate::Failure;
use crate::json::Json;

pub(crate) fn run(pid: i32, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    let report = inspect::status(pid)?;
    if json {
        return to_json(&report).print(out);
    }
    print(&report, out)
}

fn to_json(report: &Report) -> Json<'_> {
    let life = |life: Life| {
        Json::Object(vec![
            ("pid", life.pid.into()),
            ("since", Json::text(life.since)),
            ("uptime", Json::seconds(life.uptime)),
        ])
    };
    let death = |death: &Death| {
        Json::Object(vec![
            ("worker", death.worker.into()),
            ("incarnation", death.incarnation.into()),
            ("at", Json::text(death.at)),
            ("ago", Json::seconds(death.ago)),
            ("what", Json::text(&death.sentence)),
        ])
    };
    let store = |store: &Store| {
        Json::Object(vec![
            ("generation", store.generation.into()),
            ("age", Json::maybe(store.age, Json::seconds)),
            ("failure", Json::maybe(store.failure.as_ref(), Json::text)),
            ("failures", store.failures.0.into()),
            ("failing_for", Json::seconds(store.failures.1)),
        ])
    };
    let outages = &report.outages;
    let deaths = report.deaths.iter();
    Json::Object(vec![
        ("watchdog", life(report.watchdog)),
        ("worker", Json::maybe(report.worker, life)),
        ("incarnation", report.incarnation.into()),
        ("degraded", Json::Bool(report.degraded)),
        ("generation", report.generation.into()),
        ("committed", report.committed.into()),
        ("restarts", report.restarts.into()),
        ("restarts_without_progress", report.in_a_row.into()),
        (
            "deaths",
            Json::Object(
                deaths
                    .map(|(cause, count)| (*cause, (*count).into()))
                    .collect(),
            ),
        ),
        ("last_death", Json::maybe(report.last_death.as_ref(), death)),
        (
            "outage",
            Json::Object(vec![
                ("last", Json::maybe(outages.last, Json::seconds)),
                ("mean", Json::maybe(outages.mean, Json::seconds)),
                ("max", Json::maybe(outages.max, Json::seconds)),
            ]),
        ),
        ("store", Json::maybe(report.store.as_ref(), store)),
    ])
}

fn print(report: &Report, out: &mut impl Write) -> Result<(), Failure> {
    let life = |life: &Life| {
        format!(
            "process {}, since {:.3}, up for {}",
            life.pid,
            life.since,
            span(life.uptime)
        )
    };
    let mut say = |name: &str, text: String| writeln!(out, "{name:<11} {text}");
    say("watch dog", life(&report.watchdog))?;
    let worker = match &report.worker {
        _ if report.degraded => format!(
            "incarnation {}, served by the watch dog: it cannot fork",
            report.incarnation
        ),
        Some(worker) => format!("incarnation {}, {}", report.incarnation, life(worker)),
        None => format!(
            "none just now: the last one was incarnation {}, and the next one follows after a delay",
            report.incarnation
        ),
    };
    say("worker", worker)?;
    say(
        "generation",
        format!(
            "{}, of which this worker has committed {}",
            report.generation, report.committed
        ),
    )?;
    say(
        "restarts",
        format!(
            "{}, {} of them in a row without progress",
            report.restarts, report.in_a_row
        ),
    )?;
    let all: u64 = report.deaths.iter().map(|(_, count)| count).sum();
    let causes = report.deaths.iter().filter(|(_, count)| *count > 0);
    let causes: Vec<_> = causes
        .map(|(cause, count)| format!("{cause} {count}"))
        .collect();
    let causes = if causes.is_empty() {
        String::new()
    } else {
        format!(": {}", causes.join(", "))
    };
    say("deaths", format!("{all}{causes}"))?;
    if let Some(death) = &report.last_death {
        let sentence = crate::show::plain(&death.sentence);
        say(
            "last death",
            format!("{sentence}, at {:.3}, {} ago", death.at, span(death.ago)),
        )?;
    }
    let outages = &report.outages;
    if let (Some(mean), Some(max)) = (outages.mean, outages.max) {
        let last = outages.last.map_or_else(|| "-".to_owned(), span);
        say(
            "outage",
            format!("last {last}, mean {}, longest {}", span(mean), span(max)),
        )?;
    }
    if let Some(store) = &report.store {
        let age = store
            .age
            .map_or_else(String::new, |age| format!(", stored {} ago", span(age)));
        let failure = store.failure.as_ref().map_or_else(String::new, |reason| {
            let (failures, time) = store.failures;
            format!(
                "; it fails for {}, {failures} times: {}",
                span(time),
                crate::show::plain(reason)
            )
        });
        say(
            "store",
            format!("generation {}{age}{failure}", store.generation),
        )?;
    }
    Ok(())
}

/// A time as a person says it.
pub(crate) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) if seconds >= 1 => format!("{:.1}s", time.as_secs_f64()),
        (0, 0, 0) => format!("{:.1}ms", time.as_secs_f64() * 1e3),
        (0, 0, _) => format!("{minutes}min {}s", seconds % 60),
        (0, ..) => format!("{hours}h {minutes}min"),
        _ => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_as_coarsely_as_they_are_long() {
        for (millis, text) in [
            (0, "0.0ms"),
            (250, "250.0ms"),
            (1250, "1.2s"),
            (61_000, "1min 1s"),
            (7_260_000, "2h 1min"),
            (200_000_000, "2d 7h"),
        ] {
            assert_eq!(span(Duration::from_millis(millis)), text);
        }
    }
}
