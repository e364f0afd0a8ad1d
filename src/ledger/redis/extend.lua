-- Holds more for an open call on all accounts under `balanced`, or on none.
-- KEYS: hold, then account and its holds three times.
-- ARGV: time, zone, id, default mode, more (usd tokens characters).
local id, default = ARGV[3], ARGV[4]
local more = { usd = ARGV[5], tokens = ARGV[6], characters = ARGV[7] }

local stored = redis.call('HGET', KEYS[1], 'shares')
if not stored then return 'ended' end
local shares = cjson.decode(stored)
local model = cjson.decode(redis.call('HGET', KEYS[1], 'order'))[2].model

-- Shows the limits that hold calls of this model, with what is used and held of each.
local function each_limit(a, see)
  for _, name in ipairs(a.limits) do
    local slot = a.slots[name]
    if slot and not slot.rate and (not slot.models or glob(slot.models, model)) then
      local used = current(a, name)
      local denied = see(name, slot, used, whole(a, slot.held))
      if denied then return denied end
    end
  end
end

-- What is answered where a limit has no room.
local function lacks(a, i)
  return each_limit(a, function(name, slot, used, held)
    local wanted = tonumber(more[slot.meter])
    local observed = a.f[name .. '.observe'] == '1'
    if observed or wanted == 0 or used + held + wanted <= limit_of(a, name) then return nil end
    local bump = bump_of(a, name) > 0
    return lines({ 'limit', F(now), F(i), F(wanted), name, a.f[name .. '.limit'], tags(a, name),
      bump and a.f[name .. '.bump'] .. ' ' .. a.f[name .. '.bump_until_ms'] or '',
      F(used), F(held), '' })
  end)
end

local accounts = {}
for i = 1, 3 do
  local a = load(KEYS[2 * i])
  if a and redis.call('ZSCORE', KEYS[2 * i + 1], id) then
    validate(a)
    if (a.f.enforcement or default) == 'balanced' then
      local denied = lacks(a, i)
      if denied then return denied end
      accounts[i] = a
    end
  end
end

-- The sum of two amounts, exactly.
local sums = {}
local function plus(one, other)
  local both = one .. '+' .. other
  if not sums[both] then
    redis.call('HSET', KEYS[1], 'sum', one)
    redis.call('HINCRBY', KEYS[1], 'sum', other)
    sums[both] = redis.call('HGET', KEYS[1], 'sum')
    redis.call('HDEL', KEYS[1], 'sum')
  end
  return sums[both]
end

for i, a in pairs(accounts) do
  each_limit(a, function(name, slot, used, held)
    if slot.meter == 'usd' then
      local bound = math.max(limit_of(a, name), used + held + tonumber(more.usd))
      redis.call('HSET', a.key, name .. '.admitted', F(bound))
    end
  end)
  for meter, amount in pairs(more) do
    add(a.key, meter .. '.held', amount)
    shares[i][meter] = plus(shares[i][meter], amount)
  end
  for name in string.gmatch(shares[i].apart or '', '[^,]+') do
    add(a.key, name .. '.held', more[string.match(name, '^%l+')])
  end
end
redis.call('HSET', KEYS[1], 'shares', cjson.encode(shares))
return 'held'
