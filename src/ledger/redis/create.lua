-- Creates an account. KEYS: account, parent (or the account again), index of the kind, index of
-- the parent (or that of the kind again). ARGV: time, zone, id, then fields and texts.
if redis.call('EXISTS', KEYS[1]) == 1 then return { 'exists' } end
if KEYS[2] ~= KEYS[1] and redis.call('EXISTS', KEYS[2]) == 0 then return { 'missing' } end
redis.call('HSET', KEYS[1], 'created_ms', F(now), unpack(ARGV, 4))
turn_all(load(KEYS[1]))
redis.call('ZADD', KEYS[3], 0, ARGV[3])
redis.call('ZADD', KEYS[4], 0, ARGV[3])
return { 'done' }
