// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/metrics/metrics_exporter.h"

#include <prometheus/collectable.h>
#include <sched.h>
#include <sys/resource.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <future>
#include <mutex>
#include <optional>
#include <stdexcept>

namespace shunt::ctl {

namespace {

/// What the calling thread does can wait for everybody else.
void step_aside(const std::vector<unsigned>& worker_cpus) {
    constexpr int low_priority = 10;
    setpriority(PRIO_PROCESS, 0, low_priority);
    cpu_set_t cpus;
    if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0) return;
    for (const unsigned cpu : worker_cpus) CPU_CLR(cpu, &cpus);
    if (CPU_COUNT(&cpus) > 0) sched_setaffinity(0, sizeof(cpus), &cpus);
}

/// Calls, and says nothing.
void knock(const boost::asio::ip::tcp::endpoint& listener) {
    boost::asio::io_context io;
    boost::asio::ip::tcp::socket caller(io);
    boost::system::error_code ignored;
    caller.open(listener.protocol(), ignored);
    caller.non_blocking(true, ignored);
    caller.connect(listener, ignored);
}

}  // namespace

/// Lives as long as somebody may still call it: the control thread's queue holds it too.
class MetricsExporter::Collector : public prometheus::Collectable,
                                   public std::enable_shared_from_this<Collector> {
  public:
    Collector(boost::asio::io_context& io, const Options& options, MetricsSource source,
              std::function<MetricsSample()> sample)
        : io_(io),
          worker_cpus_(options.worker_cpus),
          patience_(options.patience),
          source_(std::move(source)),
          sample_(std::move(sample)) {}

    /// Thread: one of prometheus-cpp.
    std::vector<prometheus::MetricFamily> Collect() const override {
        thread_local bool aside = false;
        if (!aside) step_aside(worker_cpus_);
        aside = true;
        const auto sample = ask_control();
        return metric_families(source_, sample ? &*sample : nullptr);
    }

    /// Nobody waits any longer, and no sample is taken. Thread: control.
    void close() {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        changed_.notify_all();
    }

  private:
    using Answer = std::optional<MetricsSample>;

    Answer ask_control() const {
        const auto answer = std::make_shared<Answer>();
        boost::asio::post(io_, [self = shared_from_this(), answer] { self->serve(*answer); });
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, patience_, [&] { return closed_ || *answer; });
        return std::exchange(*answer, std::nullopt);
    }

    /// Thread: control. Only that thread closes.
    void serve(Answer& answer) const {
        if (closed_) return;
        MetricsSample sample = sample_();
        const std::lock_guard lock(mutex_);
        answer = std::move(sample);
        changed_.notify_all();
    }

    boost::asio::io_context& io_;
    const std::vector<unsigned> worker_cpus_;
    const std::chrono::milliseconds patience_;
    const MetricsSource source_;
    const std::function<MetricsSample()> sample_;
    mutable std::mutex mutex_;  ///< of what follows, and of answers
    mutable std::condition_variable changed_;
    bool closed_ = false;
};

MetricsExporter::MetricsExporter(boost::asio::io_context& io, const Options& options,
                                 MetricsSource source, std::function<MetricsSample()> sample)
    : collector_(std::make_shared<Collector>(io, options, std::move(source), std::move(sample))) {
    try {
        exposer_ = std::make_unique<prometheus::Exposer>(
            std::vector<std::string>{"listening_ports", to_string(options.address), "num_threads",
                                     "2", "request_timeout_ms", "5000", "enable_keep_alive", "no"});
    } catch (const std::exception&) {
        throw std::runtime_error("metrics: cannot listen at " + to_string(options.address) +
                                 ": is another program there, and is it an address of this host?");
    }
    listener_ = {boost::asio::ip::make_address(to_string(options.address.address)),
                 static_cast<std::uint16_t>(port())};
    exposer_->RegisterCollectable(collector_);
}

/// The listening thread looks whether it is to end every 2 s, and when somebody calls.
MetricsExporter::~MetricsExporter() {
    using namespace std::chrono_literals;
    collector_->close();
    auto ended = std::async(std::launch::async, [this] { exposer_.reset(); });
    while (ended.wait_for(5ms) != std::future_status::ready) knock(listener_);
}

}  // namespace shunt::ctl
