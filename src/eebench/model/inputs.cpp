#include <ATen/ATen.h>
#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/model/network.hpp"

namespace eebench::model {
namespace {

at::Tensor rows(const std::vector<float>& values, std::size_t columns) {
  at::Tensor tensor = at::empty(
      {static_cast<std::int64_t>(values.size() / columns), static_cast<std::int64_t>(columns)});
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<float>());
  return tensor;
}

}  // namespace

State make_inputs(const data::JetBatch& batch, at::Device device, at::ScalarType type) {
  State state{nn::Ragged(batch.offsets)};
  state.set("features", Axis::particle, rows(batch.features, batch.features_per_particle));
  state.set("points", Axis::particle, rows(batch.points, 2));
  state.set("vectors", Axis::particle, rows(batch.vectors, 4));
  return state.to(device, type);
}

void check_classes(std::size_t classes, const std::string& file, const Network& network,
                   const std::string& name) {
  if (static_cast<std::int64_t>(classes) != network.classes()) {
    throw InputError(fmt::format("{} has {} classes, model {} answers {}; give data that fit", file,
                                 classes, name, network.classes()));
  }
}

}  // namespace eebench::model
