//! As what they stand for: a text, a sequence, an option, a `Duration`, and seconds and nanoseconds since 1970.

use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::{CapacityError, Elapsed, Maybe, Text, Timestamp, Vector};
use crate::state::HardState;

impl<const N: usize> Serialize for Text<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Text<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read<const N: usize>;

        impl<const N: usize> Visitor<'_> for Read<N> {
            type Value = Text<N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a text of at most {N} bytes")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<N>, E> {
                Text::try_from(text).map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Read)
    }
}

impl<T: HardState + Serialize, const N: usize> Serialize for Vector<T, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}

impl<'de, T: HardState + Deserialize<'de>, const N: usize> Deserialize<'de> for Vector<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read<T, const N: usize>(PhantomData<T>);

        impl<'de, T: HardState + Deserialize<'de>, const N: usize> Visitor<'de> for Read<T, N> {
            type Value = Vector<T, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a sequence of at most {N} elements")
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut elements: A,
            ) -> Result<Self::Value, A::Error> {
                let mut vector = Vector::new();
                while let Some(element) = elements.next_element()? {
                    let pushed = vector.try_push(element);
                    // How many more follow is not known.
                    pushed.map_err(|_| de::Error::custom(CapacityError::one_too_many(N)))?;
                }
                Ok(vector)
            }
        }

        deserializer.deserialize_seq(Read(PhantomData))
    }
}

impl<T: HardState + Serialize> Serialize for Maybe<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.get().serialize(serializer)
    }
}

impl<'de, T: HardState + Deserialize<'de>> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::from)
    }
}

impl Serialize for Elapsed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.get().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Elapsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Duration::deserialize(deserializer).map(Self::from)
    }
}

/// The names that serde gives to a `SystemTime`'s.
const SECONDS: &str = "secs_since_epoch";
const NANOS: &str = "nanos_since_epoch";

/// As a `SystemTime` from 1970 on; before it the seconds are negative, where a `SystemTime` is an error.
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("SystemTime", 2)?;
        fields.serialize_field(SECONDS, &self.seconds())?;
        fields.serialize_field(NANOS, &self.nanos())?;
        fields.end()
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        fn checked<E: de::Error>(seconds: i64, nanos: u32) -> Result<Timestamp, E> {
            Timestamp::new(seconds, nanos).ok_or_else(|| {
                E::custom(format_args!("{nanos} nanoseconds are not below a second"))
            })
        }

        impl<'de> Visitor<'de> for Read {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("seconds and nanoseconds since 1970")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Timestamp, A::Error> {
                let missing = |at| de::Error::invalid_length(at, &self);
                let seconds = numbers.next_element()?.ok_or_else(|| missing(0))?;
                let nanos = numbers.next_element()?.ok_or_else(|| missing(1))?;
                checked(seconds, nanos)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Timestamp, A::Error> {
                let (mut seconds, mut nanos) = (None, None);
                while let Some(key) = fields.next_key()? {
                    let duplicate = match key {
                        Key::Seconds => seconds.replace(fields.next_value()?).map(|_| SECONDS),
                        Key::Nanos => nanos.replace(fields.next_value()?).map(|_| NANOS),
                    };
                    if let Some(name) = duplicate {
                        return Err(de::Error::duplicate_field(name));
                    }
                }
                checked(
                    seconds.ok_or_else(|| de::Error::missing_field(SECONDS))?,
                    nanos.ok_or_else(|| de::Error::missing_field(NANOS))?,
                )
            }
        }

        deserializer.deserialize_struct("SystemTime", &[SECONDS, NANOS], Read)
    }
}

/// The name of a field, or its number.
enum Key {
    Seconds,
    Nanos,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl Visitor<'_> for Read {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "`{SECONDS}` or `{NANOS}`")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Key, E> {
                match number {
                    0 => Ok(Key::Seconds),
                    1 => Ok(Key::Nanos),
                    _ => Err(E::invalid_value(de::Unexpected::Unsigned(number), &self)),
                }
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Key, E> {
                match name {
                    SECONDS => Ok(Key::Seconds),
                    NANOS => Ok(Key::Nanos),
                    _ => Err(E::unknown_field(name, &[SECONDS, NANOS])),
                }
            }

            fn visit_bytes<E: de::Error>(self, name: &[u8]) -> Result<Key, E> {
                self.visit_str(&String::from_utf8_lossy(name))
            }
        }

        deserializer.deserialize_identifier(Read)
    }
}
