//! Neither macro panics, whatever it is given: a panic of a macro says nothing of the user's
//! mistake.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

const ARGUMENTS: [&str; 8] = [
    "setup = read, restart = \"on-failure\", max_restarts = 3,",
    "state = Progress<[u8; 3]>, crate = \"a::b\", guard = true",
    "hang_timeout = \"10ms\", stop_timeout = 0, store_interval = \"0\"",
    "store = \"sqlite://x?a=b\", on_event = |_| {}, config = || c(3)",
    "max_deaths = \"unlimited\", max_deaths_within = Duration::from_secs(3)",
    "async = dyn::try, await, dyn",
    "store = \":memory:\" orphans == (\"keep\")",
    "max_restart = -1, 3 = 4, ~",
];
const ITEMS: [&str; 9] = [
    "#[tokio::main] pub async fn main(a: &Checkpoint<u8>, #[cfg(x)] mut b: Worker) -> Result<(), E> where T: A { x.await }",
    "fn main<'a, T, const N: usize>(self, async: dyn, ...) {}",
    "unsafe extern \"C\" fn other() -> ! {}",
    "impl A { fn main() {} }",
    "#[derive(HardState)] #[repr(C, align(8))] #[hard(version = 3, evolve, was = \"A\")] struct A<T: B = C, const N: usize = 3>(#[hard(was = \"0\")] [T; N], u8) where T: D;",
    "#[repr(u8)] #[hard(evolve)] enum E { #[hard(was = \"B\")] A = 3, B { x: u8 }, C() }",
    "#[hard(default = 3, no_padding = 3, crate = a::b)] #[repr(packed)] struct S<'a> { #[hard(default)] x: &'a str, async: [u8], r#type: dyn A }",
    "union U { a: u8, b: Option<Vec<u8>> }",
    "struct dyn { try: async::await }",
];

/// A generator that is the same each time: xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (end as u64)).expect("it is below a size")
    }
}

/// The tokens with a few of them removed, doubled, swapped, or put into a group without brackets.
fn mangle(tokens: TokenStream, random: &mut Random) -> TokenStream {
    let mut tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for _ in 0..random.below(3) {
        if tokens.is_empty() {
            break;
        }
        let (at, other) = (random.below(tokens.len()), random.below(tokens.len()));
        match random.below(5) {
            0 => drop(tokens.remove(at)),
            1 => tokens.insert(at, tokens[other].clone()),
            2 => tokens.swap(at, other),
            3 => {
                let inner = tokens[at].clone().into();
                tokens[at] = Group::new(Delimiter::None, inner).into();
            }
            _ => {
                if let TokenTree::Group(group) = &tokens[at] {
                    let inner = mangle(group.stream(), random);
                    tokens[at] = Group::new(group.delimiter(), inner).into();
                }
            }
        }
    }
    tokens.into_iter().collect()
}

#[test]
fn no_input_is_a_panic() {
    let tokens = |text: &str| text.parse::<TokenStream>().expect("tokens");
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for _ in 0..400 {
        for item in ITEMS {
            let item = mangle(tokens(item), &mut random);
            let arguments = tokens(ARGUMENTS[random.below(ARGUMENTS.len())]);
            let arguments = mangle(arguments, &mut random);
            let expanded = crate::main_attr::expand(arguments, item.clone());
            assert!(!expanded.is_empty() || item.is_empty());
            let _ = crate::hard_state::derive(item);
        }
    }
}
