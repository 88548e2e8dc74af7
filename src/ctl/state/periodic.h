// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <utility>

namespace shunt::ctl {

/// Calls `work` every `period` on the io_context, from one period after construction until
/// destruction. Thread: control.
class Periodic {
  public:
    Periodic(boost::asio::io_context& io, std::chrono::milliseconds period,
             std::function<void()> work)
        : timer_(io), period_(period), work_(std::move(work)) {
        timer_.expires_after(period_);
        wait();
    }

  private:
    void wait() {
        timer_.async_wait([this](const boost::system::error_code& error) {
            if (error) return;
            work_();
            // From the last expiry, so that periods keep their length whatever the work takes.
            timer_.expires_at(timer_.expiry() + period_);
            wait();
        });
    }

    boost::asio::steady_timer timer_;
    std::chrono::milliseconds period_;
    std::function<void()> work_;
};

}  // namespace shunt::ctl
