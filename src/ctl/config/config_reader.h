// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// A table-driven reader of configurations, which are text of libconfig or a JSON object of the same
// shape. A Keys<T> table says for each key of a section how it fills a T, what may stand there, its
// default and its meaning. Reading by the table refuses every other key, and the reference of all
// keys is made from the same table. Thread: any.
#include <libconfig.h>

#include <algorithm>
#include <boost/json/value.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "ctl/config/config.h"
#include "ctl/config/config_text.h"
#include "ctl/config/words.h"

namespace shunt::ctl {

/// The numbers that a key accepts: `min` to `max`, and 0 with its own meaning if `or_zero`.
struct Range {
    long long min = 0;
    long long max = 0;
    bool or_zero = false;

    [[nodiscard]] bool contains(long long n) const noexcept {
        return (n >= min && n <= max) || (or_zero && n == 0);
    }
    [[nodiscard]] std::string text() const {
        return (or_zero ? "0 or " : "") + std::to_string(min) + " to " + std::to_string(max);
    }
};

/// One setting of libconfig, or one value of a JSON document.
struct ConfigNode {
    const config_setting_t* setting = nullptr;
    const boost::json::value* json = nullptr;
    [[nodiscard]] explicit operator bool() const noexcept {
        return setting != nullptr || json != nullptr;
    }
    bool operator==(const ConfigNode&) const noexcept = default;
};

/// A member of a section.
struct ConfigMember {
    std::string_view name;
    ConfigNode node;
};

/// A configuration as it was written. Owns what it was parsed from, but not a JSON document.
class ConfigTree {
  public:
    /// Throws ConfigError when the text is not of libconfig's grammar.
    explicit ConfigTree(ConfigText text);
    /// `document` outlives this; `name` stands for the file in errors.
    ConfigTree(const boost::json::value& document, std::string name);
    ~ConfigTree();
    ConfigTree(const ConfigTree&) = delete;
    ConfigTree& operator=(const ConfigTree&) = delete;

    [[nodiscard]] ConfigNode root() const noexcept;
    [[nodiscard]] ConfigText::Origin origin(const ConfigNode& node) const;
    /// "services[0].address"; empty for the root.
    [[nodiscard]] std::string path(const ConfigNode& node) const;
    /// The text of libconfig that it was parsed from.
    [[nodiscard]] const std::string& text() const noexcept { return text_.text(); }

  private:
    ConfigText text_;
    config_t parsed_{};
    const boost::json::value* document_ = nullptr;
    std::string name_;
};

/// A setting with its place and its path, or the place where one is missing. A view: the tree must
/// outlive it.
class Value {
  public:
    explicit Value(const ConfigTree& tree) : Value(tree, tree.root()) {}
    Value(const ConfigTree& tree, ConfigNode node, std::string missing = {})
        : tree_(&tree), node_(node), missing_(std::move(missing)) {}

    /// Throws the ConfigError for this place.
    [[noreturn]] void fail(std::string_view reason) const;
    [[nodiscard]] ConfigText::Origin origin() const { return tree_->origin(node_); }
    [[nodiscard]] std::string path() const;

    // Scalars; another type or a number out of range is an error.
    [[nodiscard]] long long number(const Range& range) const;
    [[nodiscard]] bool flag() const;
    /// Lives as long as the tree.
    [[nodiscard]] std::string_view view() const;
    [[nodiscard]] std::string text() const { return std::string(view()); }
    /// One of `words`; another one is an error.
    template <class E>
    [[nodiscard]] E word(const Words<E>& words) const;

    // Sections and lists.
    void expect_section() const;
    void expect_list() const;                        ///< of sections: ( {...}, {...} )
    void expect_numbers() const;                     ///< an array or list: [ 1, 2 ]
    void expect_texts() const;                       ///< the same: [ "a", "b" ]
    [[nodiscard]] ConfigMember member(int i) const;  ///< of a section
    [[nodiscard]] bool has(std::string_view name) const;
    /// The member, or this section under the member's path when it is not written down, so that
    /// an error about a missing or a default value still has a place.
    [[nodiscard]] Value at(std::string_view name) const;
    /// Elements of a list, members of a section; none when it is missing.
    [[nodiscard]] int size() const;
    [[nodiscard]] Value operator[](int i) const;

  private:
    [[nodiscard]] ConfigNode find(std::string_view name) const;
    void expect(bool good, std::string_view what) const;

