// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// A table-driven reader on top of libconfig. A Keys<T> table says for each key of a section how it
// fills a T, what may stand there, its default and its meaning. Reading by the table refuses every
// other key, and the reference of all keys is made from the same table. Thread: control.
#include <chrono>
#include <functional>
#include <libconfig.h++>
#include <string>
#include <utility>
#include <vector>

#include "ctl/config.h"
#include "ctl/config_text.h"
#include "ctl/words.h"

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

/// A setting with its place in the file and its path. A view: the libconfig tree and the text must
/// outlive it.
class Value {
  public:
    Value(const libconfig::Setting& setting, const ConfigText& text, std::string path)
        : setting_(&setting), text_(&text), path_(std::move(path)) {}

    /// Throws the ConfigError for this place.
    [[noreturn]] void fail(std::string_view reason) const;
    [[nodiscard]] ConfigText::Origin origin() const;
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    // Scalars; another type or a number out of range is an error.
    [[nodiscard]] long long number(const Range& range) const;
    [[nodiscard]] bool flag() const;
    [[nodiscard]] std::string text() const;
    /// One of `words`; another one is an error.
    template <class E>
    [[nodiscard]] E word(const Words<E>& words) const;

    // Sections and lists.
    void expect_section() const;
    void expect_list() const;                              ///< of sections: ( {...}, {...} )
    void expect_numbers() const;                           ///< an array or list: [ 1, 2 ]
    void expect_texts() const;                             ///< the same: [ "a", "b" ]
    [[nodiscard]] std::vector<std::string> names() const;  ///< of a section's keys
    [[nodiscard]] bool has(const std::string& name) const;
    /// The member, or this section under the member's path when it is not written down, so that
    /// an error about a missing or a default value still has a place.
    [[nodiscard]] Value at(const std::string& name) const;
    [[nodiscard]] int size() const { return setting_->getLength(); }
    [[nodiscard]] Value operator[](int i) const;

  private:
    void expect(bool good, const std::string& what) const;

    const libconfig::Setting* setting_;
    const ConfigText* text_;
    std::string path_;
};

enum class Need : std::uint8_t { optional, required };

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
    const auto given = text();
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
        if (need == Need::required) default_value = "required";
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
                  for (int i = 0; i < v.size(); ++i) {
                      E element;
                      inner.read_into(v[i], element);
                      std::invoke(field, out).push_back(std::move(element));
                  }
              });
        append_reference(prefix, inner.reference());
        return *this;
    }

    void read_into(const Value& section, T& out) const {
        section.expect_section();
        for (const auto& name : section.names())
            if (!knows(name)) fail_unknown(section, name, names());
        for (const auto& key : keys_) {
            const auto member = section.at(key.name);
            if (section.has(key.name))
                key.read(member, out);
            else if (key.need == Need::required)
                member.fail("is missing");
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
    [[nodiscard]] bool knows(const std::string& name) const {
        for (const auto& key : keys_)
            if (key.name == name) return true;
        return false;
    }

    std::vector<Key> keys_;
    std::vector<ConfigKey> reference_;
};

}  // namespace shunt::ctl
