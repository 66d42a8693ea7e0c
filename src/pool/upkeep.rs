//! When does an idle connection go, and when is one opened that nobody has asked for?

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::Pool;

/// How often a pool looks whether the server has ended an idle connection, which its client may have to be told. No system call is made
/// for those that are well.
const GLANCE: Duration = Duration::from_millis(100);

/// How many glances there are to one look at the ages.
const GLANCES: u64 = 10;

/// Looks after a pool's idle connections until the pool is dropped, and keeps its minimum.
pub(super) fn spawn(pool: &Arc<Pool>) {
    let pool: Weak<Pool> = Arc::downgrade(pool);
    tokio::spawn(async move {
        for glance in 0_u64.. {
            tokio::time::sleep(GLANCE).await;
            let Some(pool) = pool.upgrade() else { return };
            // Whom the server has hung up on does not count as open.
            let dead = pool.change(|desk| desk.dismiss(|conn| !conn.wire.is_quiet()));
            pool.bury(&dead).await;
            if glance % GLANCES == 0 {
                let idle = pool.limits.idle;
                for mut conn in pool.change(|desk| desk.age(Instant::now(), idle)) {
                    conn.say_goodbye().await;
                }
                if pool.limits.min > 0 {
                    pool.fill_up().await;
                }
            }
        }
    });
}
