//! The same 200 structs for each derive: without padding and with integers, floats, arrays and earlier structs only, which is
//! what all three accept.

use std::fmt::Write;

/// A derive, or none.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    derives: &'static str,
}

/// Without a derive first: it is what the others are compared with.
pub(crate) const CONTESTANTS: [Contestant; 4] = [
    Contestant {
        name: "none",
        derives: "Clone, Copy",
    },
    Contestant {
        name: "ppair",
        derives: "Clone, Copy, ppair::HardState",
    },
    Contestant {
        name: "bytemuck",
        derives: "Clone, Copy, bytemuck::Pod, bytemuck::Zeroable",
    },
    // What one needs to store a value and to have it again.
    Contestant {
        name: "zerocopy",
        derives: "Clone, Copy, zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable, zerocopy::KnownLayout",
    },
];

const STRUCTS: usize = 200;

/// Multiples of eight bytes, so that no order of them leaves padding.
const FIELDS: [&str; 8] = [
    "u64",
    "[u32; 2]",
    "f64",
    "[u8; 8]",
    "i64",
    "[f32; 4]",
    "[[u16; 4]; 2]",
    "[i8; 16]",
];

/// The source of the library.
pub(crate) fn source(contestant: &Contestant) -> String {
    let mut source = String::new();
    for number in 0..STRUCTS {
        let _ = writeln!(
            source,
            "#[derive({})]\n#[repr(C)]\npub struct S{number} {{",
            contestant.derives
        );
        for field in 0..2 + number % 11 {
            let kind = FIELDS[(number + field * 3) % FIELDS.len()];
            let _ = writeln!(source, "    pub field_{field}: {kind},");
        }
        if number % 5 == 4 {
            let _ = writeln!(source, "    pub before: S{},", number - 1);
        }
        source += "}\n";
    }
    source
}
