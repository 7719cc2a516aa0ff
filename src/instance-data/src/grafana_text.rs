//! Texts as Grafana takes them unchanged, in each kind of file that it reads.
//!
//! The administrator's manual describes both: "Provision Grafana" for provisioning files,
//! "Configure Grafana" for settings.

/// As a text of a provisioning file: Grafana would take `$` for a variable, and what has no quotes
/// for a number or a truth. `nixos/grafana/install.sh` does the same for the agent's token.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''").replace('$', "$$"))
}

/// What a secret in a file for `$__file{…}` of Grafana's settings must be, if it is not: there is
/// no way to quote what Grafana would change.
pub(super) fn problem_in_setting(text: &str) -> Option<&'static str> {
    let is_line = !text.is_empty() && !text.contains(char::is_control);
    let is_kept = text.trim() == text && !text.contains("%(");
    (!is_line || !is_kept)
        .then_some("must be one line that neither begins nor ends with a space nor has %( in it")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;
    use test_support::grafana::{as_provisioned, as_setting_from_file};

    use super::*;

    proptest! {
        #[test]
        fn a_quoted_text_arrives_as_it_is(
            text in "[ -~]{0,40}|[$'\"{}_]{0,12}|[0-9]{1,20}(e[0-9])?|(\\$HOME|\\$__file\\{/etc/passwd\\}|\\$){0,3}|true|null|~",
        ) {
            let read: Value = serde_yaml_ng::from_str(&quoted(&text)).unwrap();
            prop_assert_eq!(as_provisioned(&read), Some(text));
        }

        #[test]
        fn a_setting_without_a_problem_arrives_as_it_is(
            text in "[ -~]{0,40}|\\PC{0,12}|[%()s\\s$'\"]{0,8}|.{0,8}",
        ) {
            if problem_in_setting(&text).is_none() {
                prop_assert_eq!(as_setting_from_file(&text), text);
            }
        }
    }

    #[test]
    fn ordinary_passwords_have_no_problem() {
        for password in [
            "correct horse",
            "12345678",
            "a$HOME-b$$c",
            "50%",
            "p'\"\\`;#é",
        ] {
            assert_eq!(problem_in_setting(password), None, "{password}");
        }
        for password in ["", " a", "a\u{a0}", "a\nb", "%(admin_user)s", "a\0"] {
            assert!(problem_in_setting(password).is_some(), "{password:?}");
        }
    }
}
