-- Ends an attempt: `served`, `failed`, `unsent`, `reported` (made elsewhere, without a hold), or
-- `expire` (only where the lease has run out).
-- Charges the account of its credential and the figures of the day, and writes the mark that makes
-- a second end do nothing. Never refused: a field that makes no sense is left alone and named in
-- the answer, the rest is charged. An end after an expiry replaces what that charged.
-- KEYS: mark, hold, account, its holds, and what the names of its days begin with: the day is that
--       of this server's clock, and its key lies in the slot of the others.
-- ARGV: time, zone, id, kind, charge (usd tokens characters), lifetime of the mark in ms,
--       credential, lifetime of a day in ms, model where the hold is not known, how many attempts
--       it stands for and how many of them failed.
local id, kind, lifetime = ARGV[3], ARGV[4], ARGV[10]
local NOTHING = { usd = '0', tokens = '0', characters = '0' }
local charge = { usd = ARGV[5], tokens = ARGV[6], characters = ARGV[7] }
if kind == 'unsent' then charge = NOTHING end
-- So many faults are named.
local NAMED = 10

local mark, expired = redis.call('GET', KEYS[1]), nil
if mark then
  if kind == 'expire' or string.sub(mark, 1, 8) ~= 'expired:' then return 'duplicate' end
  expired = cjson.decode(string.sub(mark, 9))
end
local hold = {}
do
  local flat = redis.call('HGETALL', KEYS[2])
  for i = 1, #flat, 2 do hold[flat[i]] = flat[i + 1] end
end
-- What was set aside; where that makes no sense, nothing is known to be.
local held = true
for _, field in ipairs({ 'usd.held', 'tokens.held', 'characters.held', 'rate' }) do
  held = held and hold[field] ~= nil and countable(hold[field])
end
hold.counted, hold.apart = hold.counted or '', hold.apart or ''
local lease_end = redis.call('ZSCORE', KEYS[4], id)
if kind == 'expire' then
  if not held then
    redis.call('ZREM', KEYS[4], id)
    return 'gone'
  end
  if lease_end and tonumber(lease_end) > now then return 'alive' end
end

local a = load(KEYS[3])
if not a and not expired and kind ~= 'unsent' then
  redis.call('HSET', KEYS[3], 'created_ms', F(now), 'name', ARGV[9], 'status', 'active')
  a = load(KEYS[3])
end
-- What expired was charged to an account that was deleted since: nothing is left to replace.
if expired and a and expired.created ~= (a.f.created_ms or '') then a = nil end

local faults = {}
local function fault(text)
  if #faults < NAMED then faults[#faults + 1] = text end
end

-- Leaves what makes no sense alone, and notes what limits stood at.
local function open()
  for _, text in ipairs(inspect(a)) do fault(text) end
  for name, slot in pairs(a.slots) do
    local bad = a.bad[name .. '.used'] or a.bad[name .. '.period']
    bad = bad or slot.models and a.bad[name .. '.held']
    for step in pairs(slot.at or {}) do bad = bad or a.bad[name .. '.at.' .. step] end
    if bad then a.slots[name] = nil end
  end
  a.before = {}
  for _, name in ipairs(a.limits) do
    if a.slots[name] then a.before[name] = current(a, name) end
  end
end
if a then open() end

local DAY = { 'request_count', 'character_count', 'tokens', 'cost_nanousd', 'failed' }
local day = expired and expired.day or F(P.day)
local day_key, bad_day = KEYS[5] .. day, {}
for i, text in ipairs(redis.call('HMGET', day_key, unpack(DAY))) do
  if text and not countable(text) then
    bad_day[DAY[i]] = true
    fault(day_key .. ' ' .. DAY[i] .. ' is ' .. string.sub(text, 1, 40) .. ', not a whole number')
  end
end

-- Replaces figures of the day, by others of as many attempts more or less.
local function note_day(before, after, attempts, failures)
  local function change(field, plus, minus)
    if bad_day[field] then return end
    redis.call('HINCRBY', day_key, field, plus)
    sub(day_key, field, minus)
  end
  change('request_count', attempts, '0')
  change('character_count', after.characters, before.characters)
  change('tokens', after.tokens, before.tokens)
  change('cost_nanousd', after.usd, before.usd)
  change('failed', failures, '0')
  redis.call('HSET', day_key, 'metadata', a.f.metadata or '{}')
  redis.call('PEXPIRE', day_key, lifetime)
