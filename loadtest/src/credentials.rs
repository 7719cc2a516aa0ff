//! A user and a password, which no report shows.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// A text that is not a user and a password. It does not say the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    #[error("expected USER:PASSWORD, with a ':' between them")]
    NoPassword,
    #[error("a user or a password cannot have control characters")]
    Control,
}

/// A user and a password for HTTP's basic authentication (RFC 7617), parsed from `USER:PASSWORD`.
/// The password may have colons, the user none.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(String);

impl Credentials {
    /// The value of the header `authorization`.
    pub(crate) fn header(&self) -> String {
        format!("Basic {}", STANDARD.encode(&self.0))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

impl FromStr for Credentials {
    type Err = CredentialsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !text.contains(':') {
            Err(CredentialsError::NoPassword)
        } else if text.chars().any(char::is_control) {
            Err(CredentialsError::Control)
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Credentials, CredentialsError};

    #[test]
    fn they_are_sent_and_never_shown() {
        let credentials: Credentials = "Aladdin:open sesame".parse().expect("valid");
        // The example of RFC 7617, 2.
        assert_eq!(credentials.header(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(!format!("{credentials:?}").contains("sesame"));
        assert_eq!(
            "user".parse::<Credentials>(),
            Err(CredentialsError::NoPassword)
        );
        assert_eq!(
            "u:p\n".parse::<Credentials>(),
            Err(CredentialsError::Control)
        );
    }
}
