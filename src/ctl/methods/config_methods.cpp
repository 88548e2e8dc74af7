// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/methods/config_methods.h"

#include <array>
#include <cerrno>

namespace shunt::ctl {

namespace {

namespace json = boost::json;

/// Of a text that no place in it is to blame for, the parameter is.
bool is_key(const std::string& key) {
    return !key.empty() && key != "syntax" && key != "file" && key != "@include";
}

/// A text has places to look at, a JSON document only has keys.
RpcError refusal(const ConfigError& error, bool of_text) {
    const std::string& key = error.key();
    std::string sentence = error.what();
    if (!of_text) {
        sentence.erase(0, sentence.find(": ") + 2);
        if (key.empty()) sentence.insert(0, "state");
    }
    return {RpcCode::bad_parameter, sentence,
            is_key(key) ? key
            : of_text   ? "text"
                        : "state",
            EINVAL};
}

std::vector<ConfigFile> read_included(const Params& p) {
    static const std::array<Parameter, 2> known{{{"name", true}, {"text", true}}};
    std::vector<ConfigFile> files;
    if (!p.has("includes")) return files;
    for (const auto& file : p.objects("includes", known))
        files.push_back({std::string(file.text("name")), std::string(file.text("text"))});
    return files;
}

/// "text" with "name" and "includes", or "state".
Config read_wanted(const ConfigControl& control, const Params& p) {
    const bool of_text = p.has("text");
    if (of_text == p.has("state"))
        p.fail("text", of_text ? "cannot stand beside state" : "is missing; or give state");
    if (!of_text)
        for (const char* name : {"name", "includes"})
            if (p.has(name)) p.fail(name, "is only for a text");
    try {
        if (!of_text) return control.read(p.value("state"));
        const std::string name(p.text_or("name", "text"));
        return control.parse(p.text("text"), name, read_included(p));
    } catch (const ConfigError& error) {
        throw refusal(error, of_text);
    }
}

/// So many rows of services and servers an answer has unless another number is asked for: of what
/// was done, few read many; of what would be done, all are to be read.
constexpr std::size_t rows_of_what_was_done = 1000;

std::size_t read_rows(const Params& p, std::size_t otherwise) {
    return p.has("rows") ? p.number("rows", 0, SIZE_MAX) : otherwise;
}

json::object result_of(const ConfigDiff& diff, bool applied, std::size_t most_rows) {
    json::object result = to_json(diff, most_rows);
    result["applied"] = applied;
    return result;
}

json::object apply(ConfigControl& control, const Params& p) {
    const bool dry_run = p.flag("dry_run");
    const std::size_t rows = read_rows(p, dry_run ? SIZE_MAX : rows_of_what_was_done);
    const Config wanted = read_wanted(control, p);
    return dry_run ? result_of(control.diff(wanted), false, rows)
                   : result_of(control.apply(wanted), true, rows);
}

json::object reload(ConfigControl& control, const Params& p) {
    const std::size_t rows = read_rows(p, rows_of_what_was_done);
    try {
        return result_of(control.reload(), true, rows);
    } catch (const ConfigError& error) {
        throw refused(EINVAL, error.what(), is_key(error.key()) ? error.key() : "");
    }
}

}  // namespace

std::vector<Method> config_methods(ConfigControl& control) {
    const std::vector<Parameter> source{{"text"}, {"name"}, {"includes"}, {"state"}};
    auto with_rows = source;
    with_rows.push_back({"rows"});
    auto with_dry_run = with_rows;
    with_dry_run.push_back({"dry_run"});
    return {direct("config.apply", with_dry_run,
                   [&control](const Params& p) { return apply(control, p); }),
            direct("config.check", source,
                   [&control](const Params& p) {
                       read_wanted(control, p);
                       return json::object();
                   }),
            direct("config.diff", with_rows,
                   [&control](const Params& p) {
                       const std::size_t rows = read_rows(p, SIZE_MAX);
                       return result_of(control.diff(read_wanted(control, p)), false, rows);
                   }),
            direct("config.reload", {{"rows"}},
                   [&control](const Params& p) { return reload(control, p); }),
            direct("config.save", {}, [&control](const Params&) {
                return json::object{{"text", control.save()}};
            })};
}

}  // namespace shunt::ctl
