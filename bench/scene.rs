//! The rules and catalogs that decisions are measured with.

use std::fmt::Write as _;
use std::sync::Arc;

use tidegate::catalog::{BackendCatalog, Catalog, RelationKind};
use tidegate::config;
use tidegate::routing::RoutingTable;

const ROUTER_YAML: &str = "
backends:
  oltp: { engine: postgres, url: 'postgres://app@127.0.0.1:5432/app' }
  analytic: { engine: risingwave, url: 'postgres://root@127.0.0.1:4566/dev' }
default: oltp
";

/// A scene with so many relations on the OLTP side, `orders` on the analytic one, and so many rules that match none of them.
pub fn table(relations: usize, rules: usize) -> RoutingTable {
    let mut text = String::from(ROUTER_YAML);
    if rules > 0 {
        text.push_str("routes:\n");
    }
    for rule in 0..rules {
        let _ = writeln!(text, "  - {{ relations: [rule_{rule}], to: analytic }}");
    }
    let loaded = config::parse("router.yaml", &text, &|_| None, &|_| Ok(String::new()));
    let config = Arc::new(loaded.expect("the file is right").config);
    let (mut oltp, mut analytic) = (BackendCatalog::default(), BackendCatalog::default());
    for relation in 0..relations {
        oltp.insert("public", &format!("table_{relation}"), RelationKind::Table);
    }
    oltp.insert("public", "accounts", RelationKind::Table);
    analytic.insert("public", "orders", RelationKind::Table);
    let catalog = Catalog {
        backends: vec![Some(oltp), Some(analytic)],
    };
    RoutingTable::new(config, Arc::new(catalog), 1)
}
