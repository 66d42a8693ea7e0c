//! What is on the tour?
//!
//! Statements as an application would send them, and what must become of each. No hints, no second connection string: the router sees
//! plain SQL.

/// One statement of the tour.
pub(super) struct Stop {
    pub(super) title: &'static str,
    pub(super) sql: &'static str,
    pub(super) expected: Expected,
}

/// What must become of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// It is run by this backend, and brings or touches at least one row.
    RunBy(&'static str),
    /// It is refused with this SQLSTATE.
    Refused(&'static str),
    /// The router explains that it would be refused for this reason.
    Explained(&'static str),
}

/// An order that must never arrive.
pub(super) const REFUSED_ORDER: i32 = 990_001;

/// The tour.
pub(super) const STOPS: [Stop; 10] = [
    Stop {
        title: "Top five states by turnover",
        sql: "SELECT state, sum(qty * price) AS turnover FROM orders\n\
              GROUP BY state ORDER BY turnover DESC LIMIT 5",
        expected: Expected::RunBy("analytic"),
    },
    Stop {
        title: "Items by average quantity",
        sql: "SELECT itemid, round(avg(qty), 2) AS average FROM orders\n\
              GROUP BY itemid ORDER BY average DESC, itemid LIMIT 5",
        expected: Expected::RunBy("analytic"),
    },
    Stop {
        title: "Items by total quantity",
        sql: "SELECT itemid, sum(qty) AS quantity FROM orders\n\
              GROUP BY itemid ORDER BY quantity DESC, itemid LIMIT 5",
        expected: Expected::RunBy("analytic"),
    },
    Stop {
        title: "Items by turnover",
        sql: "SELECT itemid, sum(qty * price) AS turnover FROM orders\n\
              GROUP BY itemid ORDER BY turnover DESC LIMIT 5",
        expected: Expected::RunBy("analytic"),
    },
    Stop {
        title: "A new customer is written where customers live",
        sql: "INSERT INTO customers (email, name, state)\n\
              VALUES ('barbara@example.org', 'Barbara Liskov', 'California') RETURNING id, name",
        expected: Expected::RunBy("oltp"),
    },
    Stop {
        title: "And is there at once",
        sql: "SELECT id, name, state FROM customers ORDER BY id DESC LIMIT 3",
        expected: Expected::RunBy("oltp"),
    },
    Stop {
        title: "A write to the analytic side is refused",
        sql: "INSERT INTO orders VALUES (990001, 101, 1, 9.5, '2025-12-31', 'Maine')",
        expected: Expected::Refused("25006"),
    },
    Stop {
        title: "So is a constraint that it could not keep",
        sql: "ALTER TABLE orders ADD CONSTRAINT one_order UNIQUE (orderid)",
        expected: Expected::Refused("0A000"),
    },
    Stop {
        title: "And a statement over both sides",
        sql: "SELECT c.name, sum(o.qty) FROM customers c\n\
              JOIN orders o ON o.state = c.state GROUP BY c.name",
        expected: Expected::Refused("0A000"),
    },
    Stop {
        title: "Asking first: nothing is run",
        sql: "EXPLAIN ROUTE UPDATE orders SET qty = 0",
        expected: Expected::Explained("write_on_analytic"),
    },
];
