//! When does an idle connection go?

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::Pool;

/// How often a pool looks at its idle connections.
const INTERVAL: Duration = Duration::from_secs(1);

/// Ages a pool's connections until the pool is dropped.
pub(super) fn spawn(pool: &Arc<Pool>) {
    let pool: Weak<Pool> = Arc::downgrade(pool);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let Some(pool) = pool.upgrade() else { return };
            for mut conn in pool.idle.age(pool.limits.idle, pool.limits.lifetime) {
                pool.metrics.idle.decrement(1.0);
                super::lease::say_goodbye(&mut conn).await;
            }
        }
    });
}
