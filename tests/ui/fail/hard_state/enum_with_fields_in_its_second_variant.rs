use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(u8)]
enum State {
    Idle,
    Busy(u64),
    Done(u64),
}

fn main() {
    let _ = [State::Idle, State::Busy(1), State::Done(1)];
}
