// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/pipeline.h"

namespace shunt {

void run_pipeline(WorkerState& worker, Batch& batch) noexcept {
    Nobody nobody;
    run_stages(worker, batch, nobody);
}

}  // namespace shunt
