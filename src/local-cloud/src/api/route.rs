//! Which operation a method and a path stand for.

use std::{collections::HashMap, net::IpAddr, str::FromStr, sync::Arc};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    super::{cloud::Cloud, refusal::Refusal},
    body,
};

/// One operation of the API.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) method: &'static str,
    /// The path after `/v2`. `{name}` stands for one segment; a verb may follow, as in
    /// `{id}:scale`.
    pub(super) path: &'static str,
    /// The operation's id in the API's description.
    pub(super) operation: &'static str,
    pub(super) handler: fn(&Call<'_>) -> Answer,
}

/// What a handler answers: a body with status 200, or a refusal.
pub(super) type Answer = Result<Value, Refusal>;

/// A call, as a handler sees it.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) cloud: &'a Arc<Cloud>,
    pub(super) arguments: HashMap<&'static str, &'a str>,
    /// The zone that the client asked, by the host's name or in the path.
    pub(super) zone: Option<&'static str>,
    /// Whether it asked Exoscale's own host, through the proxy.
    pub(super) by_name: bool,
    /// Who calls.
    pub(super) peer: Option<IpAddr>,
    pub(super) query: &'a [(String, String)],
    pub(super) body: &'a [u8],
}

impl Call<'_> {
    /// An argument of the path, as text.
    pub(super) fn text(&self, name: &str) -> &str {
        self.arguments.get(name).copied().unwrap_or_default()
    }

    /// An identifier in the path.
    pub(super) fn id<T: FromStr>(&self, name: &str) -> Result<T, Refusal> {
        parse_id(name, self.text(name))
    }

    /// A query argument, if it is there.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        let mut values = self.query.iter().filter(|(n, _)| n == name);
        values.next().map(|(_, value)| value.as_str())
    }

    /// An identifier in the query, if it is there.
    pub(super) fn query_id<T: FromStr>(&self, name: &str) -> Result<Option<T>, Refusal> {
        self.query(name)
            .map(|text| parse_id(name, text))
            .transpose()
    }

    /// A query argument with fixed values, if it is there.
    pub(super) fn query_one_of(
        &self,
        name: &str,
        allowed: &[&str],
    ) -> Result<Option<&str>, Refusal> {
        match self.query(name) {
            Some(value) if !allowed.contains(&value) => Err(Refusal::invalid(
                name,
                format!("must be one of {}", allowed.join(", ")),
            )),
            other => Ok(other),
        }
    }

    /// What the same client would read at a path of the table, if anything.
    pub(super) fn read(&self, path: &str, arguments: HashMap<&'static str, &str>) -> Option<Value> {
        let mut routes = super::routes();
        let route = routes.find(|route| route.method == "GET" && route.path == path)?;
        let call = Call {
            arguments,
            query: &[],
            body: &[],
            ..*self
        };
        (route.handler)(&call).ok()
    }

    /// The body, which must be a JSON object.
    pub(super) fn body<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        body::read(self.body)
    }
}

fn parse_id<T: FromStr>(name: &str, text: &str) -> Result<T, Refusal> {
    text.parse()
        .map_err(|_| Refusal::invalid(name, format!("{text:?} is not a UUID")))
}

impl Route {
    /// The path's arguments, when this route fits. `path` is what follows `/v2`.
    pub(super) fn matches<'p>(
        &self,
        method: &str,
        path: &'p str,
    ) -> Option<HashMap<&'static str, &'p str>> {
        (method == self.method).then_some(())?;
        arguments(self.path, path)
    }
}

/// The arguments of a path that this pattern fits.
pub(super) fn arguments<'p>(
    pattern: &'static str,
    path: &'p str,
) -> Option<HashMap<&'static str, &'p str>> {
    let mut arguments = HashMap::new();
    let mut actual = path.split('/');
    for pattern in pattern.split('/') {
        let segment = actual.next()?;
        let Some((name, verb)) = pattern.strip_prefix('{').and_then(|p| p.split_once('}')) else {
            if segment != pattern {
                return None;
            }
            continue;
        };
        let value = segment.strip_suffix(verb)?;
        if value.is_empty() || value.contains(':') {
            return None;
        }
        arguments.insert(name, value);
    }
    actual.next().is_none().then_some(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(pattern: &'static str, path: &str) -> Option<Vec<(String, String)>> {
        let route = Route {
            method: "GET",
            path: pattern,
            operation: "test",
            handler: |_| Ok(Value::Null),
        };
        let mut found: Vec<_> = route
            .matches("GET", path)?
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        found.sort();
        Some(found)
    }

    #[test]
    fn verbs_and_arguments_are_told_apart() {
        let id = |value: &str| Some(vec![("id".to_owned(), value.to_owned())]);
        assert_eq!(arguments("/pool/{id}", "/pool/7"), id("7"));
        assert_eq!(arguments("/pool/{id}", "/pool/7:scale"), None);
        assert_eq!(arguments("/pool/{id}:scale", "/pool/7:scale"), id("7"));
        assert_eq!(arguments("/pool/{id}:scale", "/pool/7:evict"), None);
        assert_eq!(arguments("/pool/{id}", "/pool/"), None);
        assert_eq!(arguments("/pool/{id}", "/pool/7/x"), None);
        assert_eq!(arguments("/pool", "/pool"), Some(vec![]));
        assert_eq!(arguments("/pool", "/pool/"), None);
    }

    #[test]
    fn no_two_operations_share_a_call() {
        let routes: Vec<_> = super::super::routes().collect();
        for (index, one) in routes.iter().enumerate() {
            for other in &routes[index + 1..] {
                assert_ne!(one.operation, other.operation);
                assert!(
                    (one.method, one.path) != (other.method, other.path),
                    "{one:?}"
                );
            }
        }
    }
}
