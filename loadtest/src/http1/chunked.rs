//! The chunked transfer coding (RFC 9112, 7.1), decoded byte by byte where it must be and by slices
//! where it can be.

use super::error::ProtocolError;

/// Bytes that a size line's extensions, or all trailers together, may take.
const MAX_OVERHEAD: usize = 16 * 1024;

/// Where in the coding the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the hexadecimal size.
    Size,
    /// In spaces after the size.
    SizeSpace,
    /// In an extension, which is ignored.
    Extension,
    /// Before the line feed that ends the size line.
    SizeLf,
    /// In a chunk's data.
    Data,
    /// Before the carriage return after the data.
    DataCr,
    /// Before the line feed after the data.
    DataLf,
    /// At the start of a trailer line, or of the empty line that ends the body.
    TrailerStart,
    /// In a trailer's name.
    TrailerName,
    /// In a trailer's value; trailers are checked and ignored.
    TrailerValue,
    /// Before the line feed of a trailer line.
    TrailerLf,
    /// Before the last line feed.
    EndLf,
    Done,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunked {
    state: State,
    /// The chunk's bytes still to come; while the size is read, the size so far.
    left: u64,
    digits: u8,
    overhead: usize,
}

impl Chunked {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Size,
            left: 0,
            digits: 0,
            overhead: 0,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Decodes from `input`, passes data to `data`, and says how many bytes were used: all, unless
    /// the body ended.
    pub(crate) fn feed(
        &mut self,
        input: &[u8],
        data: &mut impl FnMut(&[u8]),
    ) -> Result<usize, ProtocolError> {
        let mut at = 0;
        while at < input.len() && self.state != State::Done {
            if self.state == State::Data {
                let take = (input.len() - at).min(usize::try_from(self.left).unwrap_or(usize::MAX));
                data(&input[at..at + take]);
                at += take;
                self.left -= take as u64;
                if self.left == 0 {
                    self.state = State::DataCr;
                }
                continue;
            }
            self.step(input[at])?;
            at += 1;
        }
        Ok(at)
    }

    fn step(&mut self, byte: u8) -> Result<(), ProtocolError> {
        self.state = match (self.state, byte) {
            (State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                if self.digits == 16 {
                    return Err(ProtocolError::Chunk("its size has more than 16 digits"));
                }
                let digit = char::from(byte).to_digit(16).unwrap_or(0);
                self.left = self.left << 4 | u64::from(digit);
                self.digits += 1;
                State::Size
            }
            (State::Size, _) if self.digits == 0 => {
                return Err(ProtocolError::Chunk("its size is missing"));
            }
            (State::Size | State::SizeSpace, b' ' | b'\t') => self.count(State::SizeSpace)?,
            (State::Size | State::SizeSpace | State::Extension, b'\r') => State::SizeLf,
            (State::Extension, b'\n') => {
                return Err(ProtocolError::Chunk("an extension has a bare line feed"));
            }
            (State::Size | State::SizeSpace, b';') | (State::Extension, _) => {
                self.count(State::Extension)?
            }
            (State::SizeLf, b'\n') => {
                self.digits = 0;
                if self.left == 0 {
                    State::TrailerStart
                } else {
                    State::Data
                }
            }
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size,
            (State::TrailerStart, b'\r') => State::EndLf,
            (State::TrailerName, b':') => self.count(State::TrailerValue)?,
            (State::TrailerStart | State::TrailerName, _) if is_token(byte) => {
                self.count(State::TrailerName)?
            }
            (State::TrailerValue, b'\r') => self.count(State::TrailerLf)?,
            (State::TrailerValue, b'\t' | b' '..=b'~' | 0x80..) => {
                self.count(State::TrailerValue)?
            }
            (State::TrailerLf, b'\n') => State::TrailerStart,
            (State::EndLf, b'\n') => State::Done,
            _ => return Err(ProtocolError::Chunk("a character stands where it must not")),
        };
        Ok(())
    }

    /// Counts a byte that carries no data, within the limit.
    fn count(&mut self, next: State) -> Result<State, ProtocolError> {
        self.overhead += 1;
        if self.overhead > MAX_OVERHEAD {
            return Err(ProtocolError::Chunk(
                "extensions and trailers are longer than 16 KiB",
            ));
        }
        Ok(next)
    }
}

/// A character of a field's name (RFC 9110, 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::Chunked;

    fn decode(input: &[u8]) -> Result<(Vec<u8>, usize, bool), String> {
        let (mut decoder, mut body) = (Chunked::new(), Vec::new());
        let used = decoder
            .feed(input, &mut |data| body.extend_from_slice(data))
            .map_err(|error| error.to_string())?;
        Ok((body, used, decoder.is_done()))
    }

    #[test]
    fn data_extensions_and_trailers() {
        let input = b"5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX: y\r\n\r\nrest";
        assert_eq!(
            decode(input),
            Ok((b"hello world".to_vec(), input.len() - 4, true))
        );
        assert_eq!(
            decode(b"A \r\n0123456789\r\n"),
            Ok((b"0123456789".to_vec(), 16, false))
        );
    }

    #[test]
    fn malformed_codings_are_refused() {
        for input in [
            "\r\n",
            "g\r\n",
            "5\r\nhelloX",
            "5\n",
            "11111111111111111\r\n",
            "0\r\n\n",
            "3;x\n",
        ] {
            decode(input.as_bytes()).expect_err(input);
        }
    }

    #[test]
    fn endless_extensions_are_refused() {
        let input = format!("5;{}", "x".repeat(20_000));
        assert!(
            decode(input.as_bytes())
                .expect_err("limit")
                .contains("16 KiB")
        );
    }
}
