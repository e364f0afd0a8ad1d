-- Changes fields of an account that are not counters. KEYS: account.
-- ARGV: time, zone, number of fields to be taken out, these, then fields and texts to be set.
local before = load(KEYS[1])
if not before then return { 'missing' } end
-- What is carried into this period goes by the limits as they were.
turn_all(before)
local gone = tonumber(ARGV[3])
for n = 4, 3 + gone do redis.call('HDEL', KEYS[1], ARGV[n]) end
for n = 4 + gone, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[n], ARGV[n + 1]) end
turn_all(load(KEYS[1]))
return { 'done' }
