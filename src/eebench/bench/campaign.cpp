#include "eebench/bench/campaign.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "eebench/bench/choosing.hpp"
#include "eebench/bench/manifest.hpp"
#include "eebench/bench/measure.hpp"
#include "eebench/bench/physics.hpp"
#include "eebench/bench/recorder.hpp"
#include "eebench/core/error.hpp"
#include "eebench/data/jet_source.hpp"
#include "eebench/store/scores_file.hpp"
#include "eebench/sys/energy.hpp"
#include "eebench/sys/environment.hpp"
#include "eebench/sys/timer.hpp"

namespace eebench::bench {
namespace {

/// A network with everything its points need.
struct Station {
  Subject subject;
  store::AllExits all_exits;                                    ///< on every rank
  std::map<std::string, Values> replayed;                       ///< by what_replays()
  std::map<std::int64_t, std::vector<data::JetBatch>> batches;  ///< of this rank, by size
};

/// Points that differ only in how they are run share their replayed numbers.
std::string what_replays(const Point& point) {
  std::string text =
      fmt::format("{} {} {}", point.rule, point.fixed_exit, static_cast<int>(point.engine));
  for (const double threshold : point.thresholds) {
    text += fmt::format(" {}", threshold);
  }
  return text;
}

/// Name, in `scores/`, of a network's pass over the jets that thresholds are chosen on.
std::string choosing_name(const std::string& model) { return model + ".choosing"; }

class Driver {
 public:
  Driver(const comm::Communicator& comm, const Suite& suite, const CampaignFolder& folder,
         const Hooks& hooks)
      : comm_(comm),
        suite_(suite),
        folder_(folder),
        hooks_(hooks),
        effort_(parse_effort(suite.effort)),
        energy_({.node = comm.local_rank() == 0,
                 .gpu = suite.device == "cuda" ? std::optional(comm.local_rank()) : std::nullopt}) {
  }

  Outcome run(bool resume, const Attributes& provenance) {
    std::vector<Subject> subjects = open_subjects(suite_, hooks_.open, hooks_.on_stage);
    points_ = grid_of(suite_, subjects);
    Layout layout = layout_of(suite_, subjects, points_, comm_.all_gather(sys::hardware().host));
    layout.oversubscribed = std::get<std::int64_t>(provenance.at("oversubscribed")) != 0;
    layout.job = {.ranks = comm_.size(),
                  .threads = std::get<std::int64_t>(provenance.at("threads_per_rank")),
                  .nodes = static_cast<std::int64_t>(
                      std::set(layout.hosts.begin(), layout.hosts.end()).size())};
    for (Subject& subject : subjects) {
      stations_.push_back({std::move(subject), {}, {}, {}});
    }
    check_choosing();
    hooks_.say(describe(suite_, points_));
    if (const std::string models = fitted_on_choosing(); !models.empty()) {
      hooks_.say(fmt::format(
          "the gates of {} were fitted on {}, where thresholds are chosen: those of rules with "
          "gates are biased, they tend to lose more elsewhere; fit gates (eebench gates) or choose "
          "on other jets",
          models, suite_.choosing->data.string()));
    }
    const bool is_new = comm_.all(!std::filesystem::exists(folder_.manifest()));
    const Manifest manifest =
        claim_shard(comm_, folder_, suite_, points_, layout.job, provenance, resume);
    const Shard& shard = manifest.shards[static_cast<std::size_t>(folder_.shard)];
    take(shard);
    if (folder_.shards > 1) {
      hooks_.say(fmt::format("shard {}/{}: {} points, repeat {}", folder_.shard, folder_.shards,
                             points_.size(), shard.repeat));
    }
    layout.shard = folder_.shard;
    layout.repeat = shard.repeat;
    try {
      return measure_shard(layout, provenance, resume);
    } catch (const InputError&) {  // nothing was measured: the same on every rank
      comm_.agree([&] {
        if (is_new && comm_.is_root()) {
          give_back();
        }
      });
      throw;
    }
  }

 private:
  Outcome measure_shard(Layout& layout, const Attributes& provenance, bool resume) {
    Outcome outcome;
    outcome.points = static_cast<std::int64_t>(points_.size());
    if (comm_.all(std::filesystem::exists(folder_.task_file())) &&
        !Recorder::reopen_failed(comm_, folder_.task())) {
      outcome.resumed = outcome.points;
      return outcome;
    }
    choose();
    layout.points = points_;
    Recorder recorder(comm_, folder_.task(), layout, with_data(provenance), resume);
    outcome.resumed = std::count(recorder.done().begin(), recorder.done().end(), true);
    replay_pending(recorder.done());  // reads all jets: what is wrong with them is told now
    hooks_.before_measuring();
    hooks_.on_stage("self-test");
    self_test_ = self_test(comm_);
    measure_pending(recorder, outcome);
    if (outcome.stopped) {
      recorder.suspend();
    } else {
      recorder.finish();
    }
    return outcome;
  }

