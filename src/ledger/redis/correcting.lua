-- How what was counted earlier is taken back, or replaced by what became of it.

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
