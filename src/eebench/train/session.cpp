#include "eebench/train/session.hpp"

#include <memory>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "eebench/comm/same_input.hpp"
#include "eebench/comm/share.hpp"
#include "eebench/core/shell.hpp"
#include "eebench/model/weights.hpp"
#include "eebench/nn/device.hpp"
#include "eebench/sys/files.hpp"
#include "eebench/train/training_run.hpp"

namespace eebench::train {
namespace {

/// Each back end sums where it can: mpi in host memory, nccl on the GPUs.
void check_back_end(const Session& session) {
  const bool gpu = session.device == "cuda";
  if ((session.back_end == "mpi" && gpu) || (session.back_end == "nccl" && !gpu)) {
    throw InputError(fmt::format(
        "--backend {} cannot sum what --device {} holds; use --backend nccl with --device cuda, or "
        "mpi with cpu",
        session.back_end, session.device));
  }
}

/// Ranks that were given different files or options would wait for each other for ever.
void check_same(const Session& session, const data::JetSource& training,
                const data::JetSource* validation, const comm::Communicator& comm) {
  comm::require_same(fmt::format("{} {} {} {} {} {} {}", session.model.text(),
                                 training.config_sha256(), session.device, session.back_end,
                                 session.resume, session.weights.string(), validation == nullptr),
                     session.model.where + " and the command line", comm);
  for (const data::JetSource* jets : {&training, validation}) {
    if (jets != nullptr) {
      comm::require_same(fmt::format("{} {} {}", jets->jets(), jets->max_particles(),
                                     fmt::join(jets->classes(), " ")),
                         jets->path().string(), comm);
    }
  }
}

/// The network with its first weights. Every rank draws or reads the same. \collective
std::unique_ptr<model::Network> first_network(const Session& session, std::int64_t features,
                                              InputDigests& inputs,
                                              const comm::Communicator& comm) {
  at::manual_seed(session.settings.seed);
  auto network = model::make_network(session.model, features);
  check(session.settings, network->exits(), network->classes());
  if (session.weights.empty()) {
    if (!session.settings.freeze.empty()) {
      throw InputError("--freeze keeps weights as they are; add --weights FILE that holds them");
    }
    return network;
  }
  comm.agree([&] {
    const model::StateDict tensors = model::read_weights(session.weights).tensors;
    inputs.weights = model::sha256(tensors);
    model::load_state_dict(*network, tensors, session.weights.string(), /*without_exits=*/true);
  });
  comm::require_same(inputs.weights, session.weights.string(), comm);
  return network;
}

/// The configuration with all that was asked for, and how to ask for it again.
std::string config_file(const Session& session, const data::JetSource& training,
                        const data::JetSource* validation, int ranks) {
  std::string command = fmt::format("mpirun -n {} eebench train --config {} --data-train {}", ranks,
                                    shell_quoted((session.output / "config.toml").string()),
                                    shell_quoted(training.path().string()));
  if (validation != nullptr) {
    command += " --data-val " + shell_quoted(validation->path().string());
  }
  if (!session.weights.empty()) {
    command += " --weights " + shell_quoted(session.weights.string());
  }
  if (!session.back_end.empty()) {
    command += " --backend " + session.back_end;
  }
  return fmt::format("# Once more: {} --device {} --threads {} -o FOLDER\n{}\n", command,
                     session.device, session.threads, session.model.text());
}

/// Jets that networks see without all their constituents. \collective
std::int64_t count_cut(const data::JetSource& jets, const comm::Communicator& comm) {
  const comm::Share share = comm::share_of(jets.jets(), comm.rank(), comm.size());
  std::int64_t cut = 0;
  comm.agree([&] { cut = jets.cut(share.begin, share.end); });
  return comm.all_reduce(cut, comm::Reduce::sum);
}

/// What the data configuration makes of the files.
void say_what_is_read(const Session& session, const data::JetSource& training,
                      const data::JetSource* validation, const comm::Communicator& comm) {
  if (!comm.is_root()) {
    return;
  }
  for (const data::JetSource* jets : {&training, validation}) {
    if (jets != nullptr && !jets->selection_line().empty()) {
      session.progress(jets->selection_line());
    }
  }
  if (const data::Draws* draws = training.draws()) {
    session.progress(fmt::format(
        "weights: an epoch draws {} jets of {}, each up to {} times; validation takes each once",
        draws->per_epoch(), training.jets(), draws->most()));
  }
}

}  // namespace

Summary run(const Session& asked, const data::JetSource& training,
            const data::JetSource* validation, std::int64_t features,
            const comm::Communicator& comm) {
  at::set_num_threads(asked.threads);
  Session session = asked;
  session.model = with_settings(asked.model, asked.settings);
  if (session.settings.patience > 0 && validation == nullptr) {
    throw InputError("--patience looks at validation; add --data-val FILE or leave it at 0");
  }
  if (!session.settings.best.empty() && validation == nullptr) {
    throw InputError("--best looks at validation; add --data-val FILE or leave it out");
  }
  check_back_end(session);
  std::optional<sys::OutputFolder> folder;
  comm.agree([&] {
    if (comm.is_root()) {
      folder.emplace(session.output);
    }
  });
  check_same(session, training, validation, comm);
  say_what_is_read(session, training, validation, comm);
  for (const data::JetSource* jets : {&training, validation}) {
    const std::int64_t cut = jets == nullptr ? 0 : count_cut(*jets, comm);
    if (cut > 0 && comm.is_root()) {
      session.progress(fmt::format("{} of the {} jets of {} are cut to their first {} constituents",
                                   cut, jets->jets(), jets->path().string(),
                                   jets->max_particles()));
    }
  }
  InputDigests inputs;
  // As it was read: a copy of a table no longer knows the lines of its keys.
  const auto network = first_network(asked, features, inputs, comm);
  for (const data::JetSource* jets : {&training, validation}) {
    if (jets != nullptr) {
      model::check_classes(jets->classes().size(), jets->path().string(), *network,
                           session.model.name);
    }
  }
  const at::Device device = nn::device_of(session.device, comm.local_rank());
  const auto digest = [&](const data::JetSource& jets) {
    return comm::agreed_sha256(jets.files(), comm,
                               [&] { session.phase("train:SHA-256 of what it reads"); });
  };
  inputs.training = digest(training);
  inputs.features = training.config_sha256();
  if (validation != nullptr) {
    inputs.validation = digest(*validation);
    if (inputs.validation == inputs.training && comm.is_root()) {
      session.progress(
          "the validation jets are the training jets: which weights are best, and when to stop, is "
          "then decided by jets that the network knows; give others as --data-val");
    }
  }
  const std::string_view back_end = session.back_end.empty()
                                        ? comm::default_back_end(device.is_cuda(), comm)
                                        : std::string_view(session.back_end);
  TrainingRun run(session, *network, training, validation, inputs, device,
                  comm::make_all_reducer(back_end, comm), comm);
  comm.agree([&] {
    if (comm.is_root()) {
      sys::publish_text(session.output / "config.toml",
                        config_file(session, training, validation, comm.size()));
    }
  });
  return run.go();
}

}  // namespace eebench::train
