#include "eebench/bench/subject.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "eebench/bench/effort.hpp"
#include "eebench/bench/physics.hpp"
#include "eebench/comm/share.hpp"
#include "eebench/core/error.hpp"

namespace eebench::bench {

std::int64_t count_cut(const comm::Communicator& comm, const Jets& jets, std::int64_t count) {
  const comm::Share share = comm::share_of(count, comm.rank(), comm.size());
  std::int64_t cut = 0;
  comm.agree([&] { cut = jets.cut(share.begin, share.end); });
  return comm.all_reduce(cut, comm::Reduce::sum);
}

std::int64_t jets_of(const Subject& subject, const Suite& suite) {
  return suite.jets == 0 ? subject.jets.count : std::min(suite.jets, subject.jets.count);
}

std::vector<Subject> open_subjects(const Suite& suite, const OpenSubject& open,
                                   const std::function<void(const std::string&)>& on_stage) {
  std::vector<Subject> subjects;
  for (const ModelEntry& model : suite.models) {
    on_stage("load " + model.name);
    Subject subject = open(model, suite);
    if (!subjects.empty() && subject.classes != subjects.front().classes) {
      throw InputError(
          fmt::format("models {} and {} have other classes; measure them in two suites",
                      suite.models.front().name, model.name));
    }
    const std::int64_t jets = jets_of(subject, suite);
    for (const std::int64_t batch : suite.batches) {
      if (batch > jets) {
        throw InputError(
            fmt::format("[axes] batch {} is more than the {} jets of {}; give smaller ones, more "
                        "jets or another file",
                        batch, jets, suite.data.string()));
      }
    }
    subjects.push_back(std::move(subject));
  }
  return subjects;
}

std::vector<Point> grid_of(const Suite& suite, std::span<const Subject> subjects) {
  std::vector<ModelFacts> facts;
  for (std::size_t m = 0; m < subjects.size(); ++m) {
    const Subject& subject = subjects[m];
    facts.push_back({suite.models[m].name, subject.executor->exits(), subject.weights_sha256,
                     subject.gates_sha256, subject.jets.sha256, subject.choosing.sha256,
                     subject.network_sha256});
  }
  std::vector<Point> points = make_grid(suite, facts);
  for (const Point& point : points) {
    const Subject& subject = subjects[static_cast<std::size_t>(point.model)];
    rule_of(point, subject.fits, subject.classes);
  }
  return points;
}

Layout layout_of(const Suite& suite, std::span<const Subject> subjects, std::vector<Point> grid,
                 std::vector<std::string> hosts) {
  Layout layout;
  for (std::size_t m = 0; m < subjects.size(); ++m) {
    layout.models.push_back(suite.models[m].name);
    layout.exits = std::max(layout.exits, subjects[m].executor->exits());
  }
  layout.rules = rule_names(grid);
  layout.classes = subjects.front().classes;
  layout.hosts = std::move(hosts);
  layout.samples = parse_effort(suite.effort).kept_samples;
  layout.points = std::move(grid);
  return layout;
}

}  // namespace eebench::bench
