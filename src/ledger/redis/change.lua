-- Changes fields of an account that are not counters. KEYS: account.
-- ARGV: time, zone, number of fields to be taken out, these, number of fields and texts that must
-- stand there still (an empty text: none; none at all: whatever stands there), these, number of limits
-- there must be, then fields and texts to be set.
local before = load(KEYS[1])
if not before then return { 'missing' } end
local gone = tonumber(ARGV[3])
local kept = 4 + gone
local set = kept + 2 + tonumber(ARGV[kept])
if set > kept + 2 then
  if #before.limits ~= tonumber(ARGV[set - 1]) then return { 'changed' } end
  for n = kept + 1, set - 2, 2 do
    if (before.f[ARGV[n]] or '') ~= ARGV[n + 1] then return { 'changed' } end
  end
end
-- What is carried into this period goes by the limits as they were.
turn_all(before)
for n = 4, 3 + gone do redis.call('HDEL', KEYS[1], ARGV[n]) end
for n = set, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[n], ARGV[n + 1]) end
turn_all(load(KEYS[1]))
return { 'done' }
