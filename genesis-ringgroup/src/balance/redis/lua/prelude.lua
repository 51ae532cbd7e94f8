-- Begins every script. All keys share a hash tag; the numbers below are the order of Keys in Rust.
--   counts    hash     destination -> calls in progress
--   entries   hash     id of a call -> "owner uuid destination"; the uuid is empty while it rings
--   owned     sorted   "owner id", all with score 0: the calls of one owner, by range
--   members   sorted   owner -> when its lease runs out, in ms
--   dead      sorted   owner whose lease ran out -> until when a watcher may adopt its calls, in ms
--   watching  hash     owner that watches a switch -> its lease in ms
--   sums      hash     owner -> sum of the numbers of its calls, to compare with what it knows
--   chosen    sorted   destination -> number of its last choice
-- An id is "member-number": 32 and 16 hexadecimal digits. Who made the call need not own it any more.
local counts, entries, owned, members = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local dead, watching, sums, chosen = KEYS[5], KEYS[6], KEYS[7], KEYS[8]

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function number_of(id)
  return tonumber(string.sub(id, -16), 16)
end

local function read(id)
  local entry = redis.call('HGET', entries, id)
  if entry then
    return string.match(entry, '^(%S+) (%S*) (.*)$')
  end
end

local function write(id, owner, uuid, destination)
  redis.call('HSET', entries, id, owner .. ' ' .. uuid .. ' ' .. destination)
end

local function own(owner, id)
  redis.call('ZADD', owned, 0, owner .. ' ' .. id)
  redis.call('HINCRBY', sums, owner, number_of(id))
end

local function disown(owner, id)
  redis.call('ZREM', owned, owner .. ' ' .. id)
  redis.call('HINCRBY', sums, owner, -number_of(id))
end

local function add(id, owner, uuid, destination)
  write(id, owner, uuid, destination)
  own(owner, id)
  redis.call('HINCRBY', counts, destination, 1)
end

local function hand_over(id, from, to, uuid, destination)
  disown(from, id)
  own(to, id)
  write(id, to, uuid, destination)
end

local function remove(id)
  local owner, _, destination = read(id)
  if not owner then
    return 0
  end
  redis.call('HDEL', entries, id)
  disown(owner, id)
  if redis.call('HINCRBY', counts, destination, -1) <= 0 then
    redis.call('HDEL', counts, destination)
  end
  return 1
end

-- The ids of an owner's calls.
local function calls_of(owner)
  local ids = redis.call('ZRANGEBYLEX', owned, '[' .. owner .. ' ', '(' .. owner .. '!')
  for place, held in ipairs(ids) do
    ids[place] = string.sub(held, #owner + 2)
  end
  return ids
end

local function forget(owner)
  redis.call('ZREM', dead, owner)
  redis.call('HDEL', sums, owner)
end

-- The member was heard of.
local function alive(member, lease, watches)
  if redis.call('ZADD', members, now + lease, member) == 1 then
    redis.call('ZREM', dead, member)
  end
  if watches == '1' then
    redis.call('HSET', watching, member, lease)
  end
end

-- Gives back what belongs to members whose lease ran out. Calls that are up wait for a watcher, if
-- there is one, for as long as the longest lease of the watchers.
local function reap()
  local expired = redis.call('ZRANGEBYSCORE', members, '-inf', now)
  if #expired == 0 and redis.call('ZCARD', dead) == 0 then
    return
  end
  local patience = 0
  local watchers = redis.call('HGETALL', watching)
  for place = 1, #watchers, 2 do
    local lease = redis.call('ZSCORE', members, watchers[place])
    if lease and tonumber(lease) > now then
      patience = math.max(patience, tonumber(watchers[place + 1]))
    else
      redis.call('HDEL', watching, watchers[place])
    end
  end
  for _, member in ipairs(expired) do
    redis.call('ZREM', members, member)
    local waiting = false
    for _, id in ipairs(calls_of(member)) do
      local _, uuid = read(id)
      if patience > 0 and uuid and uuid ~= '' then
        waiting = true
      else
        remove(id)
      end
    end
    if waiting then
      redis.call('ZADD', dead, now + patience, member)
    else
      forget(member)
    end
  end
  local over = patience > 0 and now or '+inf'
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', dead, '-inf', over)) do
    for _, id in ipairs(calls_of(member)) do
      remove(id)
    end
    forget(member)
  end
end

-- Nothing stays for ever once nobody is left.
local function keep(lease)
  for place = 1, 7 do
    redis.call('PEXPIRE', KEYS[place], math.max(60000, 10 * lease))
  end
  redis.call('PEXPIRE', chosen, math.max(86400000, 10 * lease))
end
