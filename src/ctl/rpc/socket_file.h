// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The file of a UNIX socket: who may be in its place, and who may open it. Errors are
// std::runtime_error with one line for the operator. Thread: control.
#include <sys/types.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <cstdint>
#include <string>

namespace shunt::ctl {

/// There from construction to destruction, unless another program takes its place.
class SocketFile {
  public:
    struct Options {
        std::string path;
        std::uint32_t mode = 0660;
        std::string group;  ///< empty: unchanged
    };
    using Acceptor = boost::asio::local::stream_protocol::acceptor;

    /// Opens and binds `acceptor`, and listens. Makes the folder if it is missing, and takes the
    /// place of a file that nobody listens on any more.
    SocketFile(Acceptor& acceptor, Options options);
    ~SocketFile();
    SocketFile(const SocketFile&) = delete;
    SocketFile& operator=(const SocketFile&) = delete;

    /// The group that owns the file.
    [[nodiscard]] gid_t group() const noexcept { return group_; }

  private:
    void bind(Acceptor& acceptor);

    Options options_;
    gid_t group_ = 0;
    ino_t inode_ = 0;  ///< of the file that we made
    dev_t device_ = 0;
};

/// By its name. `path`: of the socket, for the error.
[[nodiscard]] gid_t find_group(const std::string& path, const std::string& group);

}  // namespace shunt::ctl
