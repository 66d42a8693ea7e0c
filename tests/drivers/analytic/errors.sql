-- no such column
SELECT nothing FROM events
-- no such relation
SELECT * FROM events_of_old
-- no such schema
SELECT * FROM bi_of_old.accounts
-- division by zero
SELECT 1 / (small - small) FROM events
-- syntax
SELECT FROM WHERE events
-- no such function
SELECT no_such_function(id) FROM events
-- not a number
SELECT kind::int FROM events
-- not grouped
SELECT kind, count(*) FROM events
