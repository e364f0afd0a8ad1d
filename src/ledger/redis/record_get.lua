-- Reads a record, and deletes it where it is taken.
-- KEYS: the record, the ids of its kind, the expiries of its kind.
-- ARGV: time, zone, id, get or take.
local is = redis.call('HMGET', KEYS[1], 'text', 'expires_ms')
if ARGV[4] == 'take' then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[3])
  redis.call('ZREM', KEYS[3], ARGV[3])
end
if is[2] and tonumber(is[2]) <= now then return false end
return is[1]
