-- A line in front of two agents: callers hear music until it is their turn.
local queue = genesis.queue() -- of this process; genesis.queue {redis = "redis://…"} is shared
local agents = genesis.ring_group {
  destinations = { "user/agent1", "user/agent2" },
  mode = "balancing",
  balancer = genesis.balancer(),
  timeout = 60,
}

genesis.outbound(function(session)
  local channel = session.channel
  channel:answer()
  local ticket = queue:enter("support", { limit = 2, timeout = 600, item_id = session.uuid })
  local place = ticket:position()
  if place and place > 0 then
    genesis.log.info("waits at place " .. place)
    channel:playback("local_stream://moh", { wait = false })
  end
  local slot = ticket:slot()
  local ring = agents:ring(channel)
  if ring.is_answered then
    channel:break_media { all = true }
    local bridge = channel:bridge(ring.channel)
    genesis.log.info("talks with agent " .. ring.answered_by)
    pcall(bridge.ended, bridge)
  end
  slot:release()
end)
