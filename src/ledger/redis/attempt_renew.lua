-- Moves the lease of open attempts of one credential. KEYS: its holds.
-- ARGV: time, zone, lease ms, then ids.
local lease_end = F(now + tonumber(ARGV[3]))
for n = 4, #ARGV do redis.call('ZADD', KEYS[1], 'XX', lease_end, ARGV[n]) end
return { 'done' }
