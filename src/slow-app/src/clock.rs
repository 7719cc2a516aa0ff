//! CPU clocks, and the work that makes them run.

use std::{hint::black_box, time::Duration};

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Rounds between two looks at the clock: some 20 microseconds, against about 0.3 for the look.
const ROUNDS: u64 = 16_384;

/// CPU time that the calling thread has used, see `clock_gettime(2)`.
pub(super) fn thread_cpu_time() -> Duration {
    duration(clock_gettime(ClockId::ThreadCPUTime))
}

/// CPU time that all threads of this process have used, see `clock_gettime(2)`.
pub(super) fn process_cpu_time() -> Duration {
    duration(clock_gettime(ClockId::ProcessCPUTime))
}

fn duration(time: Timespec) -> Duration {
    Duration::try_from(time).unwrap_or_default()
}

/// Does arithmetic that the compiler cannot leave out, for some tens of microseconds.
pub(super) fn spin_briefly() {
    let mut value = black_box(0x9e37_79b9_7f4a_7c15_u64);
    for round in 0..ROUNDS {
        value = (value ^ round)
            .wrapping_mul(0xbf58_476d_1ce4_e5b9)
            .rotate_left(31);
    }
    black_box(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spinning_costs_cpu_time() {
        let before = thread_cpu_time();
        for _ in 0..100 {
            spin_briefly();
        }
        assert!(thread_cpu_time() > before + Duration::from_micros(100));
        assert!(process_cpu_time() + before >= thread_cpu_time());
    }
}
