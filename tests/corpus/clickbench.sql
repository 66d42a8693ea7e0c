SELECT COUNT(*) FROM page_hits
SELECT COUNT(*) FROM page_hits WHERE adv_engine_id <> 0
SELECT SUM(adv_engine_id), COUNT(*), AVG(resolution_width) FROM page_hits
SELECT AVG(user_id) FROM page_hits
SELECT COUNT(DISTINCT user_id) FROM page_hits
SELECT COUNT(DISTINCT search_phrase) FROM page_hits
SELECT MIN(event_date), MAX(event_date) FROM page_hits
SELECT adv_engine_id, COUNT(*) FROM page_hits WHERE adv_engine_id <> 0 GROUP BY adv_engine_id ORDER BY COUNT(*) DESC
SELECT region_id, COUNT(DISTINCT user_id) AS u FROM page_hits GROUP BY region_id ORDER BY u DESC LIMIT 10
SELECT region_id, SUM(adv_engine_id), COUNT(*) AS c, AVG(resolution_width), COUNT(DISTINCT user_id) FROM page_hits GROUP BY region_id ORDER BY c DESC LIMIT 10
SELECT mobile_phone_model, COUNT(DISTINCT user_id) AS u FROM page_hits WHERE mobile_phone_model <> '' GROUP BY mobile_phone_model ORDER BY u DESC LIMIT 10
SELECT mobile_phone, mobile_phone_model, COUNT(DISTINCT user_id) AS u FROM page_hits WHERE mobile_phone_model <> '' GROUP BY mobile_phone, mobile_phone_model ORDER BY u DESC LIMIT 10
SELECT search_phrase, COUNT(*) AS c FROM page_hits WHERE search_phrase <> '' GROUP BY search_phrase ORDER BY c DESC LIMIT 10
SELECT search_engine_id, search_phrase, COUNT(*) AS c FROM page_hits WHERE search_phrase <> '' GROUP BY search_engine_id, search_phrase ORDER BY c DESC LIMIT 10
SELECT user_id, COUNT(*) FROM page_hits GROUP BY user_id ORDER BY COUNT(*) DESC LIMIT 10
SELECT user_id, extract(minute FROM event_time) AS m, search_phrase, COUNT(*) FROM page_hits GROUP BY user_id, m, search_phrase ORDER BY COUNT(*) DESC LIMIT 10
SELECT user_id FROM page_hits WHERE user_id = 435090932899640449
SELECT COUNT(*) FROM page_hits WHERE url LIKE '%example%'
SELECT search_phrase, MIN(url), COUNT(*) AS c FROM page_hits WHERE url LIKE '%example%' AND search_phrase <> '' GROUP BY search_phrase ORDER BY c DESC LIMIT 10
SELECT search_phrase, MIN(url), MIN(title), COUNT(*) AS c, COUNT(DISTINCT user_id) FROM page_hits WHERE title LIKE '%Example%' AND url NOT LIKE '%.example.%' GROUP BY search_phrase ORDER BY c DESC LIMIT 10
SELECT * FROM page_hits WHERE url LIKE '%example%' ORDER BY event_time LIMIT 10
SELECT search_phrase FROM page_hits WHERE search_phrase <> '' ORDER BY event_time, search_phrase LIMIT 10
SELECT counter_id, AVG(length(url)) AS l, COUNT(*) AS c FROM page_hits WHERE url <> '' GROUP BY counter_id HAVING COUNT(*) > 100000 ORDER BY l DESC LIMIT 25
SELECT REGEXP_REPLACE(referer, '^https?://(?:www\.)?([^/]+)/.*$', '\1') AS k, AVG(length(referer)) AS l, COUNT(*) AS c, MIN(referer) FROM page_hits WHERE referer <> '' GROUP BY k HAVING COUNT(*) > 100000 ORDER BY l DESC LIMIT 25
SELECT SUM(resolution_width), SUM(resolution_width + 1), SUM(resolution_width + 2), SUM(resolution_width + 3), SUM(resolution_width + 4), SUM(resolution_width + 5), SUM(resolution_width + 6), SUM(resolution_width + 7) FROM page_hits
SELECT watch_id, client_ip, COUNT(*) AS c, SUM(is_refresh), AVG(resolution_width) FROM page_hits WHERE search_phrase <> '' GROUP BY watch_id, client_ip ORDER BY c DESC LIMIT 10
SELECT 1, url, COUNT(*) AS c FROM page_hits GROUP BY 1, url ORDER BY c DESC LIMIT 10
SELECT client_ip, client_ip - 1, client_ip - 2, client_ip - 3, COUNT(*) AS c FROM page_hits GROUP BY client_ip, client_ip - 1, client_ip - 2, client_ip - 3 ORDER BY c DESC LIMIT 10
SELECT url, COUNT(*) AS page_views FROM page_hits WHERE counter_id = 62 AND event_date >= '2013-07-01' AND event_date <= '2013-07-31' AND dont_count_hits = 0 AND is_refresh = 0 AND url <> '' GROUP BY url ORDER BY page_views DESC LIMIT 10 OFFSET 1000
SELECT trafic_source_id, search_engine_id, CASE WHEN (search_engine_id = 0 AND adv_engine_id = 0) THEN referer ELSE '' END AS src, url AS dst, COUNT(*) AS page_views FROM page_hits WHERE counter_id = 62 GROUP BY trafic_source_id, search_engine_id, src, dst ORDER BY page_views DESC LIMIT 10 OFFSET 1000
SELECT DATE_TRUNC('minute', event_time) AS m, COUNT(*) AS page_views FROM page_hits WHERE counter_id = 62 AND event_date >= '2013-07-14' GROUP BY DATE_TRUNC('minute', event_time) ORDER BY DATE_TRUNC('minute', event_time) LIMIT 10 OFFSET 1000
