-- `session`: what plays, records and asks.
local m = ...
local methods, enter, is_over = m.methods, m.enter, m.is_over

-- A file's word in an application's argument; there is no empty word.
local function word(text, empty)
  if not text or text == "" then return empty end
  return m.argument(text)
end

function methods:recordFile(file, limit, threshold, hits)
  local s = enter(self, "recordFile")
  if not s then return -1 end
  file = m.text("CoreSession::recordFile", 2, file)
  limit = m.number("CoreSession::recordFile", 3, limit, 0)
  threshold = m.number("CoreSession::recordFile", 4, threshold, 0)
  hits = m.number("CoreSession::recordFile", 5, hits, 0)
  if not file then return 0 end
  m.quiet(s)
  local argument = ("%s %d %d %d"):format(m.argument(file), limit, threshold, hits)
  return m.run(s, "record", argument, { file = true }) == "done" and 1 or 0
end

function methods:say(text, module, kind, method, gender)
  local s = enter(self, "say")
  if not s then return end
  text = m.text("CoreSession::say", 2, text)
  module = m.text("CoreSession::say", 3, module)
  kind = m.text("CoreSession::say", 4, kind)
  method = m.text("CoreSession::say", 5, method)
  gender = m.text("CoreSession::say", 6, gender)
  if not (text and module and kind and method) then
    m.log(1, "Error! invalid args.")
    return
  end
  local words = { module, kind, method }
  if gender and gender ~= "" then table.insert(words, gender) end
  table.insert(words, m.argument(text))
  m.quiet(s)
  m.run(s, "say", table.concat(words, " "))
end

function methods:sayPhrase(name, data, language)
  local s = enter(self, "sayPhrase")
  if not s then return end
  name = m.text("CoreSession::sayPhrase", 2, name)
  data = m.text("CoreSession::sayPhrase", 3, data) or ""
  language = m.text("CoreSession::sayPhrase", 4, language)
  if not name then
    m.log(1, "Error! invalid args.")
    return
  end
  m.quiet(s)
  local before
  if language and not is_over(s) then
    -- the application speaks the language of the call
    before = m.get_variable(s.leg, "language")
    m.set_variable(s.leg, "language", language)
  end
  m.run(s, "phrase", name .. "," .. data)
  if language and not is_over(s) then m.set_variable(s.leg, "language", before or "") end
end

function methods:set_tts_params(engine, voice)
  local s = enter(self, "set_tts_params")
  if not s then return end
  s.tts_name = m.text("CoreSession::set_tts_params", 2, engine) or ""
  s.voice_name = m.text("CoreSession::set_tts_params", 3, voice) or ""
end

function methods:set_tts_parms(engine, voice)
  m.log(1, "set_tts_parms is deprecated. Use set_tts_params.")
  methods.set_tts_params(self, engine, voice)
end

function methods:speak(text)
  local s = enter(self, "speak")
  if not s then return -1 end
  text = m.text("CoreSession::speak", 2, text) or ""
  if not s.tts_name then
    m.log(1, "No TTS engine specified")
    return 1
  end
  m.quiet(s)
  text = text:gsub("[\r\n]+", " ")
  return m.run(s, "speak", s.tts_name .. "|" .. s.voice_name .. "|" .. text) == "done" and 1 or 0
end

-- Digits one by one, from what was pressed before on. 0 is no limit.
function methods:getDigits(most, terminators, first, between, all)
  local s = enter(self, "getDigits")
  if not s then return "" end
  most = m.number("CoreSession::getDigits", 2, most)
  terminators = m.text("CoreSession::getDigits", 3, terminators) or ""
  first = m.number("CoreSession::getDigits", 4, first)
  between = m.number("CoreSession::getDigits", 5, between, 0)
  all = m.number("CoreSession::getDigits", 6, all, 0)
  m.hook(s)
  local digits = ""
  local ends = all > 0 and m.milliseconds() + all
  local time = first > 0 and first or between
  if between <= 0 then between = first end
  while #digits < most and not is_over(s) do
    local left = time > 0 and time or nil
    if ends then left = math.max(0, math.min(left or math.huge, ends - m.milliseconds())) // 1 | 0 end
    local what, digit = m.next(s.leg, nil, left, true)
    if what ~= "dtmf" or terminators:find(digit, 1, true) then break end
    digits, time = digits .. digit, between
  end
  m.hook(s)
  return digits
