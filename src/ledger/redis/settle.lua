-- Ends a hold: `post`, `void`, or `expire` (only where the lease has run out). Writes the usage
-- event and the mark that makes a second end do nothing. Posting is never refused: a field that
-- makes no sense is left alone and named in the answer, the rest is charged. A post or void after
-- an expiry replaces what that charged.
-- KEYS: mark, hold, leases, events, utilization, deleted, then account and its holds three times.
-- ARGV: time, zone, id, kind, charge (usd tokens characters), lifetime of the mark in ms, user,
--       then names and texts of the event.
local id, kind = ARGV[3], ARGV[4]
local charge = { usd = ARGV[5], tokens = ARGV[6], characters = ARGV[7] }

-- So many faults are named.
local NAMED = 10

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

local accounts, faults = {}, {}
for i = 1, 3 do
  local a = load(KEYS[5 + 2 * i])
  if a then
    for _, fault in ipairs(inspect(a)) do
      if #faults < NAMED then faults[#faults + 1] = fault end
    end
    for name in pairs(a.slots) do
      if a.bad[name .. '.used'] or a.bad[name .. '.period'] then a.slots[name] = nil end
    end
    a.share = shares and redis.call('ZSCORE', KEYS[6 + 2 * i], id) and shares[i]
    a.before = {}
    for _, name in ipairs(a.limits) do
      if a.slots[name] then a.before[name] = current(a, name) end
    end
  end
  accounts[i] = a
end
local deleted
if not accounts[3] then
  deleted = load(KEYS[6]) or { key = KEYS[6], f = {} }
  deleted.bad = {}
  for field, text in pairs(deleted.f) do deleted.bad[field] = not countable(text) end
end

-- Adds to a sum where that makes sense.
local function put(a, field, amount)
  if not a.bad[field] then add(a.key, field, amount) end
end

local function take(a, field, amount)
  if not a.bad[field] then sub(a.key, field, amount) end
end

-- Adds a charge to totals: of an account, or of what was deleted below one. `usd` is their name.
local function total(a, usd, tokens, requests, calls)
  put(a, usd, charge.usd)
  put(a, tokens, charge.tokens)
  if orphan then
    take(a, usd, orphan.usd)
    take(a, tokens, orphan.tokens)
  end
  put(a, requests, calls)
end

-- Keeps the totals of a missing account at the one above it.
local function keep(i, calls)
  if i == 3 then
    total(deleted, 'usd', 'tokens', 'requests', calls)
  elseif accounts[i + 1] then
    total(accounts[i + 1], 'deleted.usd', 'deleted.tokens', 'deleted.requests', calls)
  end
end

-- Corrects what was counted. Where a reset took it out already, nothing is left to take.
local function replace(a, name, before, after)
  add(a.key, name .. '.used', after)
  sub(a.key, name .. '.used', before)
  local left = redis.call('HGET', a.key, name .. '.used')
  if string.sub(left or '', 1, 1) == '-' then redis.call('HSET', a.key, name .. '.used', '0') end
end

local function give_back(a, list, tokens)
  lasting(a, list, function(name)
    replace(a, name, a.slots[name].meter == 'tokens' and tokens or '1', '0')
  end)
end

local function correct_rates(a, list, before)
  lasting(a, list, function(name)
    if a.slots[name].meter == 'tokens' then
      replace(a, name, before, charge.tokens)
    end
  end)
end

local function release(a, i)
  for _, meter in ipairs({ 'usd', 'tokens', 'characters' }) do
    take(a, meter .. '.held', a.share[meter])
  end
  redis.call('ZREM', KEYS[6 + 2 * i], id)
end

local function owe(a, held)
  local debt = tonumber(charge.usd) - tonumber(held)
  if debt > 0 then put(a, 'usd.debt', F(debt)) end
end

local function charge_one(a, i)
  local counted, charged = {}, {}
  if a.share then
    release(a, i)
    correct_rates(a, a.share.counted, a.share.rate)
    counted[1] = a.share.counted
  end
  for name, slot in pairs(a.slots) do
    if not slot.rate then
      charged[#charged + 1] = count(a, name, charge[slot.meter])
    elseif not a.share then
      counted[#counted + 1] = count(a, name, slot.meter == 'tokens' and charge.tokens or '1')
    end
  end
  total(a, 'usd.total', 'tokens.total', 'requests.total', '1')
  owe(a, a.share and a.share.usd or '0')
  redis.call('HSET', a.key, 'last_ms', F(now))
  return {
    created = a.f.created_ms or '',
    charged = table.concat(charged, ','),
    counted = table.concat(counted, ','),
  }
end

local function correct_one(a, trace)
  lasting(a, trace.charged, function(name)
    local meter = a.slots[name].meter
    replace(a, name, orphan[meter], charge[meter])
  end)
  if kind == 'void' then
    give_back(a, trace.counted, orphan.tokens)
  else
    correct_rates(a, trace.counted, orphan.tokens)
  end
  total(a, 'usd.total', 'tokens.total', 'requests.total', kind == 'void' and '-1' or '0')
  owe(a, orphan.usd)
end

-- The first write is the one that may fail; after it, nothing does.
if orphan then redis.call('XDEL', KEYS[4], orphan.event) end
local event
if kind ~= 'void' then
  event = redis.call('XADD', KEYS[4], 'MAXLEN', '~', 1000000, '*', 'settled', rfc3339(),
    unpack(ARGV, 10))
end

local traces = {}
for i = 1, 3 do
  local a = accounts[i]
  if orphan then
    local trace = orphan.traces[i]
    if a and trace.created == (a.f.created_ms or '') then
      correct_one(a, trace)
    else
      keep(i, kind == 'void' and '-1' or '0')
    end
  elseif kind == 'void' then
    if a and a.share then
      release(a, i)
      give_back(a, a.share.counted, a.share.rate)
    end
  elseif a then
    traces[i] = charge_one(a, i)
  else
    traces[i] = { created = 'missing', charged = '', counted = '' }
    keep(i, '1')
  end
end
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[3], id)

local stored = kind
if event then
  stored = 'post:' .. event
  if kind == 'expire' then
    stored = 'orphan:' .. cjson.encode({
      usd = charge.usd,
      tokens = charge.tokens,
      characters = charge.characters,
      event = event,
      traces = traces,
    })
  end
end
redis.call('SET', KEYS[1], stored, 'PX', ARGV[8])

local reply, highest = { 'done', F(now), F(#faults), unpack(faults) }, nil
for i = 1, 3 do
  local a = accounts[i]
  if a then
    local after = load(a.key)
    for _, name in ipairs(after.limits) do
      if a.slots[name] and not a.bad[name .. '.limit'] then
        local limit, used, period = limit_of(after, name), current(after, name)
        if i == 2 then
          highest = math.max(highest or 0, limit == 0 and 1 or used / limit)
        end
        if used > (a.before[name] or 0) then
          for _, text in ipairs({ F(i), name, F(limit), after.f[name .. '.observe'] or '0',
            F(period), F(a.before[name] or 0), F(used), after.f.thresholds or '' }) do
            reply[#reply + 1] = text
          end
        end
      end
    end
  end
end
if highest then redis.call('ZADD', KEYS[5], highest, ARGV[9]) end
return lines(reply)
