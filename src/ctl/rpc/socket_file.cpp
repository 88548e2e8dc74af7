// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/rpc/socket_file.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/any_io_executor.hpp>
#include <cerrno>
#include <filesystem>
#include <stdexcept>

namespace shunt::ctl {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using LocalStream = asio::local::stream_protocol;

[[noreturn]] void fail(const std::string& path, const std::string& reason) {
    throw std::runtime_error("socket " + path + ": " + reason);
}

std::string reason_of(int error_number) {
    return std::error_code(error_number, std::generic_category()).message();
}

/// Makes the socket's folder if it is missing.
void make_parent(const std::string& path) {
    const auto parent = std::filesystem::path(path).parent_path();
    std::error_code error;
    if (parent.empty() || std::filesystem::exists(parent, error)) return;
    const auto mask = umask(0022);
    std::filesystem::create_directories(parent, error);
    umask(mask);
    if (error) fail(path, "cannot make the directory " + parent.string() + ": " + error.message());
}

/// Removes a socket file that nobody listens on any more.
void remove_stale(const asio::any_io_executor& executor, const std::string& path) {
    struct stat there {};
    if (lstat(path.c_str(), &there) != 0) {
        if (errno == ENOENT) return;
        fail(path, reason_of(errno) + "; give another --socket");
    }
    if (!S_ISSOCK(there.st_mode)) fail(path, "a file stands there that is no socket; remove it");
    LocalStream::socket probe(executor);
    error_code error;
    probe.open(LocalStream(), error);
    probe.non_blocking(true, error);
    probe.connect(LocalStream::endpoint(path), error);
    if (!error || error == asio::error::would_block)
        fail(path, "another shuntd answers there; stop it or give another --socket");
    if (error != asio::error::connection_refused) fail(path, error.message());
    if (unlink(path.c_str()) != 0 && errno != ENOENT) fail(path, reason_of(errno));
}

void set_access(const SocketFile::Options& options) {
    const std::string& path = options.path;
    if (!options.group.empty() &&
        chown(path.c_str(), static_cast<uid_t>(-1), find_group(path, options.group)) != 0)
        fail(path, "cannot give it to group " + options.group + ": " + reason_of(errno));
    if (chmod(path.c_str(), options.mode) != 0) fail(path, reason_of(errno));
}

}  // namespace

gid_t find_group(const std::string& path, const std::string& group) {
    const ::group* entry = getgrnam(group.c_str());
    if (entry == nullptr) fail(path, "there is no group \"" + group + "\"");
    return entry->gr_gid;
}

SocketFile::SocketFile(Acceptor& acceptor, Options options) : options_(std::move(options)) {
    const auto& path = options_.path;
    if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path))
        fail(path, "the path must have 1 to " + std::to_string(sizeof(sockaddr_un::sun_path) - 1) +
                       " characters");
    make_parent(path);
    error_code error;
    acceptor.open(LocalStream(), error);
    if (error) fail(path, error.message());
    remove_stale(acceptor.get_executor(), path);
    bind(acceptor);
}

void SocketFile::bind(Acceptor& acceptor) {
    const auto& path = options_.path;
    error_code error;
    // Nobody gets in before the mode is what it has to be.
    const auto mask = umask(0177);
    acceptor.bind(LocalStream::endpoint(path), error);
    umask(mask);
    if (error) fail(path, error.message());
    try {
        set_access(options_);
        struct stat made {};
        if (lstat(path.c_str(), &made) != 0) fail(path, reason_of(errno));
        inode_ = made.st_ino;
        device_ = made.st_dev;
        group_ = made.st_gid;
        acceptor.listen(asio::socket_base::max_listen_connections, error);
        if (error) fail(path, error.message());
    } catch (...) {
        unlink(path.c_str());
        throw;
    }
}

SocketFile::~SocketFile() {
    struct stat there {};
    if (lstat(options_.path.c_str(), &there) == 0 && there.st_ino == inode_ &&
        there.st_dev == device_)
        unlink(options_.path.c_str());
}

}  // namespace shunt::ctl
