//! `--pool`: which of several pools in the settings.

use agent::{Config, PoolConfig};

use crate::failure::Usage;

/// The pool of that name, or the only one.
pub(crate) fn pool_of(config: &mut Config, wanted: Option<&str>) -> Result<PoolConfig, Usage> {
    let name = |pool: &PoolConfig| pool.name.as_ref().map(ToString::to_string);
    let names: Vec<_> = config.pools.iter().map(name).collect();
    let at = match wanted {
        None if names.len() == 1 => Some(0),
        None => None,
        Some(wanted) => names
            .iter()
            .position(|name| name.as_deref() == Some(wanted)),
    };
    match at {
        Some(at) => Ok(config.pools.swap_remove(at)),
        None if names.iter().all(Option::is_none) => Err(Usage(
            "--pool: the settings know one pool, which has no name".to_owned(),
        )),
        None => {
            let names: Vec<_> = names.into_iter().flatten().collect();
            let names = names.join(", ");
            Err(Usage(format!(
                "--pool: the settings have {names}; name one"
            )))
        }
    }
}
