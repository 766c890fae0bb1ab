#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"
#include "eebench/h5/file.hpp"
#include "eebench/model/registry.hpp"
#include "eebench/train/checkpoint.hpp"
#include "eebench/train/continuation.hpp"
#include "eebench/train/event_file.hpp"
#include "eebench/train/flat_parameters.hpp"
#include "eebench/train/loss.hpp"
#include "eebench/train/parameter_names.hpp"
#include "eebench/train/settings.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/scratch_dir.hpp"
#include "tests/train/parameters.hpp"

namespace eebench::train {
namespace {

TEST_CASE("parameters and gradients are views of the flat buffers") {
  test::Parameters network;
  FlatParameters flat(network, {});
  flat.values().fill_(7.0);
  CHECK(network.bias.eq(7.0).all().item<bool>());
  (network.weight * 2.0).sum().backward();
  CHECK(flat.gradients().narrow(0, 0, 4).eq(2.0).all().item<bool>());
  CHECK(flat.gradients().narrow(0, 4, 4).eq(0.0).all().item<bool>());
  CHECK(flat.counts() == std::vector<std::size_t>{4, 2, 2});
}

Settings good() {
  Settings settings;
  settings.exit_weights = {0.5, 1.0};
  return settings;
}

TEST_CASE("settings that make no sense are refused") {
  CHECK_NOTHROW(check(good(), 2, 3));
  const auto refused = [](auto change) {
    Settings settings = good();
    change(settings);
    CHECK_THROWS_AS(check(settings, 2, 3), InputError);
  };
  refused([](Settings& s) { s.exit_weights = {1.0}; });
  refused([](Settings& s) { s.exit_weights = {1.0, -1.0}; });
  refused([](Settings& s) { s.exit_weights = {0.0, 0.0}; });
  refused([](Settings& s) { s.lr = 0.0; });
  refused([](Settings& s) { s.warmup = 1.0; });
  refused([](Settings& s) { s.precision = "fp8"; });
  refused([](Settings& s) { s.checkpoint_steps = 0; });
  refused([](Settings& s) { s.loss = "join"; });
  refused([](Settings& s) { s.optimiser = "adamx"; });
  refused([](Settings& s) { s.schedule = "cosine"; });
  refused([](Settings& s) { s.exit_ramp = "steep"; });
  refused([](Settings& s) { s.exit_zero_epochs = -1; });
  refused([](Settings& s) { s.trunk_share = 1.5; });
  refused([](Settings& s) { s.temperature = 0.0; });
  refused([](Settings& s) { s.lr_final = -1.0; });
  refused([](Settings& s) { s.epochs = 0; });
  refused([](Settings& s) { s.class_weights = {1.0, 1.0}; });
  refused([](Settings& s) { s.class_weights = {1.0, 1.0, -1.0}; });
  refused([](Settings& s) { s.lr_factors = {{"fc", -1.0}}; });
  refused([](Settings& s) { s.best = "accuracy_2"; });
  refused([](Settings& s) { s.best = "accuracy_0 +"; });
  refused([](Settings& s) {
    s.freeze = {"backbone"};
    s.exit_weights = {0.0, 1.0};
  });
}

TEST_CASE("settings name parameters by themselves or by the modules around them") {
  CHECK(names("exits.1", "exits.1.fc.weight"));
  CHECK(!names("exits.1", "exits.10.fc.weight"));
  CHECK(names("fc.weight", "fc.weight"));
  CHECK(!names("fc.weight", "fc.bias"));
  CHECK(names("backbone", "fc.weight"));
  CHECK(!names("backbone", "exits.0.fc.weight"));
  const Settings settings{.freeze = {"backbone", "exits.0"},
                          .lr_factors = {{"backbone", 0.5}, {"fc", 2.0}, {"fc.bias", 3.0}}};
  CHECK(frozen("exits.0.weight", settings));
  CHECK(!frozen("exits.1.weight", settings));
  CHECK(lr_factor("fc.bias", settings) == 3.0);
  CHECK(lr_factor("fc.weight", settings) == 2.0);
  CHECK(lr_factor("embed.weight", settings) == 0.5);
  CHECK(lr_factor("exits.0.weight", settings) == 1.0);
}

TEST_CASE("a setting that makes no sense is named with its value") {
  Settings settings = good();
  settings.lr = -0.5;
  CHECK_THROWS_WITH(check(settings, 2, 3), Catch::Contains("lr = -0.5 must be positive"));
  settings = good();
  settings.global_batch = 0;
  CHECK_THROWS_WITH(check(settings, 2, 3), Catch::Contains("global_batch = 0 must be at least 1"));
}

TEST_CASE("check sums of event files are CRC-32C") {
  CHECK(crc32c("") == 0U);
  CHECK(crc32c("123456789") == 0xe3069283U);
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aaU);  // RFC 3720, appendix B.4
}

TEST_CASE("an unknown key of [train] is refused by name") {
  model::ModelConfig config;
  config.name = "mine";
  config.table = toml::parse("[train]\nlearning = 0.1\n");
  CHECK_THROWS_WITH(settings_of(config), Catch::Contains("learning"));
  config.table = toml::parse("[train]\nlr = 'fast'\n");
  CHECK_THROWS_WITH(settings_of(config), Catch::Contains("'lr' must be a number"));
  config.table = toml::parse("[train]\nlr = 0.5\nexit_weights = [0.25, 1.0]\n");
  CHECK(settings_of(config).lr == 0.5);
  CHECK(settings_of(config).exit_weights == std::vector<double>{0.25, 1.0});
}

TEST_CASE("every recipe makes a network and a training that fit together") {
  int recipes = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(test::source_dir() / "configs" / "recipes")) {
    if (entry.path().extension() == ".toml") {
      INFO(entry.path());
      const model::ModelConfig config = model::load_model_config(entry.path().string());
      const auto network = model::make_network(config, config.features == "cifar10" ? 3072 : 17);
      CHECK_NOTHROW(check(settings_of(config), network->exits(), network->classes()));
      ++recipes;
    }
  }
  CHECK(recipes >= 6);
}

