-- Keeps how workspaces stood at a moment; what is kept already stays.
-- KEYS: the snapshots of the moment, the moments of which there are some.
-- ARGV: time, zone, the moment, for how long it is kept in milliseconds, then of each workspace its
--       id and its row.
local added = 0
for i = 5, #ARGV, 2 do
  local from, below = '[' .. ARGV[i] .. ' ', '(' .. ARGV[i] .. '!'
  local kept = redis.call('ZRANGEBYLEX', KEYS[1], from, below, 'LIMIT', 0, 1)
  if not kept[1] then
    redis.call('ZADD', KEYS[1], 0, ARGV[i + 1])
    added = added + 1
  end
end
local at, ms = tonumber(ARGV[3]), tonumber(ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. F(now - ms))
redis.call('PEXPIRE', KEYS[1], F(math.max(1, at + ms - now)))
redis.call('PEXPIRE', KEYS[2], F(math.max(1, at + ms - now)))
return added
