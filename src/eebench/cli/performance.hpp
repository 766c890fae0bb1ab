#pragma once

#include "eebench/report/table.hpp"
#include "eebench/store/all_exits.hpp"
#include "eebench/store/taken_exits.hpp"

namespace eebench::cli {

/// How well every exit answers all jets: accuracy, macro AUC, background rejections.
report::Table performance(const store::AllExits& jets);

/// How well each exit answers the jets that leave there, how many these are, and the network as a
/// whole.
report::Table performance(const store::TakenExits& jets);

}  // namespace eebench::cli
