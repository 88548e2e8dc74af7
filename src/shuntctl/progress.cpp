// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/progress.h"

#include <ostream>

namespace shunt::cli {

void Progress::tell(const std::string& what) {
    const auto now = Clock::now();
    if (!shown_ || now < next_) return;
    next_ = now + std::chrono::milliseconds(200);
    drawn_ = true;
    err_ << '\r' << what << "\x1b[K" << std::flush;
}

void Progress::clear() {
    if (!drawn_) return;
    drawn_ = false;
    err_ << "\r\x1b[K" << std::flush;
}

}  // namespace shunt::cli
