use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
enum State {
    Idle,
    Busy { since: u64 },
}

fn main() {
    let _ = [State::Idle, State::Busy { since: 1 }];
}
