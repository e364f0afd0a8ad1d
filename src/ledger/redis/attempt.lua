-- Checks every limit of a credential and holds on its account, which is made where there is none.
-- KEYS: mark, hold, account, its holds.
-- ARGV: time, zone, id, lease ms, default mode, ceiling (usd tokens characters, or empty),
--       expected (usd tokens characters), whether it costs no dollars, credential, call, model.
local id, lease, model = ARGV[3], tonumber(ARGV[4]), ARGV[15]
local ceiling = ARGV[6] ~= '' and { usd = ARGV[6], tokens = ARGV[7], characters = ARGV[8] }
local expected = { usd = ARGV[9], tokens = ARGV[10], characters = ARGV[11] }
local gratis = ARGV[12] == '1'
local NOTHING = { usd = '0', tokens = '0', characters = '0' }
local MODES = { strict = true, balanced = true, postpaid = true, observe = true }

if redis.call('EXISTS', KEYS[1]) == 1 then return lines({ 'status', 'settled' }) end
local known = redis.call('EXISTS', KEYS[2]) == 1
if redis.call('EXISTS', KEYS[3]) == 0 then
  redis.call('HSET', KEYS[3], 'created_ms', F(now), 'name', ARGV[13], 'status', 'active')
end
local a = load(KEYS[3])
validate(a)
a.open = redis.call('ZCARD', KEYS[4])
if not known and a.f.status ~= 'active' then
  return lines({ 'status', a.f.status or 'missing' })
end

-- Leaves out the limits and counters that do not count calls of this model.
local function narrow()
  for name, slot in pairs(a.slots) do
    if slot.models and not glob(slot.models, model) then a.slots[name] = nil end
  end
  local limits = {}
  for _, name in ipairs(a.limits) do
    if a.slots[name] or name == 'concurrent' then limits[#limits + 1] = name end
  end
  a.limits = limits
end
narrow()

-- What the mode wants and holds; false where `strict` has no bound.
local function ask()
  a.mode = a.f.enforcement or ARGV[5]
  if not MODES[a.mode] then error('CORRUPT ' .. a.key .. ' enforcement is ' .. a.mode) end
  a.wanted = expected
  if a.mode == 'strict' and ceiling then a.wanted = ceiling end
  for _, name in ipairs(a.mode == 'strict' and not ceiling and a.limits or {}) do
    local slot = a.slots[name]
    local bounded = not slot or slot.meter == 'requests' or gratis and slot.meter == 'usd'
    if not bounded and a.f[name .. '.observe'] ~= '1' then return false end
  end
  a.held = (a.mode == 'strict' or a.mode == 'balanced') and a.wanted or NOTHING
  return true
end

local function rate_amount(name)
  return a.slots[name].meter == 'tokens' and a.wanted.tokens or '1'
end

-- Used, held by others, and what this attempt adds.
local function figures(name)
  local slot = a.slots[name]
  if not slot then return a.open, 0, 1 end
  local used = current(a, name)
  if slot.rate then return used, 0, tonumber(rate_amount(name)) end
  return used, whole(a, slot.held), tonumber(a.wanted[slot.meter])
end

-- Whether the attempt certainly takes nothing of a limit's meter.
local function free(name, wanted)
  local slot = a.slots[name]
  if wanted ~= 0 or not slot then return false end
  return ceiling and ceiling[slot.meter] == '0' or gratis and slot.meter == 'usd'
end

local function refuses(name, used, held, wanted)
  if a.mode == 'observe' or a.f[name .. '.observe'] == '1' then return false end
  local limit = limit_of(a, name)
  if limit == 0 then return true end
  if free(name, wanted) then return false end
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

-- When there is more room in a rolling window, as text; where the attempt was refused, `more` for
-- it. Empty for windows of the calendar.
local function room_at(name, used, held, more)
  local slot = a.slots[name]
  if not slot or not slot.steps then return '' end
  local _, period = current(a, name)
  local excess = math.max(used + held + (more or 0) - limit_of(a, name), 1)
  local step = less_at(slot, period, excess) or more and period
  return step and F((step + slot.steps.seconds * (slot.steps.count + 1)) * 1000) or 'never'
end

local function standing(answer, name, used, held, more)
  local raised = bump_of(a, name) > 0
  for _, text in ipairs({
    name,
    a.f[name .. '.limit'],
    tags(a, name),
    raised and a.f[name .. '.bump'] .. ' ' .. a.f[name .. '.bump_until_ms'] or '',
    F(used),
    F(held),
    room_at(name, used, held, more),
  }) do answer[#answer + 1] = text end
end

-- The limits as they stand, with this attempt where it is being added.
local function answer(word)
  local all = { word, F(now), a.f.thresholds or '', F(#a.limits) }
  for _, name in ipairs(a.limits) do
    local used, held, wanted = figures(name)
    local slot = a.slots[name]
    if word == 'held' and (not slot or slot.rate) then
      used = used + wanted
      if slot and slot.steps then
        local _, period = current(a, name)
        local step = F(period)
        slot.at[step] = (slot.at[step] or 0) + wanted
      end
    elseif word == 'held' then
      held = held + tonumber(a.held[slot.meter])
    end
    standing(all, name, used, held)
  end
  return all
end

if known then
  a.wanted = expected
  return lines(answer('known'))
end
if not ask() then return lines({ 'unbounded' }) end
for _, name in ipairs(a.limits) do
  local used, held, wanted = figures(name)
  if refuses(name, used, held, wanted) then
    local denied = { 'limit', F(now), F(wanted) }
    standing(denied, name, used, held, a.mode == 'postpaid' and 1 or wanted)
    return lines(denied)
  end
end

-- Notes under which limit dollars were admitted.
local function note_admitted(name)
  local used, held = figures(name)
  local bound = F(math.max(limit_of(a, name), used + held + tonumber(a.held.usd)))
  if a.f[name .. '.admitted'] ~= bound then
    redis.call('HSET', a.key, name .. '.admitted', bound)
  end
end

-- Nothing was written of the attempt before this line.
local reply, counted, apart = answer('held'), {}, {}
for _, name in ipairs(a.limits) do
  local slot = a.slots[name]
  if slot and slot.meter == 'usd' then note_admitted(name) end
end
for meter, amount in pairs(a.held) do add(a.key, meter .. '.held', amount) end
for name, slot in pairs(a.slots) do
  if slot.rate then
    counted[#counted + 1] = count(a, name, rate_amount(name))
  else
    turn(a, name)
    if slot.models then
      apart[#apart + 1] = name
      add(a.key, slot.held, a.held[slot.meter])
    end
  end
end
redis.call('ZADD', KEYS[4], F(now + lease), id)
redis.call('HSET', KEYS[2], 'call', ARGV[14], 'model', model,
  'usd', expected.usd, 'tokens', expected.tokens, 'characters', expected.characters,
  'usd.held', a.held.usd, 'tokens.held', a.held.tokens, 'characters.held', a.held.characters,
  'rate', a.wanted.tokens, 'counted', table.concat(counted, ','), 'apart', table.concat(apart, ','))
return lines(reply)
