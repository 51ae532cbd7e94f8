-- A menu: 1 sales, 2 the caller's own number, 0 the operator.
genesis.outbound(function(session)
  local channel = session.channel
  channel:answer()
  for _ = 1, 3 do
    local digit = channel:play_and_get_digits("ivr/menu.wav", {
      regex = "[012]", timeout = 5, tries = 2, invalid_file = "ivr/invalid.wav",
    })
    if digit == "1" then
      return channel:transfer("sales")
    elseif digit == "2" then
      channel:say(session:header("Caller-Caller-ID-Number"), { method = "iterated" })
    elseif digit == "0" then
      return channel:transfer("operator")
    end
  end
  channel:playback("ivr/goodbye.wav")
  channel:hangup()
end)
