-- Somebody clicked: an event CUSTOM click::call names two numbers, which are called and connected.
local app = genesis.consumer()

app:handle("CUSTOM click::call", { ["From"] = genesis.regex("^[0-9]+$"), ["To"] = true }, function(event)
  local from, to = event["From"], event["To"]
  local ok, caller = pcall(app.client.originate, app.client, "user/" .. from, { timeout = 20, caller_id = to })
  if not ok then
    return genesis.log.info(from .. " did not answer: " .. tostring(caller.cause or caller))
  end
  ok, caller = pcall(caller.bridge, caller, "user/" .. to)
  genesis.log.info(from .. (ok and " talks with " or " could not reach ") .. to)
end)

app:handle("CHANNEL_HANGUP_COMPLETE", { ["Call-Direction"] = "outbound" }, function(event)
  genesis.log.info("a leg ended: " .. event["Hangup-Cause"])
end)
