-- Folds rows of a minute into its hour and its day, each once, so that any number may do so at the
-- same time. When all are, the minute ends by itself after its time.
-- KEYS, ARGV: as in rollup.lua; ARGV[3]: the minute, its hour and its day, [5]: `all` where nothing
--       was found that is not folded, then the names of rows.
local periods, open = ARGV[3], ROLLUP .. 'open'
local minute, hour, day = string.match(periods, '^(%d+) (%d+) (%d+)$')
local minutes, hours, days = string.match(LASTS, '^(%d+) (%d+) (%d+)$')
local from, folded = ROLLUP .. 'minute:' .. minute, 0
for n = 6, #ARGV do
  local row = ARGV[n]
  local found = row_in(from, row)
  if found and #found == ROW_BYTES then
    local numbers = { struct.unpack(NUMBERS, found) }
    add_in(ROLLUP .. 'hour:' .. hour, row, hours, unpack(numbers, 1, 13))
    add_in(ROLLUP .. 'day:' .. day, row, days, unpack(numbers, 1, 13))
    redis.call('HSET', from, row, found .. 'f')
    folded = folded + 1
  end
end
local left = tonumber(redis.call('ZINCRBY', open, -folded, periods))
if left <= 0 or ARGV[5] == 'all' then
  redis.call('ZREM', open, periods)
  redis.call('PEXPIRE', from, minutes)
end
return folded
