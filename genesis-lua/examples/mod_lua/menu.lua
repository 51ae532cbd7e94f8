-- A menu with extensions, for FreeSWITCH's mod_lua and for `genesis outbound run menu.lua`.

local SOUNDS = "ivr/"
local EXTENSIONS = { ["1"] = "sales", ["2"] = "support" }

-- Runs when the caller hangs up or is sent on.
function goodbye(s, why)
  freeswitch.consoleLog("notice", string.format("menu: %s after %s, choice %s\n",
    why, s:getVariable("menu_began") or "nothing", s:getVariable("menu_choice") or "none"))
end

session:answer()
session:setHangupHook("goodbye")
session:setVariable("menu_began", os.date("%H:%M:%S"))
session:sleep(100)
session:streamFile(SOUNDS .. "ivr-welcome.wav")

local tries = 0
while session:ready() and tries < 3 do
  tries = tries + 1
  local choice = session:playAndGetDigits(1, 4, 2, 3000, "#", SOUNDS .. "ivr-menu.wav",
    SOUNDS .. "ivr-that_was_an_invalid_entry.wav", "^[12]$|^[0-9]{4}$", "menu_choice", 2000)
  if choice == "" then
    freeswitch.consoleLog("info", "menu: no choice\n")
  else
    freeswitch.consoleLog("info", "menu: " .. choice .. "\n")
    session:say(choice, "en", "number", "iterated")
    session:transfer(EXTENSIONS[choice] or choice, "XML", "default")
  end
end

if session:ready() then
  session:streamFile(SOUNDS .. "voicemail-goodbye.wav")
  session:hangup("NORMAL_CLEARING")
end
