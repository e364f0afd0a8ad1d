-- Ends a hold: `post`, `defer`, `void`, or `expire` (only where the lease has run out). Writes the
-- usage event and the mark that makes a second end do nothing. Posting is never refused: a field
-- that makes no sense is left alone and named in the answer, the rest is charged. A post or void
-- after an expiry replaces what that charged.
-- With a key, the charge is made once for all calls that have the same. The first call to `defer`
-- is charged provisionally; the first to `post` replaces that, as the accounts of the call that
-- deferred have it, and is charged nothing itself.
-- KEYS: mark, hold, leases, events, utilization, deleted, what the names of sums begin with, then
--       account and its holds three times;
--       with a key: what became of it, and, where a call deferred it, that call's accounts and its
--       mark. Where these are needed and are not given, `owner` is answered, and nothing is done.
-- ARGV: time, zone, id, kind, charge (usd tokens characters), lifetime of the mark in ms, user,
--       row, numbers and lifetimes for rollup.lua, then names and texts of the event; with a key:
--       those of the event if the call is charged nothing, lifetime of what is known of the key in
--       ms, where in ARGV the first event ends; then the plans, at LAST + 1.
local id, kind = ARGV[3], ARGV[4]
local charge = { usd = ARGV[5], tokens = ARGV[6], characters = ARGV[7] }
local event_end = KEYS[14] and tonumber(ARGV[LAST]) or LAST

-- So many faults are named.
local NAMED = 10
local NOTHING = { usd = '0', tokens = '0', characters = '0' }
-- What an event keeps of the call that deferred it.
local KEPT = { id = 1, started = 1, user = 1, key = 1, workspace = 1, provider = 1, credential = 1,
  dialect = 1, status = 1, ending = 1, held_nanousd = 1, ttft_ms = 1, duration_ms = 1,
  attempts = 1 }

local mark, orphan = redis.call('GET', KEYS[1]), nil
if mark then
  if kind == 'expire' or string.sub(mark, 1, 7) ~= 'orphan:' then return 'duplicate' end
  orphan = cjson.decode(string.sub(mark, 8))
end
local shares = redis.call('HGET', KEYS[2], 'shares')
shares = shares and cjson.decode(shares)
local lease_end = redis.call('ZSCORE', KEYS[3], id)
if kind == 'expire' then
  if not shares then
    redis.call('ZREM', KEYS[3], id)
    return 'gone'
  end
  if lease_end and tonumber(lease_end) > now then return 'alive' end
elseif kind == 'void' and not shares and not orphan then
  redis.call('SET', KEYS[1], kind, 'PX', ARGV[8])
  return lines({ 'done', F(now), '0' })
end

-- What became of the key, the call that deferred it, and what replaces its charge.
local known, first, exact = KEYS[14] and redis.call('GET', KEYS[14]), nil, nil
if known then
  if kind == 'post' and string.sub(known, 1, 9) == 'deferred:' then
    first = cjson.decode(string.sub(known, 10))
    for i = 1, 4 do
      if KEYS[14 + i] ~= first.keys[i] then
        local kept = first.kept
        return lines({ 'owner', kept.id, kept.key, kept.user, kept.workspace })
      end
    end
    exact = charge
  elseif not string.match(known, '^posted:.') and not string.match(known, '^deferred:.') then
    error('CORRUPT ' .. KEYS[14] .. ' says neither posted nor deferred')
  end
  charge = NOTHING
end

local faults, named = {}, {}

