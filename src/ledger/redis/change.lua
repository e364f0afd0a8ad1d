-- Changes fields of an account that are not counters. KEYS: account.
-- ARGV: time, zone, number of fields to be taken out, these, then fields and texts to be set.
if redis.call('EXISTS', KEYS[1]) == 0 then return { 'missing' } end
local gone = tonumber(ARGV[3])
for n = 4, 3 + gone do redis.call('HDEL', KEYS[1], ARGV[n]) end
for n = 4 + gone, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[n], ARGV[n + 1]) end
return { 'done' }
