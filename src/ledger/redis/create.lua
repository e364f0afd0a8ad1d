-- Creates an account, and tells its workspace where that is its parent's. KEYS: account, parent (or
-- the account again), and the indexes that it is to stand in. ARGV: time, zone, id, then fields and
-- texts.
if redis.call('EXISTS', KEYS[1]) == 1 then return { 'exists' } end
if KEYS[2] ~= KEYS[1] and redis.call('EXISTS', KEYS[2]) == 0 then return { 'missing' } end
redis.call('HSET', KEYS[1], 'created_ms', F(now), unpack(ARGV, 4))
-- A user may have moved since it was read.
local workspace = KEYS[2] ~= KEYS[1] and redis.call('HGET', KEYS[2], 'workspace') or ''
if workspace ~= '' then redis.call('HSET', KEYS[1], 'workspace', workspace) end
turn_all(load(KEYS[1]))
for n = 3, #KEYS do redis.call('ZADD', KEYS[n], 0, ARGV[3]) end
return { 'done', workspace }
