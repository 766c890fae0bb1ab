#include "eebench/model/weights.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>
#include <map>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "eebench/core/digest.hpp"
#include "eebench/core/error.hpp"
#include "eebench/h5/file.hpp"
#include "eebench/sys/files.hpp"

namespace eebench::model {
namespace {

constexpr std::int64_t format_version = 1;
constexpr const char* group = "weights";

constexpr const char* gates_group = "gates";

/// In names of datasets and in digests: those of `learned`, for long the only ones, lie bare.
std::string prefix_of(const std::string& rule) { return rule == "learned" ? "" : rule + "/"; }

std::string gate_name(const std::string& rule, std::size_t exit) {
  return fmt::format("{}/{}{}", gates_group, prefix_of(rule), exit);
}

std::string reference_name(std::string name) {
  if (name.starts_with("mod.")) {
    name.erase(0, 4);
  }
  for (const char* ending : {"weight", "bias"}) {
    const std::string newer = std::string("attn.in_proj.") + ending;
    if (name.ends_with(newer)) {
      name.replace(name.size() - newer.size(), newer.size(), std::string("attn.in_proj_") + ending);
    }
  }
  return name;
}

/// Zip archives, as torch.save writes them, begin so; the name of the file says little.
bool is_torch_file(const std::filesystem::path& path) {
  if (path.extension() == ".pt" || path.extension() == ".pth") {
    return true;
  }
  if (!std::filesystem::is_regular_file(path)) {
    return false;  // the other reader says so
  }
  std::array<char, 4> begin{};
  std::ifstream(path, std::ios::binary).read(begin.data(), begin.size());
  return begin == std::array{'P', 'K', '\3', '\4'};
}

std::string first_few(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, names.size()); ++i) {
    text += (i == 0 ? "" : ", ") + names[i];
  }
  return names.size() > 3 ? fmt::format("{} and {} more", text, names.size() - 3) : text;
}

Gates read_gates(const h5::File& file) {
  Gates gates;
  if (!file.has(gates_group)) {
    return gates;
  }
  std::vector<std::string> rules = file.names(gates_group);
  rules.emplace_back("learned");
  for (const std::string& rule : rules) {
    for (std::size_t exit = 0; file.has(gate_name(rule, exit)); ++exit) {
      gates.numbers[rule].push_back(file.dataset(gate_name(rule, exit)).read<double>());
    }
  }
  gates.data = file.attribute<std::string>("gates_data");
  gates.data_sha256 = file.attribute<std::string>("gates_data_sha256");
  gates.jets = file.attribute<std::int64_t>("gates_jets");
  if (file.has_attribute("gates_lambda")) {
    gates.lambda = file.attribute<double>("gates_lambda");
  }
  if (file.attribute<std::string>("gates_sha256") != sha256(gates)) {
    throw InputError(fmt::format(
        "{}: the gates do not match their checksum; fit them again: eebench gates", file.where()));
  }
  return gates;
}

void write_gates(h5::File& file, const Gates& gates) {
  for (const auto& [rule, of_exits] : gates.numbers) {
    for (std::size_t exit = 0; exit < of_exits.size(); ++exit) {
      file.array<double>(gate_name(rule, exit), {of_exits[exit].size()}).write(of_exits[exit]);
    }
  }
  file.set_attribute("gates_data", gates.data);
  file.set_attribute("gates_data_sha256", gates.data_sha256);
  file.set_attribute("gates_jets", gates.jets);
  file.set_attribute("gates_lambda", gates.lambda);
  file.set_attribute("gates_sha256", sha256(gates));
}

Weights read_h5(const std::filesystem::path& path) {
  const h5::File file = h5::File::open(path);
  if (!file.has(group)) {
    throw InputError(
        fmt::format("{}: no group '{}', so it is no file of weights; give one that eebench train "
                    "wrote",
                    path.string(), group));
  }
  if (const auto version = file.attribute<std::int64_t>("format_version");
      version != format_version) {
    throw InputError(
        fmt::format("{}: attribute 'format_version' is {}, but this eebench reads version {}; "
                    "take the eebench that wrote it or train again",
                    path.string(), version, format_version));
  }
  Weights weights;
  weights.config = file.attribute<std::string>("model_config");
  if (file.has_attribute("origin")) {
    weights.origin = file.attribute<std::string>("origin");
  }
  for (const std::string& name : file.datasets(group)) {
    const h5::Dataset dataset = file.dataset(fmt::format("{}/{}", group, name));
    std::vector<std::int64_t> shape(dataset.shape().begin(), dataset.shape().end());
    if (dataset.holds<std::int64_t>()) {
      weights.tensors.emplace_back(name,
                                   at::tensor(dataset.read<std::int64_t>(), at::kLong).view(shape));
    } else if (dataset.holds<double>()) {
      weights.tensors.emplace_back(name,
                                   at::tensor(dataset.read<double>(), at::kDouble).view(shape));
    } else {
      weights.tensors.emplace_back(name, at::tensor(dataset.read<float>(), at::kFloat).view(shape));
    }
  }
  if (const auto stored = file.attribute<std::string>("sha256");
      stored != sha256(weights.tensors)) {
    throw InputError(
        fmt::format("{}: the weights do not match their checksum; the file is damaged, "
                    "take another copy",
                    path.string()));
  }
  weights.gates = read_gates(file);
  if (file.has_attribute("whole_sha256")) {
    weights.whole_sha256 = file.attribute<std::string>("whole_sha256");
  }
  return weights;
}

