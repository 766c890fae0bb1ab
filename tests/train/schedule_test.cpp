#include "eebench/train/schedule.hpp"

#include <string>

#include <catch2/catch.hpp>

namespace eebench::train {
namespace {

double lr_at(std::int64_t step, const std::string& schedule, Length length, double lr = 1.0,
             double warmup = 0.1) {
  Settings settings;
  settings.schedule = schedule;
  settings.lr = lr;
  settings.warmup = warmup;
  return learning_rate(step, length, settings);
}

TEST_CASE("the learning rate rises linearly and falls along half a cosine") {
  constexpr Length length{.steps = 100, .per_epoch = 10};
  const auto at = [&](std::int64_t step, double warmup) {
    return lr_at(step, "warmup+cos", length, 1.0, warmup);
  };
  CHECK(at(0, 0.1) == Approx(0.1));
  CHECK(at(4, 0.1) == Approx(0.5));
  CHECK(at(9, 0.1) == Approx(1.0));
  CHECK(at(10, 0.1) == Approx(1.0));
  CHECK(at(55, 0.1) == Approx(0.5));
  CHECK(at(40, 0.1) == Approx(0.75));
  CHECK(at(100, 0.1) == Approx(0.0).margin(1e-15));
  CHECK(at(0, 0.0) == Approx(1.0));
}

TEST_CASE("flat+decay falls to a hundredth over the last 30 % of the epochs") {
  constexpr Length fifty{.steps = 500, .per_epoch = 10};
  CHECK(lr_at(349, "flat+decay", fifty) == 1.0);
  CHECK(lr_at(350, "flat+decay", fifty) == Approx(0.7356).epsilon(1e-4));
  CHECK(lr_at(499, "flat+decay", fifty) == Approx(0.01));
  constexpr Length twenty{.steps = 20, .per_epoch = 1};
  CHECK(lr_at(13, "flat+decay", twenty) == 1.0);
  CHECK(lr_at(14, "flat+decay", twenty) == Approx(0.4642).epsilon(1e-4));
  CHECK(lr_at(0, "flat+decay", {.steps = 1, .per_epoch = 1}) == Approx(0.01));
}

TEST_CASE("flat schedules are flat to 70 % and never below a thousandth") {
  constexpr Length length{.steps = 100, .per_epoch = 10};
  for (const char* name : {"flat+linear", "flat+cos"}) {
    CHECK(lr_at(5, name, length) == Approx(0.5));
    CHECK(lr_at(69, name, length) == 1.0);
    CHECK(lr_at(100, name, length) == Approx(1e-3));
  }
  CHECK(lr_at(84, "flat+linear", length) == Approx(1.0 - 15.0 / 31.0));
  CHECK(lr_at(84, "flat+cos", length) ==
        Approx(0.5 * (1.0 + std::cos(3.14159265358979 * 15.0 / 31.0))));
}

TEST_CASE("the other schedules are PyTorch's") {
  constexpr Length length{.steps = 50, .per_epoch = 10};
  // torch.optim.lr_scheduler.OneCycleLR(max_lr=2, pct_start=0.3, anneal_strategy="cos",
  // div_factor=25) over 50 steps.
  const auto one_cycle = [&](std::int64_t step) { return lr_at(step, "one-cycle", length, 2.0); };
  CHECK(one_cycle(0) == Approx(0.08));
  CHECK(one_cycle(7) == Approx(1.04));
  CHECK(one_cycle(14) == Approx(2.0));
  CHECK(one_cycle(15) == Approx(1.99597430979806).epsilon(1e-9));
  CHECK(one_cycle(30) == Approx(1.13423672888459).epsilon(1e-9));
  CHECK(one_cycle(49) == Approx(8e-6));
  CHECK(lr_at(19, "steps", length) == 1.0);
  CHECK(lr_at(20, "steps", length) == Approx(0.1));
  CHECK(lr_at(40, "steps", length) == Approx(0.01));
  CHECK(lr_at(49, "none", length) == 1.0);
}

TEST_CASE("PELICAN's schedule warms up, follows its cosine and halves with every step at the end") {
  constexpr Length length{.steps = 120, .per_epoch = 10};
  const auto at = [&](std::int64_t step) { return lr_at(step, "pelican-cos", length, 2.5e-3); };
  CHECK(at(0) == 0.0);
  CHECK(at(20) == Approx(1.25e-3));
  CHECK(at(40) == Approx(2.5e-3));
  // The upstream program's learning rates of minibatches 90 to 93, counted from 1.
  CHECK(at(89) == Approx(1.6366e-3).epsilon(1e-4));
  CHECK(at(90) == Approx(1.6054e-3).epsilon(1e-4));
  CHECK(at(91) == Approx(8.0269e-4).epsilon(1e-4));
  CHECK(at(92) == Approx(4.0134e-4).epsilon(1e-4));
}

TEST_CASE("PELICAN's warm restarts begin anew after 4, 12 and 28 epochs") {
  constexpr Length length{.steps = 350, .per_epoch = 10};  // of 35 epochs the last 3 cool down
  const auto at = [&](std::int64_t step) { return lr_at(step, "pelican-warm", length, 0.01); };
  CHECK(at(41) == Approx(0.01));
  CHECK(at(61) == Approx(0.5 * (0.01 + 1e-6)));
  CHECK(at(80) < 1e-4);
  CHECK(at(81) == Approx(0.01));
  CHECK(at(161) == Approx(0.01));
  CHECK(at(322) == Approx(0.25 * at(320)));
  CHECK(lr_at(161, "pelican-exp", length, 0.01) ==
        Approx(0.01 * std::pow(1e-4, 120.0 / 350.0)).epsilon(1e-9));
}

TEST_CASE("PELICAN's flat rate cools down as late as its program does") {
  constexpr Length length{.steps = 300, .per_epoch = 10};
  const auto at = [&](std::int64_t step) { return lr_at(step, "pelican-flat", length, 0.01); };
  CHECK(at(20) == Approx(0.005));
  CHECK(at(41) == 0.01);
  CHECK(at(240) == 0.01);  // 4 epochs, and 30 - 30 / 3 after them
  CHECK(at(241) == 0.005);
  CHECK(at(243) == 0.00125);
}

}  // namespace
}  // namespace eebench::train
