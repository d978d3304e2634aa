//! Answers connections on a socket from `setup`, as many at a time as the argument says. A client sends one byte: for `?` it gets the
//! number of all answers so far, in eight bytes; for `!` the worker writes to memory that is not there.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::{process, ptr, thread};

use ppair::{Checkpoint, HardState};

#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
struct Served {
    answers: u64,
}

struct Setup {
    listener: TcpListener,
    threads: usize,
}

fn setup() -> Result<Setup, Box<dyn std::error::Error>> {
    let threads = std::env::args().nth(1).ok_or("how many at a time?")?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    Ok(Setup {
        listener,
        threads: threads.parse()?,
    })
}

#[ppair::main(setup = setup)]
fn main(setup: &'static Setup, served: Checkpoint<Served>) {
    for _ in 1..setup.threads {
        let served = served.clone();
        thread::spawn(move || serve(&setup.listener, &served));
    }
    serve(&setup.listener, &served);
}

fn serve(listener: &TcpListener, served: &Checkpoint<Served>) {
    loop {
        match listener.accept() {
            Ok((client, _)) => {
                // A client that is gone is no reason to stop.
                let _ = answer(&client, served);
            }
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => {
                eprintln!("cannot accept: {error}");
                process::exit(1);
            }
        }
    }
}

fn answer(mut client: &TcpStream, served: &Checkpoint<Served>) -> io::Result<()> {
    let mut request = [0];
    client.read_exact(&mut request)?;
    if request == *b"!" {
        crash();
    }
    let answers = served.update(|served| {
        served.answers += 1;
        served.answers
    });
    client.write_all(&answers.to_be_bytes())
}

fn crash() -> ! {
    let nowhere = ptr::without_provenance_mut::<u8>(8);
    // SAFETY: none, this is the crash. Linux maps nothing into the first page, so this volatile write is a fault.
    unsafe { nowhere.write_volatile(1) };
    process::abort()
}
