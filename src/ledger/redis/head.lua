-- What every script begins with: texts of numbers, the answer, the clock.
-- ARGV[1]: unix milliseconds, or empty for the time of this server. ARGV[2]: seconds that the
-- ledger's zone is ahead of UTC.
local function F(n) return string.format('%.0f', n) end

-- What is answered: one text, a line for each part, because long lists cost the reader more.
local function lines(parts) return table.concat(parts, '\n') end

local now
if ARGV[1] == '' then
  local t = redis.call('TIME')
  now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
else
  now = tonumber(ARGV[1])
end

