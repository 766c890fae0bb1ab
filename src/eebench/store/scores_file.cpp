#include "eebench/store/scores_file.hpp"

#include <numeric>

#include "eebench/core/error.hpp"
#include "eebench/exits/scores.hpp"
#include "eebench/h5/file.hpp"
#include "eebench/store/share_file.hpp"

namespace eebench::store {

void write_scores(const std::filesystem::path& path, const std::filesystem::path& part,
                  const comm::Communicator& comm, const AllExits& share, const Origin& origin) {
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

  ShareFile file(path, part, comm, share.jets(), {origin.begin(), origin.end()});
  file.dimensions(share.exits, share.classes);
  file.write("logits", {"jet", "exit", "class"}, share.logits, "answer of every exit");
  file.write("confidence", {"jet", "exit"}, confidence, "largest softmax value");
  file.write("entropy", {"jet", "exit"}, entropy, "1 - entropy of the softmax / ln(classes)");
  file.write("margin", {"jet", "exit"}, margin, "largest minus second largest softmax value");
  if (!share.scores.empty()) {
    std::vector<std::int32_t> early(static_cast<std::size_t>(share.exits - 1));
    std::iota(early.begin(), early.end(), 0);
    file.dimension("early_exit", early);
  }
  for (const auto& [rule, scores] : share.scores) {
    file.write(rule, {"jet", "early_exit"}, scores, "score of the rule " + rule);
  }
  file.write("label", {"jet"}, narrowed(share.labels), "class index");
  file.write("multiplicity", {"jet"}, narrowed(share.multiplicity), "constituents");
  file.write("jet_pt", {"jet"}, share.jet_pt, "transverse momentum of the summed constituents",
             "GeV");
  file.publish();
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
  for (const exits::RuleRow& row : exits::rule_registry()) {
    if (const std::string rule(row.name); row.reads_embedding && file.has(rule)) {
      all.scores[rule] = file.dataset(rule).read<float>();
    }
  }
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
