-- What the relations of tables.sql hold: every fifth event has NULLs. No expression means something else on one of the servers.
INSERT INTO events
SELECT i,
    concat('kind ', (i % 4)::varchar),
    CASE WHEN i % 5 = 0 THEN NULL ELSE i % 7 END,
    (i % 100)::smallint,
    CASE WHEN i % 5 = 0 THEN NULL ELSE i / 8.0::double precision END,
    (i % 4 / 4.0)::real,
    CASE WHEN i % 5 = 0 THEN NULL ELSE i * 1.50 END,
    CASE WHEN i % 5 = 0 THEN NULL ELSE i % 2 = 0 END,
    DATE '2026-01-01' + i / 10,
    TIMESTAMP '2026-01-01 00:00:00' + i * INTERVAL '97 minutes',
    '2026-01-01 00:00:00+00'::timestamptz + i * INTERVAL '97 minutes',
    i * INTERVAL '90 seconds',
    TIME '00:00:00' + i * INTERVAL '2 minutes',
    CASE WHEN i % 5 = 0 THEN NULL ELSE jsonb_build_object('n', i, 'tags', jsonb_build_array('a', i % 3), 'deep', jsonb_build_object('ok', i % 2 = 0)) END,
    concat('00000000-0000-0000-0000-', lpad(i::varchar, 12, '0')),
    CASE WHEN i % 5 = 0 THEN NULL ELSE '\x00ff27'::bytea END,
    CASE WHEN i % 5 = 0 THEN NULL ELSE ARRAY[i, NULL, i % 3] END,
    ARRAY['plain', 'with space', 'with "quotes", {braces} and \', 'ü'],
    ARRAY[i * 0.50, 1.0]
FROM generate_series(1, 500) AS g(i);
INSERT INTO devices SELECT i, concat('device ', i::varchar), CASE WHEN i = 0 THEN NULL ELSE concat('site ', (i % 3)::varchar) END, i * 10.00 FROM generate_series(0, 9) AS g(i);
INSERT INTO bi.accounts
SELECT i, concat('account ', i::varchar), CASE i % 3 WHEN 0 THEN 'free' WHEN 1 THEN 'team' ELSE NULL END, '2026-01-01 00:00:00+00'::timestamptz + i * INTERVAL '1 day'
FROM generate_series(1, 40) AS g(i);
INSERT INTO bi.invoices
SELECT i, 1 + i % 40, i * 2.50, CASE WHEN i % 9 = 0 THEN NULL ELSE i % 2 = 0 END, DATE '2026-01-01' + i % 90, TIMESTAMP '2026-01-01 00:00:00' + i * INTERVAL '5 hours',
    CASE WHEN i % 7 = 0 THEN 'late' ELSE NULL END
FROM generate_series(1, 400) AS g(i);
