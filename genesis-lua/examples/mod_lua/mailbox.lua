-- A mailbox: takes a message, lets the caller hear it and keep it or try again.

local box = session:getVariable("mailbox") or argv[1] or "1000"
local file = string.format("/tmp/%s-%s.wav", box, session:get_uuid())
local pin = session:getVariable("mailbox_pin")

function mailbox_log(...)
  freeswitch.consoleLog("info", "mailbox: " .. string.format(...) .. "\n")
end

-- While a message is recorded, # ends it and 0 is for the operator; while it is played, * stops it.
mode = { name = "record" }
function on_input(s, kind, input, state)
  if kind ~= "dtmf" then return "true" end
  mailbox_log("%s while %s", input.digit, state.name)
  if state.name == "record" and (input.digit == "#" or input.digit == "0") then
    state.operator = input.digit == "0"
    return "break"
  elseif state.name == "play" and input.digit == "*" then
    return "stop"
  end
  return "true"
end

local function message()
  mode.name = "record"
  session:streamFile("voicemail/vm-record_message.wav")
  session:execute("playback", "tone_stream://%(400,0,800)")
  session:setInputCallback("on_input", "mode")
  session:recordFile(file, 60, 200, 3)
  if session:ready() and not mode.operator then
    mode.name = "play"
    session:streamFile(file)
  end
  session:unsetInputCallback()
end

session:answer()
if pin then
  local given = session:read(#pin, #pin, "voicemail/vm-enter_pass.wav", 3000, "#")
  if given ~= pin then
    mailbox_log("wrong pin")
    session:streamFile("voicemail/vm-fail_auth.wav")
    session:hangup("CALL_REJECTED")
    return
  end
end

for _ = 1, 3 do
  if not session:ready() then break end
  message()
  if not session:ready() then break end
  if mode.operator then
    session:transfer("operator", "XML", "default")
    break
  end
  session:flushDigits()
  session:streamFile("voicemail/vm-press.wav")
  if session:getDigits(1, "", 3000) ~= "2" then
    mailbox_log("kept")
    session:setVariable("mailbox_message", file)
    local event = freeswitch.Event("CUSTOM", "mailbox::message")
    event:addHeader("Mailbox", box)
    event:addHeader("File", file)
    event:fire()
    session:streamFile("voicemail/vm-goodbye.wav")
    break
  end
  mailbox_log("again")
end
