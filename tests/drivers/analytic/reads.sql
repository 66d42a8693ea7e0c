-- all columns
SELECT * FROM events ORDER BY id LIMIT 12
-- nulls
SELECT id, device, reading, price, ok, doc, raw, marks FROM events WHERE device IS NULL ORDER BY id LIMIT 3
-- numbers
SELECT small, device, id, reading, ratio, price, price + 0.500, -price, id * 1000000000 FROM events WHERE id IN (1, 2, 3, 499) ORDER BY id
-- texts
SELECT kind, upper(kind), length(kind), substr(kind, 1, 3), kind || '!', ref FROM events WHERE kind LIKE '%2' ORDER BY id LIMIT 3
-- times
SELECT day, at, seen, hour, span, day + 1, at + INTERVAL '1 day', seen - INTERVAL '1 hour', at::date FROM events WHERE id = 77
-- parts of times
SELECT date_trunc('month', at), date_trunc('hour', seen), to_char(at, 'YYYY-MM-DD HH24:MI') FROM events WHERE id IN (3, 300) ORDER BY id
-- json
SELECT doc, doc -> 'tags', doc ->> 'n', doc -> 'deep' ->> 'ok' FROM events WHERE id < 6 ORDER BY id
-- arrays
SELECT marks, words, sums, marks[1], array_length(words, 1), ARRAY[id, 7] FROM events WHERE id < 7 ORDER BY id
-- booleans
SELECT ok, NOT ok, ok IS NULL, coalesce(ok, false), id > 2 FROM events WHERE id < 7 ORDER BY id
-- bytes
SELECT raw, length(ref) FROM events WHERE id < 3 ORDER BY id
-- no rows
SELECT * FROM events WHERE id < 0
-- one row of NULL
SELECT sum(price), max(kind), count(*) FROM events WHERE id < 0
-- aggregates
SELECT kind, count(*), count(device), sum(price), min(reading), max(at), sum(id) FILTER (WHERE ok) FROM events GROUP BY kind ORDER BY kind
-- having
SELECT device, count(*) AS n FROM events GROUP BY device HAVING count(*) > 50 ORDER BY n DESC, device NULLS LAST
-- distinct
SELECT DISTINCT kind, ok FROM events ORDER BY kind, ok NULLS FIRST
-- windows
SELECT id, rank() OVER (PARTITION BY kind ORDER BY small DESC, id), sum(id) OVER (PARTITION BY kind ORDER BY id), lag(id) OVER (ORDER BY id) FROM events WHERE id <= 12 ORDER BY id
-- joins
SELECT d.name, count(e.id), sum(e.price) FROM devices d LEFT JOIN events e ON e.device = d.id GROUP BY d.name ORDER BY d.name
-- common table expressions
WITH busy AS (SELECT device, count(*) AS n FROM events GROUP BY device), named AS (SELECT d.name, b.n FROM busy b JOIN devices d ON d.id = b.device) SELECT * FROM named ORDER BY name
-- subqueries
SELECT name FROM devices d WHERE EXISTS (SELECT 1 FROM events e WHERE e.device = d.id AND e.id > 490) AND id IN (SELECT device FROM events) ORDER BY name
-- unions
SELECT 'device' AS what, name FROM devices WHERE id < 2 UNION ALL SELECT 'event', kind FROM events WHERE id < 3 ORDER BY 1, 2
-- cases
SELECT id, CASE WHEN price > 600 THEN 'dear' WHEN price IS NULL THEN NULL ELSE 'cheap' END AS label FROM events WHERE id IN (5, 6, 450, 499) ORDER BY 1
-- limit and offset
SELECT id FROM events ORDER BY id DESC LIMIT 3 OFFSET 10
-- a materialized view
SELECT day, kind, events, total, last_seen FROM daily ORDER BY day DESC, kind LIMIT 5
-- a view
SELECT count(*), min(reading) FROM loud
-- names and aliases
SELECT e.id AS "Event Id", e.kind "the kind" FROM public.events AS e WHERE e.id = 1
-- many rows
SELECT id, kind, price FROM events ORDER BY id
