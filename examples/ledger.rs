//! Moves money between ten thousand accounts, and loses none of it, whatever is killed.
//!
//! What it shows: a hard state that outlives the pair, a big one, of which each commit writes the few bytes that have changed; and a durable commit. Most
//! transfers are in the file some time later, at most `store_interval`. But each of which the outside is told, as a customer is who gets a receipt, is there
//! before that is printed.
//!
//! ```text
//! cargo run --example ledger -- [--store NAME] [--transfers N] [--crash-every K] [--pace MS]
//! ```
//!
//! Four tellers, each a thread, move a random amount between two random accounts every MS milliseconds, and print `confirmed NUMBER` for about one transfer in
//! ten, once that one is stored. It ends at the N-th transfer of its life (0: never), and crashes its worker after each K-th (0: never), each time in another
//! way. NAME is what the option `store` takes: `file:PATH`, `shm:NAME`. Defaults: `file:ledger.state`, N 0, K 0, 1 ms.
//!
//! How to crash it: `kill -9` the worker, the watch dog, or the keeper, which `ps -C ppair-keeper` finds; or all of them: `pkill -9 'ledger|ppair-keeper'`.
//! Start it again if it has ended, with the same store.
//!
//! What one then sees: each worker begins with an audit, which prints
//! `audit ok: 10000 accounts, sum 1000000000, transfers N, last confirmed M`. The sum is always that of the first day, and M is never
//! less than the last number that was confirmed. A worker or a keeper that dies costs nothing at all. With the watch dog, the last transfers that nobody
//! was told of may be gone if the keeper dies too. If the books are ever wrong, it says so, and ends with exit status 78, since no other worker would find
//! them right.

#[path = "common/crash.rs"]
mod crash;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crash::Crash;
use lexopt::{Arg, ValueExt};
use ppair::{Checkpoint, Config, HardState, SyncError, ThreadPanic};

const USAGE: &str = "\
usage: ledger [--store NAME] [--transfers N] [--crash-every K] [--pace MS]

Moves money between accounts, and prints the numbers of some transfers once they are stored.

  --store NAME     where the accounts are kept: file:PATH, shm:NAME (default file:ledger.state)
  --transfers N    end at the N-th transfer; 0: never (default 0)
  --crash-every K  crash after each K-th transfer; 0: never (default 0)
  --pace MS        milliseconds between two transfers of a teller (default 1)
  --help           print this
";

const ACCOUNTS: usize = 10_000;
/// What is in each account on the first day.
const DEPOSIT: i64 = 100_000;
/// What is in all of them, on each day.
const TOTAL: i64 = 1_000_000_000;
const TELLERS: usize = 4;
/// One transfer in so many is confirmed.
const CONFIRM: u64 = 10;

/// The books: 80 kB, of which a transfer changes 40 bytes.
#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct Ledger {
    /// How many transfers there were.
    transfers: u64,
    /// The greatest number of a transfer that is, or is about to be, confirmed.
    confirmed: u64,
    balances: [i64; ACCOUNTS],
}

impl Default for Ledger {
    fn default() -> Self {
        // A constant: a value of this size is not to be put together on the stack.
        const FIRST_DAY: Ledger = Ledger {
            transfers: 0,
            confirmed: 0,
            balances: [DEPOSIT; ACCOUNTS],
        };
        FIRST_DAY
    }
}

/// What the command line asks for.
struct Settings {
    store: String,
    transfers: Option<u64>,
    crash_every: Option<u64>,
    pace: Duration,
}

/// What one teller is to do.
struct Transfer {
    from: usize,
    to: usize,
    amount: i64,
    is_confirmed: bool,
}

