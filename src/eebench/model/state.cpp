#include "eebench/model/state.hpp"

#include <cstring>
#include <stdexcept>
#include <utility>

#include <ATen/ATen.h>

#include "eebench/core/error.hpp"

namespace eebench::model {
namespace {

std::span<const std::int64_t> row_offsets(const nn::Ragged& jets, Axis axis) {
  return axis == Axis::particle ? jets.offsets() : jets.pair_offsets();
}

/// Appends and reads plain values of a byte stream.
class Writer {
 public:
  void put(const void* data, std::size_t size) {
    const auto* bytes = static_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), bytes, bytes + size);
  }
  void put(std::int64_t value) { put(&value, sizeof value); }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  void get(void* data, std::size_t size) {
    if (size > bytes_.size()) {
      throw Error(ExitCode::internal, "a packed state ends early");
    }
    std::memcpy(data, bytes_.data(), size);
    bytes_ = bytes_.subspan(size);
  }
  std::int64_t get() {
    std::int64_t value = 0;
    get(&value, sizeof value);
    return value;
  }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace

void State::set(std::string name, Axis axis, at::Tensor tensor) {
  for (Field& field : fields_) {
    if (field.name == name) {
      field.axis = axis;
      field.tensor = std::move(tensor);
      return;
    }
  }
  fields_.push_back({std::move(name), axis, std::move(tensor)});
}

const at::Tensor& State::get(std::string_view name) const {
  for (const Field& field : fields_) {
    if (field.name == name) {
      return field.tensor;
    }
  }
  throw std::out_of_range("state has no '" + std::string(name) + "'");
}

bool State::has(std::string_view name) const {
  for (const Field& field : fields_) {
    if (field.name == name) {
      return true;
    }
  }
  return false;
}

void State::erase(std::string_view name) {
  std::erase_if(fields_, [name](const Field& field) { return field.name == name; });
}

State State::select(std::span<const std::int64_t> jets) const {
  State chosen(jets_.select(jets));
  for (const Field& field : fields_) {
    const at::Device device = field.tensor.device();
    const at::Tensor rows =
        field.axis == Axis::sample
            ? at::tensor(at::IntArrayRef(jets.data(), jets.size()), at::kLong).to(device)
            : nn::rows_of(row_offsets(jets_, field.axis), jets, device);
    chosen.set(field.name, field.axis, at::index_select(field.tensor, 0, rows));
  }
  return chosen;
}

State State::concat(std::span<const State> states) {
  std::vector<std::int64_t> offsets{0};
  for (const State& state : states) {
    for (std::int64_t jet = 0; jet < state.size(); ++jet) {
      offsets.push_back(offsets.back() + state.jets_.multiplicity(jet));
    }
  }
  State all{nn::Ragged(std::move(offsets))};
  for (const Field& field : states.front().fields_) {
    std::vector<at::Tensor> parts;
    for (const State& state : states) {
      parts.push_back(state.get(field.name));
    }
    all.set(field.name, field.axis, at::cat(parts));
  }
  return all;
}

std::vector<std::byte> State::pack() const {
  Writer writer;
  writer.put(size());
  writer.put(jets_.offsets().data(), jets_.offsets().size_bytes());
  writer.put(static_cast<std::int64_t>(fields_.size()));
  for (const Field& field : fields_) {
    const at::Tensor tensor = field.tensor.detach().cpu().contiguous();
    writer.put(static_cast<std::int64_t>(field.name.size()));
    writer.put(field.name.data(), field.name.size());
    writer.put(static_cast<std::int64_t>(field.axis));
    writer.put(static_cast<std::int64_t>(tensor.scalar_type()));
    writer.put(tensor.dim());
    for (const std::int64_t length : tensor.sizes()) {
      writer.put(length);
    }
    writer.put(tensor.const_data_ptr(), tensor.nbytes());
  }
  return writer.take();
}

State State::unpack(std::span<const std::byte> bytes) {
  Reader reader(bytes);
  std::vector<std::int64_t> offsets(static_cast<std::size_t>(reader.get()) + 1);
  reader.get(offsets.data(), offsets.size() * sizeof(std::int64_t));
  State state{nn::Ragged(std::move(offsets))};
  for (std::int64_t field = reader.get(); field > 0; --field) {
    std::string name(static_cast<std::size_t>(reader.get()), '\0');
    reader.get(name.data(), name.size());
    const auto axis = static_cast<Axis>(reader.get());
    const auto type = static_cast<at::ScalarType>(reader.get());
    std::vector<std::int64_t> shape(static_cast<std::size_t>(reader.get()));
    for (std::int64_t& length : shape) {
      length = reader.get();
    }
    at::Tensor tensor = at::empty(shape, type);
    reader.get(tensor.mutable_data_ptr(), tensor.nbytes());
    state.set(std::move(name), axis, std::move(tensor));
  }
  return state;
}

State State::to(at::Device device, at::ScalarType type) const {
  return map([&](const at::Tensor& tensor) { return tensor.to(device, type); });
}

State State::map(const std::function<at::Tensor(const at::Tensor&)>& change) const {
  State changed(jets_);
  for (const Field& field : fields_) {
    changed.set(field.name, field.axis, change(field.tensor));
  }
  return changed;
}

}  // namespace eebench::model
