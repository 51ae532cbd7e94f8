-- One step of one queue: everything that one process has to say to it at one time.
--
-- KEYS: meta (hash), line (those who wait, by arrival), held (those who hold, by arrival),
--       owner (hash: item -> "process token"), procs (processes, by the end of their lease)
-- ARGV: queue, process, number of the step, lease in us, lifetime of the keys in ms, mode, known epoch,
--       '1' if the process keeps items here, channel of a process without its name, channel for changes,
--       then the operations:
--         E item token arrival holds limit max_waiting    enter, or claim again
--         L item token                                    leave
--         P item token                                    position?
--         S limit                                         set the limit ('': unset)
--         I                                               items?
-- Modes: step  the process is known here
--        sync  the operations E name everything that the process has here
--        look  the process has nothing here; a queue that is not there is not made
--        set   as look, but the queue is made
--
-- Times are microseconds of this server. Arrivals are such times too, made unique.
--
-- Empty keys are no keys in Redis, so a key that somebody deleted, or that was evicted, looks like one
-- that is empty. meta says how much there was after the last step; what does not fit was lost, and then
-- all of it is dropped and claimed again, as on a server that lost its data.
local meta, line, held, owner, procs = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local queue, process, number = ARGV[1], ARGV[2], tonumber(ARGV[3])
local lease, lifetime, mode, known, stays = tonumber(ARGV[4]), ARGV[5], ARGV[6], ARGV[7], ARGV[8] == '1'
local process_channel, changed_channel = ARGV[9], ARGV[10]
local FIRST = 11

local function text(n) return string.format('%.0f', n) end -- tostring would round

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local m = redis.call('HMGET', meta, 'epoch', 'run', 'quarantine', 'arrival', 'declared', 'set', 'n:' .. process,
  'counts')
local epoch, run, quarantine = m[1], m[2], tonumber(m[3] or 0)
local arrival, declared, set = tonumber(m[4] or 0), tonumber(m[5] or 1), tonumber(m[6] or -1)

local depth, in_use = redis.call('ZCARD', line), redis.call('ZCARD', held)

local function counts()
  return string.format('%d %d %d', depth, in_use, redis.call('ZCARD', procs))
end

local torn = redis.call('HLEN', owner) ~= depth + in_use
if epoch then
  torn = torn or (m[8] and m[8] ~= counts())
else
  torn = torn or depth + in_use > 0 or redis.call('ZCOUNT', procs, text(now), '+inf') > 0
end

if not epoch and not torn and mode == 'look' then
  local nothing = {}
  if ARGV[FIRST] == 'I' then nothing = {{{}, {}}} end
  return {'ok', '', -1, 0, 0, 1, 0, {}, nothing}
end
-- a step that was held up on its way and comes after a later one
if mode ~= 'look' and mode ~= 'set' and m[7] and number <= tonumber(m[7]) then
  return {'stale'}
end

local changed, granted, grants = false, {}, {}

local function set_quarantine(till)
  quarantine = till
  redis.call('HSET', meta, 'quarantine', text(till))
end

-- has this server lost anything?
local info = redis.call('INFO', 'server')
local server = string.match(info, 'run_id:(%x+)')
if torn then
  redis.call('DEL', line, held, owner, procs)
  depth, in_use, changed = 0, 0, true
  for _, field in ipairs(redis.call('HKEYS', meta)) do
    if string.sub(field, 1, 2) == 'h:' then redis.call('HDEL', meta, field) end
  end
  set_quarantine(now + lease)
  epoch = text(now)
  redis.call('HSET', meta, 'epoch', epoch, 'run', server)
elseif not epoch or run ~= server then
  if not epoch then
    -- whole seconds, cut off twice, of a clock that may lag: younger than this it cannot be
    local age = math.max(0, tonumber(string.match(info, 'uptime_in_seconds:(%d+)')) - 1.2) * 1000000
    if age < lease then set_quarantine(now + lease - age) end
  else
    set_quarantine(now + lease)
    for _, p in ipairs(redis.call('ZRANGE', procs, 0, -1)) do
      redis.call('ZADD', procs, text(now + lease), p)
    end
  end
  epoch = text(now)
  redis.call('HSET', meta, 'epoch', epoch, 'run', server)
elseif mode == 'sync' and known ~= '' and known ~= epoch and quarantine == 0 then
  -- somebody was here before the beginning: the keys were deleted
  set_quarantine(now + lease)
end

local function limit()
  if set >= 0 then return set end
  return declared
end

