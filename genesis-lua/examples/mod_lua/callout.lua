-- Calls a list of phones for the caller, one after the other, and connects the first that answers.

local api = freeswitch.API()
local phones = {}
for phone in (session:getVariable("phones") or ""):gmatch("[^;]+") do
  table.insert(phones, phone)
end

local function log(level, ...)
  freeswitch.consoleLog(level, "callout: " .. string.format(...) .. "\n")
end

if #phones == 0 then
  log("err", "no phones")
  session:hangup("UNALLOCATED_NUMBER")
  return
end

session:answer()
session:setVariable("hangup_after_bridge", "false")
local began, reached = tonumber(api:getTime()), nil

for _, phone in ipairs(phones) do
  if not session:ready() then break end
  session:streamFile("ivr/ivr-hold_connect_call.wav")
  local leg = freeswitch.Session("{ignore_early_media=true,leg_timeout=20}" .. phone, session)
  if leg:ready() then
    reached = leg
    break
  end
  log("info", "%s: %s", phone, leg:hangupCause())
end

if reached then
  log("info", "connected, %s", api:execute("uuid_exists", reached.uuid))
  reached:streamFile("ivr/ivr-this_is_a_call.wav")
  freeswitch.bridge(session, reached)
  log("info", "parted")
  if reached:ready() then reached:hangup() end
elseif session:ready() then
  session:streamFile("ivr/ivr-no_user_response.wav")
end

local calls = freeswitch.Event("CUSTOM", "callout::done")
calls:addHeader("Seconds", math.floor((tonumber(api:getTime()) - began) / 1000))
calls:addHeader("Reached", reached and "true" or "false")
calls:fire()
if session:ready() then session:hangup("NORMAL_CLEARING") end