end

-- Calls the input callback for each digit, until the time is over or it has enough.
function methods:collectDigits(between, all)
  local s = enter(self, "collectDigits")
  if not s then return -1 end
  between = m.number("CoreSession::collectDigits", 2, between)
  if all == nil then between, all = 0, between end
  all = m.number("CoreSession::collectDigits", 3, all)
  m.hook(s)
  if not s.callback or is_over(s) then return 0 end
  local last = all > 0 and m.milliseconds() + all or nil
  local function first_of()
    local soon = between > 0 and m.milliseconds() + between or nil
    if last and soon then return math.min(last, soon) end
    return last or soon
  end
  local ends = first_of()
  m.wait(s, nil, ends and math.max(0, ends - m.milliseconds()), { each = first_of })
  m.hook(s)
  return 0
end

-- The digits that an application left in a variable.
local function asked(s, application, argument, name)
  -- mod_lua's own methods have no callback while they ask
  local options = { deaf = true, eats = true, variable = name }
  local what, _, digits = m.run(s, application, argument, options)
  return what == "done" and digits or ""
end

function methods:read(min, max, file, time, terminators, between)
  local s = enter(self, "read")
  if not s then return "" end
  min = math.max(1, m.number("CoreSession::read", 2, min))
  max = math.max(1, m.number("CoreSession::read", 3, max))
  file = m.text("CoreSession::read", 4, file)
  time = math.max(1, m.number("CoreSession::read", 5, time))
  terminators = m.text("CoreSession::read", 6, terminators)
  between = m.number("CoreSession::read", 7, between, 0)
  m.quiet(s)
  local argument = ("%d %d %s genesis_read %d %s"):format(
    min, max, word(file, "silence"), time, word(terminators, "none"))
  if between > 0 then argument = argument .. " " .. between end
  return asked(s, "read", argument, "genesis_read")
end

function methods:playAndGetDigits(
  min, max, tries, time, terminators, file, bad_file, regex, name, between, failure)
  local s = enter(self, "playAndGetDigits")
  if not s then return "" end
  local where = "CoreSession::playAndGetDigits"
  min = math.max(0, m.number(where, 2, min))
  max = m.number(where, 3, max)
  tries = m.number(where, 4, tries)
  time = m.number(where, 5, time)
  terminators = m.text(where, 6, terminators)
  file, bad_file = m.text(where, 7, file), m.text(where, 8, bad_file)
  regex, name = m.text(where, 9, regex), m.text(where, 10, name)
  between = m.number(where, 11, between, 0)
  failure = m.text(where, 12, failure)
  m.quiet(s)
  if min == 0 and not is_over(s) then
    -- the switch takes what an earlier question left for an answer
    m.set_variable(s.leg, "read_terminator_used", nil)
  end
  if not name or name == "" then name = "genesis_digits" end
  local argument = ("%d %d %d %d %s %s %s %s %s %d"):format(
    min, max, tries, time, word(terminators, "none"), word(file, "silence"),
    word(bad_file, "silence_stream://10"), name, word(regex, "^[0-9*#A-D]*$"),
    between > 0 and between or time)
  if failure and failure ~= "" then argument = argument .. " " .. m.argument(failure) end
  return asked(s, "play_and_get_digits", argument, name)
end

function methods:playAndDetectSpeech(file, engine, grammar)
  local s = enter(self, "playAndDetectSpeech")
  if not s then return "" end
  file = m.text("CoreSession::playAndDetectSpeech", 2, file)
  engine = m.text("CoreSession::playAndDetectSpeech", 3, engine)
  grammar = m.text("CoreSession::playAndDetectSpeech", 4, grammar)
  local argument = ("%s detect:%s %s"):format(file or "silence", engine or "", grammar or "")
  local options = { variable = "detect_speech_result" }
  local what, _, result = m.run(s, "play_and_detect_speech", argument, options)
  return what == "done" and result or nil
end
