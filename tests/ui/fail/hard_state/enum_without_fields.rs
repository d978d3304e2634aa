use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(u8)]
enum State {
    Idle,
    Busy,
}

fn needs_hard_state<T: HardState>() {}

fn main() {
    let _ = [State::Idle, State::Busy];
    needs_hard_state::<State>();
}
