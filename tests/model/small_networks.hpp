#pragma once

#include <memory>
#include <string>

#include "eebench/model/part/part.hpp"
#include "eebench/model/particlenet/particlenet.hpp"
#include "eebench/model/particlenext/particlenext.hpp"
#include "eebench/model/pfn/pfn.hpp"

namespace eebench::test {

// Small networks with three exits.

inline std::unique_ptr<model::Network> small_part(const std::string& head, double dropout = 0.0) {
  return model::make_part({.embed = {32, 64, 32},
                           .pair_embed = {16, 16},
                           .heads = 4,
                           .layers = 4,
                           .dropout = dropout,
                           .exits_after = {1, 2},
                           .exit_head = head,
                           .exit_width = 24});
}

inline std::unique_ptr<model::Network> small_particlenet(double dropout = 0.0) {
  return model::make_particlenet({.blocks = {{8, 8}, {16, 16}, {32, 32}},
                                  .fc = 16,
                                  .dropout = dropout,
                                  .exits_after = {1, 2},
                                  .exit_particle_widths = {16},
                                  .exit_width = 8});
}

inline std::unique_ptr<model::Network> small_particlenext(double dropout = 0.0) {
  return model::make_particlenext({.node = 8,
                                   .edge = 4,
                                   .message = 32,
                                   .slices = {2, 5, 9},
                                   .layers = {48, 48, 48},
                                   .edge_maps = 4,
                                   .jet_maps = 3,
                                   .fc = 12,
                                   .dropout = dropout,
                                   .exits_after = {1, 2},
                                   .exit_particle_widths = {16},
                                   .exit_width = 8});
}

inline std::unique_ptr<model::Network> small_pfn() {
  return model::make_pfn(
      {.phi = {24, 16, 20}, .f = {12, 8}, .exits_after = {1, 2}, .exit_width = 8});
}

}  // namespace eebench::test
