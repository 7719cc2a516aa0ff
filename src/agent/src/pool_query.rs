//! Which pool a request asks for: `?pool=NAME`, which it may leave out where there is one only.

use actix_web::{HttpResponse, http::StatusCode, web};
use serde::Deserialize;
use serde_json::json;

use super::{config::PoolName, pool_actors::PoolActors};

#[derive(Debug, Deserialize)]
struct Query {
    pool: Option<String>,
}

/// Why it is not known which pool is meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WrongPool {
    /// There is none of that name.
    #[error("there is no pool of that name; there are {0}")]
    Unknown(String),
    /// The settings name no pool.
    #[error("this agent scales one pool, which has no name; leave `pool` out")]
    Nameless,
    /// There are several.
    #[error("this agent scales several pools; say which with ?pool=NAME, of {0}")]
    NotSaid(String),
    /// The query is none.
    #[error("the query is not of the form ?pool=NAME")]
    NoQuery,
}

impl WrongPool {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Unknown(_) | Self::Nameless => StatusCode::NOT_FOUND,
            Self::NotSaid(_) | Self::NoQuery => StatusCode::BAD_REQUEST,
        }
    }

    pub(crate) fn answer(&self) -> HttpResponse {
        HttpResponse::build(self.status()).json(json!({ "message": self.to_string() }))
    }
}

/// The place of the pool that a query names, if it names one.
pub(crate) fn named(pools: &[PoolActors], query: &str) -> Result<Option<usize>, WrongPool> {
    place(&names(pools), query)
}

/// The pool that a query asks for.
pub(crate) fn one<'a>(pools: &'a [PoolActors], query: &str) -> Result<&'a PoolActors, WrongPool> {
    match (named(pools, query)?, pools) {
        (Some(at), _) => Ok(&pools[at]),
        (None, [only]) => Ok(only),
        (None, _) => Err(WrongPool::NotSaid(listed(&names(pools)))),
    }
}

fn names(pools: &[PoolActors]) -> Vec<Option<PoolName>> {
    pools.iter().map(|pool| pool.name.clone()).collect()
}

fn place(names: &[Option<PoolName>], query: &str) -> Result<Option<usize>, WrongPool> {
    let query = web::Query::<Query>::from_query(query).map_err(|_| WrongPool::NoQuery)?;
    let Some(wanted) = query.into_inner().pool else {
        return Ok(None);
    };
    let is_it = |name: &Option<PoolName>| name.as_ref().is_some_and(|name| name.as_str() == wanted);
    match names.iter().position(is_it) {
        Some(at) => Ok(Some(at)),
        None if names.iter().all(Option::is_none) => Err(WrongPool::Nameless),
        None => Err(WrongPool::Unknown(listed(names))),
    }
}

fn listed(names: &[Option<PoolName>]) -> String {
    let names = names.iter().flatten();
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_a_pool_or_none() {
        let name = |text: &str| Some(text.parse::<PoolName>().unwrap());
        let several = [name("web"), name("api-2")];
        assert_eq!(place(&several, ""), Ok(None));
        assert_eq!(place(&several, "other=1"), Ok(None));
        assert_eq!(place(&several, "pool=api-2"), Ok(Some(1)));
        assert_eq!(place(&several, "x=1&pool=web"), Ok(Some(0)));
        for (query, status) in [
            ("pool=", 404),
            ("pool=WEB", 404),
            ("pool=web&pool=api-2", 400),
        ] {
            let error = place(&several, query).unwrap_err();
            assert_eq!(error.status().as_u16(), status, "{query}: {error}");
        }
        assert_eq!(place(&[None], "pool=web"), Err(WrongPool::Nameless));
    }
}
