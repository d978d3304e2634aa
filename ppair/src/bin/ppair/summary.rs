//! What a whole log says.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use crate::Failure;
use crate::json::Json;
use crate::logfmt::Entry;
use crate::moment::Moment;
use crate::show::plain;
use crate::status::span;

/// Numbers of events.
#[derive(Default)]
pub(crate) struct Summary {
    watchdogs: Vec<String>,
    workers: u64,
    deaths: BTreeMap<String, u64>,
    signals: BTreeMap<String, u64>,
    /// All events by their names.
    events: BTreeMap<String, u64>,
    /// The watch dog of each worker that lives, and of each that died and has no successor yet, with when it died.
    watched_by: BTreeMap<String, String>,
    dead: BTreeMap<String, Moment>,
    outages: u64,
    longest: Option<f64>,
}

impl Summary {
    pub(crate) fn add(&mut self, entry: &Entry) {
        let count = |counts: &mut BTreeMap<String, u64>, name: &str| {
            *counts.entry(name.to_owned()).or_default() += 1;
        };
        count(&mut self.events, entry.name());
        let get = |key: &str| entry.get(key).unwrap_or_default().to_owned();
        let now = Moment::find(&entry.front);
        match entry.name() {
            "started" | "repaired" | "degraded" => {
                let watchdog = get("watchdog");
                if let (Some(now), Some(died)) = (now, self.dead.remove(&watchdog)) {
                    self.add_outage(now, died);
                }
                if !self.watchdogs.contains(&watchdog) {
                    self.watchdogs.push(watchdog.clone());
                }
                if entry.name() != "degraded" {
                    self.workers += 1;
                    self.watched_by.insert(get("worker"), watchdog);
                }
            }
            "died" => {
                count(&mut self.deaths, &get("cause"));
                if let Some(signal) = entry.get("signal") {
                    count(&mut self.signals, signal);
                }
                // Of a worker that was started before the log begins, nobody knows whose it is.
                let watchdog = self.watched_by.remove(&get("worker"));
                if let (Some(watchdog), Some(now)) = (watchdog, now) {
                    self.dead.insert(watchdog, now);
                }
            }
            _ => {}
        }
    }

    fn add_outage(&mut self, now: Moment, died: Moment) {
        if let Some(outage) = now.since(died) {
            self.outages += 1;
            self.longest = Some(self.longest.map_or(outage, |longest| longest.max(outage)));
        }
    }

    pub(crate) fn to_json(&self) -> Json<'_> {
        Json::Object(vec![
            ("watchdogs", (self.watchdogs.len() as u64).into()),
            ("workers", self.workers.into()),
            ("deaths", object(&self.deaths)),
            ("signals", object(&self.signals)),
            ("events", object(&self.events)),
            ("longest_outage", Json::maybe(self.longest, Json::Real)),
        ])
    }

    pub(crate) fn print(&self, out: &mut impl Write) -> Result<(), Failure> {
        let list = |counts: &BTreeMap<String, u64>| {
            let counts = counts.iter();
            let counts: Vec<_> = counts
                .map(|(name, count)| format!("{} {count}", plain(name)))
                .collect();
            counts.join(", ")
        };
        let mut line = |name: &str, text: String| writeln!(out, "{name:<15} {text}");
        line("watch dogs", self.watchdogs.len().to_string())?;
        line("workers", self.workers.to_string())?;
        let all: u64 = self.deaths.values().sum();
        let causes = match all {
            0 => "0".to_owned(),
            all => format!("{all}: {}", list(&self.deaths)),
        };
        line("deaths", causes)?;
        if !self.signals.is_empty() {
            line("signals", list(&self.signals))?;
        }
        let known = ["started", "died"];
        let others = self.events.iter();
        let others = others.filter(|(name, _)| !known.contains(&name.as_str()));
        let others: BTreeMap<String, u64> =
            others.map(|(name, count)| (name.clone(), *count)).collect();
        if !others.is_empty() {
            line("other events", list(&others))?;
        }
        let longest = self.longest.map_or_else(
            || "not known: no times in front of the lines".to_owned(),
            |longest| {
                let time = Duration::try_from_secs_f64(longest).unwrap_or_default();
                format!("{}, of {}", span(time), self.outages)
            },
        );
        line("longest outage", longest)?;
        Ok(())
    }
}

fn object(counts: &BTreeMap<String, u64>) -> Json<'_> {
    let counts = counts.iter();
    Json::Object(
        counts
            .map(|(name, count)| (name.as_str(), (*count).into()))
            .collect(),
    )
}
