-- One of everything that a dump has to carry, for database d:n.
CREATE SCHEMA shop;
CREATE TYPE shop.mood AS ENUM ('sad', 'ok');
CREATE DOMAIN shop.price AS numeric(10, 2) CHECK (value >= 0);
CREATE SEQUENCE shop.numbers START 100 INCREMENT 5;
CREATE TABLE shop.item (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE,
  mood shop.mood NOT NULL DEFAULT 'sad',
  price shop.price DEFAULT nextval('shop.numbers'),
  doubled numeric GENERATED ALWAYS AS (price * 2) STORED,
  tags text[], data jsonb, at timestamptz DEFAULT '2024-06-01 12:00+00'
);
CREATE TABLE shop.part (item int REFERENCES shop.item ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, k serial, PRIMARY KEY (item, k));
CREATE TABLE shop.log (at date NOT NULL, text text) PARTITION BY RANGE (at);
CREATE TABLE shop.log_2024 PARTITION OF shop.log FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE INDEX ON shop.item USING gin (tags);
CREATE VIEW shop.dear AS SELECT mood, sum(price) AS sum FROM shop.item WHERE price > 200 GROUP BY mood;
CREATE MATERIALIZED VIEW shop.counted AS SELECT count(*) FROM shop.item;
CREATE FUNCTION shop.twice(i int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT i * 2';
CREATE FUNCTION shop.logged() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO shop.log VALUES ('2024-02-03', new.name); RETURN new; END$$;
CREATE TRIGGER logged AFTER INSERT ON shop.item FOR EACH ROW EXECUTE FUNCTION shop.logged();
CREATE RULE quiet AS ON DELETE TO shop.log DO INSTEAD NOTHING;
ALTER TABLE shop.item ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON shop.item USING (name = current_user);
GRANT SELECT ON shop.item TO w0;
COMMENT ON TABLE shop.item IS 'of several; lines'' and
"quotes"';
INSERT INTO shop.item (name, tags, data) SELECT format('item %s of %s', i, :n), ARRAY['a', NULL, E'tab\t"'], jsonb_build_object('i', i) FROM generate_series(1, 2000) i;
INSERT INTO shop.part (item) SELECT i % 100 + 1 FROM generate_series(1, 500) i;
REFRESH MATERIALIZED VIEW shop.counted;
SELECT lo_from_bytea(4711000 + :n, convert_to(repeat('large ' || :n, 1000), 'UTF8')) \gset
ALTER DATABASE :"DBNAME" SET work_mem = '5MB';
