#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"
#include "eebench/h5/file.hpp"
#include "eebench/model/weights.hpp"
#include "eebench/train/parameter_names.hpp"
#include "eebench/train/rank_sum.hpp"
#include "eebench/train/session.hpp"
#include "eebench/train/trainer.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/shared_dir.hpp"

namespace eebench::train {
namespace {

using comm::Communicator;

constexpr std::int64_t steps = 20;
constexpr std::int64_t features = 7;

const std::string part = R"(
kind = "part"
features = "kin"
classes = 10
[network]
embed = [8, 8]
pair_embed = [4]
heads = 2
layers = 2
class_layers = 1
dropout = 0.1
[exits]
after = [1]
head = "class_attention"
[train]
exit_weights = [0.5, 1.0]
)";

const std::string particlenet = R"(
kind = "particlenet"
features = "kin"
classes = 10
[network]
k = 4
blocks = [[8, 8], [8, 8]]
fc = 8
dropout = 0.1
[exits]
after = [1]
particle_widths = [8]
width = 8
[train]
exit_weights = [0.5, 1.0]
)";

data::JetSource open_jets() {
  return {test::data("jets_test_250.h5"),
          data::DataConfig::load(test::source_dir() / "configs" / "data" / "kin.yaml")};
}

Session session_of(const std::string& config, const std::filesystem::path& output) {
  Session session;
  session.model = model::parse_model_config(config, "test");
  session.settings = settings_of(session.model);
  session.settings.global_batch = 50;  // 16, 17 and 17 at three ranks
  session.settings.steps = steps;
  session.settings.seed = 7;
  session.settings.precision = "fp64";
  session.output = output;
  session.progress = [](const std::string&) {};
  session.phase = [](const std::string&) {};
  session.interrupted = [] { return false; };
  return session;
}

/// The loss column that a training left, a number a step.
std::vector<double> losses_in(const std::filesystem::path& output) {
  std::ifstream log(output / "train_log.csv");
  std::string line;
  std::getline(log, line);
  std::vector<double> losses;
  while (std::getline(log, line)) {
    std::istringstream row(line);
    std::string cell;
    for (int column = 0; column < 3; ++column) {
      std::getline(row, cell, ',');
    }
    losses.push_back(std::stod(cell));
  }
  return losses;
}

std::string text_of(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// The losses of a run. \collective
std::vector<double> curve_of(const Session& session, const Communicator& comm) {
  const data::JetSource jets = open_jets();
  run(session, jets, nullptr, features, comm);
  return losses_in(session.output);
}

/// The same, of one rank alone, known to all. \collective
std::vector<double> curve_alone(const Session& session, const Communicator& world) {
  std::vector<double> losses;
  if (world.is_root()) {
    losses = curve_of(session, Communicator());
  }
  return world.all_gather(std::span<const double>(losses));
}

/// Largest relative difference; infinite where the lengths differ.
double distance(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) {
    return std::numeric_limits<double>::infinity();
  }
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(a[i] - b[i]) / std::abs(b[i]));
  }
  return largest;
}