fn read_settings() -> Result<Settings, lexopt::Error> {
    let mut settings = Settings {
        store: "file:ledger.state".to_owned(),
        transfers: None,
        crash_every: None,
        pace: Duration::from_millis(1),
    };
    let not_zero = |number: u64| (number != 0).then_some(number);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("store") => settings.store = args.value()?.string()?,
            Arg::Long("transfers") => settings.transfers = not_zero(args.value()?.parse()?),
            Arg::Long("crash-every") => settings.crash_every = not_zero(args.value()?.parse()?),
            Arg::Long("pace") => settings.pace = Duration::from_millis(args.value()?.parse()?),
            Arg::Short('h') | Arg::Long("help") => {
                print!("{USAGE}");
                std::process::exit(0);
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok(settings)
}

/// Where the books are is only known when the program runs, so the options come from a function. What is wrong with the command line is for `setup` to say,
/// which is next.
fn options() -> Config {
    let config = Config::new()
        .unlimited_restarts()
        .thread_panic(ThreadPanic::Crash);
    match read_settings() {
        // It is needed as long as the program runs.
        Ok(settings) => config.store(settings.store.leak()),
        Err(_) => config,
    }
}

#[ppair::main(config = options, setup = read_settings)]
fn main(settings: &'static Settings, ledger: Checkpoint<Ledger>) -> io::Result<ExitCode> {
    let audited = match ledger.sync() {
        Err(none @ SyncError::NoStore) => Err(none.to_string()),
        // If the store fails only now, the books are right all the same.
        _ => audit(&ledger),
    };
    let worked = match audited {
        Ok(audited) => print_line(&audited).and_then(|()| open(settings, &ledger)),
        Err(wrong) => {
            eprintln!("{wrong}");
            // The exit status after which no other worker is started.
            return Ok(ExitCode::from(78));
        }
    };
    match worked {
        // As for `ledger | head`: nobody reads any more, so there is nothing left to do.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        worked => worked.map(|()| ExitCode::SUCCESS),
    }
}

/// Lets the tellers work until all is done.
fn open(settings: &Settings, ledger: &Checkpoint<Ledger>) -> io::Result<()> {
    let done = ledger.get(|ledger| &ledger.transfers);
    let left = settings.transfers.map(|all| all.saturating_sub(done));
    let left = AtomicU64::new(left.unwrap_or(u64::MAX));
    thread::scope(|scope| {
        let mut tellers = Vec::new();
        for _ in 0..TELLERS {
            let teller = thread::Builder::new().name("teller".to_owned());
            tellers.push(teller.spawn_scoped(scope, || work(ledger, settings, &left))?);
        }
        // A panic of a teller has ended the worker.
        tellers
            .into_iter()
            .try_for_each(|teller| teller.join().unwrap_or(Ok(())))
    })
}

/// Looks whether the books are right, and says what they are or what is wrong.
fn audit(ledger: &Checkpoint<Ledger>) -> Result<String, String> {
    let (transfers, confirmed, sum, least) = ledger.read(|ledger| {
        (
            ledger.transfers,
            ledger.confirmed,
            ledger.balances.iter().sum::<i64>(),
            ledger.balances.iter().copied().min(),
        )
    });
    if sum != TOTAL {
        return Err(format!("audit failed: the sum is {sum}, and was {TOTAL}"));
    }
    if least < Some(0) {
        return Err("audit failed: an account is overdrawn".to_owned());
    }
    if confirmed > transfers {
        return Err(format!(
            "audit failed: number {confirmed} was confirmed, and there were {transfers} transfers"
        ));
    }
    Ok(format!(
        "audit ok: {ACCOUNTS} accounts, sum {sum}, transfers {transfers}, last confirmed {confirmed}"
    ))
}

/// What one teller does, until there is nothing left to do.
fn work(ledger: &Checkpoint<Ledger>, settings: &Settings, left: &AtomicU64) -> io::Result<()> {
    let mut random = Random::new();
    let one_less = |left: u64| left.checked_sub(1);
    while left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
        .is_ok()
    {
        let transfer = random.transfer();
        let number = commit(ledger, &transfer);
        if transfer.is_confirmed {
            wait_until_stored(ledger)?;
            print_line(&format!("confirmed {number}"))?;
        }
        if let Some(every) = settings.crash_every {
            if number % every == 0 {
                Crash::Mix.now(number / every - 1);
            }
        }
        thread::sleep(settings.pace);
    }
    Ok(())
}

/// Makes a transfer, and returns its number. All of it is one commit: whoever dies in the midst of it has moved nothing.
fn commit(ledger: &Checkpoint<Ledger>, transfer: &Transfer) -> u64 {
    let &Transfer {
        from,
        to,
        amount,
        is_confirmed,
    } = transfer;
    ledger.edit(|ledger| {
        // Nobody can give away more than he has.
        let amount = ledger.patch(
            |ledger| &ledger.balances[from],
            |balance| {
                let amount = amount.min(*balance);
                *balance -= amount;
                amount
            },
        );
        ledger.patch(|ledger| &ledger.balances[to], |balance| *balance += amount);
        let number = ledger.patch(
            |ledger| &ledger.transfers,
            |transfers| {
                *transfers += 1;
                *transfers
            },
        );
        if is_confirmed {
            ledger.patch(|ledger| &ledger.confirmed, |last| *last = number);
        }
        number
    })
}

/// Waits as long as it takes: what is committed stays so, and a store that fails is tried again.
fn wait_until_stored(ledger: &Checkpoint<Ledger>) -> io::Result<()> {
    loop {
        match ledger.sync() {
            Ok(_) => return Ok(()),
            Err(SyncError::Failed { .. }) => thread::sleep(Duration::from_millis(100)),
            Err(error) => return Err(io::Error::other(error)),
        }
    }
}

/// Prints a line in one write, so that a crash cannot leave half of it.
fn print_line(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(format!("{line}\n").as_bytes())?;
    stdout.flush()
}

/// Numbers as they come (xorshift), other ones for each teller of each worker.
struct Random(u64);

impl Random {
    fn new() -> Self {
        Self(RandomState::new().build_hasher().finish() | 1)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn account(&mut self) -> usize {
        // It fits, as the number of accounts does.
        usize::try_from(self.below(ACCOUNTS as u64)).unwrap_or_default()
    }

    fn transfer(&mut self) -> Transfer {
        Transfer {
            from: self.account(),
            to: self.account(),
            amount: 1 + i64::try_from(self.below(1_000)).unwrap_or_default(),
            is_confirmed: self.below(CONFIRM) == 0,
        }
    }
}
