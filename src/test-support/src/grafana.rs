//! What Grafana makes of texts in its files, by its documentation and as Grafana 12.4.0 was seen to
//! do.

use std::{env, fs};

use serde_json::Value;

/// A scalar of a provisioning file, as a contact point uses it; `None` when it is no text any more.
///
/// Grafana splits it at `$$`. In each part it reads the files of `$__file{…}`, then puts in
/// environment variables. It joins the parts with `$`. Of a text that this changed it makes a
/// number or a truth if it looks like one.
pub fn as_provisioned(scalar: &Value) -> Option<String> {
    let text = scalar.as_str()?;
    let parts = text.split("$$");
    let parts: Vec<String> = parts
        .map(|part| with_variables(&with_files(part)))
        .collect();
    let read = parts.join("$");
    (read == text || !is_number_or_truth(&read)).then_some(read)
}

/// A value of `grafana.ini` that is `$__file{…}` of a file with this content.
///
/// Grafana takes the white space around the content away, and puts settings in for `%(NAME)s`.
pub fn as_setting_from_file(content: &str) -> String {
    let text = content.trim();
    let Some((before, rest)) = text.split_once("%(") else {
        return text.to_owned();
    };
    let after = rest.split_once(")s").map_or(rest, |(_, after)| after);
    format!("{before}(a setting){after}")
}

fn with_files(text: &str) -> String {
    let Some((before, rest)) = text.split_once("$__file{") else {
        return text.to_owned();
    };
    let Some((path, after)) = rest.split_once('}') else {
        return text.to_owned();
    };
    let content = fs::read_to_string(path).unwrap_or_default();
    format!("{before}{}{}", content.trim(), with_files(after))
}

/// As Go's `os.ExpandEnv`: `$NAME`, `${NAME}`, and names of one sign such as `$$`, which are empty.
fn with_variables(text: &str) -> String {
    let (mut read, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('$') {
        read += before;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (name, left) = match after.chars().next() {
            Some('{') => after[1..].split_once('}').unwrap_or_default(),
            Some(sign) if "*#$@!?-0123456789".contains(sign) => after.split_at(1),
            _ => after.split_at(after.find(|c| !is_name(c)).unwrap_or(after.len())),
        };
        if !name.is_empty() {
            read += &env::var_os(name).unwrap_or_default().to_string_lossy();
        }
        rest = left;
    }
    read + rest
}

fn is_number_or_truth(text: &str) -> bool {
    text.parse::<f64>().is_ok() || ["true", "false"].contains(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each was seen with Grafana 12.4.0, by the token that reached a webhook.
    #[test]
    fn tokens_in_a_file_arrive_changed_or_not_at_all() {
        let folder = env::temp_dir().join(format!("grafana-model-{}", std::process::id()));
        let of_file = |content: &str| {
            fs::write(&folder, content).unwrap();
            as_provisioned(&format!("$__file{{{}}}", folder.display()).into())
        };
        let home = env::var("HOME").unwrap_or_default();
        let seen = [
            "12345678",
            "1234567890123456e2",
            "true",
            "a$HOME-b$$c",
            "0x1F",
            "2026-11-25",
        ]
        .map(of_file);
        fs::remove_file(&folder).unwrap();
        assert_eq!(seen[..3], [None, None, None]);
        assert_eq!(seen[3], Some(format!("a{home}-bc")));
        assert_eq!(seen[4].as_deref(), Some("0x1F"));
        assert_eq!(seen[5].as_deref(), Some("2026-11-25"));
        assert_eq!(
            as_provisioned(&"12345678".into()).as_deref(),
            Some("12345678")
        );
        assert_eq!(
            as_provisioned(&"a$$b$$$$c".into()).as_deref(),
            Some("a$b$$c")
        );
    }

    #[test]
    fn a_setting_from_a_file_loses_spaces_and_names_of_settings() {
        assert_eq!(as_setting_from_file(" a$HOME'b\n"), "a$HOME'b");
        assert_eq!(as_setting_from_file("a%(x)sb"), "a(a setting)b");
    }
}
