-- The short way of a hold. ARGV[14]: when the minute of the plans begins, in ms; `?` where there are
-- none and the fields are to be told, `-` where there are none. ARGV[15]: whether the short way tells
-- them too. From 16 on: the plan of each account. It reads the texts (status first, then enforcement
-- where there is one, kind `e`), expiry where there is one (`x`), what is held of dollars and tokens,
-- of characters where there is such a field (`c`), then used, period and limit of each slot; of `m`
-- without the limit, of `o` the limit only. Before the period of `u` now stands the field of the
-- admitted limit. Answers mode and, of each limit, it, used and held as they were before.
local ENFORCEMENT, EXPIRY, CHARACTERS = byte('exc', 1, 3)

local function amounts(at)
  local usd, tokens, characters = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  return { usd = usd + 0, tokens = tokens + 0, characters = characters + 0, rate = tokens,
    share = '{"usd":"' .. usd .. '","tokens":"' .. tokens .. '","characters":"' .. characters }
end

-- What an account's mode asks for, and what of it is held.
local function ask(mode, expected)
  if mode == 'balanced' then return expected, expected end
  if mode == 'strict' and ARGV[6] ~= '' then
    local ceiling = amounts(6)
    return ceiling, ceiling
  end
  if mode == 'postpaid' or mode == 'observe' then
    return expected, { usd = 0, tokens = 0, characters = 0,
      share = '{"usd":"0","tokens":"0","characters":"0' }
  end
end

-- Whether a limit lets a call through, whatever the long way may forgive.
local function fits(mode, limit, used, held, more)
  if mode == 'observe' then return true end
  if limit == 0 then return false end
  if mode == 'postpaid' then return used + 0 < limit end
  return used + held + more <= limit
end

-- What is answered where a limit has no room. A call that adds nothing may be forgiven: by the long way.
local function refusal(i, name, limit, used, held, more)
  return more ~= 0 and { 'limit', F(now), i, F(more), name, limit, '0', '', F(used), F(held), '' }
end

-- What is to be written to an account, its share, where the next plan is, what is answered, and the
-- first refusal. Nothing where the long way decides.
local function admit(i, at, expected)
  local v, kinds, mode, n = read(KEYS[2 + 2 * i], at), ARGV[at + 1], ARGV[5], 1
  if not v or v[1] ~= 'active' then return nil end
  if byte(kinds) == ENFORCEMENT then mode, n = v[2], 2 end
  local wanted, set = ask(mode, expected)
  if not set then return nil end
  local field, names = ARGV[at + 3] + 1, at + 4
  local period, w, answer, refused = names + ARGV[names] + 1, 4, mode, nil
  if byte(kinds, n) == EXPIRY then
    if now >= v[field] + 0 then return nil end
    n, field = n + 1, field + 1
  end
  local held, held_tokens = v[field], v[field + 1]
  local usd, tokens = held + set.usd, held_tokens + set.tokens
  local most, writes = usd + tokens, { 'usd.held', usd, 'tokens.held', tokens }
  field = field + 2
  if byte(kinds, n) == CHARACTERS then
    writes[5], writes[6], w = 'characters.held', v[field] + set.characters, 6
    most, n, field = most + writes[6], n + 1, field + 1
  elseif set.characters ~= 0 then
    return nil
  end
  for n = n, #kinds do
    local kind = byte(kinds, n)
    local used, stored, limit = v[field], v[field + 1], v[field + 2]
    if kind == OPEN then
      local open = call('ZCARD', KEYS[3 + 2 * i])
      if not fits(mode, used + 0, open, 0, 1) then
        refused = refused or refusal(i, 'concurrent', used, open, 0, 1)
      end
      answer = answer .. '\n' .. used .. '\n' .. open .. '\n0'
      field = field + 1
    else
      local admitted, name = ARGV[period], ARGV[names + field]
      if kind == USD then period = period + 1 end
      local this = ARGV[period]
      if stored ~= this then
        -- Ahead of the clock.
        if stored + 0 > this + 0 then return nil end
        used = '0'
        writes[w + 1], writes[w + 2], w = ARGV[names + field + 1], this, w + 2
      end
      if kind == REQUESTS or kind == RATE then
        local more = kind == RATE and wanted.tokens or 1
        if not fits(mode, limit + 0, used, 0, more) then
          refused = refused or refusal(i, string.sub(name, 1, -6), limit, used, 0, more)
          if not refused then return nil end
        end
        answer = answer .. '\n' .. limit .. '\n' .. used .. '\n0'
        more = used + more
        writes[w + 1], writes[w + 2], w, most = name, more, w + 2, most + more
      else
        if stored ~= this then
          writes[w + 1], writes[w + 2], w = name, '0', w + 2
        end
        if kind == USD then
          if not fits(mode, limit + 0, used, held, wanted.usd) then
            refused = refused or refusal(i, string.sub(name, 1, -6), limit, used, held, wanted.usd)
            if not refused then return nil end
          end
          answer = answer .. '\n' .. limit .. '\n' .. used .. '\n' .. held
          local bound = used + usd
          if bound <= limit + 0 then bound = limit end
          writes[w + 1], writes[w + 2], w, most = admitted, bound, w + 2, most + bound
        elseif kind == TOKENS then
          if not fits(mode, limit + 0, used, held_tokens, wanted.tokens) then
            refused = refused
              or refusal(i, string.sub(name, 1, -6), limit, used, held_tokens, wanted.tokens)
            if not refused then return nil end
          end
          answer = answer .. '\n' .. limit .. '\n' .. used .. '\n' .. held_tokens
        else
          field = field - 1
        end
      end
      period, field = period + 1, field + 3
    end
  end
  if most >= EXACT then return nil end
  return writes, set.share .. '","rate":"' .. wanted.rate .. '","counted":"' .. ARGV[at + 2] .. '"}',
    period, answer, refused
end

-- The fields of the accounts, for the next plans.
local function tell(answer)
  for i = 1, 3 do
    local names = call('HKEYS', KEYS[2 + 2 * i])
    answer[#answer + 1] = F(#names)
    for n = 1, #names do answer[#answer + 1] = names[n] end
  end
end

local function short()
  if not timely(ARGV[14]) or call('EXISTS', KEYS[1], KEYS[2]) ~= 0 then return nil end
  local expected = amounts(9)
  local key, key_share, at, of_key, refused = admit(1, 16, expected)
  if not key then return nil end
  local user, user_share, after, of_user, refused_user = admit(2, at, expected)
  if not user then return nil end
  local workspace, share, _, of_workspace, refused_workspace = admit(3, after, expected)
  if not workspace then return nil end
  refused = refused or refused_user or refused_workspace
  if refused then return lines(refused) end
  -- Nothing was written before this line.
  local id, lease_end = ARGV[3], F(now + ARGV[4])
  call('HSET', KEYS[4], unpack(key))
  call('HSET', KEYS[6], unpack(user))
  call('HSET', KEYS[8], unpack(workspace))
  call('ZADD', KEYS[5], lease_end, id)
  call('ZADD', KEYS[7], lease_end, id)
  call('ZADD', KEYS[9], lease_end, id)
  call('ZADD', KEYS[3], lease_end, id)
  call('HSET', KEYS[2], 'order', ARGV[13],
    'shares', '[' .. key_share .. ',' .. user_share .. ',' .. share .. ']',
    'usd', ARGV[9], 'tokens', ARGV[10], 'characters', ARGV[11])
  local answer = { 'plain', F(now), of_key, of_user, of_workspace }
  if ARGV[15] == '1' then tell(answer) end
  return lines(answer)
end

local reply = short()
if reply then return reply end
