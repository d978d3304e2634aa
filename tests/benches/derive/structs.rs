//! The structs that every contestant derives for: the same fields in the same order, whatever the derive.

use std::fmt::Write as _;

use ppair_tests::Random;

/// How many structs a crate has.
pub(crate) const COUNT: usize = 200;

/// The largest struct in bytes: those that hold others must not grow without end.
const MAX_SIZE: usize = 2048;

const SCALARS: [(&str, usize); 14] = [
    ("u8", 1),
    ("u16", 2),
    ("u32", 4),
    ("u64", 8),
    ("u128", 16),
    ("usize", size_of::<usize>()),
    ("i8", 1),
    ("i16", 2),
    ("i32", 4),
    ("i64", 8),
    ("i128", 16),
    ("isize", size_of::<isize>()),
    ("f32", 4),
    ("f64", 8),
];

/// A `repr(C)` struct without padding, of types of which every pattern of bits is a value: what all contestants accept.
pub(crate) struct Struct {
    name: String,
    size: usize,
    align: usize,
    fields: Vec<String>,
}

/// [`COUNT`] structs of 2 to 12 fields: numbers, arrays of numbers, structs that stand before them, arrays of those.
pub(crate) fn structs() -> Vec<Struct> {
    let mut random = Random::new(200);
    let mut all: Vec<Struct> = Vec::with_capacity(COUNT);
    for number in 0..COUNT {
        let mut one = Struct {
            name: format!("State{number}"),
            size: 0,
            align: 1,
            fields: Vec::new(),
        };
        // The tail may need one more field.
        let wanted = 2 + below(&mut random, 10);
        while one.fields.len() < wanted {
            let (ty, size, align) = a_type(&mut random, &all);
            let gap = one.size.next_multiple_of(align) - one.size;
            let is_last = one.fields.len() + 1 == wanted;
            if one.size + gap + size > MAX_SIZE || (gap > 0 && is_last) {
                one.push("u8".to_owned(), 1, 1);
                continue;
            }
            one.fill(gap);
            one.push(ty, size, align);
        }
        one.fill(one.size.next_multiple_of(one.align) - one.size);
        all.push(one);
    }
    all
}

fn a_type(random: &mut Random, earlier: &[Struct]) -> (String, usize, usize) {
    let (name, size, align) = if !earlier.is_empty() && below(random, 10) == 0 {
        let one = &earlier[below(random, earlier.len())];
        (one.name.as_str(), one.size, one.align)
    } else {
        let (name, size) = SCALARS[below(random, SCALARS.len())];
        (name, size, size)
    };
    if below(random, 5) == 0 {
        // bytemuck takes arrays of all these lengths without a feature.
        let len = 1 + below(random, 8);
        (format!("[{name}; {len}]"), size * len, align)
    } else {
        (name.to_owned(), size, align)
    }
}

fn below(random: &mut Random, end: usize) -> usize {
    usize::try_from(random.below(end as u64)).expect("it is below a usize")
}

impl Struct {
    fn push(&mut self, ty: String, size: usize, align: usize) {
        self.fields.push(ty);
        self.size += size;
        self.align = self.align.max(align);
    }

    /// With a field where `repr(C)` would leave padding.
    fn fill(&mut self, gap: usize) {
        if gap > 0 {
            self.push(format!("[u8; {gap}]"), gap, 1);
        }
    }
}

/// A crate of these structs, each with `derives`.
pub(crate) fn source(structs: &[Struct], derives: &str) -> String {
    let mut text = String::new();
    for Struct { name, fields, .. } in structs {
        let _ = writeln!(
            text,
            "#[derive({derives})]\n#[repr(C)]\npub struct {name} {{"
        );
        for (number, ty) in fields.iter().enumerate() {
            let _ = writeln!(text, "    pub field_{number}: {ty},");
        }
        text.push_str("}\n\n");
    }
    text
}

/// What compiles behind [`source`] only if every struct has its size and meets `bounds`.
pub(crate) fn proof(structs: &[Struct], bounds: &str) -> String {
    let mut text = format!("const fn derives<T: {bounds}>(_: usize) {{}}\n");
    for Struct { name, size, .. } in structs {
        let _ = writeln!(
            text,
            "const _: [(); {size}] = [(); ::core::mem::size_of::<{name}>()];\n\
             const _: () = derives::<{name}>({size});"
        );
    }
    text
}