TEST_CASE("settings written into a configuration are read back exactly") {
  Settings s;
  s.optimiser = "ranger";
  s.schedule = "pelican-warm";
  s.lr_final = 1e-5;
  s.loss = "mixed";
  s.exit_ramp = "cosine";
  s.exit_zero_epochs = 2;
  s.exit_ramp_end = 5;
  s.exit_switch_end = 6;
  s.trunk_share = 0.25;
  s.temperature = 2.5;
  s.distil_share = 0.125;
  s.global_batch = 48;
  s.epochs = 3;
  s.steps = 12;
  s.lr = 1.0 / 3.0;
  s.weight_decay = 1e-17;
  s.warmup = 0.1;
  s.clip = 0.7;
  s.exit_weights = {0.1, 1.0 / 7.0};
  s.patience = 4;
  s.seed = 9007199254740993;
  s.precision = "bf16";
  s.freeze = {"backbone"};
  s.checkpoint_steps = 17;
  s.lr_factors = {{"exits", 10.0}, {"fc.weight", 1.0 / 3.0}};
  s.class_weights = {1.0, 0.1};
  s.best = "0.5 * accuracy_0 - loss_1";
  const model::ModelConfig given =
      model::parse_model_config("kind = 'part'\nname = 'mine'\n[train]\nlr = 0.5\n", "test");
  const model::ModelConfig read =
      model::parse_model_config(with_settings(given, s).text(), "config.toml");
  CHECK(read.name == "mine");
  CHECK(curve_settings(settings_of(read), 100, {}) == curve_settings(s, 100, {}));
  CHECK(settings_of(read).patience == 4);
  CHECK(settings_of(read).checkpoint_steps == 17);
}

Checkpoint checkpoint_at(std::int64_t step) {
  return {.weights = {{"weight", at::full({3}, static_cast<double>(step), at::kDouble)}},
          .config = "kind = \"part\"",
          .training = "seed=7",
          .optimiser = {{"first_moment", at::full({3}, 0.5, at::kDouble)},
                        {"second_moment", at::full({3}, 0.25, at::kDouble)}},
          .step = step,
          .world_size = 3,
          .best = 0.75,
          .best_epoch = 2,
          .validated_step = step};
}

void truncate(const std::filesystem::path& file) {
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
}

