#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <torch/nn/modules/container/modulelist.h>

#include "eebench/model/network.hpp"
#include "eebench/nn/linear.hpp"
#include "eebench/nn/norm.hpp"

namespace eebench::model {

struct ModelConfig;

/// Particle Transformer, version 1 (Qu, Li, Qian, arXiv:2202.03772), with exits.
struct PartConfig {
  std::int64_t features = 17;
  std::int64_t classes = 10;
  std::vector<std::int64_t> embed = {128, 512, 128};  ///< the last one is the width of the network
  std::vector<std::int64_t> pair_embed = {64, 64, 64};
  std::int64_t heads = 8;
  std::int64_t layers = 8;
  std::int64_t class_layers = 2;
  std::int64_t ffn_ratio = 4;
  double dropout = 0.1;
  /// How the per-head gain c_attn is laid over channels: published 2022 weights use output channel
  /// c * heads + h ("legacy"), weaver-core 0.5 h * d + c ("v05").
  bool legacy_heads = true;
  /// Blocks after which an early exit stands, 1-based, increasing, all below `layers`.
  std::vector<std::int64_t> exits_after;
  /// Early heads: one class-attention block ("class_attention") or mean and maximum of the
  /// particles through an MLP ("pooled").
  std::string exit_head = "pooled";
  std::int64_t exit_width = 128;  ///< hidden width of a pooled early head
};

/// Throws InputError for settings that do not fit together.
std::unique_ptr<Network> make_part(const PartConfig& config);
/// From [network] and [exits] of a model configuration.
std::unique_ptr<Network> part_from(const ModelConfig& config, std::int64_t features,
                                   std::int64_t classes);

}  // namespace eebench::model
