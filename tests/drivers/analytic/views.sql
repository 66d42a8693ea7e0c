-- What dashboards read most: materialized views over the tables, made where the rows are.
CREATE MATERIALIZED VIEW daily AS
SELECT day, kind, count(*) AS events, sum(price) AS total, max(seen) AS last_seen FROM events GROUP BY day, kind;
CREATE VIEW loud AS SELECT id, kind, reading FROM events WHERE reading > 50;
CREATE MATERIALIZED VIEW bi.monthly AS
SELECT a.plan, date_trunc('month', i.at) AS month, count(*) AS invoices, sum(i.total) AS total FROM bi.invoices i JOIN bi.accounts a ON a.id = i.account_id GROUP BY a.plan, date_trunc('month', i.at);
