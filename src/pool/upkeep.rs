//! When does an idle connection go, and when is one opened that nobody has asked for?

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::{Pool, is_quiet};

/// How often a pool looks at its idle connections.
const INTERVAL: Duration = Duration::from_secs(1);

/// Ages a pool's connections until the pool is dropped, and keeps its minimum.
pub(super) fn spawn(pool: &Arc<Pool>) {
    let pool: Weak<Pool> = Arc::downgrade(pool);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let Some(pool) = pool.upgrade() else { return };
            // Whom the server has hung up on does not count as open.
            let dead = pool.change(|desk| desk.dismiss(|conn| !is_quiet(conn)));
            pool.bury(&dead).await;
            let idle = pool.limits.idle;
            for mut conn in pool.change(|desk| desk.age(Instant::now(), idle)) {
                conn.say_goodbye().await;
            }
            if pool.limits.min > 0 {
                pool.fill_up().await;
            }
        }
    });
}
