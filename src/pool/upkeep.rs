//! When does an idle connection go?

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::{Pool, say_goodbye};

/// How often a pool looks at its idle connections.
const INTERVAL: Duration = Duration::from_secs(1);

/// Ages a pool's connections until the pool is dropped.
pub(super) fn spawn(pool: &Arc<Pool>) {
    let pool: Weak<Pool> = Arc::downgrade(pool);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let Some(pool) = pool.upgrade() else { return };
            let idle = pool.limits.idle;
            for mut conn in pool.change(|desk| desk.age(Instant::now(), idle)) {
                say_goodbye(&mut conn).await;
            }
        }
    });
}