  /// Takes away what a new campaign left of itself.
  void give_back() const {
    std::filesystem::remove_all(folder_.task());
    if (std::filesystem::is_empty(folder_.tasks())) {
      std::filesystem::remove_all(folder_.tasks());
      std::filesystem::remove_all(folder_.scores("any").parent_path());
      std::filesystem::remove(folder_.manifest());
    }
  }
  void check_choosing();
  void take(const Shard& shard);
  std::string fitted_on_choosing() const;
  Attributes with_data(Attributes attributes) const;
  std::int64_t choosing_jets_of(const Subject& subject) const {
    const std::int64_t asked = suite_.choosing ? suite_.choosing->jets : 0;
    return asked == 0 ? subject.choosing.count : std::min(asked, subject.choosing.count);
  }
  Station& station_of(const Point& point) {
    return stations_[static_cast<std::size_t>(point.model)];
  }
  exits::Rule rule_at(const Point& point) {
    const Subject& subject = station_of(point).subject;
    return rule_of(point, subject.fits, subject.classes);
  }
  const std::string& model_of(const Point& point) const {
    return suite_.models[static_cast<std::size_t>(point.model)].name;
  }

  void replay_pending(const std::vector<bool>& done);
  void choose();
  store::AllExits all_exits(Station& station, const Jets& jets, std::int64_t count,
                            const std::string& name);
  void replay_points(Station& station, const std::vector<const Point*>& points);
  void measure_pending(Recorder& recorder, Outcome& outcome);
  Values measure_point(const Point& point);
  const std::vector<data::JetBatch>& batches_for(Station& station, std::int64_t batch);

