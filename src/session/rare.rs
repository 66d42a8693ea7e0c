//! Has what hardly ever happens happened?
//!
//! A session waits for its sockets and, all its life, for the router's end. A future of the runtime's takes a lock each time that it is looked
//! at, one that all sessions share; so it is looked at only after it has called.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A future that is polled along with others, and passes that on only when it has something to say.
pub(super) struct Rare<F> {
    future: Pin<Box<F>>,
    bell: Option<Arc<Bell>>,
}

struct Bell {
    rung: AtomicBool,
    task: Waker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

impl<F> Rare<F> {
    pub(super) fn new(future: F) -> Self {
        Self {
            future: Box::pin(future),
            bell: None,
        }
    }
}

impl<F: Future> Future for Rare<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let known = self
            .bell
            .as_ref()
            .filter(|bell| bell.task.will_wake(cx.waker()));
        let bell = if let Some(bell) = known {
            if !bell.rung.swap(false, Ordering::Acquire) {
                return Poll::Pending;
            }
            Arc::clone(bell)
        } else {
            let bell = Arc::new(Bell {
                rung: AtomicBool::new(false),
                task: cx.waker().clone(),
            });
            self.bell = Some(Arc::clone(&bell));
            bell
        };
        let waker = Waker::from(bell);
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tokio::sync::Notify;

    use super::*;

    /// Counts how often it is polled.
    struct Counted<'a, F>(F, &'a AtomicUsize);

    impl<F: Future + Unpin> Future for Counted<'_, F> {
        type Output = F::Output;

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
            self.1.fetch_add(1, Ordering::Relaxed);
            Pin::new(&mut self.0).poll(cx)
        }
    }

    #[test]
    fn it_is_polled_once_for_each_call_and_for_each_task() {
        let (notify, polled) = (Notify::new(), AtomicUsize::new(0));
        let mut rare = Rare::new(Counted(Box::pin(notify.notified()), &polled));
        let mut poll = |waker: &Waker| Pin::new(&mut rare).poll(&mut Context::from_waker(waker));
        let task = || {
            let rung = AtomicBool::new(false);
            let task = Waker::noop().clone();
            Waker::from(Arc::new(Bell { rung, task }))
        };
        let (one, other) = (task(), task());
        for _ in 0..3 {
            assert!(poll(&one).is_pending());
        }
        assert_eq!(polled.load(Ordering::Relaxed), 1);
        assert!(poll(&other).is_pending());
        assert_eq!(polled.load(Ordering::Relaxed), 2);
        notify.notify_one();
        assert!(poll(&other).is_ready());
        assert_eq!(polled.load(Ordering::Relaxed), 3);
    }
}
