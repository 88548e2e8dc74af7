// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// A sender, a receiver and a bad network around StreamEdits, and what must hold of them: the
// receiver gets the edited stream and nothing else, and the sender is never told that something has
// arrived which has not. Driven by any source of numbers, random or of a fuzzer.
#include <algorithm>
#include <cstdint>
#include <deque>
#include <stdexcept>
#include <string>
#include <vector>

#include "app/stream_edits.h"

namespace shunt::test {

/// `Numbers`: unsigned next(unsigned below), of 0 to below-1; with below 0 or 1 it is 0. Throws
/// std::runtime_error when a promise is broken.
template <class Numbers>
class StreamModel {
  public:
    /// A stream of up to `most` bytes.
    StreamModel(Numbers& numbers, unsigned most) : numbers_(numbers) {
        start_ = numbers_.next(2) == 0 ? numbers_.next(1U << 16) - (1U << 15)
                                       : numbers_.next(1U << 16) << 16;
        make_stream(1 + numbers_.next(most));
        edits_ = StreamEdits(start_);
        received_.assign(edited_.size() + 1, false);
    }

    /// One thing that happens.
    void step() {
        switch (numbers_.next(8)) {
            case 0:
            case 1:
            case 2:
                send();
                break;
            case 3:
            case 4:
                arrive();
                break;
            case 5:
            case 6:
                deliver();
                break;
            default:
                acknowledge();
        }
    }

    /// Nothing is lost any more: the whole stream must come through.
    void finish() {
        for (unsigned round = 0; acked_ <= original_.size(); ++round) {
            check(round < 10 * original_.size() + 100, "the stream goes on");
            const unsigned place = acked_;
            const unsigned size =
                std::min<unsigned>(1 + round % 70, static_cast<unsigned>(original_.size()) - place);
            const bool fin = place + size == original_.size();
            sent_ = std::max(sent_, place + size + (fin ? 1 : 0));
            through({place, size, fin});
            while (!outputs_.empty()) take_output(0);
            tell(ack_of_receiver());
            const unsigned own = edits_.own_ack() - start_;
            take_ack(own);
        }
        check(in_order_ == edited_.size() + 1, "all of the edited stream and its end");
        check(edits_.edits() == 0, "no edit is left over");
    }

    [[nodiscard]] bool finished() const { return acked_ > original_.size(); }
    [[nodiscard]] unsigned full() const { return full_; }

  private:
    /// [first, last] becomes text; what is released stays, and what is dropped has none.
    struct Plan {
        unsigned first;
        unsigned last;
        std::string text;
        bool release;
        unsigned place;      ///< of the text in the edited stream
        bool plain = false;  ///< was released without an edit
    };
    struct Segment {
        unsigned place;
        unsigned size;
        bool fin;
    };
    struct Out {
        std::uint32_t seq;
        std::string data;
        bool fin;
    };

    static void check(bool holds, const char* promise) {
        if (!holds) throw std::runtime_error(std::string("broken: ") + promise);
    }

    void make_stream(unsigned size) {
        for (unsigned i = 0; i < size; ++i)
            original_ += static_cast<char>('a' + (i * 7 + i / 26 + i / 700) % 26);
        const unsigned spread = 1 + numbers_.next(60);
        for (unsigned at = numbers_.next(spread); at < size; at += numbers_.next(spread)) {
            Plan plan{at, std::min(at + numbers_.next(30), size - 1), {}, false, 0, false};
            plan.release = numbers_.next(4) == 0;
            if (plan.release)
                plan.text = original_.substr(plan.first, plan.last - plan.first + 1);
            else
                plan.text.assign(numbers_.next(8) == 0 ? 0 : numbers_.next(56),
                                 static_cast<char>('A' + plans_.size() % 26));
            plans_.push_back(plan);
            at = plan.last + 1;
        }
        unsigned at = 0;
        for (Plan& plan : plans_) {
            edited_ += original_.substr(at, plan.first - at);
            plan.place = static_cast<unsigned>(edited_.size());
            edited_ += plan.text;
            at = plan.last + 1;
        }
        edited_ += original_.substr(at);
    }

