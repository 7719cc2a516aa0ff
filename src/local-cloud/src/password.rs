//! The passwords of instances whose template takes one. Nothing here logs in with them.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use exoscale::ids::TemplateId;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::cloud::{State, now};

/// How long the API can reveal one.
const REVEALED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// One that was set when the instance was made, or by the last reset.
#[derive(Clone)]
pub(crate) struct Password {
    text: String,
    since: Timestamp,
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Password").finish_non_exhaustive()
    }
}

impl Password {
    /// A new one, where instances of this template have one.
    pub(crate) fn of_template(state: &State, template: TemplateId) -> Option<Self> {
        let template = state.templates.get(template)?;
        template.password_enabled.then(|| Self {
            text: BASE64_URL_SAFE_NO_PAD.encode(Uuid::new_v4().into_bytes()),
            since: now(),
        })
    }

    /// `None` when it is too old to be revealed.
    pub(crate) fn reveal(&self) -> Option<&str> {
        let age = Timestamp::now().duration_since(self.since);
        (age < REVEALED_FOR).then_some(self.text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_password_is_not_revealed_and_none_is_logged() {
        let password = |age: SignedDuration| Password {
            text: "hush".to_owned(),
            since: Timestamp::now() - age,
        };
        let young = password(SignedDuration::from_hours(23));
        assert_eq!(young.reveal(), Some("hush"));
        assert_eq!(password(SignedDuration::from_hours(25)).reveal(), None);
        assert!(!format!("{young:?}").contains("hush"));
    }
}
