//! What can keep the slow application from running.

use std::{io, net::SocketAddr};

use program::listen::listen_advice;

/// Why the slow application did not start, or did not end in order.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address cannot be listened on.
    #[error("cannot listen on {address} ({flag}); {}", listen_advice(.source))]
    Listen {
        /// The flag that holds the address.
        flag: &'static str,
        /// The address that was asked for.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// Two settings contradict each other, or one is out of its range.
    #[error("{flag}: {problem}. {fix}")]
    Settings {
        /// The flag to change.
        flag: &'static str,
        /// What is wrong with it.
        problem: String,
        /// What would be right.
        fix: &'static str,
    },
    /// The operating system refused something that every start needs.
    #[error("cannot {action}")]
    System {
        /// What was tried, as a verb phrase.
        action: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// A second SIGTERM or Ctrl-C cut the grace time short.
    #[error("stopped at once by a second signal; {in_flight} requests were cut off")]
    Interrupted {
        /// Requests that had no answer yet.
        in_flight: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listen_error_names_the_flag_and_the_fix() {
        let error = Error::Listen {
            flag: "--listen",
            address: SocketAddr::from(([127, 0, 0, 1], 80)),
            source: io::Error::from(io::ErrorKind::AddrInUse),
        };
        let message = error.to_string();
        assert!(message.contains("--listen"), "{message}");
        assert!(message.contains("127.0.0.1:80"), "{message}");
        assert!(message.contains("choose another port"), "{message}");
    }
}
