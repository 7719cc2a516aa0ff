//! Random numbers that are equal on every machine: integers from a seed, and logarithms from a
//! library that is written in Rust alone.

use fastrand::Rng;

/// A stream of numbers for one purpose, so that a policy that draws more does not move the others'.
pub(crate) fn stream(seed: u64, purpose: &str) -> Rng {
    // FNV-1a, to tell the purposes apart.
    let purpose = purpose
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ purpose)
}

/// Exponentially distributed with mean 1: the load between two arrivals of a Poisson process.
pub(crate) fn exponential(random: &mut Rng) -> f64 {
    -libm::log(1.0 - random.f64())
}

/// About normally distributed with mean 0 and variance 1: twelve uniform numbers, less six.
pub(crate) fn normal(random: &mut Rng) -> f64 {
    (0..12).map(|_| random.f64()).sum::<f64>() - 6.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_repeatable_and_differ_by_purpose_and_seed() {
        let first = |seed, purpose| stream(seed, purpose).u64(..);
        assert_eq!(first(1, "arrivals"), first(1, "arrivals"));
        assert_ne!(first(1, "arrivals"), first(2, "arrivals"));
        assert_ne!(first(1, "arrivals"), first(1, "boot"));
    }

    #[test]
    fn the_distributions_have_their_means() {
        let mut random = stream(7, "test");
        let mean =
            |mut draw: Box<dyn FnMut() -> f64>| (0..20_000).map(|_| draw()).sum::<f64>() / 20_000.0;
        let mut other = stream(8, "test");
        assert!((mean(Box::new(move || exponential(&mut random))) - 1.0).abs() < 0.03);
        assert!(mean(Box::new(move || normal(&mut other))).abs() < 0.03);
    }
}
