#include "eebench/train/schedule.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "eebench/core/names.hpp"

namespace eebench::train {
namespace {

/// From 1 at progress 0 to 0 at 1.
double half_cosine(double progress) { return 0.5 * (1.0 + std::cos(std::numbers::pi * progress)); }

double ratio(std::int64_t part, std::int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(std::max<std::int64_t>(1, whole));
}

std::int64_t warmup_steps(const Length& length, const Settings& s) {
  return static_cast<std::int64_t>(std::floor(s.warmup * static_cast<double>(length.steps)));
}

double constant(std::int64_t, const Length&, const Settings& s) { return s.lr; }

double warmup_cosine(std::int64_t step, const Length& length, const Settings& s) {
  const std::int64_t rise = warmup_steps(length, s);
  return s.lr * (step < rise ? ratio(step + 1, rise)
                             : half_cosine(ratio(step - rise, length.steps - rise)));
}

double flat_decay(std::int64_t step, const Length& length, const Settings& s) {
  const std::int64_t falling = std::max<std::int64_t>(1, 3 * length.epochs() / 10);
  const std::int64_t fallen =
      std::max<std::int64_t>(0, step / length.per_epoch + 1 - (length.epochs() - falling));
  return s.lr * std::pow(0.01, ratio(fallen, falling));
}

double flat_then(std::int64_t step, const Length& length, const Settings& s,
                 double (*fall)(double progress)) {
  const std::int64_t rise = warmup_steps(length, s);
  const double flat = 0.7 * static_cast<double>(length.steps) - 1.0;
  const auto now = static_cast<double>(step);
  if (step < rise) {
    return s.lr * ratio(step, rise);
  }
  const double progress = (now - flat) / (static_cast<double>(length.steps) - flat);
  return s.lr * (now <= flat ? 1.0 : std::max(1e-3, fall(progress)));
}

double flat_linear(std::int64_t step, const Length& length, const Settings& s) {
  return flat_then(step, length, s, [](double progress) { return 1.0 - progress; });
}

double flat_cosine(std::int64_t step, const Length& length, const Settings& s) {
  return flat_then(step, length, s, half_cosine);
}

double steps(std::int64_t step, const Length& length, const Settings& s) {
  const auto third = static_cast<std::int64_t>(
      std::nearbyint(static_cast<double>(length.epochs()) / 3.0));  // halves to even, as Python
  const std::int64_t epoch = step / length.per_epoch;
  return s.lr * (epoch < third ? 1.0 : epoch < 2 * third ? 0.1 : 0.01);
}

double one_cycle(std::int64_t step, const Length& length, const Settings& s) {
  const double peak = 0.3 * static_cast<double>(length.steps) - 1.0;
  const double last = static_cast<double>(length.steps) - 1.0;
  const auto now = static_cast<double>(step);
  constexpr double first = 1.0 / 25.0;
  constexpr double end = first * 1e-4;
  return s.lr * (now <= peak ? 1.0 + (first - 1.0) * half_cosine(now / peak)
                             : end + (1.0 - end) * half_cosine((now - peak) / (last - peak)));
}

constexpr std::int64_t pelican_warmup_epochs = 4;

/// PELICAN's (Bogatskiy et al., arXiv:2211.00454): four epochs of linear warm-up from zero, `curve`
/// of the steps since, and in the last `cooldown` epochs half of it with every step, as its program
/// does where every epoch was meant.
double pelican(std::int64_t step, const Length& length, const Settings& s, std::int64_t cooldown,
               double (*curve)(double step, const Length& length, const Settings& s)) {
  const std::int64_t rise = pelican_warmup_epochs * length.per_epoch;
  if (length.epochs() <= pelican_warmup_epochs) {
    return curve(static_cast<double>(step), length, s);
  }
  if (step <= rise) {
    return s.lr * ratio(step, rise);
  }
  const std::int64_t last =
      rise + (length.epochs() - pelican_warmup_epochs - cooldown) * length.per_epoch;
  return curve(static_cast<double>(std::min(step, last) - rise - 1), length, s) *
         std::pow(0.5, static_cast<double>(std::max<std::int64_t>(0, step - last)));
}

double pelican_cosine(std::int64_t step, const Length& length, const Settings& s) {
  return pelican(step, length, s, 3, [](double t, const Length& l, const Settings& set) {
    return set.lr_final + (set.lr - set.lr_final) * half_cosine(t / static_cast<double>(l.steps));
  });
}

double pelican_warm(std::int64_t step, const Length& length, const Settings& s) {
  return pelican(step, length, s, length.epochs() / 11,
                 [](double t, const Length& l, const Settings& set) {
                   double period = 4.0 * static_cast<double>(l.per_epoch);
                   for (; t >= period; period *= 2.0) {
                     t -= period;
                   }
                   return set.lr_final + (set.lr - set.lr_final) * half_cosine(t / period);
                 });
}

/// The cooldown is a third of all epochs and begins as many late as the warm-up has, so that the
/// training ends within it.
double pelican_flat(std::int64_t step, const Length& length, const Settings& s) {
  return pelican(step, length, s, length.epochs() / 3 - pelican_warmup_epochs,
                 [](double, const Length&, const Settings& set) { return set.lr; });
}

double pelican_exponential(std::int64_t step, const Length& length, const Settings& s) {
  return pelican(step, length, s, 3, [](double t, const Length& l, const Settings& set) {
    return set.lr * std::pow(set.lr_final / set.lr, t / static_cast<double>(l.steps));
  });
}

constexpr std::array entries{
    ScheduleEntry{"warmup+cos", "Linear warm-up, then half a cosine to zero", warmup_cosine},
    ScheduleEntry{"none", "The same learning rate throughout", constant},
    ScheduleEntry{"flat+decay", "Flat; over the last 30 % of the epochs step by step to 1 %",
                  flat_decay},
    ScheduleEntry{"flat+linear", "Warm-up, flat to 70 % of the steps, then linearly to 0.1 %",
                  flat_linear},
    ScheduleEntry{"flat+cos", "Warm-up, flat to 70 % of the steps, then half a cosine to 0.1 %",
                  flat_cosine},
    ScheduleEntry{"steps", "A tenth after each third of the epochs", steps},
    ScheduleEntry{"one-cycle", "From 1/25 up over 30 % of the steps, then down to nothing",
                  one_cycle},
    ScheduleEntry{"pelican-cos", "PELICAN's default: warm-up of four epochs, cosine, cooldown",
                  pelican_cosine},
    ScheduleEntry{"pelican-warm", "PELICAN's paper: the same with restarts after 4, 12, 28 epochs",
                  pelican_warm},
    ScheduleEntry{"pelican-flat", "PELICAN's flat rate: warm-up of four epochs, late cooldown",
                  pelican_flat},
    ScheduleEntry{"pelican-exp", "PELICAN's exponential decay to lr_final", pelican_exponential},
};

}  // namespace

std::span<const ScheduleEntry> schedule_registry() { return entries; }

double learning_rate(std::int64_t step, const Length& length, const Settings& settings) {
  return entry_of(entries, "schedule", settings.schedule).lr(step, length, settings);
}

}  // namespace eebench::train