local function serve()
  if now < quarantine then return end
  while depth > 0 and in_use < limit() do
    local first = redis.call('ZPOPMIN', line)
    redis.call('ZADD', held, first[2], first[1])
    depth, in_use, changed = depth - 1, in_use + 1, true
    local p, token = string.match(redis.call('HGET', owner, first[1]) or '', '^(%S+) (%S+)$')
    if p then
      redis.call('HINCRBY', meta, 'h:' .. p, 1)
      if p == process then
        granted[#granted + 1] = token
      else
        grants[p] = grants[p] or {}
        table.insert(grants[p], token)
      end
    end
  end
end

local function remove(item, p)
  if redis.call('ZREM', held, item) == 1 then
    in_use = in_use - 1
    redis.call('HINCRBY', meta, 'h:' .. p, -1)
  elseif redis.call('ZREM', line, item) == 1 then
    depth = depth - 1
  end
  redis.call('HDEL', owner, item)
  changed = true
end

-- removes the items of processes for which keep(process, item, token) is false
local function sift(keep)
  local all = redis.call('HGETALL', owner)
  for i = 1, #all, 2 do
    local p, token = string.match(all[i + 1], '^(%S+) (%S+)$')
    if not keep(p, all[i], token) then remove(all[i], p) end
  end
end

local dead = redis.call('ZRANGEBYSCORE', procs, '-inf', text(now))
if #dead > 0 then
  local gone = {}
  for _, p in ipairs(dead) do gone[p] = true end
  sift(function(p) return not gone[p] end)
  for _, p in ipairs(dead) do
    redis.call('ZREM', procs, p)
    redis.call('HDEL', meta, 'n:' .. p, 'h:' .. p)
  end
end
serve()

local function claim(item, token, before, holds)
  local mine = process .. ' ' .. token
  local other = redis.call('HGET', owner, item)
  if other and other ~= mine then return 'd' end
  if other then
    local at = redis.call('ZSCORE', held, item)
    if at then return 'h', at end
    at = redis.call('ZSCORE', line, item)
    if at and holds == '0' then return 'w', at end
    if not at then
      redis.call('HDEL', owner, item) -- cannot be; entered anew below
    elseif now < quarantine then
      redis.call('ZREM', line, item)
      depth = depth - 1
    else
      remove(item, process)
      return 'l'
    end
  end
  if holds == '1' then
    if now >= quarantine then return 'l' end
    redis.call('ZADD', held, before, item)
    redis.call('HINCRBY', meta, 'h:' .. process, 1)
    in_use = in_use + 1
  else
    if before == '' then
      arrival = math.max(arrival + 1, now)
      before = text(arrival)
    end
    redis.call('ZADD', line, before, item)
    depth = depth + 1
  end
  arrival = math.max(arrival, tonumber(before))
  redis.call('HSET', owner, item, mine)
  changed = true
  if holds == '1' then return 'h', before end
  return 'w', before
end

local function enter(item, token, before, holds, declares, max_waiting)
  if declares ~= '' and not redis.call('HGET', owner, item) then
    if tonumber(declares) ~= declared then
      declared, changed = tonumber(declares), true
      redis.call('HSET', meta, 'declared', declares)
    end
    serve()
  end
  if before == '' and depth >= tonumber(max_waiting) and not redis.call('HGET', owner, item)
    and (depth > 0 or in_use >= limit() or now < quarantine) then
    return {'f', '', 0}
  end
  local state, at = claim(item, token, before, holds)
  local ahead = 0
  if state == 'w' then ahead = redis.call('ZRANK', line, item) end
  return {state, at or '', ahead}
end

local is_known = redis.call('ZSCORE', procs, process)
local asks_sync = mode == 'step' and (known ~= epoch or not is_known)
local results, positions = {}, {}

if not asks_sync then
  if mode == 'sync' and is_known then
    local listed, i = {}, FIRST
    while ARGV[i] == 'E' do
      listed[ARGV[i + 1]] = ARGV[i + 2]
      i = i + 7
    end
    sift(function(p, item, token) return p ~= process or listed[item] == token end)
    serve()
  end
  local i = FIRST
  while ARGV[i] do
    local op = ARGV[i]
    if op == 'E' then
      results[#results + 1] =
        enter(ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], ARGV[i + 6])
      i = i + 7
    elseif op == 'L' then
      if redis.call('HGET', owner, ARGV[i + 1]) == process .. ' ' .. ARGV[i + 2] then
        remove(ARGV[i + 1], process)
      end
      results[#results + 1] = 0
      i = i + 3
    elseif op == 'P' then
      results[#results + 1] = -1
      positions[#results] = ARGV[i + 1]
      i = i + 3
    elseif op == 'S' then
      local to = tonumber(ARGV[i + 1]) or -1
      if to ~= set then
        set, changed = to, true
        if to < 0 then redis.call('HDEL', meta, 'set') else redis.call('HSET', meta, 'set', text(to)) end
      end
      results[#results + 1] = 0
      i = i + 2
    else
      results[#results + 1] =
        {redis.call('ZRANGE', held, 0, -1), redis.call('ZRANGE', line, 0, -1)}
      i = i + 1
    end
    -- a declared limit counts while there are items
    if depth == 0 and in_use == 0 and declared ~= 1 then
      declared, changed = 1, true
      redis.call('HDEL', meta, 'declared')
    end
    serve()
  end
  for index, item in pairs(positions) do
    if redis.call('ZSCORE', held, item) then
      results[index] = 0
    else
      local rank = redis.call('ZRANK', line, item)
      if rank then results[index] = rank + 1 end
    end
  end
  if mode == 'step' or mode == 'sync' then
    if stays then
      redis.call('ZADD', procs, text(now + lease), process)
      redis.call('HSET', meta, 'n:' .. process, text(number))
    else
      redis.call('ZREM', procs, process)
      redis.call('HDEL', meta, 'n:' .. process, 'h:' .. process)
    end
  end
end

redis.call('HSET', meta, 'arrival', text(arrival), 'counts', counts())
if depth == 0 and in_use == 0 and set < 0 then
  lifetime = text(math.ceil(lease / 1000) * 2) -- nothing is worth keeping but the quarantine
end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, lifetime) end
for p, tokens in pairs(grants) do
  redis.call('PUBLISH', process_channel .. p, table.concat(tokens, ' ') .. '\n' .. queue)
end
if changed then redis.call('PUBLISH', changed_channel, '') end

if asks_sync then return {'sync', epoch} end

local wake = -1
for _, p in ipairs(redis.call('ZRANGE', procs, 0, 1)) do
  if p ~= process then
    wake = redis.call('ZSCORE', procs, p) - now
    break
  end
end
if now < quarantine and (wake < 0 or quarantine - now < wake) then wake = quarantine - now end
local own = tonumber(redis.call('HGET', meta, 'h:' .. process) or 0)
return {'ok', epoch, wake, depth, in_use, limit(), own, granted, results}
