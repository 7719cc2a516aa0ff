//! What a program prints as its result.

use std::io::{self, ErrorKind, Write as _};

/// Prints to standard output. That its reader wants no more, as `head` does, is no error.
pub fn print(text: &str) -> io::Result<()> {
    print_bytes(text.as_bytes())
}

pub(crate) fn print_bytes(bytes: &[u8]) -> io::Result<()> {
    let mut output = io::stdout().lock();
    let printed = output.write_all(bytes).and_then(|()| output.flush());
    match printed {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}
