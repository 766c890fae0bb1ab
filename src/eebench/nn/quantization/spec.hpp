#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eebench::nn {

/// A quantizer as written: name, digits, -words, and arguments in <> or (), by place or as
/// key=value. Makers take what they know; finish() refuses what is left. All errors are InputErrors
/// that begin with `where` and quote the text.
class QuantizerSpec {
 public:
  QuantizerSpec(std::string text, std::string where);

  const std::string& name() const { return name_; }
  /// How this kind is written, for messages.
  void set_form(std::string_view form) { form_ = form; }
  /// The digits behind the name.
  int bits(int least, int most);

  /// Whether this word was given.
  bool word(std::string_view name);
  /// The next argument by place, or the one of that key.
  std::optional<std::string> argument(std::string_view key);
  int integer(std::string_view key, int least, int most, std::optional<int> otherwise = {});
  /// The text as a number.
  double number(std::string_view key, const std::string& text) const;
  void finish() const;

  /// "file: quantizer 'text'", for messages.
  std::string place() const;
  [[noreturn]] void fail(const std::string& why) const;

 private:
  std::string text_;
  std::string where_;
  std::string name_;
  std::string form_;
  std::string digits_;
  std::vector<std::string> words_;
  std::vector<std::pair<std::string, std::string>> arguments_;  ///< key (empty by place), value
};

}  // namespace eebench::nn