/// Ends at step `last` as a signal would.
Session interrupted_at(Session session, std::int64_t last) {
  session.interrupted = [last, done = std::int64_t{0}]() mutable { return ++done == last; };
  return session;
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("the loss curve does not depend on the number of ranks, and repeats bit for bit") {
  const Communicator world = Communicator::world();
  for (const std::string& config : {part, particlenet}) {
    const test::SharedDir dir(world);
    const auto alone = curve_alone(session_of(config, dir.path() / "alone"), world);
    const auto together = curve_of(session_of(config, dir.path() / "together"), world);
    const auto again = curve_of(session_of(config, dir.path() / "again"), world);
    CHECK(together.size() == steps);
    CHECK(distance(together, alone) < 1e-9);
    CHECK(again == together);
    CHECK(together.back() < together.front());
  }
}

TEST_CASE("a resumed training goes on bit for bit, and on other ranks up to rounding") {
  const Communicator world = Communicator::world();
  const std::string& config = particlenet;
  const test::SharedDir dir(world);
  const auto whole = curve_of(session_of(config, dir.path() / "whole"), world);

  Session session = session_of(config, dir.path() / "same");
  const auto first = curve_of(interrupted_at(session, 8), world);
  session.resume = true;
  const auto resumed = curve_of(session, world);
  CHECK(first.size() == 8);
  CHECK(resumed == whole);

  Session fewer = session_of(config, dir.path() / "fewer");
  curve_of(interrupted_at(fewer, 8), world);
  fewer.resume = true;
  CHECK(distance(curve_alone(fewer, world), whole) < 1e-9);

  Session more = session_of(config, dir.path() / "more");
  curve_alone(interrupted_at(more, 8), world);
  more.resume = true;
  CHECK(distance(curve_of(more, world), whole) < 1e-9);
}

TEST_CASE("an interrupted training says so, and its truncated checkpoint is passed over") {
  const Communicator world = Communicator::world();
  const test::SharedDir dir(world);
  const data::JetSource jets = open_jets();
  const auto whole = curve_of(session_of(part, dir.path() / "whole"), world);
  Session session = session_of(part, dir.path() / "cut");
  const Summary cut = run(interrupted_at(session, 8), jets, nullptr, features, world);
  CHECK(cut.end == ExitCode::preempted);
  CHECK(cut.steps == 8);
  if (world.is_root()) {
    std::filesystem::resize_file(dir.path() / "cut" / "checkpoints" / "step-00000008.h5", 1000);
  }
  world.barrier();
  session.resume = true;
  std::string said;
  session.progress = [&](const std::string& line) { said += line + "\n"; };
  CHECK(curve_of(session, world) == whole);  // from step 5, the end of the first epoch
  CHECK((!world.is_root() || said.find("step-00000008.h5") != std::string::npos));
}

/// The weights that a session begins with. \collective
void write_drawn_weights(const Session& session, const Communicator& comm) {
  if (comm.is_root()) {
    at::manual_seed(5);
    const auto network = model::make_network(session.model, features);
    model::write_weights(session.weights,
                         {.tensors = model::state_dict(*network), .config = session.model.text()});
  }
  comm.barrier();
}

/// What a run says, one line each. Empty on other ranks than the root. \collective
std::string said_by(Session session, const data::JetSource& jets, const data::JetSource* validation,
                    const Communicator& comm) {
  std::string said;
  session.progress = [&](const std::string& line) { said += line + "\n"; };
  run(session, jets, validation, features, comm);
  return said;
}

TEST_CASE("a training of another length goes on where the first ended, and says what that means") {
  const Communicator world = Communicator::world();
  const test::SharedDir dir(world);
  const data::JetSource jets = open_jets();
  Session session = session_of(part, dir.path() / "out");
  session.settings.steps = 6;
  const auto first = curve_of(session, world);
  session.resume = true;
  const std::string again = said_by(session, jets, nullptr, world);
  session.settings.steps = 9;
  const std::string longer = said_by(session, jets, nullptr, world);
  const auto all = curve_of(session, world);  // nothing left to do
  REQUIRE(all.size() == 9);
  CHECK(std::equal(first.begin(), first.end(), all.begin()));
  if (world.is_root()) {
    CHECK_THAT(again, Catch::Contains("nothing to do: step 6 of 6"));
    CHECK_THAT(longer, Catch::Contains("going on after step 6"));
    CHECK_THAT(longer, Catch::Contains("steps=6 (now steps=9)"));
  }
}

TEST_CASE("a training that ended early says so, and goes on as if it never had") {
  const Communicator world = Communicator::world();
  const test::SharedDir dir(world);
  const data::JetSource jets = open_jets();
  Session session = session_of(part, dir.path() / "out");
  session.weights = dir.path() / "start.h5";
  session.settings.freeze = {"backbone"};
  session.settings.exit_weights = {1.0, 0.0};
  session.settings.lr = 1e-30;  // nothing ever becomes better
  write_drawn_weights(session, world);
  Session whole = session;
  whole.output = dir.path() / "whole";
  const auto expected = curve_of(whole, world);

  session.settings.patience = 2;
  const std::string early = said_by(session, jets, &jets, world);
  session.resume = true;
  const std::string still = said_by(session, jets, &jets, world);
  session.settings.patience = 0;
  said_by(session, jets, &jets, world);
  CHECK(losses_in(session.output) == expected);
  if (world.is_root()) {
    for (const std::string& said : {early, still}) {
      CHECK_THAT(said, Catch::Contains("ended early after epoch 3 of 4: none better than epoch 1"));
    }
    const std::string rows = text_of(session.output / "epochs.csv");
    CHECK(std::count(rows.begin(), rows.end(), '\n') == 5);  // none lost, none twice
  }
}

TEST_CASE("steps are safe before their validation, and one that was cut short is made up for") {
  const Communicator world = Communicator::world();
  const test::SharedDir dir(world);
  const data::JetSource jets = open_jets();
  Session whole = session_of(part, dir.path() / "whole");
  whole.settings.steps = 12;  // five an epoch
  run(whole, jets, &jets, features, world);

  Session session = whole;
  session.output = dir.path() / "cut";
  session.phase = [&](const std::string& name) {
    if (name == "train:validation of epoch 2") {
      throw InputError(std::filesystem::exists(session.output / "checkpoints/step-00000010.h5")
                           ? "cut short"
                           : "not safe");
    }
  };
  CHECK(message_of([&] { run(session, jets, &jets, features, world); }) == "cut short");
  session.phase = [](const std::string&) {};
  session.resume = true;
  run(session, jets, &jets, features, world);
  CHECK(losses_in(session.output) == losses_in(whole.output));
  CHECK(text_of(session.output / "epochs.csv") == text_of(whole.output / "epochs.csv"));
  CHECK(model::sha256(model::read_weights(session.output / "weights.h5").tensors) ==
        model::sha256(model::read_weights(whole.output / "weights.h5").tensors));
}

TEST_CASE("the last weights are validated also within an epoch") {
  const Communicator world = Communicator::world();
  const test::SharedDir dir(world);
  const data::JetSource jets = open_jets();
  Session session = session_of(part, dir.path() / "out");
  const auto validated = [&](std::int64_t last) {
    session.settings.steps = last;
    run(session, jets, &jets, features, world);
    std::istringstream rows(text_of(session.output / "epochs.csv"));
    std::vector<std::string> found;
    for (std::string row; std::getline(rows, row);) {
      found.push_back(row.substr(0, row.find(',', row.find(',') + 1)));
    }
    return found;
  };
  using Rows = std::vector<std::string>;
  CHECK(validated(7) == Rows{"epoch,step", "1,5", "2,7"});
  session.resume = true;
  CHECK(validated(7) == Rows{"epoch,step", "1,5", "2,7"});
  CHECK(validated(11) == Rows{"epoch,step", "1,5", "2,10", "3,11"});
}

TEST_CASE("a training that diverges says at which step and what to do") {
  const Communicator world = Communicator::world();
  const test::SharedDir dir(world);
  const data::JetSource jets = open_jets();
  Session session = session_of(part, dir.path() / "out");
  session.settings.lr = 1e30;
  session.settings.precision = "fp32";
  const std::string said = message_of([&] { run(session, jets, nullptr, features, world); });
  CHECK_THAT(said, Catch::Contains("diverged at step ") && Catch::Contains("before; lower --lr"));
}

/// Counts the sums that were started.
struct Counting final : comm::AllReducer {
  explicit Counting(std::unique_ptr<comm::AllReducer> given) : real(std::move(given)) {}
  std::string_view name() const override { return real->name(); }
  void start(comm::Buffer buffer) override {
    ++started;
    real->start(buffer);
  }
  void wait() override { real->wait(); }
  double seconds_blocked() const override { return real->seconds_blocked(); }
  double bytes() const override { return real->bytes(); }
  double seconds_running() const override { return real->seconds_running(); }
  double seconds_hidden() const override { return real->seconds_hidden(); }

  std::unique_ptr<comm::AllReducer> real;
  std::int64_t started = 0;
};

TEST_CASE("gradients are summed bucket by bucket during the backward pass") {
  const Communicator world = Communicator::world();
  const data::JetSource jets = open_jets();
  const data::JetBatch batch = jets.read(10 * world.rank(), 10 * world.rank() + 10);
  const auto gradients = [&](std::size_t bucket_elements, std::int64_t& during,
                             std::int64_t& after) {
    at::manual_seed(5);
    const auto network =
        model::make_network(model::parse_model_config(particlenet, "test"), features);
    move_to(*network, at::kCPU, at::kDouble);
    network->train();
    FlatParameters parameters(*network, {});
    const auto counting = std::make_shared<Counting>(
        comm::make_all_reducer(world.size() == 1 ? "self" : "mpi", world));
    GradientSum sum(parameters, counting, bucket_elements);
    nn::Context context{.training = true, .jet_index = batch.index};
    model::State state = network->stem(model::make_inputs(batch, at::kCPU, at::kDouble), context);
    at::Tensor loss = at::zeros({}, at::kDouble);
    for (std::int64_t k = 0; k < network->exits(); ++k) {
      state = network->segment(k, state, context);
      loss = loss + network->head(k, state, context).logits.square().sum();
    }
    loss.backward();
    during = counting->started;
    sum.finish();
    after = counting->started;
    return parameters.gradients().clone();
  };
  std::int64_t during = 0;
  std::int64_t after = 0;
  const at::Tensor together = gradients(1 << 18, during, after);
  CHECK(after == 1);
  const at::Tensor in_buckets = gradients(100, during, after);
  CHECK(after > 5);
  CHECK(during == after);  // every parameter has a gradient, so none is left for finish()
  CHECK(at::allclose(in_buckets, together, 1e-12, 1e-12));
}

TEST_CASE("config.toml holds what was asked for and repeats the run") {
  const Communicator world = Communicator::world();
  const test::SharedDir dir(world);
  Session session = session_of(part, dir.path() / "first");
  session.settings.steps = 4;
  session.settings.lr = 3.25e-3;
  const auto first = curve_of(session, world);
  session.model = model::load_model_config((dir.path() / "first" / "config.toml").string());
  session.settings = settings_of(session.model);
  session.output = dir.path() / "second";
  CHECK(session.model.name == "test");
  CHECK(session.settings.lr == 3.25e-3);
  CHECK(curve_of(session, world) == first);
}

TEST_CASE("products in bfloat16 train much as those in float32, with weights in float32") {
  const Communicator world = Communicator::world();
  for (const std::string& config : {part, particlenet}) {
    const test::SharedDir dir(world);
    Session session = session_of(config, dir.path() / "fp32");
    session.settings.precision = "fp32";
    const auto fp32 = curve_of(session, world);
    session.settings.precision = "bf16";
    session.output = dir.path() / "bf16";
    const auto bf16 = curve_of(session, world);
    CHECK(distance(bf16, fp32) > 1e-6);
    CHECK(distance(bf16, fp32) < 0.05);
    for (const auto& [name, tensor] : model::read_weights(session.output / "weights.h5").tensors) {
      CHECK((tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kLong));
    }
  }
}

TEST_CASE("an exit of weight zero is not trained and not in the way") {
  const Communicator world = Communicator::world();
  for (const std::vector<double>& weights : {std::vector{0.0, 1.0}, std::vector{1.0, 0.0}}) {
    const test::SharedDir dir(world);
    Session session = session_of(particlenet, dir.path() / "together");
    session.settings.exit_weights = weights;
    Session single = session;
    single.output = dir.path() / "alone";
    CHECK(distance(curve_of(session, world), curve_alone(single, world)) < 1e-9);
  }
}

TEST_CASE("every loss trains alike on any number of ranks, early exits left out or not") {
  const Communicator world = Communicator::world();
  for (const LossEntry& loss : loss_registry()) {
    INFO(loss.name);
    const test::SharedDir dir(world);
    Session session = session_of(loss.detach_heads ? particlenet : part, dir.path() / "together");
    session.settings.loss = loss.name;
    session.settings.steps = 11;  // five an epoch
    session.settings.exit_ramp = "linear";
    session.settings.exit_zero_epochs = 1;  // the first epoch runs no early head
    session.settings.exit_ramp_end = 2;
    Session single = session;
    single.output = dir.path() / "alone";
    const std::vector<double> curve = curve_of(session, world);
    CHECK(curve.size() == 11);
    CHECK(distance(curve, curve_alone(single, world)) < 1e-9);
  }
}

TEST_CASE("losses that leave the trunk alone train it as if there were no early exits") {
  const Communicator world = Communicator::world();
  const auto last_head = [&](const std::string& loss, std::vector<double> weights) {
    const test::SharedDir dir(world);
    Session session = session_of(particlenet, dir.path() / "out");
    session.settings.loss = loss;
    session.settings.exit_weights = std::move(weights);
    session.settings.steps = 3;
    session.settings.clip = 0.0;
    run(session, open_jets(), nullptr, features, world);
    model::StateDict tensors = model::read_weights(session.output / "weights.h5").tensors;
    std::erase_if(tensors, [](const auto& item) { return item.first.starts_with("exits."); });
    return model::sha256(tensors);
  };
  const std::string plain = last_head("joint", {0.0, 1.0});
  CHECK(last_head("separate", {0.5, 1.0}) == plain);
  CHECK(last_head("mimic_detached", {0.5, 1.0}) == plain);
  CHECK(last_head("joint", {0.5, 1.0}) != plain);
}

TEST_CASE("every optimiser and every schedule resumes bit for bit") {
  const Communicator world = Communicator::world();
  const auto resumes = [&](const std::function<void(Settings&)>& choose) {
    const test::SharedDir dir(world);
    Session whole = session_of(particlenet, dir.path() / "whole");
    choose(whole.settings);
    whole.settings.steps = 6;  // five an epoch
    Session parts = whole;
    parts.output = dir.path() / "parts";
    const std::vector<double> curve = curve_of(whole, world);
    run(interrupted_at(parts, 4), open_jets(), nullptr, features, world);
    parts.resume = true;
    return curve_of(parts, world) == curve;
  };
  for (const OptimiserEntry& optimiser : optimiser_registry()) {
    INFO(optimiser.name);
    CHECK(resumes([&](Settings& settings) { settings.optimiser = optimiser.name; }));
  }
  for (const ScheduleEntry& schedule : schedule_registry()) {
    INFO(schedule.name);
    CHECK(resumes([&](Settings& settings) { settings.schedule = schedule.name; }));
  }
}

TEST_CASE("a frozen backbone stays what it was, buffers included, while its heads learn") {
  const Communicator world = Communicator::world();
  const test::SharedDir dir(world);
  Session session = session_of(particlenet, dir.path() / "out");
  session.weights = dir.path() / "start.h5";
  session.settings.freeze = {"backbone"};
  session.settings.exit_weights = {1.0, 0.0};
  session.settings.precision = "fp32";
  const data::JetSource jets = open_jets();
  write_drawn_weights(session, world);
  const Summary summary = run(session, jets, nullptr, features, world);
  const model::StateDict after = model::read_weights(session.output / "weights.h5").tensors;
  const auto split = [](const model::StateDict& all, bool heads) {
    model::StateDict part_of_all;
    for (const auto& item : all) {
      if (item.first.starts_with("exits.") == heads) {
        part_of_all.push_back(item);
      }
    }
    return model::sha256(part_of_all);
  };
  const model::StateDict before = model::read_weights(session.weights).tensors;
  CHECK(split(after, false) == split(before, false));
  CHECK(summary.frozen_sha256 == split(before, false));
  CHECK(split(after, true) != split(before, true));
  const auto counter = std::find_if(after.begin(), after.end(), [](const auto& item) {
    return item.first.ends_with("num_batches_tracked");
  });
  REQUIRE(counter != after.end());
  CHECK(counter->second.scalar_type() == at::kLong);
}

TEST_CASE("what is frozen by name stays what it was, and everything else learns") {
  const Communicator world = Communicator::world();
  const test::SharedDir dir(world);
  Session session = session_of(particlenet, dir.path() / "out");
  session.weights = dir.path() / "start.h5";
  session.settings.steps = 3;
  session.settings.precision = "fp32";
  write_drawn_weights(session, world);
  const model::StateDict before = model::read_weights(session.weights).tensors;
  for (const std::vector<std::string>& freeze : {std::vector<std::string>{"edge_convs.0"},
                                                 {"exits"},
                                                 {"backbone"},
                                                 {"exits.0", "fc.0.0.bias"}}) {
    INFO(freeze.front());
    session.settings.freeze = freeze;
    session.output = dir.path() / freeze.front();
    run(session, open_jets(), nullptr, features, world);
    const model::StateDict after = model::read_weights(session.output / "weights.h5").tensors;
    REQUIRE(after.size() == before.size());
    for (std::size_t i = 0; i < after.size(); ++i) {
      INFO(after[i].first);
      CHECK(at::equal(after[i].second, before[i].second) ==
            frozen(after[i].first, session.settings));
    }
  }
  session.settings.freeze = {"exit.0"};
  const std::string said = message_of([&] { run(session, open_jets(), nullptr, features, world); });
  CHECK_THAT(said, Catch::Contains("unknown parameter or module 'exit.0' in freeze"));
  session.settings.freeze = {"backbone", "exits"};
  CHECK_THAT(message_of([&] { run(session, open_jets(), nullptr, features, world); }),
             Catch::Contains("everything is frozen"));
}

TEST_CASE("the best weights are those of the epoch that the formula prefers") {
  const Communicator world = Communicator::world();
  const test::SharedDir dir(world);
  const data::JetSource jets = open_jets();
  const auto session = [&](const std::string& name, const std::string& formula,
                           std::int64_t length) {
    Session own = session_of(part, dir.path() / name);
    own.settings.best = formula;
    own.settings.steps = length;
    own.settings.schedule = "none";
    return own;
  };
  const auto best = [&](const Session& own) {
    run(own, jets, &jets, features, world);
    return model::sha256(model::read_weights(own.output / "weights.h5").tensors);
  };
  const std::string two_epochs = best(session("two", "0 - 1000 * loss_1", 10));
  // Far below 0 in every epoch, and highest in the second of four.
  std::istringstream row(text_of(dir.path() / "two" / "epochs.csv"));
  std::string last_row;
  for (std::string line; std::getline(row, line);) {
    last_row = line;
  }
  const std::string loss = last_row.substr(last_row.rfind(',') + 1);
  const Session four = session("four", "0 - 1000 * abs(loss_1 - " + loss + ") - 5", 20);
  CHECK(best(four) == two_epochs);
  Session early = session("early", four.settings.best, 20);
  early.settings.patience = 1;
  run(early, jets, &jets, features, world);
  const std::string rows = text_of(dir.path() / "early" / "epochs.csv");
  CHECK(std::count(rows.begin(), rows.end(), '\n') == 4);  // the header and three epochs

  Session none = session("none", "loss_1 / 0 - loss_1 / 0", 5);
  CHECK_THAT(message_of([&] { run(none, jets, &jets, features, world); }),
             Catch::Contains("is no number after epoch 1"));
}

TEST_CASE("what no loss reaches is said before it trains for nothing") {
  const Communicator world = Communicator::world();
  const test::SharedDir dir(world);
  const data::JetSource jets = open_jets();
  Session session = session_of(particlenet, dir.path() / "out");
  session.weights = dir.path() / "start.h5";
  session.settings.precision = "fp32";
  write_drawn_weights(session, world);
  session.settings.freeze = {"edge_convs", "bn_fts", "exits"};
  session.settings.exit_weights = {1.0, 0.0};
  CHECK_THAT(message_of([&] { run(session, jets, nullptr, features, world); }),
             Catch::Contains("nothing that trains is on the way"));
  // Epochs in which nothing learns are no fault where a later one does.
  session.output = dir.path() / "later";
  session.settings.freeze = {"backbone"};
  session.settings.exit_zero_epochs = 1;
  session.settings.steps = 10;
  CHECK_NOTHROW(run(session, jets, nullptr, features, world));
}

TEST_CASE("validation sees each jet once, whatever the number of ranks") {
  const Communicator world = Communicator::world();
  const test::SharedDir dir(world);
  const data::JetSource jets = open_jets();
  const auto rows = [&](const std::string& name, const Communicator& comm) {
    Session session = session_of(part, dir.path() / name);
    session.settings.steps = 10;  // five an epoch
    run(session, jets, &jets, features, comm);
    return text_of(session.output / "epochs.csv");
  };
  const std::string together = rows("together", world);
  const std::string alone = world.broadcast(world.is_root() ? rows("alone", Communicator()) : "");
  CHECK(std::count(together.begin(), together.end(), '\n') == 3);
  CHECK(together == alone);  // accuracies, and losses to nine digits
  CHECK(std::filesystem::exists(dir.path() / "together" / "weights.h5"));
}

TEST_CASE("a bad validation jet that one rank meets ends the training on all") {
  const Communicator world = Communicator::world();
  const test::SharedDir dir(world);
  const std::filesystem::path spoilt = dir.path() / "spoilt.h5";
  if (world.is_root()) {
    std::filesystem::copy_file(test::data("jets_test_250.h5"), spoilt);
    h5::File file = h5::File::open_writable(spoilt);
    h5::Dataset column = file.dataset("part_px");
    column.write(std::vector{std::nanf("")}, {column.length() - 1},
                 {1});  // in the last rank's jets
  }
  world.barrier();
  const data::JetSource jets = open_jets();
  const data::JetSource validation{
      spoilt, data::DataConfig::load(test::source_dir() / "configs" / "data" / "kin.yaml")};
  const Session session = session_of(part, dir.path() / "out");
  const std::string said = message_of([&] { run(session, jets, &validation, features, world); });
  CHECK_THAT(said, Catch::Contains("spoilt.h5: dataset 'part_px'"));
}

TEST_CASE("what does not fit is refused on every rank") {
  const Communicator world = Communicator::world();
  const test::SharedDir dir(world);
  const data::JetSource jets = open_jets();
  const auto said = [&](const Session& session) {
    return message_of([&] { run(session, jets, nullptr, features, world); });
  };
  Session session = session_of(part, dir.path() / "out");
  session.settings.global_batch = 251;
  CHECK_THAT(said(session), Catch::Contains("global batch"));

  session = session_of(part, dir.path() / "out");
  session.settings.freeze = {"backbone"};
  CHECK_THAT(said(session), Catch::Contains("--weights"));

  session = session_of(part, dir.path() / "out");
  session.weights = dir.path() / "absent.h5";
  CHECK_THAT(said(session), Catch::Contains("absent.h5"));

  session = session_of(part, dir.path() / "out");
  session.model.table.insert_or_assign("classes", 2);
  CHECK_THAT(said(session), Catch::Contains("has 10 classes, model test answers 2"));

  session = session_of(part, dir.path() / "out");
  session.back_end = "nccl";
  CHECK_THAT(said(session), Catch::Contains("--backend nccl cannot sum what --device cpu holds"));
  session.back_end = "mpi";
  session.device = "cuda";
  CHECK_THAT(said(session), Catch::Contains("--backend mpi cannot sum what --device cuda holds"));

  session = session_of(part, dir.path() / "out");
  session.settings.patience = 3;
  CHECK_THAT(said(session), Catch::Contains("--data-val"));

  session = session_of(part, dir.path() / "out");
  curve_of(interrupted_at(session, 2), world);
  session.resume = true;
  Session changed = session;
  changed.settings.seed = 8;
  CHECK_THAT(said(changed), Catch::Contains("seed=7 (now seed=8)"));
  changed = session;
  changed.model.table["network"].as_table()->insert_or_assign("dropout", 0.2);
  CHECK_THAT(said(changed), Catch::Contains("another model configuration"));
}

TEST_CASE("the gradient of a sum over ranks is the sum of the ranks' gradients") {
  const Communicator world = Communicator::world();
  const std::shared_ptr<comm::AllReducer> reducer =
      comm::make_all_reducer(world.size() == 1 ? "self" : "mpi", world);
  const double mine = world.rank() + 1.0;
  const double all = 0.5 * world.size() * (world.size() + 1.0);
  const at::Tensor x = at::full({3}, mine, at::kDouble).requires_grad_();
  const at::Tensor y = sum_over_ranks(x, reducer);
  (mine * y * y).sum().backward();  // over all ranks: all y^2
  CHECK(at::equal(y.detach(), at::full({3}, all, at::kDouble)));
  CHECK(at::allclose(x.grad(), at::full({3}, 2.0 * all * all, at::kDouble), 1e-15));
}

}  // namespace
}  // namespace eebench::train
