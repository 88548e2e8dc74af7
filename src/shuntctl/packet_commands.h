// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// `shuntctl explain`, `drops`, `capture` and `trace`: what becomes of packets, by asking, and by
// what became of some.
#include <cstdint>
#include <iosfwd>
#include <string>

#include "shuntctl/capture_args.h"
#include "shuntctl/capture_client.h"
#include "shuntctl/command_args.h"
#include "shuntctl/command_context.h"
#include "shuntctl/command_tree.h"

namespace shunt::cli {

class PacketCommands {
  public:
    /// `context` outlives this, and this the actions that it adds.
    explicit PacketCommands(CommandContext& context) : context_(context) {}
    PacketCommands(const PacketCommands&) = delete;
    PacketCommands& operator=(const PacketCommands&) = delete;

    void add_to(CommandTree& tree);

  private:
    void add_explain(CommandTree& tree);
    void add_drops(CommandTree& tree);
    void add_capture(CommandTree& tree);
    CaptureWorld capture_world(std::ostream& out);
    void capture_packets();

    CommandContext& context_;
    ConnectionNameArgs packet_;
    std::string by_port_;
    std::int64_t mark_ = 0;  ///< 0: not given
    std::string drop_reason_;
    bool hex_ = false;
    CaptureArgs captured_;
    CaptureArgs traced_;
};

}  // namespace shunt::cli
