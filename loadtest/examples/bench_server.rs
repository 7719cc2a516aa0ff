//! The server of the benchmarks: `bench_server ADDRESS THREADS [STALL_MS PERIOD_MS]`.

use std::time::Duration;

#[path = "../tests/integration/support.rs"]
mod support;

use support::{Behaviour, Server, Stall};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let millis = |i: usize| -> Option<Duration> {
        let text = arguments.get(i)?;
        Some(Duration::from_millis(
            text.parse().expect("STALL_MS and PERIOD_MS are numbers"),
        ))
    };
    let (Some(address), Some(threads)) = (arguments.first(), arguments.get(1)) else {
        eprintln!("usage: bench_server ADDRESS THREADS [STALL_MS PERIOD_MS]");
        std::process::exit(2);
    };
    let stall = millis(2)
        .zip(millis(3))
        .map(|(length, period)| Stall { length, period });
    let threads = threads.parse().expect("THREADS is a number");
    let server = Server::start_at(
        address,
        threads,
        Behaviour {
            stall,
            ..Behaviour::default()
        },
    );
    println!("{}", server.url());
    loop {
        std::thread::park();
    }
}
