//! `url_watch`: every URL is answered for once in each round, whatever happens to the worker.

mod server;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use ppair_tests::{Fixture, Random, Signal, stdout_lines};
use server::{CLOSED, DRIPPING, MISSING, OK, SILENT, SLOW, STRANGE, Server};

/// The first of two lines, or the only one, for each host of the list, in its order.
const WITH_A_LINE: &str = "===> ";

/// A file of URLs, named after the test.
fn file(test: &str, urls: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.urls"));
    fs::write(&path, urls).expect("the file can be written");
    path
}

fn url_watch(file: &PathBuf, args: &str) -> Fixture {
    Fixture::new(env!("CARGO_BIN_EXE_url_watch"))
        .arg(file)
        .args(args.split_whitespace())
}

fn urls(server: &Server, hosts: &[u8]) -> String {
    hosts.iter().map(|&host| server.url(host) + "\n").collect()
}

#[test]
fn says_what_each_url_answers() {
    let server = Server::start();
    let no_such_host = format!("{}.test", "x".repeat(64));
    let text = format!(
        "# the good\n{}\n\n{}# the bad\n{}  http://{no_such_host}/\nhttp://127.0.0.9:1/\n",
        server.url(OK),
        urls(&server, &[MISSING, SLOW]),
        urls(&server, &[SILENT, CLOSED, DRIPPING, STRANGE]),
    );
    let file = file("says_what_each_url_answers", &text);
    let end = url_watch(&file, "300 0 --rounds 2").run();
    end.expect_code(0);
    let round = [
        "===> Successful response from host 127.0.0.2(127.0.0.2): HTTP/1.1 200 OK".to_owned(),
        "===> Host 127.0.0.3(127.0.0.3) does not respond with \"success\"".to_owned(),
        "HTTP/1.1 404 Not Found".to_owned(),
        "===> Successful response from host 127.0.0.4(127.0.0.4): HTTP/1.1 200 OK".to_owned(),
        "===> No answer from host 127.0.0.5(127.0.0.5): nothing came within 300 ms".to_owned(),
        "===> No answer from host 127.0.0.6(127.0.0.6): it closed the connection".to_owned(),
        "===> No answer from host 127.0.0.7(127.0.0.7): nothing came within 300 ms".to_owned(),
        "===> No answer from host 127.0.0.8(127.0.0.8): it does not speak HTTP".to_owned(),
        format!("===> Could not find host {no_such_host}"),
        "===> No answer from host 127.0.0.9(127.0.0.9): Connection refused (os error 111)"
            .to_owned(),
    ];
    assert_eq!(end.stdout, [round.clone(), round].concat());
    assert_eq!(end.events("died").len(), 0);
}

