// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/import_command.h"

#include <glob.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <sstream>

#include "shuntctl/commands.h"
#include "shuntctl/import_ipvsadm.h"
#include "shuntctl/names.h"

namespace shunt::cli {

namespace {

std::string all_of(std::istream& in) {
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

std::optional<std::string> content_of(const std::string& path) {
    std::ifstream file(path);
    if (!file.is_open()) return {};
    auto text = all_of(file);
    return file.bad() ? std::nullopt : std::optional(std::move(text));
}

/// The files that a pattern names, in the order of their names; relative to the including file.
std::vector<std::pair<std::string, std::string>> included(const std::string& pattern,
                                                          const std::string& from) {
    const auto slash = from.rfind('/');
    const bool absolute = pattern.starts_with('/') || slash == std::string::npos;
    const std::string path = absolute ? pattern : from.substr(0, slash + 1) + pattern;
    glob_t found{};
    const std::unique_ptr<glob_t, void (*)(glob_t*)> owner(&found, globfree);
    std::vector<std::pair<std::string, std::string>> files;
    if (glob(path.c_str(), GLOB_MARK, nullptr, &found) != 0) return files;
    for (std::size_t i = 0; i < found.gl_pathc; ++i) {
        const std::string name = found.gl_pathv[i];
        if (name.ends_with('/')) continue;
        if (auto text = content_of(name)) files.emplace_back(name, std::move(*text));
    }
    return files;
}

std::vector<ImportPort> ports_of(const std::vector<std::string>& given) {
    std::vector<ImportPort> ports;
    for (const auto& text : given) {
        const auto equals = text.find('=');
        if (equals == 0 || equals == std::string::npos || equals + 1 == text.size())
            throw CLI::ValidationError("--port", "expected NAME=DEVICE, not " + text);
        ports.push_back({text.substr(0, equals), text.substr(equals + 1)});
    }
    return ports;
}

/// Each once: several services may come from one line.
void print_notes(const std::vector<ImportNote>& notes, std::ostream& err) {
    std::set<std::string> printed;
    for (const auto& [place, text] : notes) {
        const auto line = place.file + ':' + std::to_string(place.line) + ": " + text;
        if (printed.insert(line).second) err << line << '\n';
    }
}

}  // namespace

ImportFormat guess_format(std::string_view text) {
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string first;
        if (!(words >> first) || first.front() == '#' || first.front() == '!') continue;
        const bool command = first.front() == '-' || first.ends_with("ipvsadm");
        return command ? ImportFormat::ipvsadm : ImportFormat::keepalived;
    }
    return ImportFormat::keepalived;
}

ImportPlan import_plan(ImportFormat format, std::string_view text, const std::string& file,
                       const ReadIncluded& read, const Resolver& resolver) {
    ImportPlan plan;
    if (format == ImportFormat::ipvsadm)
        import_ipvsadm(text, file, resolver, plan);
    else
        import_keepalived(text, file, read, resolver, plan);
    return plan;
}

void ImportArgs::add_to(CLI::App& verb) {
    verb.add_option("FILE", file_, "what `ipvsadm -Sn` printed, or keepalived.conf; -: from stdin")
        ->required()
        ->type_name("");
    verb.add_option("--from", from_, "ipvsadm or keepalived; default: as the text looks")
        ->check(CLI::IsMember({"ipvsadm", "keepalived"}))
        ->type_name("FORMAT");
    verb.add_option("--port", ports_,
                    "NAME=DEVICE, a port for the configuration; may be given again")
        ->type_name("PORT")
        ->expected(1)
        ->take_all();
    verb.add_flag("--strict", strict_, "exit status 1 when something could not be carried over");
}

int ImportArgs::run(std::istream& in, std::ostream& out, std::ostream& err) const {
    const auto ports = ports_of(ports_);
    const bool piped = file_ == "-";
    const auto text = piped ? std::optional(all_of(in)) : content_of(file_);
    if (!text) throw CLI::ValidationError("FILE", file_ + " cannot be read");
    auto format = from_ == "ipvsadm" ? ImportFormat::ipvsadm : ImportFormat::keepalived;
    if (from_.empty()) format = guess_format(*text);
    const std::string name = piped ? "stdin" : file_;
    const auto plan = import_plan(format, *text, name, included, system_resolver());
    out << import_text(plan, name, ports);
    print_notes(plan.notes(), err);
    return strict_ && !plan.notes().empty() ? status_refused : status_done;
}

}  // namespace shunt::cli
