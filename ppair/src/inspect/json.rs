//! Values as JSON has them: whole, and without a copy.

use core::fmt::Write;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::view::{Fields, List, Look, View};

impl Serialize for View<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.look() {
            Look::Unit | Look::Missing => serializer.serialize_unit(),
            Look::Int(number) => match (i64::try_from(number), u64::try_from(number)) {
                (Ok(number), _) => serializer.serialize_i64(number),
                (_, Ok(number)) => serializer.serialize_u64(number),
                _ => serializer.serialize_i128(number),
            },
            Look::Large(number) => serializer.serialize_u128(number),
            // JSON has no word for them.
            Look::F32(number) if !number.is_finite() => serializer.collect_str(&number),
            Look::F64(number) if !number.is_finite() => serializer.collect_str(&number),
            Look::F32(number) => serializer.serialize_f32(number),
            Look::F64(number) => serializer.serialize_f64(number),
            Look::Bool(value) => serializer.serialize_bool(value),
            Look::Char(character) => serializer.serialize_char(character),
            Look::Text(text) | Look::Variant(text) => serializer.serialize_str(text),
            Look::Elapsed(time) => serializer.serialize_f64(time.as_secs_f64()),
            Look::Timestamp(time) => serializer.collect_str(&time),
            Look::List(list) => list.serialize(serializer),
            Look::Struct(fields) => fields.serialize(serializer),
            Look::There(value) => value.serialize(serializer),
            Look::Raw(bytes) => serializer.serialize_str(&digits(bytes)),
            Look::Invalid(invalid) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("invalid", invalid.found())?;
                map.serialize_entry("expected", invalid.expected())?;
                map.end()
            }
        }
    }
}

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_of_nothing() {
            let mut map = serializer.serialize_map(Some(1))?;
            map.serialize_entry("elements", &self.len())?;
            return map.end();
        }
        serializer.collect_seq(self.elements())
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.clone())
    }
}

/// Two hexadecimal digits a byte.
fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        // A string takes everything.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}
