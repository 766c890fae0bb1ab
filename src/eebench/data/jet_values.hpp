#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "eebench/data/data_config.hpp"
#include "eebench/data/jet_file.hpp"

namespace eebench::data {

/// What formulas say of whole jets [begin, end) of a file, one number a jet each. They may use
/// columns jet_*, `label`, label_<class> (1 for the jets of this class of the file, else 0) and the
/// new variables made of these. Throws InputError that names configuration, key and column.
std::vector<Column> jet_values(const JetFile& file, const DataConfig& config,
                               const std::string& key, std::span<const Expression> formulas,
                               std::int64_t begin, std::int64_t end);

/// Which of the jets [begin, end) a selection keeps: all where there is none.
std::vector<bool> selected(const JetFile& file, const DataConfig& config,
                           const std::optional<Expression>& selection, std::int64_t begin,
                           std::int64_t end);

}  // namespace eebench::data
