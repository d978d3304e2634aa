//! What the fixture `strays` and its test have in common.

/// What the fixture writes into each file and socket that it opens.
pub const MARK: &[u8] = b"mine";

/// When it closes all descriptors.
pub const MOMENTS: [&str; 10] = [
    "setup", "start", "commit", "ready", "between", "durable", "thread", "panic", "exit",
    "degraded",
];
