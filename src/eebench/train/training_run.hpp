#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "eebench/comm/all_reducer.hpp"
#include "eebench/data/sampler.hpp"
#include "eebench/train/continuation.hpp"
#include "eebench/train/session.hpp"
#include "eebench/train/train_log.hpp"
#include "eebench/train/trainer.hpp"

namespace eebench::train {

/// A training under way: steps, validation after each epoch, checkpoints, an early or a late end.
/// What it is given must outlive it.
class TrainingRun {
 public:
  /// \collective Goes on from the newest checkpoint where the session asks for that.
  TrainingRun(const Session& session, model::Network& network, const data::JetSource& training,
              const data::JetSource* validation, const InputDigests& inputs, at::Device device,
              std::shared_ptr<comm::AllReducer> reducer, const comm::Communicator& comm);

  /// \collective
  Summary go();

 private:
  void step();
  bool validation_due() const;
  std::int64_t epochs_begun(std::int64_t steps) const {
    return (steps + length_.per_epoch - 1) / length_.per_epoch;
  }
  void validate();
  bool without_improvement() const;
  void save_best();
  void save_checkpoint();
  void save_last();
  Summary finish();
  void say(const std::string& line) const {
    if (comm_.is_root()) {
      session_.progress(line);
    }
  }

  const Session& session_;
  const Settings& settings_;
  const comm::Communicator& comm_;
  model::Network& network_;
  const data::JetSource* validation_;
  at::Device device_;
  data::TrainingJets jets_;
  Length length_;
  std::string curve_;   ///< settings that a continuation must share
  std::string frozen_;  ///< digest at the beginning
  std::shared_ptr<comm::AllReducer> reducer_;
  std::optional<Trainer> trainer_;
  std::optional<TrainLog> log_;  ///< on the root
  double best_ = -std::numeric_limits<double>::infinity();
  std::int64_t best_epoch_ = -1;
  std::int64_t first_step_ = 0;
  std::int64_t validated_step_ = 0;
  double seconds_ = 0.0;  ///< spent in steps, reading their jets included
  double last_line_ = 0.0;
  Summary summary_;
};

}  // namespace eebench::train
