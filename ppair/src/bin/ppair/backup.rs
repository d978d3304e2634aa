//! `ppair export` and `ppair import`.

use std::io::Write;
use std::path::Path;

use ppair::inspect::{self, Import, Step};

use crate::Failure;
use crate::json::Json;
use crate::show::plain;

pub(crate) fn export(
    source: &str,
    file: &Path,
    json: bool,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let found = inspect::export(source, file)?;
    let written = found
        .states
        .iter()
        .filter_map(|state| Some((&state.name, state.stored.as_ref()?.generation())));
    if json {
        let states = written.map(|(name, generation)| {
            Json::Object(vec![
                ("name", Json::text(name)),
                ("generation", generation.into()),
            ])
        });
        let object = Json::Object(vec![
            ("source", Json::text(&found.place)),
            ("file", Json::text(file.display())),
            ("states", Json::List(states.collect())),
        ]);
        return object.print(out);
    }
    for (name, generation) in written {
        writeln!(out, "{}: generation {generation}", plain(name))?;
    }
    Ok(())
}

pub(crate) fn import(
    backup: &str,
    store: &str,
    dry_run: bool,
    json: bool,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let import = inspect::import(backup, store, dry_run)?;
    if json {
        let states = import.steps.iter().map(|step| {
            Json::Object(vec![
                ("name", Json::text(&step.name)),
                ("before", Json::maybe(step.old, Json::from)),
                ("imported", Json::maybe(step.new, Json::from)),
                ("what", Json::text(word(step))),
            ])
        });
        let object = Json::Object(vec![
            ("store", Json::text(&import.store)),
            ("dry_run", Json::Bool(dry_run)),
            ("states", Json::List(states.collect())),
        ]);
        object.print(out)?;
        return some_was_imported(backup, &import);
    }
    let would = if dry_run { "would be " } else { "" };
    for step in &import.steps {
        let name = plain(&step.name);
        match (step.new, step.old) {
            (Some(new), Some(_)) if step.same => {
                writeln!(out, "{name}: generation {new} is there already")?;
            }
            (Some(new), Some(old)) => writeln!(
                out,
                "{name}: generation {new} {would}imported; generation {old}, which was there, {would}set aside"
            )?,
            (Some(new), None) => writeln!(out, "{name}: generation {new} {would}imported")?,
            (None, old) => {
                writeln!(out, "{name}: generation {} stays", old.unwrap_or(0))?;
            }
        }
    }
    some_was_imported(backup, &import)
}

/// Fails if all that the backup has is in the store as it is.
fn some_was_imported(backup: &str, import: &Import) -> Result<(), Failure> {
    let mut given = import.steps.iter().filter(|step| step.new.is_some());
    if given.clone().next().is_none() || given.any(|step| !step.same) {
        return Ok(());
    }
    Err(Failure::Could(format!(
        "nothing was imported: {} has the same checkpoints already; to go back to earlier ones, import an earlier \
         backup than {backup}",
        import.store
    )))
}

fn word(step: &Step) -> &'static str {
    match (step.new, step.old) {
        (Some(_), Some(_)) if step.same => "same",
        (Some(_), Some(_)) => "replaced",
        (Some(_), None) => "new",
        (None, _) => "kept",
    }
}
