-- Claims deliveries that are due, as many as the channel's rate allows.
-- KEYS: what is due of the channel, the paces of channels.
-- ARGV: time, zone, channel, lease, how many, milliseconds between two, a day or empty.
local most = tonumber(ARGV[5])
local spacing = tonumber(ARGV[6])
local day = math.floor(now / 86400000)
local last, on, sent
local pace = redis.call('HGET', KEYS[2], ARGV[3])
if pace then last, on, sent = string.match(pace, '^(%d+) (%d+) (%d+)$') end
sent = tonumber(on) == day and tonumber(sent) or 0
if ARGV[7] ~= '' then most = math.min(most, tonumber(ARGV[7]) - sent) end
if spacing > 0 then
  local free = last and tonumber(last) + spacing or now
  if free > now and free - now <= spacing then return {} end
  most = math.min(most, 1)
end
if most <= 0 then return {} end
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', F(now), 'LIMIT', 0, most)
for _, id in ipairs(ids) do
  redis.call('ZADD', KEYS[1], F(now + tonumber(ARGV[4])), id)
end
if #ids > 0 and (spacing > 0 or ARGV[7] ~= '') then
  redis.call('HSET', KEYS[2], ARGV[3], F(now) .. ' ' .. F(day) .. ' ' .. F(sent + #ids))
  redis.call('PEXPIRE', KEYS[2], 172800000)
end
return ids
