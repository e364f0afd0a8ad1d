-- Zeroes the current period of slots of an account. KEYS: account.
-- ARGV: time, zone, then the names; none: all.
local a = load(KEYS[1])
if not a then return { 'missing' } end
validate(a)
local wanted = {}
for n = 3, #ARGV do wanted[ARGV[n]] = true end
for name in pairs(a.slots) do
  if #ARGV == 2 or wanted[name] then
    turn(a, name)
    redis.call('HSET', KEYS[1], name .. '.used', '0')
    for step in pairs(a.slots[name].at or {}) do
      redis.call('HSET', KEYS[1], name .. '.at.' .. step, '0')
    end
  end
end
return { 'done' }