    /// What was not acknowledged, in new segments; at times what was, as a network repeats it.
    void send() {
        const unsigned end = static_cast<unsigned>(original_.size());
        Segment segment{};
        if (numbers_.next(6) == 0 && !history_.empty()) {
            segment = history_[numbers_.next(static_cast<unsigned>(history_.size()))];
        } else {
            const unsigned from =
                numbers_.next(3) == 0 ? std::min(acked_, end) : std::min(sent_, end);
            segment.place = std::min(from + numbers_.next(4) * numbers_.next(10), end);
            segment.place = std::min(segment.place, std::max(sent_, acked_));
            segment.size = std::min(numbers_.next(3) == 0 ? 1 : numbers_.next(90),
                                    end - std::min(segment.place, end));
            segment.fin = segment.place + segment.size == end && numbers_.next(2) == 0;
            sent_ = std::max(sent_, segment.place + segment.size + (segment.fin ? 1 : 0));
            history_.push_back(segment);
        }
        if (network_.size() < 40) network_.push_back(segment);
    }

    void arrive() {
        if (network_.empty()) return;
        const std::size_t at = pick(network_.size());
        const Segment segment = network_[at];
        network_.erase(network_.begin() + static_cast<std::ptrdiff_t>(at));
        if (numbers_.next(10) != 0) through(segment);
    }

    std::size_t pick(std::size_t size) {
        return numbers_.next(3) == 0 ? numbers_.next(static_cast<unsigned>(size)) : 0;
    }

    void through(const Segment& segment) {
        judge(segment);
        check(edits_.plausible(), "the state is plausible");
        const SeqSegment in{start_ + segment.place, segment.size, false, segment.fin};
        const auto out = edits_.translate(in);
        Out made{out.seq, {}, out.fin};
        for (const auto& piece : out.data()) {
            check(piece.text != nullptr || piece.offset + piece.size <= segment.size,
                  "pieces lie in the segment");
            made.data += piece.text != nullptr
                             ? std::string(piece.text, piece.size)
                             : original_.substr(segment.place + piece.offset, piece.size);
        }
        check(made.data.size() == out.size, "the size of what goes out");
        check(!out.same_data || (made.data == original_.substr(segment.place, segment.size) &&
                                 out.fin == segment.fin),
              "what is said to be the same");
        check(!out.probe || (out.size == 0 && !out.fin), "a probe is empty");
        if (outputs_.size() < 40) outputs_.push_back(made);
    }

    /// What a scanner does: takes the bytes one by one, holds back, decides at the last one.
    void judge(const Segment& segment) {
        unsigned next = edits_.next() - start_;
        const unsigned end = segment.place + segment.size;
        if (segment.place > next) return;
        for (; next < end && holds_room(next); ++next) decide(next);
        unsigned held = next;
        if (plan_ < plans_.size() && plans_[plan_].first < next) held = plans_[plan_].first;
        if (segment.fin && next == original_.size() && next == end) held = ++next;
        edits_.advance(start_ + next, start_ + held);
    }

    bool holds_room(unsigned next) {
        const bool edit = plan_ < plans_.size() && next == plans_[plan_].last;
        full_ += edit && !edits_.room() ? 1 : 0;
        return !edit || edits_.room();
    }

    void decide(unsigned at) {
        if (plan_ == plans_.size() || plans_[plan_].last != at) return;
        Plan& plan = plans_[plan_++];
        const std::size_t edits = edits_.edits();
        const bool done = plan.release
                              ? edits_.release(start_ + plan.first, start_ + plan.last, plan.text)
                              : edits_.replace(start_ + plan.first, start_ + plan.last, plan.text);
        plan.plain = edits_.edits() == edits;
        check(done && (plan.release || !plan.plain), "an edit is made while there is room");
    }

    void deliver() {
        if (outputs_.empty()) return;
        const std::size_t at = pick(outputs_.size());
        if (numbers_.next(4) == 0) cut(outputs_[at]);
        if (numbers_.next(10) == 0)
            outputs_.erase(outputs_.begin() + static_cast<std::ptrdiff_t>(at));
        else
            take_output(at);
    }

    /// The segment was split on its way, and only a part of it arrives.
    void cut(Out& out) {
        const unsigned front = numbers_.next(static_cast<unsigned>(out.data.size()));
        const unsigned size = numbers_.next(static_cast<unsigned>(out.data.size()) - front + 1);
        out.fin = out.fin && front + size == out.data.size();
        out.seq += front;
        out.data = out.data.substr(front, size);
    }

