#pragma once

#include "eebench/comm/communicator.hpp"
#include "eebench/report/table.hpp"
#include "eebench/store/all_exits.hpp"
#include "eebench/store/taken_exits.hpp"

namespace eebench::cli {

/// How well every exit answers all jets: accuracy, macro AUC, background rejections. Empty on all
/// ranks but the root, which gathers the answers of one exit at a time. \collective
report::Table performance(const comm::Communicator& comm, const store::AllExits& share);

/// How well each exit answers the jets that leave there, how many these are, and the network as a
/// whole. Empty on all ranks but the root. \collective
report::Table performance(const comm::Communicator& comm, const store::TakenExits& share);

}  // namespace eebench::cli
