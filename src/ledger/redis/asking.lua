-- What a hold and an attempt ask of an account, and what its limits say to it.
-- ARGV[5]: default mode; 6 to 8: ceiling (usd tokens characters, or empty); 9 to 11: expected (the
-- same); 12: whether it is charged no dollars.
local ceiling = ARGV[6] ~= '' and { usd = ARGV[6], tokens = ARGV[7], characters = ARGV[8] }
local expected = { usd = ARGV[9], tokens = ARGV[10], characters = ARGV[11] }
local gratis = ARGV[12] == '1'
local NOTHING = { usd = '0', tokens = '0', characters = '0' }
local MODES = { strict = true, balanced = true, postpaid = true, observe = true }

-- What the mode wants and holds; false where `strict` has no bound.
local function ask(a)
  a.mode = a.f.enforcement or ARGV[5]
  if not MODES[a.mode] then
    error('CORRUPT ' .. a.key .. ' enforcement is ' .. a.mode)
  end
  a.wanted = expected
  if a.mode == 'strict' then
    if ceiling then
      a.wanted = ceiling
    else
      for _, name in ipairs(a.limits) do
        local slot = a.slots[name]
        local bounded = not slot or slot.meter == 'requests' or gratis and slot.meter == 'usd'
        if not bounded and a.f[name .. '.observe'] ~= '1' then return false end
      end
    end
  end
  a.held = (a.mode == 'strict' or a.mode == 'balanced') and a.wanted or NOTHING
  return true
end

local function rate_amount(a, name)
  return a.slots[name].meter == 'tokens' and a.wanted.tokens or '1'
end

-- Used, held by others, and what this call adds.
local function figures(a, name)
  local slot = a.slots[name]
  if not slot then return a.open, 0, 1 end
  local used = current(a, name)
  if slot.rate then return used, 0, tonumber(rate_amount(a, name)) end
  return used, whole(a, slot.held), tonumber(a.wanted[slot.meter])
end

-- Whether the call certainly takes nothing of a limit's meter.
local function free(a, name, wanted)
  local slot = a.slots[name]
  if wanted ~= 0 or not slot then return false end
  return ceiling and ceiling[slot.meter] == '0' or gratis and slot.meter == 'usd'
end

local function refuses(a, name, used, held, wanted)
  if a.mode == 'observe' or a.f[name .. '.observe'] == '1' then return false end
  local limit = limit_of(a, name)
  if limit == 0 then return true end
  if free(a, name, wanted) then return false end
  if a.mode == 'postpaid' then return used >= limit end
  return used + held + wanted > limit
end

-- When so much less of a rolling window is used, or nil.
local function less_at(slot, period, amount)
  local steps = {}
  for step, used in pairs(slot.at) do
    if used > 0 and tonumber(step) >= oldest(slot, period) then steps[#steps + 1] = step end
  end
  table.sort(steps, function(x, y) return tonumber(x) < tonumber(y) end)
  for _, step in ipairs(steps) do
    amount = amount - slot.at[step]
    if amount <= 0 then return tonumber(step) end
  end
end

-- When there is more room in a rolling window, as text; where the call was refused, `more` for it.
-- Empty for windows of the calendar.
local function room_at(a, name, used, held, more)
  local slot = a.slots[name]
  if not slot or not slot.steps then return '' end
  local _, period = current(a, name)
  local excess = math.max(used + held + (more or 0) - limit_of(a, name), 1)
  local step = less_at(slot, period, excess) or more and period
  return step and F((step + slot.steps.seconds * (slot.steps.count + 1)) * 1000) or 'never'
end

local function standing(answer, a, name, used, held, more)
  answer[#answer + 1] = name
  answer[#answer + 1] = a.f[name .. '.limit']
  answer[#answer + 1] = tags(a, name)
  local raised = bump_of(a, name) > 0
  answer[#answer + 1] = raised and a.f[name .. '.bump'] .. ' ' .. a.f[name .. '.bump_until_ms'] or ''
  answer[#answer + 1] = F(used)
  answer[#answer + 1] = F(held)
  answer[#answer + 1] = room_at(a, name, used, held, more)
end

-- Counts the call in the present step of a rolling window, for what is answered.
local function count_step(a, name, wanted)
  local slot = a.slots[name]
  if not slot or not slot.steps then return end
  local _, period = current(a, name)
  local step = F(period)
  slot.at[step] = (slot.at[step] or 0) + wanted
end

-- Notes under which limits dollars are admitted.
local function note_admitted(a)
  for _, name in ipairs(a.limits) do
    local slot = a.slots[name]
    if slot and slot.meter == 'usd' then
      local used, held = figures(a, name)
      local bound = F(math.max(limit_of(a, name), used + held + tonumber(a.held.usd)))
      if a.f[name .. '.admitted'] ~= bound then
        redis.call('HSET', a.key, name .. '.admitted', bound)
      end
    end
  end
end

-- Holds and counts on an account; gives what was counted where, and what holds apart.
local function set_aside(a)
  local counted, apart = {}, {}
  note_admitted(a)
  for meter, amount in pairs(a.held) do add(a.key, meter .. '.held', amount) end
  for name, slot in pairs(a.slots) do
    if slot.rate then
      counted[#counted + 1] = count(a, name, rate_amount(a, name))
    else
      turn(a, name)
      if slot.models then
        apart[#apart + 1] = name
        add(a.key, slot.held, a.held[slot.meter])
      end
    end
  end
  return table.concat(counted, ','), table.concat(apart, ',')
end