#[test]
fn asks_as_a_browser_would() {
    let server = Server::start();
    let url = server.url(OK);
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let file = file("asks_as_a_browser_would", &format!("{url}a%20b/c?d=e&f#g"));
    url_watch(&file, "5000 0 --rounds 1").run().expect_code(0);
    let request = server.request();
    assert!(
        request.starts_with("GET /a%20b/c?d=e&f HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains(&format!("\r\nHost: {host}\r\n")),
        "{request}"
    );
    assert!(request.contains("\r\nConnection: close\r\n"), "{request}");
}

#[test]
fn a_crash_during_a_request_asks_that_url_again() {
    let server = Server::start();
    let hosts = [OK, SILENT, MISSING];
    let file = file(
        "a_crash_during_a_request_asks_that_url_again",
        &urls(&server, &hosts),
    );
    let mut pair = url_watch(&file, "1000 0 --rounds 1").spawn();
    let worker = pair.event("started").pid("worker");
    server.request();
    // The server has the second request and stays silent: the worker is in the midst of it.
    server.request();
    pair.kill(worker, Signal::SIGKILL);
    let died = pair.event("died");
    assert_eq!(died.number::<u64>("generation"), 1, "{died}");
    let end = pair.finish();
    end.expect_code(0);
    assert_eq!(server.asked(), [OK, SILENT, SILENT, MISSING]);
    assert_eq!(
        end.stdout
            .iter()
            .filter(|line| line.starts_with(WITH_A_LINE))
            .count(),
        3
    );
}

#[test]
fn a_crash_during_the_pause_goes_on_with_the_next_url_at_once() {
    let server = Server::start();
    let file = file("a_crash_during_the_pause", &urls(&server, &[OK, MISSING]));
    // The pause is longer than the deadline: only a new worker can ask the second URL.
    let mut pair = url_watch(&file, "1000 3600000 --rounds 1").spawn();
    for generation in 1..=2 {
        let worker = pair.event("started").pid("worker");
        assert!(pair.stdout_line().starts_with(WITH_A_LINE));
        // The commit follows the line; what shows that it has come is the pause.
        ppair_tests::eventually("the worker pauses", Duration::from_secs(5), || {
            let call = fs::read_to_string(format!("/proc/{worker}/wchan")).ok()?;
            call.contains("nanosleep").then_some(())
        });
        pair.kill(worker, Signal::SIGKILL);
        let died = pair.event("died");
        assert_eq!(died.number::<u64>("generation"), generation, "{died}");
        assert_eq!(died.duration("delay"), Duration::ZERO, "{died}");
    }
    pair.finish().expect_code(0);
    assert_eq!(server.asked(), [OK, MISSING]);
}

#[test]
fn every_url_is_answered_for_equally_often_while_workers_are_killed() {
    const ROUNDS: usize = 8;
    let test = "every_url_is_answered_for_equally_often_while_workers_are_killed";
    let mut random = Random::seeded(test);
    let server = Server::start();
    let hosts = [OK, SLOW, MISSING, SILENT, CLOSED];
    let file = file(test, &urls(&server, &hosts));
    let mut pair = url_watch(&file, &format!("120 2 --rounds {ROUNDS}"))
        // A worker that is killed during the silent request has made no progress.
        .env("PPAIR_MAX_RESTARTS", "unlimited")
        .env("PPAIR_RESTART_DELAY", "0s")
        .spawn();
    let mut kills = 0;
    while let Some(started) = pair.try_event("started") {
        // The stimulus, not a wait: how long this worker lives.
        std::thread::sleep(random.duration_below(Duration::from_millis(200)));
        // The last worker may have come to the end.
        if nix::sys::signal::kill(started.pid("worker"), Signal::SIGKILL).is_ok() {
            kills += 1;
        }
    }
    let end = pair.finish();
    end.expect_code(0);
    println!("{kills} kills");
    assert!(kills >= 5, "{kills} kills");

    // What was printed: by rounds, as a line repeats the one before it or is for the next URL.
    let mut rounds = vec![[0; 5]; ROUNDS];
    let mut next = 0;
    for line in stdout_lines(&end)
        .into_iter()
        .filter(|line| line.starts_with(WITH_A_LINE))
    {
        let of = hosts
            .iter()
            .position(|host| line.contains(&format!("(127.0.0.{host})")));
        let of = of.unwrap_or_else(|| panic!("{line}"));
        let same = next > 0 && of == (next - 1) % hosts.len();
        if !same {
            assert_eq!(
                of,
                next % hosts.len(),
                "{line} comes out of turn in {:?}",
                end.stdout
            );
            next += 1;
        }
        rounds[(next - 1) / hosts.len()][of] += 1;
    }
    assert_eq!(next, ROUNDS * hosts.len());
    for counts in &rounds {
        let (least, most) = (counts.iter().min(), counts.iter().max());
        assert!(
            most.zip(least)
                .is_some_and(|(most, least)| most - least <= 1),
            "{rounds:?}"
        );
    }

    // What was asked: after each crash the same URL or the next one, never another.
    let asked = server.asked();
    for two in asked.windows(2) {
        let after = hosts
            .iter()
            .cycle()
            .skip_while(|host| **host != two[0])
            .nth(1);
        assert!(
            two[1] == two[0] || Some(&two[1]) == after,
            "{two:?} in {asked:?}"
        );
    }
}

#[test]
fn a_bad_file_is_refused_before_there_is_a_worker() {
    for (name, text, reason) in [
        ("empty", "", "empty.urls: it holds no URL"),
        ("comment", "# nothing\n\n", "comment.urls: it holds no URL"),
        (
            "https",
            "http://a/\n\nhttps://b/",
            "https.urls:3: expected an `http` URL, found `https`",
        ),
        (
            "ftp",
            "ftp://a/",
            "ftp.urls:1: expected an `http` URL, found `ftp`",
        ),
        (
            "relative",
            "# x\nwww.example.com",
            "relative.urls:2: relative URL without a base",
        ),
        ("nameless", "http://", "nameless.urls:1: empty host"),
    ] {
        assert_refused(url_watch(&file(name, text), "1000 0"), reason);
    }
    let nowhere = PathBuf::from("/nowhere/urls");
    assert_refused(
        url_watch(&nowhere, "1000 0"),
        "/nowhere/urls: No such file or directory",
    );
}

#[test]
fn bad_arguments_are_refused_before_there_is_a_worker() {
    let file = file("bad_arguments", "http://127.0.0.1/");
    for (args, reason) in [
        ("", "missing argument TIMEOUT_MS"),
        ("1000", "missing argument PAUSE_MS"),
        ("soon 0", "TIMEOUT_MS: invalid digit found in string"),
        ("0 0", "TIMEOUT_MS: expected at least 1, found 0"),
        ("1000 -1", "invalid option '-1'"),
        ("1000 0 1", "unexpected argument \"1\""),
        ("1000 0 --rounds many", "cannot parse argument \"many\""),
    ] {
        assert_refused(url_watch(&file, args), reason);
    }
    let no_file = Fixture::new(env!("CARGO_BIN_EXE_url_watch"));
    assert_refused(no_file, "missing argument FILE");
}

fn assert_refused(fixture: Fixture, reason: &str) {
    let end = fixture.run();
    end.expect_code(78);
    let refused = end.events("refused");
    assert_eq!(refused.len(), 1, "{reason}: {:?}", end.stderr);
    assert!(
        refused[0].value("reason").contains(reason),
        "{reason}: {}",
        refused[0]
    );
    assert!(
        end.stdout.is_empty() && end.events("started").is_empty(),
        "{end:?}"
    );
}
