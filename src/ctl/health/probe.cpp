// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/health/probe.h"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "ctl/health/http_answer.h"

namespace shunt::ctl {

namespace {

namespace asio = boost::asio;
using Error = boost::system::error_code;

asio::ip::address address_of(const IpAddress& address) {
    if (address.family() == Family::ipv4) return asio::ip::address_v4(address.v4().word.value());
    return asio::ip::address_v6(address.v6().bytes);
}

/// Is it this host that lacks something, so that the error tells nothing about the server?
bool is_our_own(const Error& error) {
    namespace kind = boost::system::errc;
    for (const auto own :
         {kind::too_many_files_open, kind::too_many_files_open_in_system, kind::not_enough_memory,
          kind::no_buffer_space, kind::address_not_available, kind::address_in_use,
          kind::address_family_not_supported, kind::operation_not_permitted})
        if (error == own) return true;
    return false;
}

/// What probes of both protocols have in common.
template <class Protocol>
class SocketProbe : public Probe, public std::enable_shared_from_this<SocketProbe<Protocol>> {
  public:
    SocketProbe(asio::io_context& io, CheckTask task, Done done)
        : socket_(io), timer_(io), task_(std::move(task)), done_(std::move(done)) {}

    void stop() override {
        done_ = nullptr;
        close();
    }

    void begin() {
        const typename Protocol::endpoint target(address_of(task_.target.address),
                                                 task_.target.port.value());
        Error error;
        open(target, error);
        if (error) {
            const CheckResult result{CheckEnd::not_made, "socket: " + error.message(), {}};
            asio::post(timer_.get_executor(), [self = self(), result] { self->end(result); });
            return;
        }
        timer_.expires_after(task_.timeout);
        timer_.async_wait([self = self()](const Error& cancelled) {
            if (!cancelled) self->late();
        });
        socket_.async_connect(target, [self = self()](const Error& failed) {
            if (failed)
                self->fail("connect: ", failed);
            else if (self->done_)
                self->connected();
        });
    }

  protected:
    [[nodiscard]] std::shared_ptr<SocketProbe> self() { return this->shared_from_this(); }

    virtual void connected() = 0;
    virtual void late() {
        end({CheckEnd::timed_out, "timeout " + duration_text(task_.timeout), {}});
    }

    void fail(const char* where, const Error& error) {
        end({is_our_own(error) ? CheckEnd::not_made : CheckEnd::failed,
             where + error.message(),
             {}});
    }
    /// Once; later ends are of a closed socket.
    void end(CheckResult result) {
        if (!done_) return;
        close();
        result.took = std::chrono::steady_clock::now() - began_;
        std::exchange(done_, nullptr)(result);
    }

    typename Protocol::socket& socket() noexcept { return socket_; }
    [[nodiscard]] const CheckTask& task() const noexcept { return task_; }

  private:
    void open(const typename Protocol::endpoint& target, Error& error) {
        socket_.open(target.protocol(), error);
        if constexpr (std::is_same_v<Protocol, asio::ip::tcp>)
            if (!error) socket_.set_option(asio::socket_base::linger(true, 0), error);
        if (!error && task_.source) socket_.bind({address_of(*task_.source), 0}, error);
    }
    void close() {
        Error ignored;
        socket_.close(ignored);
        timer_.cancel();
    }

    typename Protocol::socket socket_;
    asio::steady_timer timer_;
    CheckTask task_;
    Done done_;
    std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

class TcpProbe : public SocketProbe<asio::ip::tcp> {
  public:
    using SocketProbe::SocketProbe;

  private:
    void connected() override { end({CheckEnd::passed, "connected", {}}); }
};

class HttpProbe : public SocketProbe<asio::ip::tcp> {
  public:
    using SocketProbe::SocketProbe;

  private:
    void connected() override {
        asio::async_write(socket(), asio::buffer(task().request),
                          [this, self = self()](const Error& error, std::size_t) {
                              error ? fail("http: ", error) : read();
                          });
    }
    void read() {
        socket().async_read_some(
            asio::buffer(bytes_),
            [this, self = self()](const Error& error, std::size_t size) { took(error, size); });
    }
    void took(const Error& error, std::size_t size) {
        if (error == asio::error::eof)
            return end({CheckEnd::failed, "http: closed before the end of the header", {}});
        if (error) return fail("http: ", error);
        switch (answer_.take({bytes_.data(), size})) {
            case HttpAnswer::State::more:
                return read();
            case HttpAnswer::State::broken:
                return end({CheckEnd::failed, "http: " + std::string(answer_.problem()), {}});
            case HttpAnswer::State::done:
                return judge();
        }
    }
    void judge() {
        const auto status = answer_.status();
        const bool good = status >= task().status.first && status <= task().status.last;
        end({good ? CheckEnd::passed : CheckEnd::failed,
             "http: status " + std::to_string(status),
             {}});
    }

    HttpAnswer answer_;
    std::array<char, 2048> bytes_;
};

/// A server that says nothing is held for well: only the kernel, by an ICMP error, says that it is
/// not.
class UdpProbe : public SocketProbe<asio::ip::udp> {
  public:
    using SocketProbe::SocketProbe;

  private:
    void connected() override {
        Error error;
        socket().send(asio::const_buffer(), 0, error);
        if (error) return fail("udp: ", error);
        socket().async_receive(asio::buffer(bytes_),
                               [this, self = self()](const Error& refused, std::size_t) {
                                   // A longer datagram is an answer as well.
                                   if (refused && refused != asio::error::message_size)
                                       fail("udp: ", refused);
                                   else
                                       end({CheckEnd::passed, "udp: answered", {}});
                               });
    }
    void late() override { end({CheckEnd::passed, "udp: no error", {}}); }

    std::array<char, 1> bytes_;
};

template <class Kind>
std::shared_ptr<Probe> begin(asio::io_context& io, CheckTask task, Probe::Done done) {
    auto probe = std::make_shared<Kind>(io, std::move(task), std::move(done));
    probe->begin();
    return probe;
}

}  // namespace

std::shared_ptr<Probe> Probe::start(asio::io_context& io, CheckTask task, Done done) {
    switch (task.type) {
        case CheckType::http:
            return ctl::begin<HttpProbe>(io, std::move(task), std::move(done));
        case CheckType::udp:
            return ctl::begin<UdpProbe>(io, std::move(task), std::move(done));
        case CheckType::tcp:
            break;
    }
    return ctl::begin<TcpProbe>(io, std::move(task), std::move(done));
}

}  // namespace shunt::ctl
