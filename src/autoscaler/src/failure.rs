//! How a program ends that failed: one error on standard error, and an exit code.

use std::{error::Error, process::ExitCode};

use agent::settings::{Problems, UnknownSetting};
use exoscale::{config::ConfigError, secret::CredentialError};
use instance_data::DocumentError;

#[cfg(feature = "laboratory")]
use crate::commands::laboratory::is_mistake as is_mistake_of_the_laboratory;

/// A mistake of the command line that its parser does not see.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// Says the error and gives the exit code: 2 for a wrong command line or setting, otherwise 1.
pub(crate) fn failure(error: &anyhow::Error) -> ExitCode {
    // A document that was fetched is no setting of this command.
    let is_fetched = |cause: &(dyn Error + 'static)| cause.is::<DocumentError>();
    let is_mistake = error.chain().any(is_mistake) && !error.chain().any(is_fetched);
    program::failure::report(error.as_ref(), is_mistake)
}

fn is_mistake(error: &(dyn Error + 'static)) -> bool {
    error.is::<Problems>()
        || error.is::<UnknownSetting>()
        || error.is::<Usage>()
        || error.is::<CredentialError>()
        || matches!(
            error.downcast_ref(),
            Some(ConfigError::Zone(_) | ConfigError::Endpoint(_))
        )
        || is_mistake_of_the_laboratory(error)
}

#[cfg(not(feature = "laboratory"))]
fn is_mistake_of_the_laboratory(_: &(dyn Error + 'static)) -> bool {
    false
}

#[cfg(all(test, feature = "laboratory"))]
mod tests {
    use std::io;

    use super::*;
    use instance_data::Document;
    use local_instance::LocalInstanceError;

    #[test]
    fn mistakes_have_a_code_of_their_own() {
        let io = || io::Error::from(io::ErrorKind::AddrInUse);
        let mistakes: [anyhow::Error; 4] = [
            Problems(Vec::new()).into(),
            anyhow::Error::new(Problems(Vec::new())).context("with a context"),
            LocalInstanceError::Settings(Problems(Vec::new())).into(),
            Usage("no".to_owned()).into(),
        ];
        for error in mistakes {
            assert_eq!(failure(&error), ExitCode::from(2), "{error:?}");
        }
        let listen = slow_app::Error::Listen {
            flag: "--listen",
            address: ([127, 0, 0, 1], 80).into(),
            source: io(),
        };
        let document = Document::parse(br#"{"version":1,"role":"monitoring","agent":{}}"#);
        let document = anyhow::Error::new(document.unwrap_err());
        for error in [io().into(), listen.into(), document] {
            assert_eq!(failure(&error), ExitCode::FAILURE, "{error:?}");
        }
    }
}
