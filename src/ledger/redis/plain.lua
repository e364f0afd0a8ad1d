-- The short way of most calls: those whose accounts are plain. The caller knows from an earlier
-- answer which fields an account has, and plans with them for a minute. The short way is left,
-- before anything is written, wherever the plan does not hold: another minute, another number of
-- fields, a number that makes no sense, a sum beyond 2^53. Then the long way
-- reads and decides everything; the short one only reads less.
-- The plan of an account: number of its fields, kinds of its slots, periods that a hold counts it
-- in, how many texts and how many fields are read, these, and the period of each slot now.
local call, byte, find = redis.call, string.byte, string.find
-- Dollars and tokens that are held, requests and tokens per minute, dollars of the month without a
-- limit, calls that are open.
local USD, TOKENS, REQUESTS, RATE, MONTH, OPEN = byte('utrkmo', 1, 6)
local EXACT = 2 ^ 53

-- Whether a plan is for this minute.
local function timely(minute)
  local past = #minute > 1 and now - minute
  return past and past >= 0 and past < 60000
end

-- The fields that the plan at a place names, of which all after the texts are whole numbers.
local function read(key, at)
  if call('HLEN', key) ~= ARGV[at] + 0 then return nil end
  local texts = ARGV[at + 3] + 0
  local fields = call('HMGET', key, unpack(ARGV, at + 5, at + 4 + ARGV[at + 4]))
  for n = 1, #fields do
    local text = fields[n]
    if not text or n > texts and text ~= '0' and not find(text, '^[1-9]%d*$') then return nil end
  end
  return fields
end
