// SPDX-License-Identifier: BSD-3-Clause
// Fuzz target of app/stream_edits.h: the input says what a stream, its edits and the network do;
// the edited stream must arrive (tests/support/stream_model.h).
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "support/stream_model.h"

namespace {

/// The input, number by number; zeros behind its end.
class Numbers {
  public:
    Numbers(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}
    [[nodiscard]] bool empty() const { return left_ == 0; }
    unsigned next(unsigned below) {
        if (below < 2) return 0;
        const unsigned low = byte();
        return (below > 256 ? byte() << 8 | low : low) % below;
    }

  private:
    unsigned byte() {
        if (left_ == 0) return 0;
        --left_;
        return *data_++;
    }
    const std::uint8_t* data_;
    std::size_t left_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Numbers numbers(data, size);
    try {
        shunt::test::StreamModel<Numbers> model(numbers, 500);
        while (!numbers.empty()) model.step();
        model.finish();
    } catch (const std::runtime_error& broken) {
        std::fprintf(stderr, "%s\n", broken.what());
        std::abort();
    }
    return 0;
}