void write_tensor(h5::File& file, const std::string& name, const at::Tensor& values) {
  h5::Extents shape(values.sizes().begin(), values.sizes().end());
  if (shape.empty()) {
    shape = {1};
  }
  const auto write = [&]<class T>(T) {
    const T* data = values.const_data_ptr<T>();
    file.array<T>(name, shape).write(std::vector<T>(data, data + values.numel()));
  };
  switch (values.scalar_type()) {
    case at::kLong:
      return write(std::int64_t{});
    case at::kDouble:
      return write(double{});
    default:
      return write(float{});
  }
}

}  // namespace

StateDict state_dict(const Network& network) {
  StateDict tensors;
  for (const auto& item : network.named_parameters()) {
    tensors.emplace_back(item.key(), item.value());
  }
  for (const auto& item : network.named_buffers()) {
    tensors.emplace_back(item.key(), item.value());
  }
  return tensors;
}

std::string sha256(const StateDict& tensors) {
  Digest digest;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor values = tensor.detach().cpu().contiguous();
    // A scalar is stored as one number.
    const auto shape = values.dim() == 0 ? std::vector<std::int64_t>{1} : values.sizes().vec();
    digest.add(fmt::format("{} {} [{}]\n", name, c10::toString(values.scalar_type()),
                           fmt::join(shape, ",")));
    digest.add(std::span(static_cast<const std::byte*>(values.const_data_ptr()), values.nbytes()));
  }
  return digest.hex();
}

std::string sha256(const Gates& gates) {
  if (gates.numbers.empty()) {
    return "";
  }
  Digest digest;
  for (const auto& [rule, of_exits] : gates.numbers) {
    digest.add(prefix_of(rule));
    for (const std::vector<double>& numbers : of_exits) {
      digest.add(fmt::format("{}\n", numbers.size())).add_values(std::span<const double>(numbers));
    }
  }
  return digest.hex();
}

void load_state_dict(Network& network, const StateDict& tensors, const std::string& where,
                     bool without_exits) {
  std::map<std::string, at::Tensor> given;
  for (const auto& [name, tensor] : tensors) {
    if (name.starts_with("optimiser.")) {
      continue;  // of a checkpoint, which holds the weights beside it
    }
    given.emplace(reference_name(name), tensor);
  }
  std::vector<std::string> missing;
  const at::NoGradGuard no_grad;
  for (const auto& [name, own] : state_dict(network)) {
    const auto found = given.find(name);
    if (found == given.end()) {
      if (!(without_exits && name.starts_with("exits."))) {
        missing.push_back(name);
      }
      continue;
    }
    // Dimensions of length 1 differ between versions of a reference.
    if (found->second.squeeze().sizes() != own.squeeze().sizes()) {
      throw InputError(fmt::format(
          "{}: '{}' has shape [{}], the network wants [{}]; name the model and the features they "
          "were trained with",
          where, name, fmt::join(found->second.sizes(), ", "), fmt::join(own.sizes(), ", ")));
    }
    own.copy_(found->second.view(own.sizes()));
    given.erase(found);
  }
  std::vector<std::string> unexpected;
  for (const auto& [name, tensor] : given) {
    unexpected.push_back(name);
  }
  if (!missing.empty() || !unexpected.empty()) {
    throw InputError(fmt::format(
        "{}: weights of another network ({}{}{}); name the model and exits they belong to", where,
        missing.empty() ? "" : "missing " + first_few(missing),
        !missing.empty() && !unexpected.empty() ? "; " : "",
        unexpected.empty() ? "" : "unexpected " + first_few(unexpected)));
  }
}

StateDict piece_of(const Network& network, const Segments& segments) {
  StateDict piece = state_dict(network);
  std::erase_if(
      piece, [&](const auto& tensor) { return !segments.hold(network.segment_of(tensor.first)); });
  return piece;
}

void load_piece(Network& network, const StateDict& piece, const std::string& where,
                const Segments& segments) {
  StateDict all = piece;
  for (const auto& [name, own] : state_dict(network)) {
    if (!segments.hold(network.segment_of(name))) {
      constexpr double nan = std::numeric_limits<double>::quiet_NaN();
      all.emplace_back(name, own.is_floating_point() ? at::full_like(own, nan) : own);
    }
  }
  load_state_dict(network, all, where);
}

Weights read_weights(const std::filesystem::path& path) {
  if (is_torch_file(path)) {
    return {.tensors = read_torch_file(path), .config = ""};
  }
  return read_h5(path);
}

void adopt_head_layout(ModelConfig& config, const StateDict& tensors) {
  for (const auto& [name, tensor] : tensors) {
    const bool newer = name.ends_with("attn.in_proj.weight");
    if (newer || name.ends_with("attn.in_proj_weight")) {
      config.table.emplace("network", toml::table{});
      if (toml::table* network = config.table["network"].as_table()) {
        network->insert_or_assign("head_layout", newer ? "v05" : "legacy");
      }
      return;
    }
  }
}

void write_weights(const std::filesystem::path& path, const Weights& weights) {
  sys::publish(path, [&](const std::filesystem::path& temporary) {
    h5::File file = h5::File::create(temporary);
    file.set_attribute("format", std::string("eebench weights"));
    file.set_attribute("format_version", format_version);
    file.set_attribute("model_config", weights.config);
    file.set_attribute("origin", weights.origin);
    file.set_attribute("sha256", sha256(weights.tensors));
    if (!weights.whole_sha256.empty()) {
      file.set_attribute("whole_sha256", weights.whole_sha256);
    }
    for (const auto& [name, tensor] : weights.tensors) {
      write_tensor(file, fmt::format("{}/{}", group, name), tensor.detach().cpu().contiguous());
    }
    if (!weights.gates.numbers.empty()) {
      write_gates(file, weights.gates);
    }
    file.close();
  });
}

}  // namespace eebench::model
