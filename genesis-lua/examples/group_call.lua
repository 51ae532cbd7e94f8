-- Calls a group of people for the caller; who answers first talks, the others stop ringing.
local group = genesis.ring_group {
  destinations = {
    "user/1000",
    "user/1001",
    { "user/1002", delay = 2, timeout = 15 },
  },
  mode = "parallel",
  timeout = 30,
}

genesis.outbound(function(session)
  local channel = session.channel
  channel:pre_answer()
  local ring = group:ring(channel)
  if ring.caller_hung_up then return end
  if not ring.is_answered then
    genesis.log.info("nobody answered: " .. ring.text)
    channel:answer()
    return channel:hangup("NO_ANSWER")
  end
  channel:answer()
  local bridge = channel:bridge(ring.channel)
  genesis.log.info("talks with " .. ring.destinations[ring.answered_by].dial_path)
  bridge:ended()
end)
