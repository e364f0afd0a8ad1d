-- What most scripts go on with: the periods, reading accounts, exact arithmetic.
-- Amounts are texts into HINCRBY; numbers only compare.
local function civil(day)
  local z = day + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor(
    (doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  return year, month, doy - math.floor((153 * mp + 2) / 5) + 1
end

local function ymd(day)
  local year, month, dom = civil(day)
  return year * 10000 + month * 100 + dom
end

-- Days, weeks and months of the zone; minutes and hours of UTC, which never happen twice.
local function periods()
  local sec = math.floor(now / 1000)
  local today = math.floor((sec + tonumber(ARGV[2])) / 86400)
  local date = ymd(today)
  local hour = ymd(math.floor(sec / 86400)) * 100 + math.floor(sec % 86400 / 3600)
  return {
    minute = hour * 100 + math.floor(sec % 3600 / 60),
    hour = hour,
    day = date,
    week = ymd(today - (today + 3) % 7),
    month = math.floor(date / 100),
    total = 0,
  }
end
local P = periods()

-- The period before the present one of a window of the calendar.
local function period_before(window)
  local sec = math.floor(now / 1000)
  local today = math.floor((sec + tonumber(ARGV[2])) / 86400)
  if window == 'month' then return P.month % 100 == 1 and P.month - 89 or P.month - 1 end
  if window == 'day' then return ymd(today - 1) end
  if window == 'week' then return ymd(today - (today + 3) % 7 - 7) end
  local at = sec - (window == 'minute' and 60 or 3600)
  local hour = ymd(math.floor(at / 86400)) * 100 + math.floor(at % 86400 / 3600)
  return window == 'hour' and hour or hour * 100 + math.floor(at % 3600 / 60)
end

-- Rolling windows: seconds of a step, and how many steps make one up. The period is the present
-- step, by the second in which it begins. Those of one account are read in a second pass, so that
-- others cost nothing.
local STEPS = {
  ['rolling-5h'] = { seconds = 600, count = 30 },
  ['rolling-24h'] = { seconds = 3600, count = 24 },
  ['rolling-7d'] = { seconds = 21600, count = 28 },
  ['rolling-30d'] = { seconds = 86400, count = 30 },
}

local function steps_of(window)
  local steps = STEPS[window]
  if steps then P[window] = math.floor(now / 1000 / steps.seconds) * steps.seconds end
  return steps
end

local function rfc3339()
  local sec = math.floor(now / 1000)
  local year, month, dom = civil(math.floor(sec / 86400))
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', year, month, dom,
    math.floor(sec % 86400 / 3600), math.floor(sec % 3600 / 60), sec % 60, now % 1000)
end

local METERS = { usd = 'usd', tokens = 'tokens', requests = 'requests', characters = 'characters' }

-- Whether a glob (`*` is any text, `?` any character) matches the whole of a text.
local function glob(pattern, text)
  local p, t, star, from = 1, 1, nil, nil
  while t <= #text do
    local c = string.byte(pattern, p)
    if c == 42 then
      star, from, p = p, t, p + 1
    elseif c and (c == 63 or c == string.byte(text, t)) then
      p, t = p + 1, t + 1
    elseif star then
      from = from + 1
      p, t = star + 1, from
    else
      return false
    end
  end
  return string.find(pattern, '^%**$', p) ~= nil
end

-- Notes what was used in each step of rolling windows, as numbers by the text of the step.
local function load_steps(a, flat)
  for i = 1, #flat, 2 do
    local name, step = string.match(flat[i], '^(.*)%.at%.(%d+)$')
    local slot = name and a.slots[name]
    if slot and slot.steps then slot.at[step] = tonumber(flat[i + 1]) or 0 end
  end
end

-- An account: its fields, the names of its limits in the order of checking, and of its counters.
-- `strange` are names that are no meter over a window.
local function load(key)
  local flat = redis.call('HGETALL', key)
  if #flat == 0 then return nil end
  local a = { key = key, f = {}, limits = {}, slots = {}, strange = {}, allowed = {} }
  local counters = { ['usd/month'] = true }
  for i = 1, #flat, 2 do
    local field = flat[i]
    a.f[field] = flat[i + 1]
    if string.sub(field, -6) == '.limit' then
      local name = string.sub(field, 1, -7)
      a.limits[#a.limits + 1] = name
      counters[name] = true
    elseif string.sub(field, -7) == '.period' then
      counters[string.sub(field, 1, -8)] = true
    end
  end
  table.sort(a.limits, function(x, y) return x > y end)
  local rolling = false
  for name in pairs(counters) do
    local meter, window = string.match(name, '^(%l+)/([%l%d-]+)$')
    local models
    if not meter then
      meter, window, models = string.match(name, '^(%l+)/([%l%d-]+)@([%w._:/*?@+~-]+)$')
    end
    local steps = steps_of(window)
    if METERS[meter] and P[window] and #(models or '') <= 64 then
      a.slots[name] = {
        meter = meter,
        window = window,
        rate = meter == 'requests' or meter == 'tokens' and window == 'minute',
        models = models,
        held = models and name .. '.held' or meter .. '.held',
        steps = steps,
        at = steps and {},
      }
      rolling = rolling or steps
    elseif name ~= 'concurrent' then
      a.strange[#a.strange + 1] = name
    end
  end
  if rolling then load_steps(a, flat) end
  return a
end

-- Whether HINCRBY takes a text for a number, with room for more.
local function countable(text)
  if text == nil or text == '0' then return true end
  return #text <= 20 and string.find(text, '^%-?[1-9]%d*$') and math.abs(tonumber(text)) <= 9.2e18
end

local function no_number(a, field)
  return a.key .. ' ' .. field .. ' is ' .. string.sub(a.f[field], 1, 40) .. ', not a whole number'
end

-- A whole number of an account; an absent one is 0.
local function whole(a, field)
  local text = a.f[field]
  if not countable(text) then error('CORRUPT ' .. no_number(a, field)) end
  return tonumber(text or '0')
end

-- What a limit is raised by now.
local function bump_of(a, name)
  local field = name .. '.bump_until_ms'
  if a.f[field] and whole(a, field) > now then return whole(a, name .. '.bump') end
  return 0
end

-- What is carried into the present period of a limit: of the period before, what was left; of one
-- in which nothing was used at all, all that may be.
local function carried_of(a, name)
  local slot = a.slots[name]
  if not a.f[name .. '.carry'] or not slot or slot.steps then return 0 end
  local amount, period = whole(a, name .. '.limit'), whole(a, name .. '.period')
  local most = math.max(math.min(whole(a, name .. '.carry'), amount), 0)
  local before = math.min(whole(a, name .. '.carried'), most)
  if period >= P[slot.window] then return before end
  if period == 0 then return 0 end
  if period ~= period_before(slot.window) then return most end
  return math.max(math.min(amount + before - whole(a, name .. '.used'), most), 0)
end

-- What a limit allows now.
local function limit_of(a, name)
  local allowed = a.allowed[name]
  if not allowed then
    allowed = whole(a, name .. '.limit') + carried_of(a, name) + bump_of(a, name)
    a.allowed[name] = allowed
  end
  return allowed
end

-- What a limit says behind its amount, as it is answered: whether it only observes; where it carries
-- over, also the most that it carries, and what it carried.
local function tags(a, name)
  local observe = a.f[name .. '.observe'] == '1' and '1' or '0'
  local most = a.f[name .. '.carry']
  return most and observe .. ' ' .. most .. ' ' .. F(carried_of(a, name)) or observe
end

-- The oldest step that counts while a period is the present one.
local function oldest(slot, period) return period - slot.steps.seconds * slot.steps.count end

-- What is used of a slot now, and the period. A stored period ahead of the clock is current.
local function current(a, name)
  local slot = a.slots[name]
  local period, this = whole(a, name .. '.period'), P[slot.window]
  if slot.steps then
    local used, period = 0, math.max(period, this)
    for step, amount in pairs(slot.at) do
      if tonumber(step) >= oldest(slot, period) then used = used + amount end
    end
    return used, period
  end
  local used = whole(a, name .. '.used')
  if a.f[name .. '.period'] and period >= this then return used, period end
  return 0, this
end

local SUMS = { 'usd.held', 'tokens.held', 'characters.held', 'usd.total', 'tokens.total',
  'requests.total', 'requests.failed', 'deleted.usd', 'deleted.tokens', 'deleted.requests',
  'elsewhere.usd', 'elsewhere.tokens', 'elsewhere.requests', 'usd.debt' }

-- Looks at every number that a change may touch. Gives a sentence for each that makes no sense, and
-- notes its field in `bad`.
local function inspect(a)
  local faults = {}
  a.bad = {}
  local function look(field)
    if not countable(a.f[field]) then
      a.bad[field] = true
      faults[#faults + 1] = no_number(a, field)
    end
  end
  for _, name in ipairs(a.strange) do
    faults[#faults + 1] = a.key .. ' has ' .. string.sub(name, 1, 40) .. ', which is not a meter over a window'
  end
  for name in pairs(a.slots) do
    look(name .. '.period')
    look(name .. '.used')
    look(name .. '.carried')
    for step in pairs(a.slots[name].at or {}) do look(name .. '.at.' .. step) end
    if a.slots[name].models then look(name .. '.held') end
  end
  for _, name in ipairs(a.limits) do
    local field = name .. '.limit'
    look(field)
    look(name .. '.carry')
    a.bad[field] = a.bad[field] or a.bad[name .. '.carry'] or a.bad[name .. '.carried']
    if a.f[name .. '.bump_until_ms'] then
      look(name .. '.bump')
      look(name .. '.bump_until_ms')
      a.bad[field] = a.bad[field] or a.bad[name .. '.bump'] or a.bad[name .. '.bump_until_ms']
    end
    if not a.bad[field] and string.sub(a.f[field], 1, 1) == '-' then
      a.bad[field] = true
      faults[#faults + 1] = a.key .. ' ' .. field .. ' is below 0'
    end
  end
  for _, field in ipairs(SUMS) do look(field) end
  return faults
end

-- Stops a change before its first write where an account makes no sense.
local function validate(a)
  local fault = inspect(a)[1]
  if fault then error('CORRUPT ' .. fault) end
end

local function add(key, field, amount)
  if amount ~= '0' then redis.call('HINCRBY', key, field, amount) end
end

local function sub(key, field, amount)
  if amount ~= '0' then redis.call('HINCRBY', key, field, '-' .. amount) end
end

-- Begins the present step of a rolling window, and drops those that no longer count.
local function roll(a, name, period)
  local slot, text = a.slots[name], F(period)
  if a.f[name .. '.period'] == text then return end
  redis.call('HSET', a.key, name .. '.period', text)
  redis.call('HSETNX', a.key, name .. '.used', '0')
  for step in pairs(slot.at) do
    local field = name .. '.at.' .. step
    if tonumber(step) < oldest(slot, period) then
      sub(a.key, name .. '.used', a.f[field])
      redis.call('HDEL', a.key, field)
      slot.at[step] = nil
    end
  end
end

-- Begins a period of a calendar window, in which so much is used.
local function begin(a, name, text, used)
  local carried = name .. '.carried'
  local odd = a.bad and (a.bad[name .. '.limit'] or a.bad[carried])
  if (a.f[name .. '.carry'] or a.f[carried]) and not odd then
    redis.call('HSET', a.key, carried, F(carried_of(a, name)))
  end
  redis.call('HSET', a.key, name .. '.used', used, name .. '.period', text)
end

-- Makes a slot current, so that a clock that steps back does not undo it.
local function turn(a, name)
  local _, period = current(a, name)
  local text = F(period)
  if a.slots[name].steps then
    roll(a, name, period)
  elseif a.f[name .. '.period'] ~= text then
    begin(a, name, text, '0')
  end
end

-- Makes an account current: what it counts, and what carries something over.
local function turn_all(a)
  for name in pairs(a.slots) do
    if a.f[name .. '.period'] or a.f[name .. '.carry'] then turn(a, name) end
  end
end

-- Adds to a slot in its current period, beginning a new one where it is over; gives the period.
local function count(a, name, amount)
  local _, period = current(a, name)
  local text = F(period)
  if a.slots[name].steps then
    roll(a, name, period)
    add(a.key, name .. '.used', amount)
    redis.call('HINCRBY', a.key, name .. '.at.' .. text, amount)
  elseif a.f[name .. '.period'] == text then
    add(a.key, name .. '.used', amount)
  else
    begin(a, name, text, amount)
  end
  return name .. '=' .. text
end

-- Calls `each` for every counter of a list such as `usd/month=202611,…` whose period still counts.
local function lasting(a, list, each)
  for name, period in string.gmatch(list, '([^=,]+)=(%d+)') do
    local slot = a.slots[name]
    if slot and slot.steps then
      if slot.at[period] then each(name, period) end
    elseif slot and a.f[name .. '.period'] == period then
      each(name, period)
    end
  end
end
