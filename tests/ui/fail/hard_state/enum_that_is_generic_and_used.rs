use ppair::HardState;

#[derive(Clone, Copy, HardState)]
enum Maybe<'a, T: Default, const N: usize = 1> {
    Nothing,
    Things(&'a [T; N]),
}

fn needs_hard_state<T: HardState>() {}

fn main() {
    let _ = [Maybe::Nothing, Maybe::Things(&[0; 2])];
    needs_hard_state::<Maybe<'static, u8, 3>>();
}
