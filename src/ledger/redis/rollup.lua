-- Sums of settled calls: one hash for each minute, hour and day, in it a row for each user, key,
-- workspace, provider, credential and model. A row is what `Sum` in rollup.rs writes: thirteen
-- numbers of eight bytes; dollars and their nano-dollars are two, so that none grows beyond what a
-- number here holds exactly. A settlement writes its minute; each row of a minute is folded into its
-- hour and its day once, after the minute ended, and then has one byte more.
-- Of a settlement, KEYS[7]: what the names begin with; ARGV[10]: the row of the call, [11]: its
-- numbers, both empty where there is no event; [12]: how long a minute, an hour and a day are kept,
-- in ms. Of a fold, KEYS[1] and ARGV[4].
-- Nothing here may stop a charge: a hash that is none is left alone, a row that makes no sense
-- begins anew; the ledger's check finds both.
local NUMBERS, ROW_BYTES, NANOS = '<lllllllllllll', 104, 1000000000
local ROLLUP, LASTS = KEYS[7] or KEYS[1], KEYS[7] and ARGV[12] or ARGV[4]

-- Adds to a row, or to nothing. Gives the new one, and whether it is folded.
local function added(old, a, b, c, d, e, f, g, h, i, j, k, l, m)
  if not old or #old < ROW_BYTES then
    return struct.pack(NUMBERS, a, b, c, d, e, f, g, h, i, j, k, l, m), false
  end
  local A, B, C, D, E, F, G, H, I, J, K, L, M = struct.unpack(NUMBERS, old)
  j, k, l, m = j + J, k + K, l + L, m + M
  local folded = #old > ROW_BYTES
  if k >= NANOS then j, k = j + 1, k - NANOS elseif k < 0 then j, k = j - 1, k + NANOS end
  if m >= NANOS then l, m = l + 1, m - NANOS elseif m < 0 then l, m = l - 1, m + NANOS end
  local new = struct.pack(NUMBERS, a + A, b + B, c + C, d + D, e + E, f + F, g + G, h + H, i + I, j, k, l, m)
  return folded and new .. 'f' or new, folded
end

-- The row of a hash; nothing where there is none, and no second value where the hash is none.
local function row_in(key, row)
  local old = redis.pcall('HGET', key, row)
  if type(old) ~= 'table' then return old, true end
end

-- Adds to a row of an hour or a day that is kept for so long.
local function add_in(key, row, lasts, ...)
  local old, sound = row_in(key, row)
  if not sound then return end
  redis.call('HSET', key, row, (added(old, ...)))
  if not old then redis.call('PEXPIRE', key, lasts) end
end

-- Adds an event to the sums of a minute, given by its name, and by what it is called where minutes
-- wait for being folded: itself, its hour and its day.
local function sum_up(minute, periods, row, ...)
  local old, sound = row_in(minute, row)
  if not sound then return end
  local new, folded = added(old, ...)
  redis.call('HSET', minute, row, new)
  if not old or #old < ROW_BYTES then
    redis.pcall('ZINCRBY', ROLLUP .. 'open', 1, periods)
  elseif folded then
    -- The clock stepped back.
    local _, hour, day = string.match(periods, '^(%d+) (%d+) (%d+)$')
    local _, hours, days = string.match(LASTS, '^(%d+) (%d+) (%d+)$')
    add_in(ROLLUP .. 'hour:' .. hour, row, hours, ...)
    add_in(ROLLUP .. 'day:' .. day, row, days, ...)
  end
end

-- Takes numbers out of a row, where there is one; it goes where all is 0. Gives whether it was
-- there, folded, and is gone.
local function take_in(key, row, ...)
  local old, sound = row_in(key, row)
  if not sound or not old or #old < ROW_BYTES then return false, false end
  local new, folded = added(old, ...)
  local gone = string.sub(new, 1, ROW_BYTES) == string.rep('\0', ROW_BYTES)
  if gone then redis.call('HDEL', key, row) else redis.call('HSET', key, row, new) end
  return true, folded, gone
end

-- Takes an event out of the sums that it went to; its numbers are below 0.
local function take_out(periods, row, ...)
  local minute, hour, day = string.match(periods, '^(%d+) (%d+) (%d+)$')
  local there, folded, gone = take_in(ROLLUP .. 'minute:' .. minute, row, ...)
  if there and not folded then
    if gone then redis.pcall('ZINCRBY', ROLLUP .. 'open', -1, periods) end
    return
  end
  take_in(ROLLUP .. 'hour:' .. hour, row, ...)
  take_in(ROLLUP .. 'day:' .. day, row, ...)
end
