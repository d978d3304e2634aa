//! Where which argument of `#[hard(..)]` stands.

use syn::Ident;

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

const PLACES: [Place; 3] = [Place::Type, Place::Field, Place::Variant];

impl Place {
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Type => &[
                "crate",
                "version",
                "was",
                "evolve",
                "migrate_from",
                "no_padding",
                "zeroed",
            ],
            Self::Field => &["was", "default"],
            Self::Variant => &["was"],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Type => "the type",
            Self::Field => "a field",
            Self::Variant => "a variant",
        }
    }

    /// Refuses a key that is not valid here, and says where it is, or which are.
    pub(super) fn check(self, key: &Ident) -> syn::Result<()> {
        let is_key_of = |place: &&Self| place.keys().iter().any(|known| key == known);
        if is_key_of(&&self) {
            return Ok(());
        }
        let message = if let Some(place) = PLACES.iter().find(is_key_of) {
            format!(
                "`{key}` belongs on {}, not on {}",
                place.name(),
                self.name()
            )
        } else {
            let keys: Vec<_> = self.keys().iter().map(|key| format!("`{key}`")).collect();
            let one_of = if keys.len() == 1 { "" } else { "one of: " };
            format!(
                "unknown argument `{key}` of `hard`; on {}, expected {one_of}{}",
                self.name(),
                keys.join(", ")
            )
        };
        Err(syn::Error::new(key.span(), message))
    }
}
