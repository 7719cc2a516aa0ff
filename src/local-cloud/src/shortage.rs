//! A lack of quota or hosts that only shows when members are to be made: a pool then takes a size,
//! has fewer members, and is `degraded` until the lack is over.

use std::sync::Arc;

use exoscale::models::PoolErrorReason;

use super::{LocalCloud, cloud::Cloud, pools};

/// Begins a shortage, or ends it, after which pools get their members.
pub(crate) fn set(cloud: &Arc<Cloud>, reason: Option<PoolErrorReason>) {
    let mut state = cloud.state();
    state.shortage = reason;
    if state.shortage.is_none() {
        let pools: Vec<_> = state.pools.keys().copied().collect();
        for pool in pools {
            pools::fill(cloud, &mut state, pool);
        }
    }
}

impl LocalCloud {
    /// From now on no pool gets a new member, for this reason; with `None` they get what they lack.
    pub fn set_shortage(&self, reason: Option<PoolErrorReason>) {
        set(&self.cloud, reason);
    }
}