    const ConfigTree* tree_;
    ConfigNode node_;
    std::string missing_;  ///< behind node_'s path, of what is not written down
};

/// `elsewhere`: required, but what is filled may have it already; whoever reads must check that.
enum class Need : std::uint8_t { optional, required, elsewhere };

// A default as it would be written in the file.
inline std::string show(bool value) {
    return value ? "true" : "false";
}
inline std::string show(const std::string& value) {
    return '"' + value + '"';
}
inline std::string show(std::integral auto value) {
    return std::to_string(value);
}
template <class Rep, class Period>
std::string show(std::chrono::duration<Rep, Period> value) {
    return std::to_string(value.count());
}

/// All words as they would be written, with commas between.
template <class E>
std::string show(const Words<E>& words) {
    std::string all;
    for (const auto& [word, meant] : words) all += (all.empty() ? "" : ", ") + show(word);
    return all;
}

template <class E>
E Value::word(const Words<E>& words) const {
    const auto given = view();
    if (const auto meant = find_word(words, given)) return *meant;
    fail(quote(given) + " is not known, expected one of " + show(words));
}

/// Refuses the key `name` of `section`: names the nearest of `known`, or all of them.
[[noreturn]] void fail_unknown(const Value& section, const std::string& name,
                               const std::vector<std::string>& known);

/// The keys of a section that fills a T. `field` is a pointer to a member of T, or a function from
/// T& to a reference.
template <class T>
class Keys {
  public:
    using Read = std::function<void(const Value&, T&)>;

    /// A key with a reader of its own.
    Keys& value(std::string name, Need need, std::string values, std::string default_value,
                std::string meaning, Read read) {
        if (need != Need::optional) default_value = "required";
        reference_.push_back(
            {name, std::move(values), std::move(default_value), std::move(meaning)});
        keys_.push_back({std::move(name), need, std::move(read)});
        return *this;
    }

    template <class Field>
    Keys& number(std::string name, Field field, Range range, std::string meaning) {
        return value(std::move(name), Need::optional, range.text(), fallback(field),
                     std::move(meaning), [field, range](const Value& v, T& out) {
                         auto& target = std::invoke(field, out);
                         target = static_cast<std::decay_t<decltype(target)>>(v.number(range));
                     });
    }

    template <class Field>
    Keys& flag(std::string name, Field field, std::string meaning) {
        return value(std::move(name), Need::optional, "true or false", fallback(field),
                     std::move(meaning),
                     [field](const Value& v, T& out) { std::invoke(field, out) = v.flag(); });
    }

    /// One of `words`. The field's own default must be among them.
    template <class Field, class E>
    Keys& choice(std::string name, Field field, Words<E> words, std::string meaning) {
        T fresh;
        const auto values = show(words);
        std::string default_value;
        for (const auto& [word, meant] : words)
            if (meant == std::invoke(field, fresh)) default_value = show(word);
        auto read = [field, words](const Value& v, T& out) {
            std::invoke(field, out) = v.word(words);
        };
        return value(std::move(name), Need::optional, values, default_value, std::move(meaning),
                     std::move(read));
    }

    /// A group whose keys fill a part of the T.
    Keys& section(const std::string& name, const Keys& inner) {
        keys_.push_back(
            {name, Need::optional, [inner](const Value& v, T& out) { inner.read_into(v, out); }});
        append_reference(name + ".", inner.reference());
        return *this;
    }

    /// A list of groups, each of which fills an element of the vector `field`.
    template <class Field, class E>
    Keys& list(std::string name, Need need, Field field, const Keys<E>& inner,
               std::string meaning) {
        const auto prefix = name + "[].";
        value(std::move(name), need, "( {...}, ... )", "()", std::move(meaning),
              [field, inner](const Value& v, T& out) {
                  v.expect_list();
                  auto& all = std::invoke(field, out);
                  all.clear();
                  all.reserve(static_cast<std::size_t>(v.size()));
                  for (int i = 0; i < v.size(); ++i) inner.read_into(v[i], all.emplace_back());
              });
        append_reference(prefix, inner.reference());
        return *this;
    }

    /// In the order of the table, whatever that of the section is.
    void read_into(const Value& section, T& out) const {
        section.expect_section();
        std::vector<int> places(keys_.size(), -1);
        for (int i = 0; i < section.size(); ++i) {
            const auto name = section.member(i).name;
            const auto key = std::ranges::find(keys_, name, &Key::name);
            if (key == keys_.end()) fail_unknown(section, std::string(name), names());
            places[static_cast<std::size_t>(key - keys_.begin())] = i;
        }
        for (std::size_t k = 0; k < keys_.size(); ++k) {
            if (places[k] >= 0)
                keys_[k].read(section[places[k]], out);
            else if (keys_[k].need == Need::required)
                section.at(keys_[k].name).fail("is missing");
        }
    }

    [[nodiscard]] const std::vector<ConfigKey>& reference() const noexcept { return reference_; }

  private:
    struct Key {
        std::string name;
        Need need;
        Read read;
    };

    template <class Field>
    static std::string fallback(Field field) {
        T fresh;
        return show(std::invoke(field, fresh));
    }
    void append_reference(const std::string& prefix, const std::vector<ConfigKey>& inner) {
        for (auto key : inner) {
            key.name.insert(0, prefix);
            reference_.push_back(std::move(key));
        }
    }
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> all;
        for (const auto& key : keys_) all.push_back(key.name);
        return all;
    }

    std::vector<Key> keys_;
    std::vector<ConfigKey> reference_;
};

}  // namespace shunt::ctl
