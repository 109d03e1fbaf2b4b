"""What runs inside Redis: each operation of the Redis store that reads before it writes, as one script.

A value is kept as its type (`s` text, `b` bytes), the microsecond it expires at as 16 digits (zeros for never), and
the content. A window and a spike's next moment are hashes, a rolling window is a hash of packed lists; all times
are microseconds, which Lua's doubles hold exactly. Redis's own expiry only collects garbage: whether something
is still alive is told from the caller's clock (ARGV), which may be a frozen one.

Each space has two sorted sets of its keys, one for values and one for counters, to list them by prefix; a set of
all spaces is kept too. Keys that Redis has dropped are taken out of them by the way.
"""

from __future__ import annotations

_ALIVE = """
local function alive(row, now)
  if not row then return false end
  local expires = tonumber(string.sub(row, 2, 17))
  return expires == 0 or expires > now
end
"""

_KEEP = """
local function keep(row, index, spaces, content, milliseconds, space, key, prefix)
  if milliseconds > 0 then
    redis.call('SET', row, content, 'PX', milliseconds)
  else
    redis.call('SET', row, content)
  end
  if redis.call('ZADD', index, 0, key) == 1 then
    redis.call('SADD', spaces, space)
    for _, other in ipairs(redis.call('ZRANDMEMBER', index, 2)) do
      if redis.call('EXISTS', prefix .. other) == 0 then redis.call('ZREM', index, other) end
    end
  end
end
"""

#: KEYS: row, index, spaces. ARGV: content, ms, space, key, row prefix.
PUT = _KEEP + "keep(KEYS[1], KEYS[2], KEYS[3], ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5])"

#: As PUT, then: now, "1" to set or "0" to delete, the expected type and content ("" for no value).
COMPARE_AND_SET = (
    _ALIVE
    + _KEEP
    + """
local row = redis.call('GET', KEYS[1])
local found = ''
if alive(row, tonumber(ARGV[6])) then found = string.sub(row, 1, 1) .. string.sub(row, 18) end
if found ~= ARGV[8] then return 0 end
if ARGV[7] == '1' then
  keep(KEYS[1], KEYS[2], KEYS[3], ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5])
else
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[4])
end
return 1
"""
)

#: KEYS: value row, value index, counter row, counter index. ARGV: key, now.
DELETE = (
    _ALIVE
    + """
local now = tonumber(ARGV[2])
local existed = alive(redis.call('GET', KEYS[1]), now)
local expires = tonumber(redis.call('HGET', KEYS[3], 'expires') or 0)
redis.call('DEL', KEYS[1], KEYS[3])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[1])
if existed or expires > now then return 1 end
return 0
"""
)

#: Deletes one batch. KEYS: index. ARGV: row prefix, first key, bound behind the last, batch size. Returns how many.
DELETE_RANGE = """
local keys = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[2], ARGV[3], 'LIMIT', 0, tonumber(ARGV[4]))
for _, key in ipairs(keys) do
  redis.call('DEL', ARGV[1] .. key)
  redis.call('ZREM', KEYS[1], key)
end
return #keys
"""

#: Reads one batch. KEYS: index. ARGV: row prefix, first key, bound behind the last, batch size, now.
#: Returns the last key looked at ("" at the end), then keys and rows in turn.
ENTRIES = (
    _ALIVE
    + """
local size = tonumber(ARGV[4])
local keys = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[2], ARGV[3], 'LIMIT', 0, size)
local found = {#keys == size and '[' .. keys[#keys] or ''}
for _, key in ipairs(keys) do
  local row = redis.call('GET', ARGV[1] .. key)
  if alive(row, tonumber(ARGV[5])) then
    found[#found + 1] = key
    found[#found + 1] = row
  elseif not row then
    redis.call('ZREM', KEYS[1], key)
  end
end
return found
"""
)

# Registers a counter that has just begun.
_BEGIN = """
local function begin(index, spaces, space, key, prefix)
  if redis.call('ZADD', index, 0, key) == 1 then
    redis.call('SADD', spaces, space)
    for _, other in ipairs(redis.call('ZRANDMEMBER', index, 2)) do
      if other ~= key and redis.call('EXISTS', prefix .. other) == 0 then redis.call('ZREM', index, other) end
    end
  end
end
local function digits(number) return string.format('%.0f', number) end
"""

