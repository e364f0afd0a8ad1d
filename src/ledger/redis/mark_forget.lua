-- Forgets a mark that is as it was read.
-- KEYS: the marks. ARGV: time, zone, name, what was read.
if redis.call('HGET', KEYS[1], ARGV[3]) ~= ARGV[4] then return 0 end
return redis.call('HDEL', KEYS[1], ARGV[3])
