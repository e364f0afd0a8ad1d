-- Writes how a delivery went.
-- KEYS: the alert, what is due of the channel.
-- ARGV: time, zone, id, channel, how it went, after how long it is due again or empty, for how long
--       that is kept.
local there = redis.call('HEXISTS', KEYS[1], 'to:' .. ARGV[4]) == 1
if there then redis.call('HSET', KEYS[1], 'to:' .. ARGV[4], ARGV[5]) end
if there and ARGV[6] ~= '' and redis.call('ZSCORE', KEYS[2], ARGV[3]) then
  redis.call('ZADD', KEYS[2], F(now + tonumber(ARGV[6])), ARGV[3])
  redis.call('PEXPIRE', KEYS[2], ARGV[7])
else
  redis.call('ZREM', KEYS[2], ARGV[3])
end
return 'done'
