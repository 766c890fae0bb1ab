#include "eebench/store/scores_file.hpp"

#include <numeric>

#include "eebench/core/error.hpp"
#include "eebench/exits/scores.hpp"
#include "eebench/h5/file.hpp"
#include "eebench/sys/files.hpp"

namespace eebench::store {
namespace {

template <class T>
void write_share(h5::File& file, const std::string& name,
                 const std::vector<std::string>& dimensions, const std::vector<T>& values,
                 hsize_t first, hsize_t count, const std::string& meaning,
                 const std::string& unit) {
  h5::Dataset dataset = file.create<T>(name, dimensions);
  dataset.set_attribute("long_name", meaning);
  dataset.set_attribute("units", unit);
  h5::Extents start(dataset.shape().size(), 0);
  h5::Extents extent = dataset.shape();
  start[0] = count > 0 ? first : 0;
  extent[0] = count;
  dataset.write(values, start, extent);
}

std::vector<std::int32_t> narrowed(const std::vector<std::int64_t>& values) {
  return {values.begin(), values.end()};
}

}  // namespace

void write_scores(const std::filesystem::path& path, const comm::Communicator& comm,
                  const AllExits& share, const Origin& origin) {
  const auto count = static_cast<hsize_t>(share.jets());
  const std::vector<std::int64_t> counts = comm.all_gather(share.jets());
  const auto total = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  const auto first = static_cast<hsize_t>(
      std::accumulate(counts.begin(), counts.begin() + comm.rank(), std::int64_t{0}));

  std::vector<float> confidence;
  std::vector<float> entropy;
  std::vector<float> margin;
  const std::size_t classes = share.classes.size();
  for (std::size_t row = 0; row < share.logits.size(); row += classes) {
    const exits::Summary summary =
        exits::summarise(std::span<const float>(share.logits).subspan(row, classes));
    confidence.push_back(static_cast<float>(summary.top[0]));
    entropy.push_back(static_cast<float>(summary.entropy_confidence));
    margin.push_back(static_cast<float>(summary.top[0] - summary.top[1]));
  }

  const std::filesystem::path part = path.string() + ".part";
  h5::File file = h5::File::create(part, comm);
  for (const auto& [key, value] : origin) {
    file.set_attribute(key, value);
  }
  file.set_attribute("jets", total);
  std::vector<std::int32_t> exit_numbers(static_cast<std::size_t>(share.exits));
  std::iota(exit_numbers.begin(), exit_numbers.end(), 0);
  file.dimension("jet", static_cast<hsize_t>(total));
  file.dimension("exit", exit_numbers);
  file.dimension("class", share.classes);
  write_share(file, "logits", {"jet", "exit", "class"}, share.logits, first, count,
              "answer of every exit", "1");
  write_share(file, "confidence", {"jet", "exit"}, confidence, first, count,
              "largest softmax value", "1");
  write_share(file, "entropy", {"jet", "exit"}, entropy, first, count,
              "1 - entropy of the softmax / ln(classes)", "1");
  write_share(file, "margin", {"jet", "exit"}, margin, first, count,
              "largest minus second largest softmax value", "1");
  write_share(file, "label", {"jet"}, narrowed(share.labels), first, count, "class index", "1");
  write_share(file, "multiplicity", {"jet"}, narrowed(share.multiplicity), first, count,
              "constituents", "1");
  write_share(file, "jet_pt", {"jet"}, share.jet_pt, first, count,
              "transverse momentum of the summed constituents", "GeV");
  file.close();
  comm.agree([&] {
    if (comm.is_root()) {
      sys::publish_finished(part, path);
    }
  });
}

AllExits read_scores(const std::filesystem::path& path) {
  const h5::File file = h5::File::open(path);
  AllExits all;
  const h5::Dataset logits = file.dataset("logits");
  if (logits.shape().size() != 3) {
    throw InputError(logits.where() + " must have the dimensions jet, exit, class; make it again");
  }
  all.exits = static_cast<std::int64_t>(logits.shape()[1]);
  all.classes = file.dataset("class").read_texts();
  all.logits = logits.read<float>();
  all.labels = file.dataset("label").read<std::int64_t>();
  all.multiplicity = file.dataset("multiplicity").read<std::int64_t>();
  all.jet_pt = file.dataset("jet_pt").read<float>();
  return all;
}

std::optional<AllExits> find_scores(const std::filesystem::path& path,
                                    const comm::Communicator& comm, const Origin& origin) {
  std::optional<AllExits> found;
  try {
    const h5::File file = h5::File::open(path);
    bool same = true;
    for (const auto& [key, value] : origin) {
      same = same && file.has_attribute(key) && file.attribute<std::string>(key) == value;
    }
    if (same) {
      found = read_scores(path);
    }
  } catch (const Error&) {
    found.reset();
  }
  return comm.all(found.has_value()) ? found : std::nullopt;
}

}  // namespace eebench::store
