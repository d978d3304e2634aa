//! M05: the recommended order, which takes parameters too. The first worker aborts.
#![deny(warnings)]

use std::time::Duration;

use ppair::{Checkpoint, Worker};

fn read() -> String {
    "pid".to_owned()
}

#[ppair::main(setup = read)]
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main(name: &String, count: Checkpoint<u32>, worker: Worker) -> Result<(), String> {
    let task = tokio::spawn(async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        std::process::id()
    });
    let task = task.await.map_err(|error| error.to_string())?;
    count.update(|n| *n += 1);
    println!(
        "{name}={task} incarnation={} count={}",
        worker.incarnation(),
        count.load()
    );
    if worker.incarnation() == 1 {
        std::process::abort();
    }
    wait_for_a_line();
    Ok(())
}

fn wait_for_a_line() {
    let read = std::io::stdin().read_line(&mut String::new());
    assert!(read.is_ok());
}
