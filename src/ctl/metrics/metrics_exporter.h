// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The HTTP endpoint /metrics for Prometheus. Its threads are those of prometheus-cpp: one that
// serves a scrape asks the control thread for a MetricsSample, waits for it, and writes it out by
// itself, at low priority and away from the CPUs of the workers. A client of the endpoint, however
// slow, holds up nobody but other clients of it.
#include <prometheus/exposer.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ctl/metrics/metrics_families.h"

namespace shunt::ctl {

class MetricsExporter {
  public:
    struct Options {
        Endpoint address;
        std::vector<unsigned> worker_cpus;         ///< where scrapes are not served
        std::chrono::milliseconds patience{1000};  ///< for the control thread
    };

    /// Serves when it returns. `sample` is called on the thread of `io`, and throws nothing. `io`
    /// outlives this, as does what `source` and `sample` look at. Throws std::runtime_error with
    /// one line for the operator. Thread: control.
    MetricsExporter(boost::asio::io_context& io, const Options& options, MetricsSource source,
                    std::function<MetricsSample()> sample);
    /// Scrapes that wait for the control thread end without what it knows.
    ~MetricsExporter();
    MetricsExporter(const MetricsExporter&) = delete;
    MetricsExporter& operator=(const MetricsExporter&) = delete;

    [[nodiscard]] int port() const { return exposer_->GetListeningPorts().front(); }

  private:
    class Collector;
    boost::asio::ip::tcp::endpoint listener_;
    std::shared_ptr<Collector> collector_;
    std::unique_ptr<prometheus::Exposer> exposer_;
};

}  // namespace shunt::ctl
