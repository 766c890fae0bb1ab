#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace eebench {

/// Values of one variable, for instance one a particle.
using Column = std::vector<float>;

/// A formula, of a data configuration or an exit rule, in the Python subset that weaver's own
/// configurations use: numbers, names of columns, + - * / **, comparisons and & | ~ (true is 1,
/// false 0), parentheses, and the functions that supported_functions() lists, with or without
/// "np.", "ak." or "math.". Arithmetic is float32.
class Expression {
 public:
  /// Throws InputError that names the formula, the place and what is supported.
  explicit Expression(std::string text);

  const std::string& text() const { return text_; }
  /// Columns it reads, each once.
  const std::vector<std::string>& names() const { return names_; }
  /// `column(name)` gives the values of a column, all of length `size`.
  Column evaluate(const std::function<const Column&(const std::string&)>& column,
                  std::size_t size) const;

  struct Node;

 private:
  std::string text_;
  std::vector<std::string> names_;
  std::shared_ptr<const Node> root_;
};

/// "abs, clip, ...".
std::string supported_functions();

}  // namespace eebench
