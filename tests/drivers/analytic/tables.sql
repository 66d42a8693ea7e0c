-- The dashboards' relations, in words that both PostgreSQL and RisingWave take. Run on every server before rows.sql and views.sql.
CREATE TABLE events (
    id bigint PRIMARY KEY, kind varchar NOT NULL, device integer, small smallint, reading double precision, ratio real, price numeric,
    ok boolean, day date, at timestamp, seen timestamptz, span interval, hour time, doc jsonb, ref varchar, raw bytea,
    marks integer[], words varchar[], sums numeric[]
);
CREATE TABLE devices (id integer PRIMARY KEY, name varchar NOT NULL, site varchar, price numeric);
CREATE SCHEMA bi;
CREATE TABLE bi.accounts (id integer PRIMARY KEY, name varchar NOT NULL, plan varchar, created timestamptz);
CREATE TABLE bi.invoices (id integer PRIMARY KEY, account_id integer NOT NULL, total numeric, paid boolean, issued date, at timestamp, note varchar);
