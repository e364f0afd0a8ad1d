-- Raises an alert or tells its end, where its mark says that nobody did.
-- KEYS: the alert, the list, the marks, then what is due of each channel.
-- ARGV: time, zone, id, mark, period, arm, end or begin, renotify, text, for how long it is kept,
--       what a new delivery says, then each channel.
if redis.call('EXISTS', KEYS[1]) == 1 then return 'not' end
local kept = redis.call('HGET', KEYS[3], ARGV[4])
local period, arm, on, told
if kept then period, arm, on, told = string.match(kept, '^(%-?%d+) (%d+) (%d) (%d+)$') end
local same = period and tonumber(period) == tonumber(ARGV[5])
local later = period and tonumber(period) > tonumber(ARGV[5])
local ends = ARGV[7] == 'end'
if ends and not (same and on == '1' and arm == ARGV[6]) then return 'not' end
if not ends and same and (on == '1' or arm ~= ARGV[6]) then return 'not' end
told = tonumber(told or '0')
local since = now - told
local suppressed = not ends and told > 0 and since >= 0 and since < tonumber(ARGV[8])
if #KEYS > 3 or not ends then
  redis.call('HSET', KEYS[1], 'text', ARGV[9], 'raised', F(now), 'suppressed', suppressed and 1 or 0)
  redis.call('PEXPIRE', KEYS[1], ARGV[10])
end
if not suppressed then
  for n = 4, #KEYS do
    redis.call('HSET', KEYS[1], 'to:' .. ARGV[8 + n], ARGV[11])
    redis.call('ZADD', KEYS[n], F(now), ARGV[3])
    redis.call('PEXPIRE', KEYS[n], ARGV[10])
  end
  if not ends and #KEYS > 3 then told = now end
end
if ends then
  redis.call('HSET', KEYS[3], ARGV[4], period .. ' ' .. F(tonumber(arm) + 1) .. ' 0 ' .. F(told))
else
  redis.call('ZADD', KEYS[2], 0, string.format('%015.0f', now) .. ':' .. ARGV[3])
  redis.call('PEXPIRE', KEYS[2], ARGV[10])
  if not later then
    redis.call('HSET', KEYS[3], ARGV[4], ARGV[5] .. ' ' .. ARGV[6] .. ' 1 ' .. F(told))
  end
end
return suppressed and 'suppressed' or 'now'
