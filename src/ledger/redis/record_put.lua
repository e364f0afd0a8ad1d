-- Writes a record.
-- KEYS: the record, the ids of its kind, the expiries of its kind.
-- ARGV: time, zone, id, text, when it expires or empty, what must be there (always, absent, is),
--       the text that it must be, how many of the kind there may be.
local is = redis.call('HMGET', KEYS[1], 'text', 'expires_ms')
local live = is[1] and not (is[2] and tonumber(is[2]) <= now)
if ARGV[6] == 'absent' and live then return 'kept' end
if ARGV[6] == 'is' and not (live and is[1] == ARGV[7]) then return 'kept' end
local overdue = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', F(now), 'LIMIT', 0, 100)
for _, id in ipairs(overdue) do
  redis.call('ZREM', KEYS[2], id)
  redis.call('ZREM', KEYS[3], id)
end
local known = redis.call('ZSCORE', KEYS[2], ARGV[3])
if not known and redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[8]) then return 'full' end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'text', ARGV[4])
redis.call('ZADD', KEYS[2], 0, ARGV[3])
redis.call('ZREM', KEYS[3], ARGV[3])
if ARGV[5] ~= '' then
  redis.call('HSET', KEYS[1], 'expires_ms', ARGV[5])
  redis.call('PEXPIRE', KEYS[1], F(math.max(1, tonumber(ARGV[5]) - now)))
  redis.call('ZADD', KEYS[3], ARGV[5], ARGV[3])
end
return 'done'
