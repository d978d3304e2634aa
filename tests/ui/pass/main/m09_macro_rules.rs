// M09: what `macro_rules!` forwards arrives in invisible groups.
use std::time::Duration;

use ppair::{Checkpoint, HardState, Worker};

#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
struct Progress {
    next: u32,
}

#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
struct Hidden {
    next: u32,
}

fn read() -> u32 {
    3
}

fn tell(_: &ppair::Event<'_>) {}

macro_rules! service {
    (
        $(#[$attribute:meta])*
        $visibility:vis $setup:path, $state:ty, $policy:literal, $limit:expr, $delay:literal, $max:expr, $after:expr,
        $deaths:literal, $hang:expr, $stop:literal, $orphans:expr, $tell:path,
        $name:ident, $config:ident: $config_type:ty, $progress:pat => $progress_type:ty, $body:block
    ) => {
        #[ppair::main(
            setup = $setup,
            state = $state,
            restart = $policy,
            max_restarts = $limit,
            restart_delay = $delay,
            restart_delay_max = $max,
            healthy_after = $after,
            max_deaths = $deaths,
            hang_timeout = $hang,
            stop_timeout = $stop,
            orphans = $orphans,
            on_event = $tell,
            crate = ppair,
        )]
        $(#[$attribute])*
        $visibility fn $name($config: $config_type, $progress: $progress_type, _: Worker) -> Result<(), String> $body
    };
}

service!(
    #[deny(warnings)]
    #[inline]
    #[cfg_attr(all(), cfg(unix), cold)]
    pub self::read, Hidden, "never", 1 + 1, "250ms", Duration::from_secs(1), "5s",
    5, "off", "unlimited", "keep", self::tell,
    main, config: &u32, progress => Checkpoint<Progress>,
    {
        assert_eq!(*config, 3);
        progress.update(|p| p.next += 1);
        ppair::checkpoint::<Hidden>().map(drop).ok_or_else(|| "no state".to_owned())
    }
);
