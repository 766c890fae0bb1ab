#pragma once

#include <vector>

#include "eebench/comm/communicator.hpp"
#include "eebench/deploy/deployment.hpp"
#include "eebench/report/table.hpp"
#include "eebench/stats/classification.hpp"
#include "eebench/store/share_file.hpp"

namespace eebench::cli {

/// What a deployment did as a whole.
struct DeploymentReport {
  deploy::Figures figures;
  /// Percentiles 50, 90, 99 of all jets, then of those that left at each tier, s: from the
  /// hand-over of a jet's batch to its answer. NaN where too few batches tell.
  std::vector<double> latency;            ///< [1 + tiers, percentiles]
  std::vector<stats::Accuracy> accuracy;  ///< [1 + tiers] likewise
  double throughput = 0.0;                ///< jets/s
};

/// \collective Accuracies and latencies are the root's alone.
DeploymentReport summarise(const comm::Communicator& comm, const deploy::Plan& plan,
                           const deploy::Deployment& deployment);

/// \collective The variables that a deployment adds to the file of its answers.
void write_report(store::ShareFile& file, const deploy::Plan& plan,
                  const deploy::Deployment& deployment, const DeploymentReport& report);

/// A row a tier, and one for all.
report::Table to_table(const deploy::Plan& plan, const DeploymentReport& report);

}  // namespace eebench::cli
