//! Whom Grafana tells of the operator's alerts: e-mail addresses, a webhook, both, or nobody.

use std::fmt::Write as _;

use serde::Deserialize;

use super::{
    document::{DocumentError, File, wrong},
    grafana_text::{problem_in_setting, quoted},
};

/// Nobody is told when all of it is left out.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Operator {
    #[serde(default)]
    emails: Vec<String>,
    smtp: Option<Smtp>,
    webhook: Option<Webhook>,
}

/// The server that takes Grafana's e-mail.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Smtp {
    host: String,
    from: String,
    user: Option<String>,
    password: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Webhook {
    url: String,
    token: Option<String>,
}

impl Operator {
    pub(super) fn check(&self) -> Result<(), DocumentError> {
        for (place, address) in self.emails.iter().enumerate() {
            check_address(&format!("operator.emails[{place}]"), address)?;
        }
        match &self.smtp {
            Some(_) if self.emails.is_empty() => Err(wrong(
                "operator.emails",
                "is empty, and operator.smtp is given; name whom to tell",
            )),
            None if !self.emails.is_empty() => Err(wrong(
                "operator.smtp",
                "is missing; e-mail needs a server that takes it",
            )),
            Some(smtp) => smtp.check(),
            None => Ok(()),
        }?;
        self.webhook.as_ref().map_or(Ok(()), Webhook::check)
    }

    /// How the operator is told: none of these for not at all.
    pub(super) fn ways(&self) -> Vec<&'static str> {
        let email = (!self.emails.is_empty()).then_some("e-mail");
        email
            .into_iter()
            .chain(self.webhook.as_ref().map(|_| "webhook"))
            .collect()
    }

    /// Grafana's own variables: `$` and `%` would be more than themselves in them.
    pub(super) fn variables(&self) -> String {
        let Some(smtp) = &self.smtp else {
            return String::new();
        };
        let user = smtp.user.as_deref().unwrap_or_default();
        let variables = [
            ("ENABLED", "true"),
            ("HOST", &smtp.host),
            ("FROM_ADDRESS", &smtp.from),
            ("USER", user),
        ];
        let lines = variables.map(|(name, value)| format!("GF_SMTP_{name}=\"{value}\"\n"));
        lines.concat()
    }

    pub(super) fn files(&self) -> [File; 2] {
        let password = self.smtp.as_ref().and_then(|smtp| smtp.password.clone());
        [
            File {
                name: "operator-contact-point.yml",
                content: self.contact_point(),
            },
            File {
                name: "smtp-password",
                content: password.unwrap_or_default(),
            },
        ]
    }

    /// A provisioning file for Grafana; empty when nobody is to be told.
    fn contact_point(&self) -> String {
        let mut receivers = String::new();
        if !self.emails.is_empty() {
            receivers += "      - uid: operator-email\n        type: email\n        settings:\n";
            let addresses = quoted(&self.emails.join(";"));
            let _ = writeln!(receivers, "          addresses: {addresses}");
            receivers += "          singleEmail: true\n";
        }
        if let Some(webhook) = &self.webhook {
            receivers +=
                "      - uid: operator-webhook\n        type: webhook\n        settings:\n";
            let _ = writeln!(receivers, "          url: {}", quoted(&webhook.url));
            if let Some(token) = &webhook.token {
                receivers += "          authorization_scheme: Bearer\n";
                let token = quoted(token);
                let _ = writeln!(receivers, "          authorization_credentials: {token}");
            }
        }
        if receivers.is_empty() {
            return receivers;
        }
        format!(
            "apiVersion: 1\n\ncontactPoints:\n  - orgId: 1\n    name: operator\n    receivers:\n{receivers}"
        )
    }
}

