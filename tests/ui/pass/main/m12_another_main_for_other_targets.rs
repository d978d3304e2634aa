// M12: only one of them exists, wherever the `cfg` stands, and a mistake in the other does not count.
#[ppair::main]
#[cfg(windows)]
fn main() {
    compile_error!("this is not Windows");
}

#[cfg(target_os = "macos")]
#[ppair::main]
fn main() {}

#[ppair::main(unknown)]
#[cfg_attr(all(), cfg(target_os = "none"))]
fn main<T>(x: u32) {}

#[ppair::main]
#[cfg(unix)]
fn main() {}
