#include "eebench/nn/quantization/spec.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "eebench/core/error.hpp"

namespace eebench::nn {
namespace {

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" '\"");
  return first == std::string_view::npos
             ? std::string()
             : std::string(text.substr(first, text.find_last_not_of(" '\"") - first + 1));
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(trimmed(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return parts;
}

template <class T>
std::optional<T> parsed(const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional<T>(value)
                                                                  : std::nullopt;
}

}  // namespace

QuantizerSpec::QuantizerSpec(std::string text, std::string where)
    : text_(std::move(text)), where_(std::move(where)) {
  const std::string whole = trimmed(text_);
  const std::size_t open = std::min(whole.find_first_of("<("), whole.size());
  const std::string head = whole.substr(0, open);
  const std::size_t dash = std::min(head.find('-'), head.size());
  const std::size_t digits = std::min(head.find_first_of("0123456789"), dash);
  name_ = head.substr(0, digits);
  digits_ = head.substr(digits, dash - digits);
  if (dash < head.size()) {
    words_ = split(std::string_view(head).substr(dash + 1), '-');
  }
  if (open == whole.size()) {
    return;
  }
  if (whole.back() != (whole[open] == '<' ? '>' : ')')) {
    fail("its bracket is not closed");
  }
  for (const std::string& part :
       split(std::string_view(whole).substr(open + 1, whole.size() - open - 2), ',')) {
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos) {
      arguments_.emplace_back("", part);
    } else {
      arguments_.emplace_back(trimmed(part.substr(0, equals)), trimmed(part.substr(equals + 1)));
    }
  }
}

int QuantizerSpec::bits(int least, int most) {
  const auto value = parsed<int>(std::exchange(digits_, ""));
  if (!value || *value < least || *value > most) {
    fail(fmt::format("it needs {} to {} bits, as in {}8", least, most, name_));
  }
  return *value;
}

bool QuantizerSpec::word(std::string_view name) {
  const std::vector<std::string> parts = split(name, '-');
  const auto found = std::search(words_.begin(), words_.end(), parts.begin(), parts.end());
  if (found == words_.end()) {
    return false;
  }
  words_.erase(found, found + static_cast<std::ptrdiff_t>(parts.size()));
  return true;
}

std::optional<std::string> QuantizerSpec::argument(std::string_view key) {
  const auto found = std::find_if(arguments_.begin(), arguments_.end(), [&](const auto& given) {
    return given.first.empty() || given.first == key;
  });
  if (found == arguments_.end()) {
    return std::nullopt;
  }
  std::string value = found->second;
  arguments_.erase(found);
  return value;
}

int QuantizerSpec::integer(std::string_view key, int least, int most,
                           std::optional<int> otherwise) {
  const auto text = argument(key);
  if (!text && otherwise) {
    return *otherwise;
  }
  const auto value = text ? parsed<int>(*text) : std::nullopt;
  if (!value || *value < least || *value > most) {
    fail(fmt::format("'{}' must be a whole number from {} to {}", key, least, most));
  }
  return *value;
}

double QuantizerSpec::number(std::string_view key, const std::string& text) const {
  const auto value = parsed<double>(text);
  if (!value || !std::isfinite(*value)) {
    fail(fmt::format("'{}' must be a number, not '{}'", key, text));
  }
  return *value;
}

void QuantizerSpec::finish() const {
  if (!digits_.empty()) {
    fail(fmt::format("'{}' does not belong here", digits_));
  }
  if (!words_.empty()) {
    fail(fmt::format("'-{}' does not belong here", words_.front()));
  }
  if (!arguments_.empty()) {
    const auto& [key, value] = arguments_.front();
    fail(fmt::format("'{}{}{}' does not belong here", key, key.empty() ? "" : "=", value));
  }
}

std::string QuantizerSpec::place() const {
  return fmt::format("{}: quantizer '{}'", where_, text_);
}

void QuantizerSpec::fail(const std::string& why) const {
  throw InputError(
      fmt::format("{}: {}{}{}", place(), why, form_.empty() ? "" : "; it is written ", form_));
}

}  // namespace eebench::nn
