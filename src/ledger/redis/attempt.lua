-- Checks every limit of a credential and holds on its account, which is made where there is none.
-- KEYS: mark, hold, account, its holds.
-- ARGV: time, zone, id, lease ms, default mode, ceiling (usd tokens characters, or empty),
--       expected (usd tokens characters), whether it costs no dollars, credential, call, model.
local id, lease, model = ARGV[3], tonumber(ARGV[4]), ARGV[15]

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

-- The limits as they stand, with this attempt where it is being added.
local function answer(word)
  local all = { word, F(now), a.f.thresholds or '', F(#a.limits) }
  for _, name in ipairs(a.limits) do
    local used, held, wanted = figures(a, name)
    local slot = a.slots[name]
    if word == 'held' and (not slot or slot.rate) then
      used = used + wanted
      count_step(a, name, wanted)
    elseif word == 'held' then
      held = held + tonumber(a.held[slot.meter])
    end
    standing(all, a, name, used, held)
  end
  return all
end

if known then
  a.wanted = expected
  return lines(answer('known'))
end
if not ask(a) then return lines({ 'unbounded' }) end
for _, name in ipairs(a.limits) do
  local used, held, wanted = figures(a, name)
  if refuses(a, name, used, held, wanted) then
    local denied = { 'limit', F(now), F(wanted) }
    standing(denied, a, name, used, held, a.mode == 'postpaid' and 1 or wanted)
    return lines(denied)
  end
end

-- Nothing was written of the attempt before this line.
local reply = answer('held')
local counted, apart = set_aside(a)
redis.call('ZADD', KEYS[4], F(now + lease), id)
redis.call('HSET', KEYS[2], 'call', ARGV[14], 'model', model,
  'usd', expected.usd, 'tokens', expected.tokens, 'characters', expected.characters,
  'usd.held', a.held.usd, 'tokens.held', a.held.tokens, 'characters.held', a.held.characters,
  'rate', a.wanted.tokens, 'counted', counted, 'apart', apart)
return lines(reply)
