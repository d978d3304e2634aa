//! M05: the other order, without parameters. The first worker aborts.
#![deny(warnings)]

use std::time::Duration;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
#[ppair::main(state = u32)]
async fn main() -> Result<(), String> {
    let task = tokio::spawn(async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        std::process::id()
    });
    let task = task.await.map_err(|error| error.to_string())?;
    let count = ppair::checkpoint::<u32>().ok_or("no state")?;
    count.update(|n| *n += 1);
    println!("pid={task} incarnation={n} count={n}", n = count.load());
    if count.load() == 1 {
        std::process::abort();
    }
    wait_for_a_line();
    Ok(())
}

fn wait_for_a_line() {
    let read = std::io::stdin().read_line(&mut String::new());
    assert!(read.is_ok());
}
