//! `ledger`: whoever is killed, the sums agree, and what was confirmed is never missing.

use std::fs;
use std::time::Duration;

use ppair_tests::{
    End, Fixture, Pid, Random, Running, Scratch, Signal, children, eventually, keeper, stdout_lines,
};

const SOON: Duration = Duration::from_secs(10);
/// So many kills by default; `PPAIR_LEDGER_KILLS` says another number.
const KILLS: u64 = 40;

fn ledger(args: &str) -> Fixture {
    Fixture::new(env!("CARGO_BIN_EXE_ledger")).args(args.split_whitespace())
}

/// What the bank has told its customers so far.
#[derive(Debug, Default)]
struct Told {
    /// The greatest number that was confirmed.
    confirmed: u64,
    /// How many times.
    times: u64,
    audits: u64,
}

impl Told {
    /// Takes note of a line; an audit has to agree with all the lines before it.
    #[track_caller]
    fn hear(&mut self, line: &str) {
        if let Some(number) = line.strip_prefix("confirmed ") {
            let number = number.parse().expect("a number");
            self.confirmed = self.confirmed.max(number);
            self.times += 1;
            return;
        }
        let books = line
            .strip_prefix("audit ok: 10000 accounts, sum 1000000000, transfers ")
            .unwrap_or_else(|| panic!("{line}"));
        let (transfers, confirmed) = books.split_once(", last confirmed ").expect("both");
        let number = |text: &str| text.parse::<u64>().expect("a number");
        assert!(
            number(confirmed) >= self.confirmed && number(transfers) >= number(confirmed),
            "{} was confirmed: {line}",
            self.confirmed
        );
        self.audits += 1;
    }

    #[track_caller]
    fn hear_all(&mut self, end: &End) {
        for line in stdout_lines(end) {
            self.hear(line);
        }
    }
}

/// The store of a bank, and what it has told.
struct Bank {
    folder: Scratch,
    told: Told,
}

impl Bank {
    fn new() -> Self {
        Self {
            folder: Scratch::new(),
            told: Told::default(),
        }
    }

    fn fixture(&self, args: &str) -> Fixture {
        let store = format!("file:{}", self.folder.join("ledger").display());
        ledger(args).args(["--store", &store])
    }

    /// Reads on until so many more transfers were confirmed.
    fn listen(&mut self, pair: &mut Running, confirmed: u64) {
        let until = self.told.times + confirmed;
        while self.told.times < until {
            self.told.hear(&pair.stdout_line());
        }
    }

    /// Reads on until the next worker has audited.
    fn next_audit(&mut self, pair: &mut Running) {
        let until = self.told.audits + 1;
        while self.told.audits < until {
            self.told.hear(&pair.stdout_line());
        }
    }

    /// Reads the rest of what a pair has said.
    fn hear_rest(&mut self, mut pair: Running) -> End {
        while let Some(line) = pair.try_stdout_line() {
            self.told.hear(&line);
        }
        pair.finish()
    }
}

fn keeper_of(pair: &Running) -> Pid {
    eventually("there is a keeper", SOON, || keeper(pair.pid()))
}

/// The worker that lives, if there is one at this moment.
fn worker_of(pair: &Running) -> Option<Pid> {
    let keeper = keeper(pair.pid());
    let mut children = children(pair.pid()).into_iter();
    children.rfind(|&child| Some(child) != keeper)
}

/// Kills a process that may have died meanwhile.
fn kill(pid: Pid) {
    let _ = nix::sys::signal::kill(pid, Signal::SIGKILL);
}

#[test]
fn ends_at_the_last_transfer_and_goes_on_from_it() {
    let mut bank = Bank::new();
    for transfers in [200, 200, 500] {
        let end = bank
            .fixture(&format!("--transfers {transfers} --pace 0"))
            .run();
        end.expect_code(0);
        bank.told.hear_all(&end);
    }
    assert_eq!(bank.told.audits, 3);
    let end = bank.fixture("--transfers 500").run();
    let audit = "audit ok: 10000 accounts, sum 1000000000, transfers 500, last confirmed ";
    assert!(stdout_lines(&end)[0].starts_with(audit), "{:?}", end.stdout);
    assert_eq!(stdout_lines(&end).len(), 1);
    let file = fs::metadata(bank.folder.join("ledger")).expect("there is a file");
    assert!(file.len() > 80_000);
}

#[test]
fn the_books_agree_after_crashes_of_each_kind() {
    let mut bank = Bank::new();
    let end = bank
        .fixture("--transfers 500 --crash-every 30 --pace 0")
        .run();
    end.expect_code(0);
    bank.told.hear_all(&end);
    assert!(bank.told.audits > 8, "{:?}", bank.told);
    assert!(bank.told.confirmed > 0);
}

#[test]
fn a_killed_worker_costs_nothing() {
    let mut bank = Bank::new();
    let mut pair = bank.fixture("").spawn();
    for _ in 0..5 {
        let worker = pair.event("started").pid("worker");
        bank.listen(&mut pair, 5);
        pair.kill(worker, Signal::SIGKILL);
        bank.next_audit(&mut pair);
    }
    pair.signal(Signal::SIGTERM);
    bank.hear_rest(pair).expect_code(128 + 15);
}