end

-- Replaces an earlier charge, or nothing, in what was used ever.
local function total(before, after, attempts, failures)
  put(a, 'usd.total', after.usd)
  put(a, 'tokens.total', after.tokens)
  take(a, 'usd.total', before.usd)
  take(a, 'tokens.total', before.tokens)
  put(a, 'requests.total', attempts)
  put(a, 'requests.failed', failures)
end

local function release()
  release_held(a, hold.apart, {
    usd = hold['usd.held'],
    tokens = hold['tokens.held'],
    characters = hold['characters.held'],
  })
end

-- Charges the account; gives where.
local function charge_all(failures)
  local counted, charged, apart = {}, {}, {}
  local joined, paid = held and lease_end, '0'
  if joined then
    paid = hold['usd.held']
    for name in string.gmatch(hold.apart, '[^,]+') do apart[name] = true end
    release()
    correct_rates(a, hold.counted, hold.rate, charge.tokens)
    counted[1] = hold.counted
  end
  for name, slot in pairs(a.slots) do
    if slot.models and not glob(slot.models, hold.model or ARGV[11]) then
      -- Of other models.
    elseif not slot.rate then
      charged[#charged + 1] = count(a, name, charge[slot.meter])
      -- A limit of some models that came while the attempt was under way holds nothing of it.
      if slot.models and slot.meter == 'usd' and not apart[name] then paid = '0' end
    elseif not joined then
      counted[#counted + 1] = count(a, name, slot.meter == 'tokens' and charge.tokens or ARGV[12])
    end
  end
  total(NOTHING, charge, ARGV[12], failures)
  owe(a, paid, charge.usd)
  redis.call('HSET', a.key, 'last_ms', F(now))
  note_day(NOTHING, charge, ARGV[12], failures)
  return table.concat(charged, ','), table.concat(counted, ',')
end

-- Replaces what the expiry charged.
local function correct(failures)
  local attempts = kind == 'unsent' and '-1' or '0'
  lasting(a, expired.charged, function(name, period)
    local meter = a.slots[name].meter
    replace(a, name, period, expired[meter], charge[meter])
  end)
  if kind == 'unsent' then
    give_back(a, expired.counted, expired.tokens)
  else
    correct_rates(a, expired.counted, expired.tokens, charge.tokens)
  end
  total(expired, charge, attempts, failures)
  owe(a, expired.usd, charge.usd)
  if redis.call('EXISTS', day_key) == 1 then note_day(expired, charge, attempts, failures) end
end

-- Every limit of which more is used now.
local function report(reply)
  local after = load(a.key)
  for _, name in ipairs(after.limits) do
    if a.slots[name] and not a.bad[name .. '.limit'] then
      local used, period = current(after, name)
      if used > (a.before[name] or 0) then
        for _, text in ipairs({ name, after.f[name .. '.limit'], tags(after, name),
          F(limit_of(after, name)), F(period), F(a.before[name] or 0), F(used),
          after.f.thresholds or '' }) do
          reply[#reply + 1] = text
        end
      end
    end
  end
end

local stored, failures = 'done', ARGV[13]
if a and expired then
  correct(failures)
elseif a and kind == 'unsent' then
  if held and lease_end then
    release()
    give_back(a, hold.counted, hold.rate)
  end
elseif a then
  local charged, counted = charge_all(failures)
  if kind == 'expire' then
    stored = 'expired:' .. cjson.encode({
      usd = charge.usd,
      tokens = charge.tokens,
      characters = charge.characters,
      charged = charged,
      counted = counted,
      created = a.f.created_ms or '',
      day = day,
    })
  end
end
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[4], id)
redis.call('SET', KEYS[1], stored, 'PX', ARGV[8])
local reply = { 'done', F(#faults), unpack(faults) }
if a then report(reply) end
return lines(reply)
