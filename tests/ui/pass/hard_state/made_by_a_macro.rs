use ppair::HardState;

macro_rules! state {
    ($name:ident { $($field:ident: $type:ty = $len:literal),* $(,)? }) => {
        #[derive(Clone, Copy, HardState)]
        #[repr(C)]
        struct $name {
            fixed: u8,
            $($field: [$type; $len],)*
        }
    };
}

state!(State { letters: char = 3, counts: u64 = 2 });

fn main() {
    assert_eq!(State::LAYOUT.size(), 32);
}
