-- Moves the lease of open holds. KEYS: leases, then the holds of three accounts for each call.
-- ARGV: time, zone, lease ms, then ids.
local lease_end = F(now + tonumber(ARGV[3]))
for n = 4, #ARGV do
  if redis.call('ZSCORE', KEYS[1], ARGV[n]) then
    redis.call('ZADD', KEYS[1], lease_end, ARGV[n])
    for k = 0, 2 do
      redis.call('ZADD', KEYS[2 + (n - 4) * 3 + k], 'XX', lease_end, ARGV[n])
    end
  end
end
return { 'done' }
