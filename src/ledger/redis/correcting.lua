-- How what was held or counted earlier is taken back, or replaced by what became of it.

-- Adds to a sum where that makes sense.
local function put(a, field, amount)
  if not a.bad[field] then add(a.key, field, amount) end
end

local function take(a, field, amount)
  if not a.bad[field] then sub(a.key, field, amount) end
end

-- Releases what is held: of each meter, and apart in limits of some models.
local function release_held(a, apart, held)
  for name in string.gmatch(apart, '[^,]+') do
    -- What is held is released also where something else of the slot makes no sense.
    local field, before = name .. '.held', a.f[name .. '.held']
    if before and countable(before) and string.sub(before, 1, 1) ~= '-' then
      sub(a.key, field, held[string.match(name, '^%l+')])
      local left = redis.call('HGET', a.key, field)
      if string.sub(left, 1, 1) == '-' then redis.call('HSET', a.key, field, '0') end
    end
  end
  for _, meter in ipairs({ 'usd', 'tokens', 'characters' }) do take(a, meter .. '.held', held[meter]) end
end

-- What was charged beyond what was held is a debt.
local function owe(a, held, charged)
  local debt = tonumber(charged) - tonumber(held)
  if debt > 0 then put(a, 'usd.debt', F(debt)) end
end

-- Corrects what was counted. Where a reset took it out already, nothing is left to take.
local function replace(a, name, period, before, after)
  local used, field = name .. '.used', name .. '.used'
  if a.slots[name].steps then
    field = name .. '.at.' .. period
    add(a.key, used, after)
    sub(a.key, used, before)
  end
  add(a.key, field, after)
  sub(a.key, field, before)
  local left = redis.call('HGET', a.key, field) or ''
  if string.sub(left, 1, 1) == '-' then
    if field ~= used then add(a.key, used, string.sub(left, 2)) end
    redis.call('HSET', a.key, field, '0')
  end
end

local function give_back(a, list, tokens)
  lasting(a, list, function(name, period)
    replace(a, name, period, a.slots[name].meter == 'tokens' and tokens or '1', '0')
  end)
end

local function correct_rates(a, list, before, after)
  lasting(a, list, function(name, period)
    if a.slots[name].meter == 'tokens' then replace(a, name, period, before, after) end
  end)
end
