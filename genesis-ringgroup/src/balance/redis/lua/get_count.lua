-- The number of calls to one destination.
reap()
return tonumber(redis.call('HGET', counts, ARGV[1]) or 0)