#[test]
fn a_killed_keeper_is_followed_by_another() {
    let mut bank = Bank::new();
    let mut pair = bank.fixture("").spawn();
    for _ in 0..5 {
        bank.listen(&mut pair, 3);
        let keeper = keeper_of(&pair);
        pair.kill(keeper, Signal::SIGKILL);
        bank.listen(&mut pair, 3);
        assert_ne!(keeper_of(&pair), keeper);
    }
    pair.signal(Signal::SIGTERM);
    let end = bank.hear_rest(pair);
    end.expect_code(128 + 15);
    assert_eq!(end.events("started").len(), 1, "the worker stays");
    let mut pair = bank.fixture("").spawn();
    bank.next_audit(&mut pair);
}

#[test]
fn all_are_killed_at_once_and_what_was_confirmed_is_there() {
    let mut bank = Bank::new();
    for _ in 0..5 {
        let mut pair = bank.fixture("").spawn();
        bank.listen(&mut pair, 10);
        pair.kill_group(Signal::SIGKILL);
        bank.hear_rest(pair);
    }
    assert_eq!(bank.told.audits, 5);
}

#[test]
fn the_next_pair_begins_where_the_keeper_of_a_killed_watch_dog_ends() {
    let mut bank = Bank::new();
    let mut pair = bank.fixture("").spawn();
    for _ in 0..5 {
        bank.listen(&mut pair, 10);
        pair.signal(Signal::SIGKILL);
        pair.wait();
        // While the others of the first pair end: it waits for them.
        let mut next = bank.fixture("").spawn();
        bank.hear_rest(pair);
        bank.next_audit(&mut next);
        pair = next;
    }
}

#[test]
fn nothing_that_was_confirmed_is_missing_whoever_is_killed() {
    let mut random = Random::seeded("nothing_that_was_confirmed_is_missing_whoever_is_killed");
    let kills = std::env::var("PPAIR_LEDGER_KILLS").map_or(KILLS, |kills| {
        kills.parse().expect("PPAIR_LEDGER_KILLS is a number")
    });
    let mut bank = Bank::new();
    let start = |bank: &Bank| {
        let pair = bank.fixture("--pace 0");
        pair.deadline(Duration::from_secs(60)).spawn()
    };
    let mut pair = start(&bank);
    let mut has_begun = false;
    for _ in 0..kills {
        // A pair is also killed while it begins.
        if !has_begun && random.below(4) != 0 {
            bank.next_audit(&mut pair);
            has_begun = true;
        }
        if has_begun {
            let confirmed = random.below(4);
            bank.listen(&mut pair, confirmed);
        }
        // The stimulus, not a wait: how far they come.
        std::thread::sleep(random.duration_below(Duration::from_millis(5)));
        let watchdog = pair.pid();
        let (worker, keeper) = (worker_of(&pair), keeper(watchdog));
        // Who loses the keeper before it has read the store does not begin.
        let choice = if has_begun {
            random.below(8)
        } else {
            5 + random.below(3)
        };
        let (victims, is_over) = match choice {
            0 | 1 => (vec![worker], false),
            2 | 3 => (vec![keeper], false),
            4 => (vec![keeper, worker], false),
            5 => (vec![Some(watchdog)], true),
            6 => (vec![Some(watchdog), keeper], true),
            _ => (vec![Some(watchdog), worker, keeper], true),
        };
        victims.into_iter().flatten().for_each(kill);
        if is_over {
            pair.wait();
            let next = start(&bank);
            bank.hear_rest(std::mem::replace(&mut pair, next));
            has_begun = false;
        }
    }
    pair.kill_group(Signal::SIGKILL);
    bank.hear_rest(pair);
    bank.next_audit(&mut start(&bank));
    println!("{kills} kills, {:?}", bank.told);
}

#[test]
fn without_a_store_nothing_can_be_confirmed() {
    let end = ledger("--transfers 5 --store memory").run();
    end.expect_code(78);
    assert_eq!(end.events("started").len(), 1);
    assert!(
        end.other_stderr()[0].starts_with("the pair has no store that outlives it"),
        "{:?}",
        end.stderr
    );
}

#[test]
fn bad_arguments_are_refused_before_there_is_a_worker() {
    for (args, reason) in [
        ("--stor file:x", "invalid option '--stor'"),
        ("--transfers", "missing argument for option '--transfers'"),
        (
            "--store disk:x",
            "the option store=disk:x is wrong; expected `memory`, ",
        ),
        (
            "--store file:/nowhere/ledger",
            "the store file:/nowhere/ledger cannot be used: ",
        ),
    ] {
        let end = ledger(args).run();
        assert!(
            end.code().is_some_and(|code| code >= 71),
            "{args}: {:?}",
            end.status
        );
        let refused = end.events("refused");
        assert_eq!(refused.len(), 1, "{args}: {:?}", end.stderr);
        assert!(
            refused[0].value("reason").contains(reason),
            "{args}: {}",
            refused[0]
        );
        assert!(end.events("started").is_empty() && end.stdout.is_empty());
    }
}
