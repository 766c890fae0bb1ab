#include "eebench/bench/subject.hpp"

#include "eebench/comm/share.hpp"

namespace eebench::bench {

std::int64_t count_cut(const comm::Communicator& comm, const Jets& jets, std::int64_t count) {
  const comm::Share share = comm::share_of(count, comm.rank(), comm.size());
  std::int64_t cut = 0;
  comm.agree([&] { cut = jets.cut(share.begin, share.end); });
  return comm.all_reduce(cut, comm::Reduce::sum);
}

}  // namespace eebench::bench
