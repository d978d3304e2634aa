// M15: nothing of the user's is captured by the expansion, and nothing of the expansion by the user.
#![no_implicit_prelude]
#![allow(dead_code, non_camel_case_types, non_upper_case_globals)]

mod core {}
mod std {}
mod ppair {}

struct Pair;
struct Config;
struct Options;
struct SetupOf;
struct Option;
struct Choice;
struct Box;
struct Duration;
struct Event;
struct OnWatchdogDeath;
type u32 = ();

const pair: ::core::primitive::u32 = 1;
const entered: ::core::primitive::u32 = 1;
const setup: ::core::primitive::u32 = 1;

fn read() -> Config {
    Config
}

fn on_event(_: &::ppair::Event<'_>) {}

fn worker_main() {}

const NAME: &::core::primitive::str = "memory";

#[::ppair::main(
    setup = read,
    state = [u8; 3],
    restart = "never",
    max_restarts = pair + entered + setup,
    restart_delay = "1s",
    max_deaths = "unlimited",
    hang_timeout = "30s",
    stop_timeout = "unlimited",
    on_watchdog_death = "exit",
    store = NAME,
    store_interval = "0",
    on_event = on_event
)]
fn main(config: &Config, parameter_1: ::ppair::Checkpoint<u8>, parameter_0: ::ppair::Worker) {
    let _: &Config = config;
    let _: ::core::primitive::u32 = parameter_0.incarnation();
    parameter_1.store(3);
    worker_main();
}
