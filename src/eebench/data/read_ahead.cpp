#include "eebench/data/read_ahead.hpp"

#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>

#include "eebench/data/jet_source.hpp"

namespace eebench::data {

ReadJets read_ahead(ReadJets read, std::int64_t last) {
  constexpr std::int64_t jets_per_read = 4096;
  struct Held {
    std::int64_t begin = 0;
    std::int64_t end = 0;
    JetBatch jets;
  };
  return [read = std::move(read), last, held = std::make_shared<Held>()](std::int64_t begin,
                                                                         std::int64_t end) {
    if (begin < held->begin || end > held->end) {
      held->begin = held->end = begin;
      const std::int64_t until = std::max(end, std::min(begin + jets_per_read, last));
      held->jets = read(begin, until);
      held->end = until;
    }
    std::vector<std::int64_t> positions(static_cast<std::size_t>(end - begin));
    std::iota(positions.begin(), positions.end(), begin - held->begin);
    return select(held->jets, positions);
  };
}

}  // namespace eebench::data
