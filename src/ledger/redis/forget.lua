-- Deletes the account of a credential that no attempt is under way with.
-- KEYS: account, its holds, then its days.
if redis.call('EXISTS', KEYS[1]) == 0 then return { 'missing' } end
if redis.call('ZCARD', KEYS[2]) > 0 then return { 'in use' } end
for n = 1, #KEYS do redis.call('DEL', KEYS[n]) end
return { 'done' }