    void take_output(std::size_t at) {
        const Out out = outputs_[at];
        outputs_.erase(outputs_.begin() + static_cast<std::ptrdiff_t>(at));
        const std::uint32_t place = out.seq - start_;
        if (out.data.empty() && !out.fin) {
            check(static_cast<std::int32_t>(place) <= static_cast<std::int32_t>(edited_.size() + 1),
                  "an empty segment stays in the stream");
            return;
        }
        check(place + out.data.size() <= edited_.size() &&
                  edited_.compare(place, out.data.size(), out.data) == 0,
              "the bytes of the edited stream");
        std::fill_n(received_.begin() + place, out.data.size(), true);
        if (out.fin) {
            check(place + out.data.size() == edited_.size(), "the end is at the end");
            received_[edited_.size()] = true;
        }
        while (in_order_ < received_.size() && received_[in_order_]) ++in_order_;
    }

    [[nodiscard]] unsigned ack_of_receiver() const { return in_order_; }

    /// The receiver speaks, with blocks; what it says may come late, or never.
    void acknowledge() {
        acks_.push_back(ack_of_receiver());
        const std::size_t at = pick(acks_.size());
        const unsigned ack = acks_[at];
        acks_.erase(acks_.begin() + static_cast<std::ptrdiff_t>(at));
        if (numbers_.next(5) == 0) return;
        tell_blocks();
        tell(ack);
        if (numbers_.next(4) == 0) take_ack(edits_.own_ack() - start_);
    }

    void tell(unsigned ack) {
        const unsigned original = edits_.original_ack(start_ + ack) - start_;
        edits_.acknowledged(start_ + ack);
        take_ack(original);
    }

    void take_ack(unsigned original) {
        check(original <= sent_, "no acknowledgement of what was not sent");
        claim(0, original);
        acked_ = std::max(acked_, original);
    }

    /// A run of what the receiver has behind a gap, or a part of it.
    void tell_blocks() {
        for (unsigned tries = 0; tries < 3; ++tries) {
            unsigned left = in_order_ + 1 + numbers_.next(60);
            while (left < received_.size() && !received_[left]) ++left;
            unsigned right = left;
            while (right < received_.size() && received_[right] && numbers_.next(40) != 0) ++right;
            if (left >= right) continue;
            const auto block = edits_.original_block({start_ + left, start_ + right});
            if (!block) continue;
            check(block->right - start_ <= sent_, "no block of what was not sent");
            claim(block->left - start_, block->right - start_);
        }
    }

    /// The sender is told that these bytes have arrived.
    void claim(unsigned from, unsigned to) {
        from = std::max(from, acked_);
        std::size_t plan = 0;
        while (plan < plans_.size() && plans_[plan].last < from) ++plan;
        for (unsigned at = from; at < to; ++at) {
            if (plan < plans_.size() && at > plans_[plan].last) ++plan;
            check_arrived(at, plan);
        }
    }

    void check_arrived(unsigned at, std::size_t plan) {
        if (plan < plans_.size() && plans_[plan].plain && at >= plans_[plan].first) {
            check(received_[plans_[plan].place + at - plans_[plan].first], "released bytes");
            return;
        }
        const bool inside = plan < plans_.size() && at >= plans_[plan].first;
        if (inside && at < plans_[plan].last) return;  // it maps to nothing
        if (inside) {
            for (unsigned i = 0; i < plans_[plan].text.size(); ++i)
                check(received_[plans_[plan].place + i], "the whole text has arrived");
            return;
        }
        const unsigned place = plan == 0
                                   ? at
                                   : at - (plans_[plan - 1].last + 1) + plans_[plan - 1].place +
                                         static_cast<unsigned>(plans_[plan - 1].text.size());
        check(received_[place], "what is acknowledged has arrived");
    }

    Numbers& numbers_;
    std::uint32_t start_ = 0;
    std::string original_;
    std::string edited_;
    std::vector<Plan> plans_;
    std::size_t plan_ = 0;  ///< the next to be decided
    StreamEdits edits_;
    unsigned sent_ = 0;
    unsigned acked_ = 0;  ///< to the sender; it keeps the rest
    unsigned in_order_ = 0;
    unsigned full_ = 0;
    std::vector<bool> received_;
    std::vector<Segment> history_;
    std::deque<Segment> network_;
    std::deque<Out> outputs_;
    std::deque<unsigned> acks_;
};

}  // namespace shunt::test
