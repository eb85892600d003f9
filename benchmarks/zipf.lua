-- The requests of wrk: paths drawn by Zipf's law, the first most often, a share of them with their
-- entity tags. The lines before this set paths, etags, share and seed.

local requests, turn = {}, 0
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

-- All requests are drawn beforehand, so that wrk needs little time to send one.
function init(args)
  math.randomseed(seed * 1000 + number)
  local fresh, again, sums, sum = {}, {}, {}, 0
  for rank, path in ipairs(paths) do
    fresh[rank] = wrk.format("GET", path, {["Accept-Encoding"] = "gzip"})
    again[rank] = wrk.format(
      "GET", path, {["Accept-Encoding"] = "gzip", ["If-None-Match"] = etags[rank]})
    sum = sum + 1 / rank
    sums[rank] = sum
  end
  for draw = 1, 65536 do
    local wanted, low, high = math.random() * sum, 1, #paths
    while low < high do
      local middle = math.floor((low + high) / 2)
      if sums[middle] < wanted then low = middle + 1 else high = middle end
    end
    requests[draw] = (math.random() < share and again or fresh)[low]
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end
