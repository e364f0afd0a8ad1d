-- The short way of a post whose hold is known. The last of ARGV: how many belong to the plans. The
-- first of these: when their minute begins in ms, or `-` where there are none; then that minute as
-- events have it, the name of its sums, it with its hour and its day, then the plan of each account.
-- It reads the texts, with all that may go while a limit comes, what is held and the totals of dollars
-- and tokens, the total of requests, what is held of characters where there is such a field (`c`),
-- then used, period and limit of each slot that changes, and of all slots of the user; of `m` without
-- the limit.
local LAST = #ARGV - ARGV[#ARGV]
local CHARACTERS = byte('c')

-- Whether a whole per cent of a limit may have been reached.
local function reaches(limit, before, after)
  local from, to = before * 100 / limit - 1e-9, after * 100 / limit + 1e-9
  return from < 101 and to - to % 1 > from - from % 1
end

-- Notes the use of a limit for the reader, who knows whether a threshold was crossed.
local function report(reply, i, name, limit, period, before, after)
  local n, thresholds = #reply, call('HGET', KEYS[6 + 2 * i], 'thresholds')
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4] = i, string.sub(name, 1, -6), limit, '0'
  reply[n + 5], reply[n + 6], reply[n + 7], reply[n + 8] = limit, period, F(before), F(after)
  reply[n + 9] = thresholds or ''
end

-- What a rate's counter becomes where the period that the hold counted the call in lasts.
local function corrected(counted, used, period, charge, rate)
  if find(counted .. ',', 'tokens/minute=' .. period .. ',', 1, true) then
    return math.max(used + charge - rate, 0)
  end
end

-- What goes beyond the hold is a debt: its sum, or nothing where what is owed makes no sense.
local function owed(key, debt)
  local before = call('HGET', key, 'usd.debt') or '0'
  return (before == '0' or find(before, '^[1-9]%d*$')) and before + debt
end

-- What is to be written to an account, where the next plan is, and how far its limits are used.
-- Nothing where the long way decides.
local function charge_one(i, at, share, charge, reply)
  local key = KEYS[6 + 2 * i]
  if share.apart or not call('ZSCORE', KEYS[7 + 2 * i], ARGV[3]) then return nil end
  local v, kinds, names = read(key, at), ARGV[at + 1], at + 4
  if not v then return nil end
  local field, n = ARGV[at + 3] + 1, 1
  local held, tokens = v[field] - share.usd, v[field + 1] - share.tokens
  local usd_total, tokens_total = v[field + 2] + charge.usd, v[field + 3] + charge.tokens
  -- What is taken from must be exact too.
  local least, most = math.min(held, tokens), v[field] + v[field + 1] + usd_total + tokens_total
  local writes = { 'usd.held', held, 'tokens.held', tokens, 'usd.total', usd_total,
    'tokens.total', tokens_total, 'requests.total', v[field + 4] + 1, 'last_ms', charge.now }
  local w, period, highest = 12, names + ARGV[names] + 1, nil
  field = field + 5
  if byte(kinds) == CHARACTERS then
    local characters = v[field] - share.characters
    writes[13], writes[14], w = 'characters.held', characters, 14
    least, most, n, field = math.min(least, characters), most + v[field], 2, field + 1
  elseif share.characters ~= '0' then
    return nil
  end
  for n = n, #kinds do
    local kind, used, stored, limit = byte(kinds, n), v[field], v[field + 1], v[field + 2]
    local this = ARGV[period]
    if stored ~= this then
      -- Ahead of the clock.
      if stored + 0 > this + 0 then return nil end
      used = '0'
    end
    local before, after = used + 0, nil
    if kind == RATE then
      after = corrected(share.counted, v[field], stored, charge.tokens, share.rate)
    elseif kind ~= REQUESTS then
      after = before + (kind == TOKENS and charge.tokens or charge.usd)
      if stored ~= this then
        writes[w + 1], writes[w + 2], w = ARGV[names + field + 1], this, w + 2
      end
    end
    if after then
      writes[w + 1], writes[w + 2], w = ARGV[names + field], after, w + 2
      most = most + math.max(after, v[field] + 0)
    end
    if kind == MONTH then
      field = field + 2
    else
      if kind == RATE and stored ~= this or not after then after = before end
      local amount = limit + 0
      local part = amount == 0 and 1 or after / amount
      if not highest or part > highest then highest = part end
      if after > before and amount > 0 and reaches(amount, before, after) then
        report(reply, i, ARGV[names + field], limit, this, before, after)
      end
      field = field + 3
    end
    period = period + 1
  end
  local debt = charge.usd - share.usd
  if debt > 0 then
    debt = owed(key, debt)
    if not debt then return nil end
    writes[w + 1], writes[w + 2], most = 'usd.debt', debt, most + debt
  end
  if least < 0 or most >= EXACT then return nil end
  return writes, period, highest
end

local function short()
  local minute = ARGV[LAST + 1]
  if not timely(minute) or ARGV[4] ~= 'post' or KEYS[14] or call('EXISTS', KEYS[1]) == 1 then
    return nil
  end
  local shares = call('HGET', KEYS[2], 'shares')
  if not shares then return nil end
  shares = cjson.decode(shares)
  local charge, reply = { usd = ARGV[5] + 0, tokens = ARGV[6] + 0, now = F(now) }, nil
  reply = { 'done', charge.now, '0' }
  local key, at = charge_one(1, LAST + 5, shares[1], charge, reply)
  if not key then return nil end
  local user, after, highest = charge_one(2, at, shares[2], charge, reply)
  if not user then return nil end
  local workspace = charge_one(3, after, shares[3], charge, reply)
  if not workspace then return nil end
  local past, id = now - minute, ARGV[3]
  local settled = string.format('%s%02d.%03dZ', ARGV[LAST + 2], past / 1000, past % 1000)
  -- The first write is the one that may fail; after it, nothing does.
  local event = call('XADD', KEYS[4], 'MAXLEN', '~', '1000000', '*', 'settled', settled,
    unpack(ARGV, 13, LAST))
  call('HSET', KEYS[8], unpack(key))
  call('HSET', KEYS[10], unpack(user))
  call('HSET', KEYS[12], unpack(workspace))
  call('ZREM', KEYS[9], id)
  call('ZREM', KEYS[11], id)
  call('ZREM', KEYS[13], id)
  call('ZREM', KEYS[3], id)
  call('DEL', KEYS[2])
  call('SET', KEYS[1], 'post:' .. event, 'PX', ARGV[8])
  if highest then call('ZADD', KEYS[5], highest, ARGV[9]) end
  sum_up(ARGV[LAST + 3], ARGV[LAST + 4], ARGV[10], struct.unpack(NUMBERS, ARGV[11]))
  return lines(reply)
end

local reply = short()
if reply then return reply end