  const comm::Communicator& comm_;
  const Suite& suite_;
  const CampaignFolder& folder_;
  const Hooks& hooks_;
  const Effort& effort_;
  std::vector<Station> stations_;
  std::vector<Point> points_;
  sys::EnergyMeter energy_;  ///< of the node on its first rank, and of this rank's GPU
  Values self_test_;
};

/// Thresholds chosen on the jets they are reported on flatter. All networks see the same jets.
void Driver::check_choosing() {
  if (!suite_.choosing) {
    return;
  }
  const Subject& subject = stations_.front().subject;
  if (subject.choosing.sha256 == subject.jets.sha256) {
    throw InputError(
        fmt::format("[choose] data {} is what the suite reports on, {}: thresholds chosen on the "
                    "jets they are reported on flatter; give other jets",
                    suite_.choosing->data.string(), suite_.data.string()));
  }
  hooks_.on_stage("compare jets");
  const std::int64_t jets = choosing_jets_of(subject);
  const std::int64_t common = jets_in_common(comm_, subject.choosing, jets, subject.jets,
                                             jets_of(subject, suite_), hooks_.on_pass);
  if (100 * common > jets) {
    throw InputError(
        fmt::format("[choose] {} of the {} jets of {} are also among those of {} that the suite "
                    "reports on; give other jets",
                    common, jets, suite_.choosing->data.string(), suite_.data.string()));
  }
}

/// Leaves of the grid the points of the shard.
void Driver::take(const Shard& shard) {
  std::vector<Point> own;
  for (const std::int64_t place : shard.points) {
    Point& point = own.emplace_back(points_[static_cast<std::size_t>(place)]);
    point.index = static_cast<std::int64_t>(own.size()) - 1;
  }
  points_ = std::move(own);
}

/// Networks, with commas, whose gates decide and know the jets that thresholds are chosen on.
std::string Driver::fitted_on_choosing() const {
  std::vector<std::string> models;
  const bool fitted = std::any_of(suite_.rules.begin(), suite_.rules.end(), &exits::is_fitted);
  for (std::size_t m = 0; suite_.choosing && fitted && m < stations_.size(); ++m) {
    const Subject& subject = stations_[m].subject;
    if (subject.gates_data_sha256 == subject.choosing.sha256) {
      models.push_back(suite_.models[m].name);
    }
  }
  return fmt::format("{}", fmt::join(models, ", "));
}

void Driver::replay_pending(const std::vector<bool>& done) {
  for (std::size_t m = 0; m < stations_.size(); ++m) {
    std::vector<const Point*> pending;
    std::set<std::string> known;
    bool any = false;
    for (const Point& point : points_) {
      if (point.model == static_cast<std::int64_t>(m) &&
          !done[static_cast<std::size_t>(point.index)]) {
        any = true;
        if (known.insert(what_replays(point)).second) {
          pending.push_back(&point);
        }
      }
    }
    if (any) {
      Station& station = stations_[m];
      if (station.all_exits.jets() == 0) {
        station.all_exits = all_exits(station, station.subject.jets,
                                      jets_of(station.subject, suite_), suite_.models[m].name);
      }
      replay_points(station, pending);
    }
  }
}

store::AllExits Driver::all_exits(Station& station, const Jets& jets, std::int64_t count,
                                  const std::string& name) {
  Subject& subject = station.subject;
  const store::Origin origin = {{"weights_sha256", subject.weights_sha256},
                                {"network_sha256", subject.network_sha256},
                                {"gates_sha256", subject.gates_sha256},
                                {"data_sha256", jets.sha256},
                                {"device", suite_.device},
                                {"deterministic", suite_.deterministic ? "true" : "false"},
                                {"jets_asked", std::to_string(count)}};
  if (auto found = store::find_scores(folder_.scores(name), comm_, origin)) {
    return std::move(*found);
  }
  hooks_.on_stage(name + ": all exits");
  const store::AllExits share = store::all_exits_pass(
      comm_, *subject.executor, jets.read, count, subject.classes, hooks_.on_pass,
      {.scored_by =
           exits::embedding_rules(subject.fits, subject.executor->exits(), subject.classes)});
  // Shards that measure at the same time may do the same pass: each writes in its own folder.
  const std::filesystem::path part = folder_.task() / (name + ".scores.part");
  store::write_scores(folder_.scores(name), part, comm_, share, origin);
  return store::gather(comm_, share);
}

void Driver::choose() {
  for (std::size_t m = 0; suite_.choosing && m < stations_.size(); ++m) {
    const auto model = static_cast<std::int64_t>(m);
    if (std::none_of(points_.begin(), points_.end(),
                     [&](const Point& point) { return point.model == model; })) {
      continue;
    }
    Station& station = stations_[m];
    const Subject& subject = station.subject;
    const store::AllExits jets = all_exits(station, subject.choosing, choosing_jets_of(subject),
                                           choosing_name(suite_.models[m].name));
    station.all_exits =
        all_exits(station, subject.jets, jets_of(subject, suite_), suite_.models[m].name);
    hooks_.on_stage("choose thresholds");
    choose_thresholds(comm_, points_, model, jets, cost_table(*subject.executor, jets.multiplicity),
                      subject.fits);
  }
}

Attributes Driver::with_data(Attributes attributes) const {
  const Subject& subject = stations_.front().subject;
  attributes["jets_cut"] = count_cut(comm_, subject.jets, jets_of(subject, suite_));
  attributes["data_sha256"] = subject.jets.sha256;
  const std::vector<std::string> counters = comm_.all_gather(energy_.what());
  std::set<std::string> different(counters.begin(), counters.end());
  different.erase("");  // of ranks that read none
  attributes["energy_counters"] = fmt::format("{}", fmt::join(different, "; "));
  if (suite_.choosing) {
    attributes["choosing_data"] = suite_.choosing->data.filename().string();
    attributes["choosing_data_sha256"] = subject.choosing.sha256;
    attributes["choosing_jets"] = choosing_jets_of(subject);
    if (const std::string models = fitted_on_choosing(); !models.empty()) {
      attributes["gates_fitted_on_choosing_data"] = models;
    }
  }
  return attributes;
}

void Driver::replay_points(Station& station, const std::vector<const Point*>& points) {
  const CostTable costs = cost_table(*station.subject.executor, station.all_exits.multiplicity);
  nlohmann::json own = nlohmann::json::object();
  comm_.agree([&] {
    for (std::size_t i = static_cast<std::size_t>(comm_.rank()); i < points.size();
         i += static_cast<std::size_t>(comm_.size())) {
      hooks_.on_stage("replay");  // again, as it may take long
      own[what_replays(*points[i])] =
          replayed_values(station.all_exits, costs, *points[i], rule_at(*points[i]),
                          {suite_.seed, effort_.bootstrap_replicas});
    }
  });
  const std::vector<std::uint8_t> bytes = nlohmann::json::to_cbor(own);
  for (const std::string& part : comm_.all_gather(std::string(bytes.begin(), bytes.end()))) {
    const nlohmann::json values = nlohmann::json::from_cbor(part);
    for (const auto& [key, numbers] : values.items()) {
      station.replayed[key] = numbers.get<Values>();
    }
  }
}

const std::vector<data::JetBatch>& Driver::batches_for(Station& station, std::int64_t batch) {
  if (!station.batches.contains(batch)) {
    std::vector<data::JetBatch> batches;
    const std::int64_t jets = jets_of(station.subject, suite_);
    const std::int64_t ranks = comm_.size();
    const std::int64_t count =
        (std::min(suite_.run_jets, jets) + ranks * batch - 1) / (ranks * batch);
    // Where the jets do not fill every rank's batches, the last ones are used again.
    const auto begin = [&](std::int64_t i) {
      return std::min((comm_.rank() * count + i) * batch, jets - batch);
    };
    comm_.agree([&] {
      const data::JetBatch own = station.subject.jets.read(begin(0), begin(count - 1) + batch);
      std::vector<std::int64_t> places(static_cast<std::size_t>(batch));
      for (std::int64_t i = 0; i < count; ++i) {
        std::iota(places.begin(), places.end(), begin(i) - begin(0));
        batches.push_back(data::select(own, places));
      }
    });
    station.batches.emplace(batch, std::move(batches));  // only what was read by every rank
  }
  return station.batches.at(batch);
}

Values Driver::measure_point(const Point& point) {
  const sys::Timer timer;
  Station& station = station_of(point);
  exec::Executor& executor = *station.subject.executor;
  const exits::Rule rule = rule_at(point);
  Workload workload;
  const std::vector<data::JetBatch>& batches = batches_for(station, point.batch);
  workload.batches = batches;
  workload.exits = point.exits;
  const std::vector<std::int32_t> replayed = replayed_exits(station.all_exits, point, rule);
  std::vector<std::vector<std::int32_t>> replayed_batches;
  for (const data::JetBatch& batch : batches) {
    auto& exits = replayed_batches.emplace_back();
    for (const std::int64_t jet : batch.index) {
      exits.push_back(replayed.at(static_cast<std::size_t>(jet)));
    }
  }
  workload.replayed = replayed_batches;
  workload.run = [&](const data::JetBatch& batch) {
    if (point.is_baseline()) {
      return executor.run_fixed(batch, point.fixed_exit);
    }
    return point.engine == Engine::whole ? executor.run_whole(batch, rule, point.thresholds)
                                         : executor.run(batch, rule, point.thresholds);
  };
  workload.joules = [&] { return energy_.joules(); };
  Values values = measure(comm_, workload, point.scenario, effort_, suite_.seed);
  values.merge(Values(station.replayed.at(what_replays(point))));
  if (point.selection != Selection::given) {
    values["chosen_accuracy"] = {point.chosen_accuracy};
    values["chosen_cost"] = {point.chosen_cost};
  }
  values.merge(Values(self_test_));
  const double timed = values["warmup_time"].front() + values["measured_time"].front();
  values["overhead_time"] = {comm_.all_reduce(timer.seconds() - timed, comm::Reduce::max)};
  return values;
}

void Driver::measure_pending(Recorder& recorder, Outcome& outcome) {
  Standing standing;
  standing.points = outcome.points;
  standing.done = outcome.resumed;
  for (const std::int64_t index : shuffled(outcome.points, suite_.seed)) {
    if (recorder.done()[static_cast<std::size_t>(index)]) {
      continue;
    }
    if (comm_.all_reduce(hooks_.stop_requested() ? 1.0 : 0.0, comm::Reduce::max) > 0.0) {
      outcome.stopped = true;
      return;
    }
    const Point& point = points_[static_cast<std::size_t>(index)];
    hooks_.on_stage(fmt::format("point {}", index));
    const sys::Timer timer;
    Values values;
    standing.values = nullptr;
    try {
      values = measure_point(point);
      standing.values = &values;
    } catch (const Error& error) {  // the same on every rank
      outcome.failed.push_back({index, error.what()});
    }
    if (standing.values != nullptr) {
      recorder.add_ok(point, values, timer.seconds());
    } else {
      recorder.add_failed(point, outcome.failed.back().error, timer.seconds());
      ++standing.failed;
    }
    recorder.sync_every(hooks_.sync_seconds);
    ++standing.done;
    standing.point = &point;
    standing.model = &model_of(point);
    hooks_.on_point(standing);
  }
}

}  // namespace

Outcome run_campaign(const comm::Communicator& comm, const Suite& suite,
                     const CampaignFolder& folder, bool resume, const Attributes& provenance,
                     const Hooks& hooks) {
  return Driver(comm, suite, folder, hooks).run(resume, provenance);
}

}  // namespace eebench::bench
