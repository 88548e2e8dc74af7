// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/capture_args.h"

#include "shuntctl/command_args.h"

namespace shunt::cli {

namespace json = boost::json;

void CaptureArgs::add_to(CLI::App& noun, For what) {
    noun.add_option("PROTOCOL", protocol_, "tcp, udp, sctp or icmp")->type_name("");
    noun.add_option("VIRTUAL", virtual_, "to or from this ADDRESS:PORT; port 0: any")
        ->type_name("");
    const auto text = [&noun](const char* option, std::string& to, const char* type,
                              const char* help) {
        noun.add_option(option, to, help)->type_name(type);
    };
    const auto number = [&noun](const char* option, std::optional<std::int64_t>& to,
                                const char* type, const char* help) {
        noun.add_option(option, to, help)->type_name(type);
    };
    text("--client", client_, "NETWORK", "the end that is not VIRTUAL or --server");
    text("--server", server_, "ADDRESS:PORT", "to or from this; with VIRTUAL: either");
    text("--address", address_, "NETWORK", "either end");
    text("--port", port_, "NAME", "on this port of the balancer");
    number("--l4-port", l4_port_, "NUMBER", "either end's TCP, UDP or SCTP port");
    number("--worker", worker_, "NUMBER", "on this worker");
    number("--seconds", seconds_, "SECONDS", "at most so long; default 60");
    if (what == For::trace) {
        number("--packets", packets_, "NUMBER", "so many; default 10");
        return;
    }
    noun.add_flag("--dropped", dropped_, "only those that are dropped");
    number("--packets", packets_, "NUMBER", "so many that match; default 1000");
    number("--snap", snap_, "BYTES", "so much of each; default 1600");
    number("--bytes", bytes_, "BYTES", "a file of at most so much; default 64 MiB");
}

json::object CaptureArgs::params() const {
    json::object filter;
    put(filter, "protocol", protocol_);
    put(filter, "virtual", virtual_);
    put(filter, "client", client_);
    put(filter, "server", server_);
    put(filter, "address", address_);
    put(filter, "port", port_);
    put(filter, "l4_port", l4_port_);
    put(filter, "worker", worker_);
    if (dropped_) filter["dropped"] = true;
    json::object params;
    if (!filter.empty()) params["filter"] = std::move(filter);
    put(params, "packets", packets_);
    put(params, "seconds", seconds_);
    put(params, "snap", snap_);
    put(params, "bytes", bytes_);
    return params;
}

}  // namespace shunt::cli
