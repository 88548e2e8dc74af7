// SPDX-License-Identifier: BSD-3-Clause
#include "app/stream_edits.h"

#include <algorithm>
#include <cassert>

namespace shunt {

namespace {

// `base_` follows the receiver this far behind. With as much again under way, comparisons hold.
constexpr std::uint32_t far = 1U << 29;

void add(StreamEdits::Output& out, const StreamEdits::Piece& piece) noexcept {
    out.pieces[out.count++] = piece;
    out.size += piece.size;
}

}  // namespace

StreamEdits StreamEdits::met_at(std::uint32_t next, std::uint32_t difference) noexcept {
    // What may be repeated: as far as any window goes that a control connection is given.
    constexpr std::uint32_t repeated = 1U << 20;
    StreamEdits met(next);
    met.base_ = next - repeated;
    met.base_difference_ = difference;
    met.acked_ = met.base_ + difference;
    return met;
}

StreamEdits::Shift StreamEdits::shift() const noexcept {
    Shift shift{.start = base_, .behind = base_difference_, .before = base_difference_};
    for (const Edit& edit : kept()) {
        shift.start = edit.last();
        shift.before = shift.behind;
        shift.behind += edit.difference();
    }
    return shift;
}

bool StreamEdits::replace(std::uint32_t first, std::uint32_t last, std::string_view text) noexcept {
    const std::uint32_t judged =
        count_ > 0 ? seq_later(released_, edits_[count_ - 1U].end()) : released_;
    if (!room() || text.size() > longest_text || seq_before(first, judged) ||
        seq_before(last, first))
        return false;
    Edit& edit = edits_[count_++];
    edit.first = first;
    edit.length = last - first + 1;
    edit.text_size = static_cast<std::uint8_t>(text.size());
    std::copy(text.begin(), text.end(), edit.text.begin());
    return true;
}

bool StreamEdits::release(std::uint32_t first, std::uint32_t last, std::string_view text) noexcept {
    return !seq_before(first, taken_) || replace(first, last, text);
}

void StreamEdits::advance(std::uint32_t next, std::uint32_t held) noexcept {
    assert(!seq_before(next, taken_) && !seq_before(next, held) && !seq_before(held, released_));
    taken_ = next;
    released_ = held;
    // Empty texts behind what the receiver has: it will not speak of them.
    fold_acknowledged();
}

StreamEdits::Output StreamEdits::translate(const SeqSegment& segment) const noexcept {
    const std::uint32_t data = segment.seq + (segment.syn ? 1 : 0);
    const std::uint32_t end = data + segment.size;
    Output out;
    if (seq_before(data, base_) && !seq_before(base_, end + (segment.fin ? 1 : 0))) {
        out.seq = base_ + base_difference_ - 1;
        out.probe = true;
        return out;
    }
    const std::uint32_t from = seq_earlier(seq_later(data, base_), released_);
    const std::uint32_t to = seq_earlier(end, released_);
    out.seq = place_of(from) - (segment.syn ? 1 : 0);
    out.fin = segment.fin && seq_before(end, released_);
    cut_into_pieces(data, from, to, out);
    const bool all_own = out.count == 0 || (out.count == 1 && out.pieces[0].text == nullptr);
    out.same_data = all_own && out.size == segment.size && out.fin == segment.fin;
    return out;
}

void StreamEdits::cut_into_pieces(std::uint32_t data, std::uint32_t from, std::uint32_t to,
                                  Output& out) const noexcept {
    std::uint32_t at = from;
    const auto copy_to = [&](std::uint32_t stop) noexcept {
        if (!seq_before(at, stop)) return;
        add(out, {.offset = at - data, .size = stop - at});
        at = stop;
    };
    for (const Edit& edit : kept()) {
        if (!seq_before(at, edit.end())) continue;
        copy_to(seq_earlier(to, edit.first));
        if (!seq_before(at, to)) return;
        if (seq_before(to, edit.end())) return;  // its last byte is not in the segment
        if (edit.text_size > 0) add(out, {.text = edit.text.data(), .size = edit.text_size});
        at = edit.end();
    }
    copy_to(to);
}

std::uint32_t StreamEdits::place_of(std::uint32_t seq) const noexcept {
    std::uint32_t difference = base_difference_;
    for (const Edit& edit : kept()) {
        if (seq_before(seq, edit.first)) break;
        if (seq_before(seq, edit.end())) return edit.first + difference;
        difference += edit.difference();
    }
    return seq + difference;
}

void StreamEdits::acknowledged(std::uint32_t ack) noexcept {
    const bool never_sent = seq_before(place_of(released_), ack);
    if (never_sent || !seq_before(acked_, ack)) return;
    acked_ = ack;
    fold_acknowledged();
    const std::uint32_t reached = ack - base_difference_;
    if (reached - base_ > far && (count_ == 0 || !seq_before(edits_[0].first, reached)))
        base_ = reached;
}

void StreamEdits::fold_acknowledged() noexcept {
    while (count_ > 0 &&
           !seq_before(acked_, edits_[0].first + base_difference_ + edits_[0].text_size)) {
        base_ = edits_[0].end();
        base_difference_ += edits_[0].difference();
        std::copy(edits_.begin() + 1, edits_.begin() + count_, edits_.begin());
        --count_;
    }
}

std::uint32_t StreamEdits::original_ack(std::uint32_t ack) const noexcept {
    std::uint32_t difference = base_difference_;
    for (const Edit& edit : kept()) {
        const std::uint32_t begin = edit.first + difference;
        if (seq_before(ack, begin)) return ack - difference;
        if (seq_before(ack, begin + edit.text_size)) return edit.last();
        difference += edit.difference();
    }
    const std::uint32_t original = ack - difference;
    return original == released_ ? taken_ : original;
}

std::uint32_t StreamEdits::original_edge(std::uint32_t place, Edge edge) const noexcept {
    std::uint32_t difference = base_difference_;
    for (const Edit& edit : kept()) {
        const std::uint32_t begin = edit.first + difference;
        if (!seq_before(begin, place)) break;
        if (seq_before(place, begin + edit.text_size))
            return edge == Edge::left ? edit.end() : edit.last();
        difference += edit.difference();
    }
    return place - difference;
}

std::optional<StreamEdits::Block> StreamEdits::original_block(Block block) const noexcept {
    const Block original{original_edge(block.left, Edge::left),
                         original_edge(block.right, Edge::right)};
    if (!seq_before(block.left, block.right) || !seq_before(original.left, original.right))
        return std::nullopt;
    return original;
}

bool StreamEdits::plausible() const noexcept {
    if (count_ > most_edits || seq_before(released_, base_) || seq_before(taken_, released_))
        return false;
    std::uint32_t judged = base_;
    for (const Edit& edit : kept()) {
        const bool in_order = !seq_before(edit.first, judged) && edit.length > 0 &&
                              edit.length <= released_ - edit.first &&
                              !seq_before(released_, edit.first);
        if (!in_order || edit.text_size > longest_text) return false;
        judged = edit.end();
    }
    const std::uint32_t sent = place_of(released_);
    return !seq_before(sent, acked_) && !seq_before(acked_, base_ + base_difference_);
}

}  // namespace shunt
