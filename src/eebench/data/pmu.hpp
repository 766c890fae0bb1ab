#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "eebench/data/jet_file.hpp"
#include "eebench/h5/file.hpp"

namespace eebench::data {

/// PELICAN's layout of jets: `Pmu` [J, slots, 4], (E, px, py, pz) in GeV with E = 0 in empty slots,
/// and `is_signal` [J], 1 for top. It is read as the columns that `convert` makes of it: particles
/// in falling pT, the jet summed from them.
inline constexpr std::array pmu_columns{"part_px",     "part_py",    "part_pz",
                                        "part_energy", "jet_pt",     "jet_eta",
                                        "jet_phi",     "jet_energy", "jet_nparticles"};

/// How many jets such a file has. Throws InputError where it lacks one of the two, or they do not
/// fit each other.
std::int64_t count_pmu(const h5::File& file, const std::filesystem::path& path);

/// Jets [begin, end) with these of pmu_columns. Throws InputError that names dataset, index and
/// remedy for an empty jet, a label other than 0 and 1, and what is not finite or has no logarithm.
JetColumns read_pmu(const h5::File& file, const std::filesystem::path& path, std::int64_t begin,
                    std::int64_t end, const std::vector<std::string>& names);

}  // namespace eebench::data
