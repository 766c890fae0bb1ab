#include "eebench/store/taken_exits.hpp"

#include "eebench/comm/share.hpp"

namespace eebench::store {

TakenExits leaving_pass(const comm::Communicator& comm, exec::Executor& executor,
                        const data::ReadJets& read, std::int64_t jets,
                        const std::vector<std::string>& classes, const exits::Rule& rule,
                        std::span<const double> thresholds, const Advance& advance,
                        std::int64_t batch_size) {
  TakenExits result;
  result.exits = executor.exits();
  result.classes = classes;
  const data::ReadJets next =
      data::read_ahead(read, comm::share_of(jets, comm.rank(), comm.size()).end);
  const auto answer = [&](std::int64_t begin, std::int64_t end) {
    const data::JetBatch batch = next(begin, end);
    const exec::BatchTrace trace = executor.run(batch, rule, thresholds);
    result.logits.insert(result.logits.end(), trace.logits.begin(), trace.logits.end());
    result.exit_index.insert(result.exit_index.end(), trace.exit_index.begin(),
                             trace.exit_index.end());
    result.labels.insert(result.labels.end(), batch.labels.begin(), batch.labels.end());
  };
  for_each_batch(comm, jets, batch_size, answer, advance);
  return result;
}

}  // namespace eebench::store
