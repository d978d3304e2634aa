use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(u8)]
enum State {
    Idle,
    Busy {},
}

fn main() {
    let _ = [State::Idle, State::Busy {}];
}
