// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// One direction of a TCP connection whose bytes are partly replaced on their way: where each byte
// of the sender stands in what the receiver gets, and back (issue: sequence adjustment; RFC 9293
// 3.4, RFC 2018).
//
// Theory of operation. An edit replaces the range [first, last] of the sender's stream by a text.
// The whole text belongs to the last byte of the range; the bytes before it map to nothing. So a
// retransmission of the last byte, alone or with any neighbours, makes the whole text again, and a
// sender keeps that byte until the receiver has acknowledged the whole text. The other bytes of the
// range may have come, and have been acknowledged to the sender, long before.
//
// Bytes go out only once they were judged. Those from `released` on are held back: nothing at or
// behind it is ever put out. Those up to `taken` were seen in order; what is between the two is in
// the keeping of the caller, and counts as received as soon as the receiver has acknowledged all
// that stands before. Bytes beyond `taken` are unknown: a gap may hide an edit, so they do not go
// out either, and the sender sends them again.
//
// Edits are kept until the receiver has acknowledged their text; then they become a part of one
// difference at `base`. What a sender repeats of the time before `base` the receiver has had: it is
// cut away, and what is then empty goes out as a probe, an empty segment one before the window,
// that the receiver answers with what it has.
//
// When all edits are waiting for an acknowledgement, room() is false. The caller then takes no more
// bytes: they stay unacknowledged and come again. As the edits before them were sent, the receiver
// acknowledges these and there is room again. So nothing is ever passed unedited for want of room.
//
// Sequence numbers are in host byte order, SYN and FIN count as one each, and comparisons hold over
// the wrap as long as less than 2^31 bytes are under way. The window is left as it is. An urgent
// pointer is to be moved with place_of(). 536 bytes; plain data without pointers, so that a copy of
// the bytes is a copy of the state. Thread: the connection's owner.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace shunt {

/// Does `a` come before `b` in a sequence that wraps (RFC 1982)?
constexpr bool seq_before(std::uint32_t a, std::uint32_t b) noexcept {
    return static_cast<std::int32_t>(a - b) < 0;
}
constexpr std::uint32_t seq_earlier(std::uint32_t a, std::uint32_t b) noexcept {
    return seq_before(a, b) ? a : b;
}
constexpr std::uint32_t seq_later(std::uint32_t a, std::uint32_t b) noexcept {
    return seq_before(a, b) ? b : a;
}

/// What a TCP segment takes of the sequence.
struct SeqSegment {
    std::uint32_t seq = 0;
    std::uint32_t size = 0;  ///< of the data
    bool syn = false;
    bool fin = false;
};

class StreamEdits {
  public:
    static constexpr std::size_t most_edits = 8;
    static constexpr std::size_t longest_text = 55;

    /// A part of the data that goes out: of the segment's own data, or a text.
    struct Piece {
        const char* text = nullptr;  ///< of an edit, valid until it changes; null: own data
        std::uint32_t offset = 0;    ///< in the segment's own data
        std::uint32_t size = 0;
    };

    /// What goes out for a segment, in place of its sequence number and data. It may be empty
    /// where the segment was not: its acknowledgement may still be of use.
    struct Output {
        std::uint32_t seq = 0;
        std::uint32_t size = 0;
        bool fin = false;
        bool same_data = false;  ///< all of the data and FIN, unchanged
        bool probe = false;      ///< only asks the receiver for what it has
        std::uint8_t count = 0;
        std::array<Piece, 2 * most_edits + 1> pieces{};

        [[nodiscard]] std::span<const Piece> data() const noexcept {
            return std::span(pieces).first(count);
        }
    };

    /// Blocks of a selective acknowledgement end before `right`.
    struct Block {
        std::uint32_t left = 0;
        std::uint32_t right = 0;
    };

    /// `next`: of the first byte, which is one more than that of the SYN.
    explicit StreamEdits(std::uint32_t next = 0) noexcept
        : base_(next), taken_(next), released_(next), acked_(next) {}

    /// A stream that is met in its middle: bytes from `next` on are judged, those shortly before it
    /// were, and all of them stand `difference` further on for the receiver.
    [[nodiscard]] static StreamEdits met_at(std::uint32_t next, std::uint32_t difference) noexcept;

    /// Where the last range that was replaced ends, and how far bytes behind it and before it stand
    /// further on for the receiver; edits before the last one count as acknowledged.
    struct Shift {
        std::uint32_t start = 0;
        std::uint32_t behind = 0;
        std::uint32_t before = 0;
    };
    [[nodiscard]] Shift shift() const noexcept;

