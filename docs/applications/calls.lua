-- Who was answered, and how long they talked.
local app = genesis.consumer()

app:handle("CHANNEL_ANSWER", { ["Call-Direction"] = "inbound", ["variable_user"] = genesis.regex("^10") }, function(event)
  genesis.log.info(event["Caller-Caller-ID-Number"] .. " was answered")
  app.client:api("uuid_setvar " .. event["Unique-ID"] .. " seen_by calls.lua")
end)

app:handle("CHANNEL_HANGUP_COMPLETE", function(event)
  genesis.log.info(event["Caller-Caller-ID-Number"] .. " talked for " .. event["variable_billsec"] .. " s")
end)