-- Loads an account and what its limits stood at, without what makes no sense.
local function open(key)
  local a = load(key)
  if not a then return nil end
  for _, fault in ipairs(inspect(a)) do
    if #faults < NAMED and not named[fault] then
      faults[#faults + 1], named[fault] = fault, true
    end
  end
  for name in pairs(a.slots) do
    local bad = a.bad[name .. '.used'] or a.bad[name .. '.period']
    bad = bad or a.slots[name].models and a.bad[name .. '.held']
    for step in pairs(a.slots[name].at or {}) do bad = bad or a.bad[name .. '.at.' .. step] end
    if bad then a.slots[name] = nil end
  end
  a.before = {}
  for _, name in ipairs(a.limits) do
    if a.slots[name] then a.before[name] = current(a, name) end
  end
  return a
end

local function open_own()
  local accounts = {}
  for i = 1, 3 do
    local a = open(KEYS[6 + 2 * i])
    if a then a.share = shares and redis.call('ZSCORE', KEYS[7 + 2 * i], id) and shares[i] end
    accounts[i] = a
  end
  return accounts
end

local accounts, owners = open_own(), {}
for i = 1, first and 3 or 0 do owners[i] = open(KEYS[14 + i]) end
local deleted
if not accounts[3] or first and not owners[3] then
  deleted = load(KEYS[6]) or { key = KEYS[6], f = {} }
  deleted.bad = {}
  for field, text in pairs(deleted.f) do deleted.bad[field] = not countable(text) end
end

-- Replaces an earlier charge, or nothing, in totals: of an account, or of what was deleted below
-- one. `usd` is their name.
local function total(a, usd, tokens, requests, before, after, calls)
  put(a, usd, after.usd)
  put(a, tokens, after.tokens)
  take(a, usd, before.usd)
  take(a, tokens, before.tokens)
  put(a, requests, calls)
end

-- Keeps the totals of a missing account at the one above it.
local function keep(payers, i, before, after, calls)
  if i == 3 then
    total(deleted, 'usd', 'tokens', 'requests', before, after, calls)
  elseif payers[i + 1] then
    total(payers[i + 1], 'deleted.usd', 'deleted.tokens', 'deleted.requests', before, after, calls)
  end
end

-- Notes what a user is charged by way of a workspace that it is not in any more.
local function note_elsewhere(payers, workspace, before, after, calls)
  local user, paid = payers[2], payers[3]
  if 'farebox:{0}:workspace:' .. (user.f.workspace or '') == workspace then return end
  total(user, 'elsewhere.usd', 'elsewhere.tokens', 'elsewhere.requests', before, after, calls)
  if paid then total(paid, 'deleted.usd', 'deleted.tokens', 'deleted.requests', before, after, calls) end
end

-- The model that the event names.
local function the_answer()
  for n = 13, event_end, 2 do
    if ARGV[n] == 'model' then return ARGV[n + 1] end
  end
  return ''
end

-- The model of the call, by the name that the caller gave it where the hold is known.
local model
local function the_model()
  if not model and shares then model = cjson.decode(redis.call('HGET', KEYS[2], 'order'))[2].model end
  if model == '' then model = nil end
  model = model or the_answer()
  return model
end

-- How many requests the event stands for.
local requests = '1'
for n = 13, event_end, 2 do
  if ARGV[n] == 'request_count' then requests = ARGV[n + 1] end
end

local function counts(slot) return not slot.models or glob(slot.models, the_model()) end

local function release(a, i)
  release_held(a, a.share.apart or '', a.share)
  redis.call('ZREM', KEYS[7 + 2 * i], id)
end

local function charge_one(a, i)
  local counted, charged, apart = {}, {}, {}
  local held = a.share and a.share.usd or '0'
  if a.share then
    for name in string.gmatch(a.share.apart or '', '[^,]+') do apart[name] = true end
    release(a, i)
    correct_rates(a, a.share.counted, a.share.rate, charge.tokens)
    counted[1] = a.share.counted
  end
  for name, slot in pairs(a.slots) do
    if not counts(slot) then
      -- Of other models.
    elseif not slot.rate then
      charged[#charged + 1] = count(a, name, charge[slot.meter])
      -- A limit of some models that came while the call was under way holds nothing of it.
      if slot.models and slot.meter == 'usd' and not apart[name] then held = '0' end
    elseif not a.share then
      counted[#counted + 1] = count(a, name, slot.meter == 'tokens' and charge.tokens or requests)
    end
  end
  total(a, 'usd.total', 'tokens.total', 'requests.total', NOTHING, charge, requests)
  owe(a, held, charge.usd)
  redis.call('HSET', a.key, 'last_ms', F(now))
  return {
    created = a.f.created_ms or '',
    charged = table.concat(charged, ','),
    counted = table.concat(counted, ','),
  }
end

local function correct_one(a, trace, before, after, calls)
  lasting(a, trace.charged, function(name, period)
    local meter = a.slots[name].meter
    replace(a, name, period, before[meter], after[meter])
  end)
  if kind == 'void' then
    give_back(a, trace.counted, before.tokens)
  else
    correct_rates(a, trace.counted, before.tokens, after.tokens)
  end
  total(a, 'usd.total', 'tokens.total', 'requests.total', before, after, calls)
  owe(a, before.usd, after.usd)
end

-- Replaces a provisional charge where it went, or what is left of these accounts.
local function correct(payers, paid, after, workspace)
  local calls = kind == 'void' and '-1' or '0'
  for i = 1, 3 do
    local a, trace = payers[i], paid.traces[i]
    if a and trace.created == (a.f.created_ms or '') then
      correct_one(a, trace, paid, after, calls)
      if i == 2 then note_elsewhere(payers, workspace, paid, after, calls) end
    else
      keep(payers, i, paid, after, calls)
    end
  end
end

local reply = {}

-- Notes every limit of which more is used now, and how far the user is. Payers are counted on from
-- a number.
local function report(payers, from, user)
  local highest = nil
  for i = 1, 3 do
    local a = payers[i]
    local after = a and load(a.key)
    for _, name in ipairs(after and after.limits or {}) do
      if a.slots[name] and not a.bad[name .. '.limit'] then
        local limit, used, period = limit_of(after, name), current(after, name)
        if i == 2 then
          highest = math.max(highest or 0, limit == 0 and 1 or used / limit)
        end
        if used > (a.before[name] or 0) then
          for _, text in ipairs({ F(from + i), name, after.f[name .. '.limit'],
            tags(after, name), F(limit), F(period), F(a.before[name] or 0), F(used), after.f.thresholds or '' }) do
            reply[#reply + 1] = text
          end
        end
      end
    end
  end
  if highest then redis.call('ZADD', KEYS[5], highest, user) end
end

local function write(...)
  return redis.call('XADD', KEYS[4], 'MAXLEN', '~', 1000000, '*', 'settled', rfc3339(), ...)
end

-- Adds an event to the sums of now. Gives what takes it out of them again.
local function sum(row, numbers)
  local periods = F(P.minute) .. ' ' .. F(P.hour) .. ' ' .. F(P.day)
  sum_up(KEYS[7] .. 'minute:' .. F(P.minute), periods, row, unpack(numbers, 1, 13))
  local texts = string.format(string.rep('%.0f ', 13), unpack(numbers, 1, 13))
  return { periods = periods, row = row, numbers = texts }
end

-- Takes one out of the sums that it went to. Those of an earlier version went to none.
local function no_longer(summed)
  if not summed then return end
  local numbers = {}
  for text in string.gmatch(summed.numbers, '%d+') do numbers[#numbers + 1] = -tonumber(text) end
  take_out(summed.periods, summed.row, unpack(numbers))
end

-- The first write is the one that may fail; after it, nothing does.
if orphan then
  redis.call('XDEL', KEYS[4], orphan.event)
  no_longer(orphan.summed)
end
local event, summed
local numbers = kind ~= 'void' and { struct.unpack(NUMBERS, ARGV[11]) }
if known then
  event = write(unpack(ARGV, event_end + 1, LAST - 2))
  sum(ARGV[10], { numbers[1], numbers[2], 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 })
elseif kind ~= 'void' then
  event = write(unpack(ARGV, 13, event_end))
  summed = sum(ARGV[10], numbers)
end

if first then
  local texts = {}
  for n = 13, event_end, 2 do
    if ARGV[n] ~= 'attempts' then
      texts[#texts + 1] = ARGV[n]
      texts[#texts + 1] = first.kept[ARGV[n]] or ARGV[n + 1]
    end
  end
  if first.kept.attempts then
    texts[#texts + 1] = 'attempts'
    texts[#texts + 1] = first.kept.attempts
  end
  redis.call('XDEL', KEYS[4], first.event)
  redis.call('SET', KEYS[18], 'post:' .. write(unpack(texts)), 'XX', 'KEEPTTL')
  no_longer(first.summed)
  local kept, failed = first.kept, string.match(first.summed and first.summed.numbers or '0 0', ' (%d+)')
  local row = { kept.user, kept.key, kept.workspace, kept.provider, kept.credential, the_answer() }
  numbers[2] = tonumber(failed)
  sum(table.concat(row, '\n'), numbers)
  correct(owners, first, exact, KEYS[17])
  report(owners, 3, first.kept.user)
  accounts = open_own()
end

local traces = {}
if orphan then
  correct(accounts, orphan, charge, KEYS[12])
  traces = orphan.traces
elseif kind == 'void' then
  for i = 1, 3 do
    local a = accounts[i]
    if a and a.share then
      release(a, i)
      give_back(a, a.share.counted, a.share.rate)
    end
  end
else
  for i = 1, 3 do
    if accounts[i] then
      traces[i] = charge_one(accounts[i], i)
      if i == 2 then note_elsewhere(accounts, KEYS[12], NOTHING, charge, requests) end
    else
      traces[i] = { created = 'missing', charged = '', counted = '' }
      keep(accounts, i, NOTHING, charge, requests)
    end
  end
end
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[3], id)

-- What was charged until something exact is known.
local paid = {
  usd = charge.usd,
  tokens = charge.tokens,
  characters = charge.characters,
  event = event,
  traces = traces,
  summed = summed,
}
local stored = event and 'post:' .. event or kind
if kind == 'expire' then stored = 'orphan:' .. cjson.encode(paid) end
redis.call('SET', KEYS[1], stored, 'PX', ARGV[8])

if KEYS[14] and (first or not known) then
  local kept = first and first.kept or {}
  for n = 13, first and 0 or event_end, 2 do
    if KEPT[ARGV[n]] then kept[ARGV[n]] = ARGV[n + 1] end
  end
  local became = 'posted:' .. kept.workspace
  if kind == 'defer' then
    paid.kept, paid.keys = kept, { KEYS[8], KEYS[10], KEYS[12], KEYS[1] }
    became = 'deferred:' .. cjson.encode(paid)
  end
  redis.call('SET', KEYS[14], became, 'PX', ARGV[LAST - 1])
end

report(accounts, 0, ARGV[9])
local answer = { 'done', F(now), F(#faults), unpack(faults) }
for _, text in ipairs(reply) do answer[#answer + 1] = text end
return lines(answer)
