-- A menu: 1 plays music, 2 reads the caller's number aloud.
genesis.outbound(function(session)
  local call = session.channel
  call:answer()
  local digit = call:play_and_get_digits("ivr/ivr-welcome.wav", { regex = "[12]", timeout = 5, tries = 3 })
  if digit == "1" then
    return call:transfer("9664")
  elseif digit == "2" then
    call:say(session:header("Caller-Caller-ID-Number"), { method = "iterated" })
  end
  call:playback("ivr/ivr-thank_you.wav")
  call:hangup()
end)
