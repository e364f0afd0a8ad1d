-- Puts users where they belong in the indexes that lists are sorted by; who is gone, or makes no
-- sense, leaves them. Answers how many stood too high, under another name, or are gone.
-- KEYS: index by utilization, by what was spent, by name, then accounts.
-- ARGV: time, zone, then of each account its id, and the member that it was seen as in the index
--       by name, or nothing.

-- How far the fullest limit in dollars for all models is used; -1 without one.
local function utilization(a)
  local highest = -1
  for _, name in ipairs(a.limits) do
    local slot = a.slots[name]
    if slot and slot.meter == 'usd' and not slot.models then
      local limit, used = limit_of(a, name), current(a, name)
      highest = math.max(highest, limit == 0 and 1 or used / limit)
    end
  end
  return highest
end

local function figures(key)
  if redis.call('TYPE', key).ok ~= 'hash' then return nil end
  local a = load(key)
  return { utilization(a), whole(a, 'usd.total'), a.f.name or '' }
end

local moved = 0
for n = 4, #KEYS do
  local id, seen = ARGV[2 * n - 5], ARGV[2 * n - 4]
  local sound, found = pcall(figures, KEYS[n])
  if sound and found then
    local before = tonumber(redis.call('ZSCORE', KEYS[1], id) or '-1')
    local called = string.lower(string.sub(found[3], 1, 64)) .. '\0' .. id
    redis.call('ZADD', KEYS[1], found[1], id)
    redis.call('ZADD', KEYS[2], found[2], id)
    redis.call('ZADD', KEYS[3], 0, called)
    local renamed = seen ~= '' and seen ~= called
    if renamed then redis.call('ZREM', KEYS[3], seen) end
    if renamed or before > found[1] then moved = moved + 1 end
  else
    redis.call('ZREM', KEYS[1], id)
    redis.call('ZREM', KEYS[2], id)
    if seen ~= '' then redis.call('ZREM', KEYS[3], seen) end
    moved = moved + 1
  end
end
return moved
