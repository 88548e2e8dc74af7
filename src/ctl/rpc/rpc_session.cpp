// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/rpc/rpc_session.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

namespace shunt::ctl {

namespace asio = boost::asio;
using boost::system::error_code;

RpcSession::RpcSession(Socket socket, const MethodTable& methods, const RpcLimits& limits,
                       LongLine& long_line, Origin origin,
                       std::function<void(const std::shared_ptr<RpcSession>&)> ended)
    : socket_(std::move(socket)),
      deadline_(socket_.get_executor()),
      pause_(socket_.get_executor()),
      methods_(methods),
      limits_(limits),
      long_line_(long_line),
      origin_(std::move(origin)),
      ended_by_itself_(std::move(ended)),
      bucket_(limits.rate, limits.rate) {
    origin_.receiver = this;
}

void RpcSession::refuse(const RpcError& error) {
    if (closing_) return;
    closing_ = true;
    subscription_.reset();
    end_long_line();
    send(error_line(error));
}

void RpcSession::close() {
    if (closed_) return;
    closed_ = true;
    subscription_.reset();
    error_code ignored;
    socket_.close(ignored);
    deadline_.cancel();
    pause_.cancel();
    end_long_line();
}

void RpcSession::watch(Clock::time_point now) {
    if (line_since_ && now - *line_since_ >= limits_.patience)
        refuse(refused(ETIMEDOUT,
                       "a line that is begun must end within " +
                           std::to_string(limits_.patience.count()) + " ms",
                       ""));
}

std::optional<RpcSession::Clock::time_point> RpcSession::idle_since() const noexcept {
    if (closing_ || busy_ || paused_) return std::nullopt;
    if (subscription_) {
        const bool stands_still = !output_.empty() && Clock::now() - taken_ >= limits_.patience;
        return stands_still ? std::optional(taken_) : std::nullopt;
    }
    return output_.empty() ? std::optional(active_) : std::nullopt;
}

void RpcSession::subscribe(EventBus& bus, EventKinds kinds) {
    unsubscribe();
    subscription_ = bus.subscribe(kinds, [this](const Event& event) { tell(event); });
}

void RpcSession::unsubscribe() {
    subscription_.reset();
    lost_ = 0;
}

void RpcSession::tell(const Event& event) {
    if (closing_) return;
    if (unsent_ > limits_.most_events) {
        ++lost_;
        return;
    }
    tell_of_lost();
    send(event_line(to_json(event)));
}

void RpcSession::tell_of_lost() {
    if (lost_ != 0) send(event_line({{"lost", std::exchange(lost_, 0)}}));
}

void RpcSession::read() {
    if (closed_ || closing_ || reading_ || ended_) return;
    reading_ = true;
    socket_.async_read_some(asio::buffer(chunk_),
                            [self = shared_from_this()](const error_code& error, std::size_t size) {
                                self->reading_ = false;
                                if (self->closed_) return;
                                if (error) self->ended_ = true;
                                self->active_ = Clock::now();
                                self->input_.append(self->chunk_.data(), size);
                                self->proceed();
                            });
}

/// Does what there is to do next: a request, reading more, or the end.
void RpcSession::proceed() {
    if (closed_ || closing_ || busy_ || paused_ || unsent_ > limits_.most_unsent) return;
    const auto newline = input_.find('\n', searched_);
    const bool whole = newline != std::string::npos;
    const auto size = (whole ? newline : input_.size()) - start_;
    if (size > limits_.longest_line && !may_be_long(size)) return;
    if (whole || (ended_ && size > 0)) {
        const auto wait = bucket_.take(Clock::now());
        if (wait > Clock::duration::zero()) return pause(wait);
        return handle(size, whole ? 1 : 0);
    }
    if (ended_) return finish_if_done();
    input_.erase(0, start_);
    if (input_.empty() && input_.capacity() > 2 * limits_.longest_line) input_.shrink_to_fit();
    start_ = 0;
    searched_ = input_.size();
    if (size > 0 && !line_since_) line_since_ = Clock::now();
    read();
}

/// Refuses if not.
bool RpcSession::may_be_long(std::size_t size) {
    if (size > limits_.longest_of_one) {
        refuse({RpcCode::not_a_request,
                "a line is at most " + std::to_string(limits_.longest_of_one) + " bytes long", "",
                0});
        return false;
    }
    if (is_long_) return true;
    is_long_ = long_line_.take(*this);
    if (is_long_)
        line_since_ = Clock::now();
    else
        refuse(refused(EAGAIN,
                       "another client sends a line of over " +
                           std::to_string(limits_.longest_line) + " bytes, try again",
                       ""));
    return is_long_;
}

void RpcSession::end_long_line() {
    if (!is_long_) return;
    is_long_ = false;
    long_line_.give_back(*this);
}

/// The line of `size` bytes at start_, and `end` bytes of newline behind it.
void RpcSession::handle(std::size_t size, std::size_t end) {
    const std::string_view line = std::string_view(input_).substr(start_, size);
    start_ += size + end;
    searched_ = start_;
    line_since_.reset();
    busy_ = true;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return answered({});
    dispatch_line(
        line, methods_,
        [self = shared_from_this()](std::string answer) { self->answered(std::move(answer)); },
        origin_);
}

void RpcSession::pause(Clock::duration time) {
    paused_ = true;
    pause_.expires_after(time);
    pause_.async_wait([self = shared_from_this()](const error_code&) {
        self->paused_ = false;
        self->proceed();
    });
}

/// One request is done. The next one waits its turn behind other clients'.
void RpcSession::answered(std::string answer) {
    if (closed_) return;
    end_long_line();
    if (!answer.empty()) send(std::move(answer));
    asio::post(socket_.get_executor(), [self = shared_from_this()] {
        self->busy_ = false;
        self->active_ = Clock::now();
        self->proceed();
    });
}

void RpcSession::send(std::string line) {
    unsent_ += line.size();
    output_.push_back(std::move(line));
    if (output_.size() > 1) return;
    taken_ = Clock::now();
    write();
}

/// Who takes nothing is cut off. Who listens to events may stop for a while: they do not pile up.
void RpcSession::wait_for_client() {
    deadline_.expires_after(limits_.patience);
    deadline_.async_wait([self = shared_from_this()](const error_code& error) {
        if (error || self->closed_ || self->output_.empty()) return;
        if (self->subscription_)
            self->wait_for_client();
        else
            self->end();
    });
}

void RpcSession::write() {
    wait_for_client();
    const auto& front = output_.front();
    socket_.async_write_some(
        asio::buffer(front.data() + sent_, front.size() - sent_),
        [self = shared_from_this()](const error_code& error, std::size_t size) {
            self->written(error, size);
        });
}

void RpcSession::written(const error_code& error, std::size_t size) {
    if (closed_) return;
    if (error) return end();
    taken_ = Clock::now();
    sent_ += size;
    unsent_ -= size;
    if (sent_ == output_.front().size()) {
        output_.pop_front();
        sent_ = 0;
    }
    if (!output_.empty()) {
        write();
    } else {
        deadline_.cancel();
        finish_if_done();
        if (!closed_ && !closing_) tell_of_lost();
    }
    proceed();
}

void RpcSession::finish_if_done() {
    if (output_.empty() && (closing_ || (ended_ && !busy_ && start_ == input_.size()))) end();
}

/// The client is gone, or has to go.
void RpcSession::end() {
    if (closed_) return;
    close();
    ended_by_itself_(shared_from_this());
}

}  // namespace shunt::ctl