    // --- What the caller has judged; between two calls of advance() in the order of the stream.

    /// May an edit be made? Nothing is to be taken when not.
    [[nodiscard]] bool room() const noexcept { return count_ < most_edits; }

    /// The range goes out as `text`; an empty one takes it away. False, and nothing is changed, if
    /// there is no room, the text is too long, or the range is not behind all that was judged.
    [[nodiscard]] bool replace(std::uint32_t first, std::uint32_t last,
                               std::string_view text) noexcept;

    /// The range, whose beginning was held back, goes out after all: as it is when no byte of it
    /// was taken before, or else as `text`, which says the same. False as above.
    [[nodiscard]] bool release(std::uint32_t first, std::uint32_t last,
                               std::string_view text) noexcept;

    /// All bytes before `next` were seen in order, and those from `held` on are held back; the two
    /// are equal when none are. A FIN is a byte.
    void advance(std::uint32_t next, std::uint32_t held) noexcept;

    /// The next byte that the caller is to look at.
    [[nodiscard]] std::uint32_t next() const noexcept { return taken_; }
    /// The first byte that is held back, or next().
    [[nodiscard]] std::uint32_t held() const noexcept { return released_; }

    // --- Segments of the sender.

    [[nodiscard]] Output translate(const SeqSegment& segment) const noexcept;

    /// Where a place of the sender's stream is for the receiver; one inside an edit is where its
    /// text begins.
    [[nodiscard]] std::uint32_t place_of(std::uint32_t seq) const noexcept;

    // --- What the receiver says of it.

    /// To be called for each acknowledgement number, after it was mapped.
    void acknowledged(std::uint32_t ack) noexcept;

    /// The acknowledgement number for the sender. Of a text only the end acknowledges its edit.
    [[nodiscard]] std::uint32_t original_ack(std::uint32_t ack) const noexcept;

    /// The block for the sender; nothing when it holds no whole byte of it. No byte whose text the
    /// receiver has only in part is in it.
    [[nodiscard]] std::optional<Block> original_block(Block block) const noexcept;

    /// What the sender is to be told on the receiver's behalf when bytes were held back: nobody
    /// else acknowledges them.
    [[nodiscard]] std::uint32_t own_ack() const noexcept { return original_ack(acked_); }

    /// Are all bytes as they were, and none held back?
    [[nodiscard]] bool untouched() const noexcept {
        return count_ == 0 && base_difference_ == 0 && taken_ == released_;
    }
    [[nodiscard]] std::size_t edits() const noexcept { return count_; }

    /// Can this be a state that was reached by calls? To be asked of bytes from elsewhere.
    [[nodiscard]] bool plausible() const noexcept;

  private:
    struct Edit {
        std::uint32_t first;
        std::uint32_t length;  ///< of the range, at least 1
        std::uint8_t text_size;
        std::array<char, longest_text> text;

        [[nodiscard]] std::uint32_t end() const noexcept { return first + length; }
        [[nodiscard]] std::uint32_t last() const noexcept { return first + length - 1; }
        [[nodiscard]] std::uint32_t difference() const noexcept { return text_size - length; }
    };
    static_assert(sizeof(Edit) == 64);

    [[nodiscard]] std::span<const Edit> kept() const noexcept {
        return std::span(edits_).first(count_);
    }
    enum class Edge : std::uint8_t { left, right };
    [[nodiscard]] std::uint32_t original_edge(std::uint32_t place, Edge edge) const noexcept;
    void cut_into_pieces(std::uint32_t data, std::uint32_t from, std::uint32_t to,
                         Output& out) const noexcept;
    void fold_acknowledged() noexcept;

    // The layout for copies to elsewhere, in host byte order; edits from the oldest on, and what is
    // behind `count_` of them means nothing.
    std::uint32_t base_;  ///< 0: in the sender's stream; acknowledged by the receiver
    std::uint32_t base_difference_ = 0;  ///< 4: what to add at `base_`, modulo 2^32
    std::uint32_t taken_;                ///< 8
    std::uint32_t released_;             ///< 12: not behind `taken_`
    std::uint32_t acked_;                ///< 16: the latest of the receiver
    std::uint8_t count_ = 0;             ///< 20
    [[maybe_unused]] std::array<std::uint8_t, 3> zero_{};
    std::array<Edit, most_edits> edits_{};  ///< 24
};
static_assert(sizeof(StreamEdits) == 536 && std::is_trivially_copyable_v<StreamEdits>);

}  // namespace shunt
