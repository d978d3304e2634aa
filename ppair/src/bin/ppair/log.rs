//! `ppair log`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};

use crate::Failure;
use crate::arguments::LogOptions;
use crate::json::Json;
use crate::logfmt::{Entry, Value};
use crate::show::plain;
use crate::summary::Summary;

pub(crate) fn run(options: &LogOptions, out: &mut impl Write) -> Result<(), Failure> {
    let (mut input, name): (Box<dyn BufRead>, _) = match &options.file {
        None => (Box::new(io::stdin().lock()), "standard input".to_owned()),
        Some(path) => {
            let name = path.display().to_string();
            let file = File::open(path)
                .map_err(|error| Failure::Could(format!("{name} cannot be read: {error}")))?;
            (Box::new(BufReader::new(file)), name)
        }
    };
    let mut summary = Summary::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = input.read_until(b'\n', &mut line);
        if read.map_err(|error| Failure::Could(format!("{name} cannot be read: {error}")))? == 0 {
            break;
        }
        let Some(entry) = Entry::find(&String::from_utf8_lossy(&line)) else {
            continue;
        };
        let is_wanted = |name: &String| name == entry.name();
        if !options.events.is_empty() && !options.events.iter().any(is_wanted) {
            continue;
        }
        if options.summary {
            summary.add(&entry);
            continue;
        }
        if options.json {
            to_json(&entry).print(out)?;
        } else {
            print(&entry, out)?;
        }
        // Somebody may be watching.
        out.flush()?;
    }
    match (options.summary, options.json) {
        (true, true) => summary.to_json().print(out),
        (true, false) => summary.print(out),
        (false, _) => Ok(()),
    }
}

fn to_json(entry: &Entry) -> Json<'_> {
    let mut entries = Vec::new();
    if !entry.front.is_empty() {
        entries.push(("front", Json::text(&entry.front)));
    }
    entries.extend(
        entry
            .pairs
            .iter()
            .map(|(key, value)| (key.as_str(), typed(value))),
    );
    Json::Object(entries)
}

/// A number, seconds or KiB as a number, and everything else as a text.
fn typed(value: &Value) -> Json<'static> {
    let text = value.text.as_str();
    if !value.is_quoted {
        if let Ok(number) = text.parse::<i128>() {
            return Json::Number(number);
        }
        let is_decimal = |text: &&str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.'));
        let seconds = text.strip_suffix('s').filter(is_decimal);
        if let Some(seconds) = seconds.and_then(|seconds| seconds.parse().ok()) {
            return Json::Real(seconds);
        }
        if let Some(number) = text.strip_suffix("KiB").and_then(|text| text.parse().ok()) {
            return Json::Number(number);
        }
    }
    Json::text(text)
}

fn print(entry: &Entry, out: &mut impl Write) -> Result<(), Failure> {
    if !entry.front.is_empty() {
        write!(out, "{}  ", plain(&entry.front))?;
    }
    writeln!(out, "{:<10}  {}", plain(entry.name()), sentence(entry))?;
    Ok(())
}

/// An event as a person says it; one that is not known here, or lacks something, by its keys.
fn sentence(entry: &Entry) -> String {
    let get = |key: &str| entry.get(key).map(plain).unwrap_or_default();
    match entry.name() {
        "started" => format!(
            "worker {} (incarnation {}) from generation {}, watched by {}",
            get("worker"),
            get("incarnation"),
            get("generation"),
            get("watchdog")
        ),
        "died" => died(entry),
        "degraded" => format!(
            "the watch dog {} serves as the worker: fork failed with {}",
            get("watchdog"),
            get("errno")
        ),
        "repaired" => format!(
            "worker {} (incarnation {}) again, after {} without one",
            get("worker"),
            get("incarnation"),
            get("after")
        ),
        "gave_up" if entry.get("reason").is_some() => {
            format!("{}, exit status {}", get("reason"), get("code"))
        }
        "gave_up" => format!(
            "after {} restarts without progress, exit status {}",
            get("restarts"),
            get("code")
        ),
        "stopping" => format!("by {}", get("signal")),
        "stopped" => format!("exit status {}", get("code")),
        "refused" => get("reason"),
        "warning" if entry.get("reason").is_some() => get("reason"),
        "warning" => format!("{} failed with {}", get("call"), get("errno")),
        _ => {
            let keys = entry.pairs.iter().filter(|(key, _)| key != "event");
            let keys = keys.map(|(key, value)| format!("{key}={}", plain(&value.text)));
            keys.collect::<Vec<_>>().join(" ")
        }
    }
}

fn died(entry: &Entry) -> String {
    let get = |key: &str| entry.get(key).map(plain).unwrap_or_default();
    let of = match get("cause").as_str() {
        "exit" => format!("exited with code {}", get("code")),
        "panic" => format!("panicked at {} in thread \"{}\"", get("at"), get("thread")),
        "hang" => "hung and was killed".to_owned(),
        "oom" => "was killed by the out-of-memory killer".to_owned(),
        _ if entry.get("fault").is_some() => {
            format!("overflowed the stack of thread \"{}\"", get("thread"))
        }
        _ => match entry.get("address") {
            Some(address) => format!(
                "was killed by {} at address {}",
                get("signal"),
                plain(address)
            ),
            None => format!("was killed by {}", get("signal")),
        },
    };
    let detail = match (entry.get("panic"), entry.get("heart"), entry.get("hint")) {
        (Some(message), ..) => format!(": \"{}\"", plain(message)),
        (_, Some(heart), _) => format!(": heart \"{}\"", plain(heart)),
        (_, _, Some(hint)) => format!(": {}", plain(hint)),
        _ => String::new(),
    };
    let then = match get("next").as_str() {
        "restart" if get("delay") == "0.000s" => "restarted at once".to_owned(),
        "restart" => format!("restarted after {}", get("delay")),
        "give_up" => "the pair gives up".to_owned(),
        "degrade" => "the watch dog takes its place".to_owned(),
        _ => "not restarted".to_owned(),
    };
    format!(
        "worker {} (incarnation {}) {of}, {} after its start, at generation {}{detail}; {then}",
        get("worker"),
        get("incarnation"),
        get("uptime"),
        get("generation")
    )
}
