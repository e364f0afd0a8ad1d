-- Checks every limit of key, user and workspace, and holds on all of them or on none.
-- KEYS: mark, hold, leases, then account and its holds three times.
-- ARGV: time, zone, id, lease ms, default mode, ceiling (usd tokens characters, or empty),
--       expected (usd tokens characters), whether it is charged no dollars, order as JSON, plans.
local id, lease = ARGV[3], tonumber(ARGV[4])

if redis.call('EXISTS', KEYS[1]) == 1 then return lines({ 'status', '1', 'settled' }) end
local known = redis.call('HGET', KEYS[2], 'shares')

-- Leaves out the limits and counters that do not count calls of this model.
local model
local function narrow(a)
  local limits = {}
  for name, slot in pairs(a.slots) do
    if slot.models then
      model = model or cjson.decode(ARGV[13])[2].model
      if not glob(slot.models, model) then a.slots[name], limits[name] = nil, false end
    end
  end
  if next(limits) == nil then return end
  local all = a.limits
  a.limits = {}
  for _, name in ipairs(all) do
    if limits[name] == nil then a.limits[#a.limits + 1] = name end
  end
end

local accounts = {}
for i = 1, 3 do
  local a = load(KEYS[2 + 2 * i])
  if a then
    validate(a)
    narrow(a)
    a.open = redis.call('ZCARD', KEYS[3 + 2 * i])
  end
  if not known then
    local status = a and a.f.status or 'missing'
    if status ~= 'active' then return lines({ 'status', F(i), status }) end
    if a.f.expires_ms and now >= whole(a, 'expires_ms') then
      return lines({ 'status', F(i), 'expired' })
    end
  end
  accounts[i] = a
end

local function answer(added)
  local user = known and cjson.decode(known)[2].usd or accounts[2].held.usd
  local all = { 'held', F(now), user }
  for i = 1, 3 do
    local a = accounts[i]
    all[#all + 1] = a and F(#a.limits) or '0'
    for _, name in ipairs(a and a.limits or {}) do
      local used, held, wanted = 0, 0, 0
      if added then
        used, held, wanted = figures(a, name)
        local slot = a.slots[name]
        if not slot or slot.rate then
          used = used + wanted
          count_step(a, name, wanted)
        else held = held + tonumber(a.held[slot.meter]) end
      else
        a.wanted = expected
        used, held = figures(a, name)
      end
      standing(all, a, name, used, held)
    end
  end
  return all
end

if known then return lines(answer(false)) end

for i = 1, 3 do
  local a = accounts[i]
  if not ask(a) then return lines({ 'unbounded', F(i) }) end
  for _, name in ipairs(a.limits) do
    local used, held, wanted = figures(a, name)
    if refuses(a, name, used, held, wanted) then
      local denied = { 'limit', F(now), F(i), F(wanted) }
      standing(denied, a, name, used, held, a.mode == 'postpaid' and 1 or wanted)
      return lines(denied)
    end
  end
end

-- Nothing was written before this line.
local reply, shares = answer(true), {}
for i = 1, 3 do
  local a = accounts[i]
  local counted, apart = set_aside(a)
  redis.call('ZADD', KEYS[3 + 2 * i], F(now + lease), id)
  shares[i] = {
    usd = a.held.usd,
    tokens = a.held.tokens,
    characters = a.held.characters,
    rate = a.wanted.tokens,
    counted = counted,
    apart = apart ~= '' and apart or nil,
  }
end
redis.call('HSET', KEYS[2], 'order', ARGV[13], 'shares', cjson.encode(shares),
  'usd', expected.usd, 'tokens', expected.tokens, 'characters', expected.characters)
redis.call('ZADD', KEYS[3], F(now + lease), id)
-- The fields that the next plans are made of.
if ARGV[14] ~= '-' then
  for i = 1, 3 do
    local names = redis.call('HKEYS', KEYS[2 + 2 * i])
    reply[#reply + 1] = F(#names)
    for _, name in ipairs(names) do reply[#reply + 1] = name end
  end
end
return lines(reply)
