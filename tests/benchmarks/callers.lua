-- Each request comes from the next caller:  wrk -s callers.lua URL -- METHOD [FILE]
-- FILE has a token on each line; without it nobody in particular asks. The last line of the output is JSON.

local requests, turn = {}, 0

function init(arguments)
  local method, file = arguments[1], arguments[2]
  if not file then
    requests[1] = wrk.format(method)
    return
  end
  for token in io.lines(file) do
    local headers, body = { Authorization = "Bearer " .. token }, nil
    if method == "POST" then
      headers["Content-Type"] = "application/json"
      body = string.format('{"title":"Item of caller %d","description":"Written under load."}', #requests)
    end
    requests[#requests + 1] = wrk.format(method, nil, headers, body)
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

-- wrk's times are microseconds.
function done(summary, latency)
  local errors = summary.errors
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format('{"requests":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, broken))
end
