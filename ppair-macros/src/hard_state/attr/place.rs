//! Which arguments `#[hard(..)]` has, and where each stands.

use syn::Ident;
use syn::ext::IdentExt as _;

use crate::similar::similar;

/// What an attribute stands on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::hard_state) enum Place {
    /// A struct or an enum.
    Type,
    /// A field of a struct.
    Field,
    /// A variant of an enum.
    Variant,
}

/// An argument that there is.
pub(super) struct Key {
    name: &'static str,
    places: &'static [Place],
    /// A value with what it says, for a message; `None` if the key takes no value.
    value: Option<(&'static str, &'static str)>,
}

/// All of them: an argument more is a line more.
#[rustfmt::skip]
const KEYS: &[Key] = &[
    Key { name: "crate", places: &[Place::Type], value: Some(("::ppair", "the path of the crate `ppair`")) },
    Key { name: "version", places: &[Place::Type], value: Some(("1", "a number")) },
    Key { name: "was", places: &[Place::Type, Place::Field, Place::Variant], value: Some(("\"name\"", "the earlier name")) },
    Key { name: "evolve", places: &[Place::Type], value: None },
    Key { name: "migrate_from", places: &[Place::Type], value: Some(("Earlier", "the earlier type")) },
    Key { name: "no_padding", places: &[Place::Type], value: None },
    Key { name: "zeroed", places: &[Place::Type], value: None },
    Key { name: "default", places: &[Place::Field], value: Some(("0", "the value of the field where nothing is stored for it")) },
];

impl Place {
    fn name(self) -> &'static str {
        match self {
            Self::Type => "the type",
            Self::Field => "a field",
            Self::Variant => "a variant",
        }
    }

    fn keys(self) -> Vec<&'static str> {
        let keys = KEYS.iter().filter(|key| key.places.contains(&self));
        keys.map(|key| key.name).collect()
    }

    /// The argument of this name. Refuses one that is not valid here, and says where it is, or
    /// which are.
    pub(super) fn check(self, name: &Ident) -> syn::Result<&'static Key> {
        let refuse = |message| Err(syn::Error::new(name.span(), message));
        let written = name.unraw().to_string();
        if let Some(key) = KEYS.iter().find(|key| name == key.name) {
            if key.places.contains(&self) {
                return Ok(key);
            }
            let place = key.places[0].name();
            return refuse(format!(
                "`{written}` belongs on {place}, not on {}",
                self.name()
            ));
        }
        let keys = self.keys();
        if let Some(meant) = similar(&written, &keys) {
            return refuse(format!(
                "unknown argument `{written}` of `hard`; did you mean `{meant}`?"
            ));
        }
        let all: Vec<_> = KEYS.iter().map(|key| key.name).collect();
        if let Some(meant) = similar(&written, &all) {
            let place = KEYS.iter().find(|key| key.name == meant);
            let place = place.map_or("the type", |key| key.places[0].name());
            return refuse(format!(
                "unknown argument `{written}` of `hard`; did you mean `{meant}`? It belongs on {place}"
            ));
        }
        let one_of = if keys.len() == 1 { "" } else { "one of: " };
        refuse(format!(
            "unknown argument `{written}` of `hard`; on {}, expected {one_of}`{}`",
            self.name(),
            keys.join("`, `")
        ))
    }
}

impl Key {
    pub(super) fn takes_value(&self) -> bool {
        self.value.is_some()
    }

    /// What to say if there is no value, or one too many.
    pub(super) fn usage(&self) -> String {
        let name = self.name;
        match self.value {
            Some((example, what)) => {
                format!("`{name}` needs {what}; write `{name} = {example}`")
            }
            None => format!("`{name}` takes no value; write `{name}`"),
        }
    }
}