#: KEYS: row, index, spaces. ARGV: space, key, row prefix, grace ms, now, amount, limit ("" for none), expires.
#: Returns allowed, used, exceeded, expires (text, as are all numbers that may be large).
COUNT = (
    _BEGIN
    + """
local now, amount, limit, ends = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local row = redis.call('HMGET', KEYS[1], 'used', 'exceeded', 'expires')
local used, exceeded, expires = tonumber(row[1]) or 0, tonumber(row[2]) or 0, tonumber(row[3]) or 0
if expires <= now then
  if amount <= 0 then return {1, '0', '0', digits(ends)} end
  used, exceeded, expires = 0, 0, ends
  begin(KEYS[2], KEYS[3], ARGV[1], ARGV[2], ARGV[3])
end
local allowed = 1
if amount < 0 then
  used = math.max(used + amount, 0)
elseif limit and used + amount > limit then
  allowed = 0
  if amount > 0 then exceeded = exceeded + 1 end
else
  used = used + amount
end
if amount ~= 0 then
  redis.call('HSET', KEYS[1], 'used', digits(used), 'exceeded', digits(exceeded), 'expires', digits(expires))
  redis.call('PEXPIRE', KEYS[1], digits(math.max(math.ceil((expires - now) / 1000), 0) + tonumber(ARGV[4])))
end
return {allowed, digits(used), digits(exceeded), digits(expires)}
"""
)

#: As COUNT, with the interval in place of expires, then the most entries kept exactly and the number of parts.
#: Times and weights stand in turn in one packed list.
ROLL = (
    _BEGIN
    + """
local now, amount, limit, interval = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local row = redis.call('HMGET', KEYS[1], 'rolling', 'exceeded', 'expires')
local stored = row[1] and cmsgpack.unpack(row[1]) or {}
local exceeded, expires = tonumber(row[2]) or 0, tonumber(row[3]) or 0
local times, weights, used = {}, {}, 0
for i = 1, #stored, 2 do
  if stored[i] > now - interval then
    times[#times + 1] = stored[i]
    weights[#weights + 1] = stored[i + 1]
    used = used + stored[i + 1]
  end
end
if #times == 0 then exceeded = 0 end
local allowed = 1
if amount < 0 then
  local rest = -amount
  while rest > 0 and #times > 0 do
    local part = math.min(rest, weights[#weights])
    rest, used = rest - part, used - part
    weights[#weights] = weights[#weights] - part
    if weights[#weights] == 0 then
      times[#times] = nil
      weights[#weights] = nil
    end
  end
elseif limit and used + amount > limit then
  allowed = 0
  if amount > 0 then exceeded = exceeded + 1 end
elseif amount > 0 then
  used = used + amount
  expires = math.max(now + interval, expires)
  if #times > 0 and times[#times] >= now then
    weights[#weights] = weights[#weights] + amount
  else
    times[#times + 1] = now
    weights[#weights + 1] = amount
  end
end
if amount ~= 0 then
  local part, merging = math.max(math.floor(interval / tonumber(ARGV[10])), 1), #times > tonumber(ARGV[9])
  local packed, slot = {}, nil
  for i = 1, #times do
    local own = math.floor(times[i] / part)
    if merging and own == slot then
      packed[#packed - 1] = times[i]
      packed[#packed] = packed[#packed] + weights[i]
    else
      packed[#packed + 1] = times[i]
      packed[#packed + 1] = weights[i]
    end
    slot = own
  end
  if not row[1] then begin(KEYS[2], KEYS[3], ARGV[1], ARGV[2], ARGV[3]) end
  redis.call('HSET', KEYS[1], 'rolling', cmsgpack.pack(packed), 'exceeded', digits(exceeded),
    'expires', digits(expires))
  redis.call('PEXPIRE', KEYS[1], digits(math.max(math.ceil((expires - now) / 1000), 0) + tonumber(ARGV[4])))
end
return {allowed, digits(used), digits(exceeded), digits((times[1] or now) + interval)}
"""
)

#: KEYS and ARGV as COUNT up to now, then how far away the next message is kept. Returns whether this one may pass.
SPIKE = (
    _BEGIN
    + """
local now, spacing = tonumber(ARGV[5]), tonumber(ARGV[6])
local following = tonumber(redis.call('HGET', KEYS[1], 'expires'))
if following and following > now then return 0 end
redis.call('HSET', KEYS[1], 'expires', digits(now + spacing))
redis.call('PEXPIRE', KEYS[1], digits(math.ceil(spacing / 1000) + tonumber(ARGV[4])))
if not following then begin(KEYS[2], KEYS[3], ARGV[1], ARGV[2], ARGV[3]) end
return 1
"""
)

#: Forgets one batch of all rows under a prefix. ARGV: cursor, match pattern. Returns the next cursor.
CLEAR = """
local page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', 1000)
if #page[2] > 0 then redis.call('UNLINK', unpack(page[2])) end
return page[1]
"""
