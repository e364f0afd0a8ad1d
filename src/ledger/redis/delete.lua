-- Deletes an account that has nothing below it, and keeps its totals above it.
-- KEYS: account, its holds, index of the kind, index of the parent, index below the account,
--       utilization, and the parent or the hash of deleted workspaces.
-- ARGV: time, zone, id, kind, the workspace that it was read in.
local a = load(KEYS[1])
if not a then return { 'missing' } end
validate(a)
if (a.f.workspace or '') ~= ARGV[5] then return { 'changed' } end
if redis.call('ZCARD', KEYS[5]) > 0 then return { 'in use' } end
local prefix = ARGV[4] == 'workspace' and '' or 'deleted.'
if ARGV[4] == 'workspace' or redis.call('EXISTS', KEYS[7]) == 1 then
  for _, meter in ipairs({ 'usd', 'tokens', 'requests' }) do
    add(KEYS[7], prefix .. meter, a.f[meter .. '.total'] or '0')
    -- What was charged by way of another workspace is kept there.
    sub(KEYS[7], prefix .. meter, a.f['elsewhere.' .. meter] or '0')
  end
end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[5])
redis.call('ZREM', KEYS[3], ARGV[3])
redis.call('ZREM', KEYS[4], ARGV[3])
if ARGV[4] == 'user' then redis.call('ZREM', KEYS[6], ARGV[3]) end
return { 'done' }