TEST_CASE("a checkpoint comes back as it was, and the last two are kept") {
  const test::ScratchDir scratch;
  const auto silent = [](const std::string&) { FAIL("no warning expected"); };
  CHECK(!newest_checkpoint(scratch.path() / "none", silent));
  for (const std::int64_t step : {9, 10, 100}) {
    write_checkpoint(scratch.path(), checkpoint_at(step));
  }
  CHECK(!std::filesystem::exists(scratch.path() / "step-00000009.h5"));
  CHECK(std::filesystem::exists(scratch.path() / "step-00000010.h5"));
  const auto back = newest_checkpoint(scratch.path(), silent);
  REQUIRE(back);
  CHECK(back->step == 100);
  CHECK(back->world_size == 3);
  CHECK(back->training == "seed=7");
  CHECK(back->best == 0.75);
  CHECK(back->best_epoch == 2);
  CHECK(back->validated_step == 100);
  REQUIRE(back->weights.size() == 1);
  CHECK(at::equal(back->weights[0].second, at::full({3}, 100.0, at::kDouble)));
  CHECK(at::equal(back->memory_of("first_moment"), at::full({3}, 0.5, at::kDouble)));
  CHECK(at::equal(back->memory_of("second_moment"), at::full({3}, 0.25, at::kDouble)));
  CHECK_THROWS_WITH(back->memory_of("slow"), Catch::Contains("step 100 holds no 'slow'"));
}

TEST_CASE("a damaged checkpoint is named and the one before it used") {
  const test::ScratchDir scratch;
  write_checkpoint(scratch.path(), checkpoint_at(1));
  write_checkpoint(scratch.path(), checkpoint_at(2));
  truncate(scratch.path() / "step-00000002.h5");
  std::vector<std::string> lines;
  const auto warn = [&](const std::string& line) { lines.push_back(line); };
  const auto back = newest_checkpoint(scratch.path(), warn);
  REQUIRE(back);
  CHECK(back->step == 1);
  REQUIRE(lines.size() == 1);
  CHECK_THAT(lines[0], Catch::Contains("step-00000002.h5"));
  CHECK(lines[0].find('\n') == std::string::npos);

  truncate(scratch.path() / "step-00000001.h5");
  CHECK_THROWS_WITH(newest_checkpoint(scratch.path(), warn),
                    Catch::Contains("begin anew in another -o"));
}

TEST_CASE("a checkpoint whose numbers were changed is damaged, and removed by a run that goes on") {
  const test::ScratchDir scratch;
  for (const std::int64_t step : {1, 2}) {
    write_checkpoint(scratch.path(), checkpoint_at(step));
  }
  h5::File file = h5::File::open_writable(scratch.path() / "step-00000002.h5");
  file.set_attribute("best", 0.9);
  file.close();
  std::string said;
  const auto back =
      newest_checkpoint(scratch.path(), [&](const std::string& line) { said += line; });
  REQUIRE(back);
  CHECK(back->step == 1);
  CHECK_THAT(said, Catch::Contains("step-00000002.h5: damaged"));
  remove_checkpoints_after(scratch.path(), back->step);
  CHECK(std::filesystem::exists(scratch.path() / "step-00000001.h5"));
  CHECK(!std::filesystem::exists(scratch.path() / "step-00000002.h5"));
}

TEST_CASE("a training goes on with its own inputs alone") {
  const test::ScratchDir scratch;
  const model::ModelConfig config = model::parse_model_config("kind = \"part\"", "test");
  std::string said;
  const auto say = [&](const std::string& line) { said += line + "\n"; };
  const auto go_on = [&](const std::string& recorded, const InputDigests& now) {
    Checkpoint checkpoint = checkpoint_at(1);
    checkpoint.training = recorded;
    write_checkpoint(scratch.path() / "checkpoints", checkpoint);
    said.clear();
    find_continuation(scratch.path(), config, curve_settings({}, 100, now), say);
  };
  const InputDigests mine{.training = "aa", .validation = "bb", .weights = "cc"};
  const std::string recorded = curve_settings({}, 100, mine);
  go_on(recorded, mine);
  CHECK(said == "going on after step 1\n");
  using Catch::Contains;
  CHECK_THROWS_WITH(go_on(recorded, {"xx", "bb", "cc"}),
                    Contains("training_jets=aa (now training_jets=xx)") && Contains("another -o"));
  CHECK_THROWS_WITH(go_on(recorded, {"aa", "none", "cc"}), Contains("validation_jets=bb (now"));
  CHECK_THROWS_WITH(go_on(recorded, {"aa", "bb", "drawn"}), Contains("first_weights=cc (now"));
  CHECK_THROWS_WITH(go_on(recorded + " more=1", mine), Contains("more=1 (now without)"));
  go_on(recorded.substr(0, recorded.find(" training_jets=")),
        mine);  // as older programs recorded it
  CHECK_THAT(said, Contains("first_weights=cc, training_jets=aa, validation_jets=bb"));
}

}  // namespace
}  // namespace eebench::train