impl Smtp {
    fn check(&self) -> Result<(), DocumentError> {
        let is_host = |c: char| c.is_ascii_alphanumeric() || ".-[]:".contains(c);
        let is_place = self.host.rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty()
                && host.chars().all(is_host)
                && port.parse::<u16>().is_ok_and(|p| p > 0)
        });
        if !is_place {
            let problem = "must be HOST:PORT, such as mail.example.com:587";
            return Err(wrong("operator.smtp.host", problem));
        }
        check_address("operator.smtp.from", &self.from)?;
        if self.user.is_some() != self.password.is_some() {
            let problem = "needs user and password, or neither";
            return Err(wrong("operator.smtp", problem));
        }
        let is_plain = |c: char| c.is_ascii_graphic() && !"\"\\$%`".contains(c);
        if !self.user.iter().all(|user| is_filled(user, is_plain)) {
            let problem = "must be visible ASCII without quotes, backslash, $ and %";
            return Err(wrong("operator.smtp.user", problem));
        }
        if let Some(problem) = self.password.as_deref().and_then(problem_in_setting) {
            return Err(wrong("operator.smtp.password", problem));
        }
        Ok(())
    }
}

impl Webhook {
    fn check(&self) -> Result<(), DocumentError> {
        let is_url = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c);
        let parsed = reqwest::Url::parse(&self.url);
        let is_web = parsed.is_ok_and(|url| ["http", "https"].contains(&url.scheme()));
        if !is_web || !is_filled(&self.url, is_url) {
            let problem = "must be a URL that begins with https:// or http://";
            return Err(wrong("operator.webhook.url", problem));
        }
        let is_visible = |c: char| c.is_ascii_graphic();
        if !self.token.iter().all(|token| is_filled(token, is_visible)) {
            let problem = "must be visible ASCII without spaces";
            return Err(wrong("operator.webhook.token", problem));
        }
        Ok(())
    }
}

fn is_filled(text: &str, is_allowed: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(is_allowed)
}

/// Without what separates addresses in a list or means more than itself in a file of variables.
fn check_address(field: &str, address: &str) -> Result<(), DocumentError> {
    let is_local = |c: char| c.is_ascii_alphanumeric() || ".!#&'*+/=?^_~-".contains(c);
    let is_domain = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
    match address.split_once('@') {
        Some((local, domain)) if is_filled(local, is_local) && is_filled(domain, is_domain) => {
            Ok(())
        }
        _ => Err(wrong(
            field,
            "must be an e-mail address, such as ops@example.com",
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn operator(value: Value) -> Operator {
        serde_json::from_value(value).expect("it has the form")
    }

    #[test]
    fn both_ways_become_one_contact_point() {
        let operator = operator(json!({
            "emails": ["ops@example.com", "o'neil@example.com"],
            "smtp": { "host": "mail.example.com:587", "from": "autoscaler@example.com" },
            "webhook": { "url": "https://ops.example.com/hook?a=$b'c", "token": "12345678" },
        }));
        operator.check().expect("it is right");
        assert_eq!(operator.ways(), ["e-mail", "webhook"]);
        let [file, password] = operator.files();
        let read: Value = serde_yaml_ng::from_str(&file.content).unwrap();
        let expected = json!({
            "apiVersion": 1,
            "contactPoints": [{
                "orgId": 1,
                "name": "operator",
                "receivers": [
                    {
                        "uid": "operator-email",
                        "type": "email",
                        "settings": { "addresses": "ops@example.com;o'neil@example.com", "singleEmail": true },
                    },
                    {
                        "uid": "operator-webhook",
                        "type": "webhook",
                        "settings": {
                            "url": "https://ops.example.com/hook?a=$$b'c",
                            "authorization_scheme": "Bearer",
                            "authorization_credentials": "12345678",
                        },
                    },
                ],
            }],
        });
        assert_eq!(read, expected);
        assert_eq!(password.content, "");
    }

    #[test]
    fn nobody_is_told_by_an_empty_file() {
        for nobody in [
            json!({}),
            json!({ "emails": [], "smtp": null, "webhook": null }),
        ] {
            let operator = operator(nobody);
            operator.check().expect("it is right");
            assert!(operator.ways().is_empty());
            assert_eq!(operator.variables(), "");
            assert!(operator.files().iter().all(|file| file.content.is_empty()));
        }
    }
}
