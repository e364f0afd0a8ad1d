-- Moves a user and its keys into another workspace. What it was charged stays where it was.
-- KEYS: user, its workspace, the other one, the index of users of each, then its keys.
-- ARGV: time, zone, id, the other workspace, its own.
local a = load(KEYS[1])
if not a then return { 'missing' } end
if redis.call('EXISTS', KEYS[3]) == 0 then return { 'nowhere' } end
if a.f.workspace ~= ARGV[5] and a.f.workspace ~= ARGV[4] then return { 'changed' } end
validate(a)
if a.f.workspace ~= ARGV[4] then
  for _, meter in ipairs({ 'usd', 'tokens', 'requests' }) do
    local total, elsewhere = a.f[meter .. '.total'] or '0', 'elsewhere.' .. meter
    add(KEYS[2], 'deleted.' .. meter, total)
    sub(KEYS[2], 'deleted.' .. meter, a.f[elsewhere] or '0')
    redis.call('HSET', KEYS[1], elsewhere, total)
  end
  redis.call('HSET', KEYS[1], 'workspace', ARGV[4])
  redis.call('ZREM', KEYS[4], ARGV[3])
  redis.call('ZADD', KEYS[5], 0, ARGV[3])
end
for n = 6, #KEYS do
  if redis.call('EXISTS', KEYS[n]) == 1 then redis.call('HSET', KEYS[n], 'workspace', ARGV[4]) end
end
return { 'done' }
