-- The analytic side of the examples: `orders`, 5,000 rows, the same ones every time.
--
-- Runs unchanged on RisingWave and on PostgreSQL, so it keeps to what both know: no varchar(n), no
-- serial, no ON CONFLICT. Safe to run again: the anti-join inserts only the orders that are missing.
-- On RisingWave new rows become visible at the next checkpoint, within about a second.
--
--   psql "$ANALYTIC_URL" -v ON_ERROR_STOP=1 -f examples/sql/analytic_orders.sql

CREATE TABLE IF NOT EXISTS orders (
    orderid int PRIMARY KEY,
    itemid  int,
    qty     int,
    price   float,
    dt      date,
    state   varchar
);

-- Remainders of multiples of the order number stand in for chance; `s` makes a few states and `t` a
-- few items much busier than the rest, so that the rankings have a clear first. Prices are whole
-- quarters: sums of them are exact in floating point, whatever order a server adds them in.
INSERT INTO orders (orderid, itemid, qty, price, dt, state)
SELECT d.i,
       d.item,
       1 + (d.i * 37 + d.item * 3) % (4 + d.item % 7),
       CAST(4.75 + d.item * 29 % 41 + (d.i % 4) * 0.25 AS float),
       CAST('2025-01-01' AS date) + d.i * 17 % 365,
       CASE WHEN d.s < 19 THEN 'California'
            WHEN d.s < 34 THEN 'Texas'
            WHEN d.s < 47 THEN 'New York'
            WHEN d.s < 58 THEN 'Florida'
            WHEN d.s < 67 THEN 'Illinois'
            WHEN d.s < 75 THEN 'Washington'
            WHEN d.s < 82 THEN 'Ohio'
            WHEN d.s < 88 THEN 'Georgia'
            WHEN d.s < 93 THEN 'Oregon'
            WHEN d.s < 97 THEN 'Maine'
            ELSE 'Vermont' END
FROM (SELECT g.i,
             g.i * 61 % 101 AS s,
             CASE WHEN g.i * 43 % 97 < 40 THEN 101 + g.i * 43 % 97 % 6
                  ELSE 101 + g.i * 43 % 97 % 24 END AS item
      FROM generate_series(1, 5000) AS g (i)) AS d
LEFT JOIN orders AS o ON o.orderid = d.i
WHERE o.orderid IS NULL;
