//! Whose bucket it is, and where: from arguments and the environment.

use std::fmt;

use reqwest::Url;

/// The names that a key and its secret have in the environment, in the order in which they are
/// looked up.
const KEYS: [(&str, &str); 3] = [
    ("EXOSCALE_API_KEY", "EXOSCALE_API_SECRET"),
    ("EXOSCALE_KEY", "EXOSCALE_SECRET"),
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
];

/// An object storage, and the key to use there.
#[derive(Clone)]
pub struct Account {
    pub(super) endpoint: Url,
    /// What signatures name: the zone.
    pub(super) region: String,
    pub(super) key: String,
    pub(super) secret: String,
    /// Goes with a key for a time.
    pub(super) token: Option<String>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({}, {})", self.endpoint, self.region)
    }
}

/// Why an object storage cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// There is no key.
    #[error(
        "a bucket needs a key: set EXOSCALE_API_KEY and EXOSCALE_API_SECRET, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )]
    NoKey,
    /// A key is there without its secret.
    #[error("{key} is set and {secret} is not: set both")]
    NoSecret {
        /// The variable that is there.
        key: &'static str,
        /// The one that is not.
        secret: &'static str,
    },
    /// Nobody says where it is.
    #[error("where is the bucket? Use --zone at-vie-1, or --s3-endpoint https://s3.example.com")]
    NoEndpoint,
    /// It cannot be there.
    #[error("{0:?} is no address of an object storage, such as https://sos-at-vie-1.exo.io")]
    Endpoint(String),
}

impl Account {
    /// The endpoint is that of the zone unless it is given. `variable` looks into the environment.
    pub fn find(
        endpoint: Option<&str>,
        zone: Option<&str>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, AccountError> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let (key, secret, token) = credentials(variable)?;
        let own = zone.map(|zone| format!("https://sos-{zone}.exo.io"));
        let endpoint = endpoint
            .map(str::to_owned)
            .or_else(|| variable("AWS_ENDPOINT_URL_S3"))
            .or_else(|| variable("AWS_ENDPOINT_URL"))
            .or(own)
            .ok_or(AccountError::NoEndpoint)?;
        let url = Url::parse(&endpoint).ok().filter(is_endpoint);
        let region = zone
            .map(str::to_owned)
            .or_else(|| variable("AWS_REGION"))
            .or_else(|| variable("AWS_DEFAULT_REGION"))
            .unwrap_or_else(|| "us-east-1".to_owned());
        Ok(Self {
            endpoint: url.ok_or(AccountError::Endpoint(endpoint))?,
            region,
            key,
            secret,
            token,
        })
    }
}

fn is_endpoint(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none()
}

fn credentials(
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(String, String, Option<String>), AccountError> {
    for (key, secret) in KEYS {
        match (variable(key), variable(secret)) {
            (Some(value), Some(hidden)) => {
                let token = variable("AWS_SESSION_TOKEN").filter(|_| key.starts_with("AWS_"));
                return Ok((value, hidden, token));
            }
            (Some(_), None) => return Err(AccountError::NoSecret { key, secret }),
            (None, _) => {}
        }
    }
    Err(AccountError::NoKey)
}

#[cfg(test)]
mod tests {
    use super::{Account, AccountError};

    fn find(
        endpoint: Option<&str>,
        zone: Option<&str>,
        variables: &[(&str, &str)],
    ) -> Result<Account, AccountError> {
        let variable = |name: &str| {
            let mut found = variables.iter().filter(|(known, _)| *known == name);
            found.next().map(|(_, value)| (*value).to_owned())
        };
        Account::find(endpoint, zone, variable)
    }

    const EXOSCALE: [(&str, &str); 2] =
        [("EXOSCALE_API_KEY", "EXO1"), ("EXOSCALE_API_SECRET", "x")];
    const AWS: [(&str, &str); 2] = [
        ("AWS_ACCESS_KEY_ID", "AKIA1"),
        ("AWS_SECRET_ACCESS_KEY", "y"),
    ];

    #[test]
    fn a_zone_says_where_its_buckets_are() {
        let account = find(None, Some("at-vie-1"), &EXOSCALE).expect("all there");
        assert_eq!(account.endpoint.as_str(), "https://sos-at-vie-1.exo.io/");
        assert_eq!((&*account.region, &*account.key), ("at-vie-1", "EXO1"));
        let other = find(Some("http://127.0.0.1:7292"), Some("at-vie-1"), &EXOSCALE);
        let other = other.expect("all there");
        assert_eq!(other.endpoint.as_str(), "http://127.0.0.1:7292/");
        assert_eq!(other.region, "at-vie-1");
    }

    #[test]
    fn the_variables_of_other_clients_are_taken_too() {
        let both = [EXOSCALE, AWS].concat();
        assert_eq!(find(None, Some("z"), &both).expect("both").key, "EXO1");
        let more = [
            ("AWS_ENDPOINT_URL_S3", "https://s3.example.com"),
            ("AWS_REGION", "eu-1"),
            ("AWS_SESSION_TOKEN", "t"),
        ];
        let account = find(None, None, &[&AWS[..], &more].concat()).expect("all there");
        assert_eq!((&*account.region, &*account.key), ("eu-1", "AKIA1"));
        assert_eq!(account.token.as_deref(), Some("t"));
        assert_eq!(account.endpoint.as_str(), "https://s3.example.com/");
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = |endpoint, zone, variables| find(endpoint, zone, variables).expect_err("less");
        assert_eq!(error(None, Some("z"), &[]), AccountError::NoKey);
        assert_eq!(error(None, None, &EXOSCALE), AccountError::NoEndpoint);
        let half = error(None, Some("z"), &EXOSCALE[..1]).to_string();
        assert_eq!(
            half,
            "EXOSCALE_API_KEY is set and EXOSCALE_API_SECRET is not: set both"
        );
        for wrong in ["sos-at-vie-1.exo.io", "ftp://h/", "", "http://"] {
            let told = error(Some(wrong), None, &EXOSCALE);
            assert_eq!(told, AccountError::Endpoint(wrong.to_owned()));
        }
        let shown = format!("{:?}", find(None, Some("z"), &EXOSCALE));
        assert!(!shown.contains("EXO1"), "{shown}");
    }
}
