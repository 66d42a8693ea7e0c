//! A router inside this process.

use std::panic;
use std::sync::Once;

use tidegate::config;
use tidegate::serve;

/// A running router; it ends when dropped.
pub struct Router {
    /// The router itself.
    pub inner: serve::Router,
    /// Where clients connect to.
    pub address: String,
    /// Where metrics and health are.
    pub http: String,
    folder: tempfile::TempDir,
}

impl Router {
    /// Starts a router with a configuration.
    pub async fn start(yaml: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = load(folder.path(), yaml);
        let inner = match serve::Router::start(config).await {
            Ok(inner) => inner,
            Err(lines) => panic!("the router does not start: {lines:?}"),
        };
        Self {
            address: inner.addresses.first().expect("an address").clone(),
            http: inner.http.clone().unwrap_or_default(),
            inner,
            folder,
        }
    }

    /// Puts another configuration in force.
    pub async fn reload(&self, yaml: &str) {
        let config = load(self.folder.path(), yaml);
        self.inner
            .reload(config)
            .await
            .expect("a good configuration");
    }

    /// The port clients connect to.
    pub fn port(&self) -> u16 {
        let port = self.address.rsplit(':').next().expect("a port");
        port.parse().expect("a port")
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.inner.shared.drain.cancel();
        self.inner.shared.stop.cancel();
    }
}

fn load(folder: &std::path::Path, yaml: &str) -> config::Config {
    let path = folder.join("router.yaml");
    std::fs::write(&path, yaml).expect("router.yaml");
    match config::load(&path, &|name| std::env::var(name).ok()) {
        Ok(loaded) => loaded.config,
        Err(problems) => {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            panic!("router.yaml: {lines:#?}\n{yaml}");
        }
    }
}

/// The router must never panic. Tokio would catch a panic in one of its tasks and the test might not notice, so it ends the run.
pub fn end_on_panic_in_the_router() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            usual(info);
            if info
                .location()
                .is_some_and(|at| at.file().starts_with("src/"))
            {
                eprintln!("the router panicked: the test run ends here");
                std::process::exit(101);
            }
        }));
    });
}
