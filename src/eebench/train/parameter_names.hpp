#pragma once

#include <string_view>

#include "eebench/train/settings.hpp"

namespace eebench::train {

/// Whether a setting's name means this parameter, buffer or module: itself, or a module around it.
/// "backbone" is everything but the early heads ("exits").
bool names(std::string_view setting, std::string_view item);

bool frozen(std::string_view item, const Settings& settings);
/// Of its learning rate: by the longest name of lr_factors that means it, else 1.
double lr_factor(std::string_view parameter, const Settings& settings);

}  // namespace eebench::train
