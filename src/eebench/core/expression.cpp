#include "eebench/core/expression.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>

#include "eebench/core/error.hpp"

namespace eebench {
namespace {

struct Function {
  std::string_view name;
  std::size_t arguments;
  float (*apply)(const float* argument);
};

constexpr std::array functions{
    Function{"abs", 1, [](const float* x) { return std::abs(x[0]); }},
    Function{"arctan2", 2, [](const float* x) { return std::atan2(x[0], x[1]); }},
    Function{"arctanh", 1, [](const float* x) { return std::atanh(x[0]); }},
    Function{"clip", 3, [](const float* x) { return std::min(std::max(x[0], x[1]), x[2]); }},
    Function{"cos", 1, [](const float* x) { return std::cos(x[0]); }},
    Function{"exp", 1, [](const float* x) { return std::exp(x[0]); }},
    Function{"floor", 1, [](const float* x) { return std::floor(x[0]); }},
    Function{"hypot", 2, [](const float* x) { return std::hypot(x[0], x[1]); }},
    Function{"log", 1, [](const float* x) { return std::log(x[0]); }},
    Function{"log10", 1, [](const float* x) { return std::log10(x[0]); }},
    Function{"log1p", 1, [](const float* x) { return std::log1p(x[0]); }},
    Function{"maximum", 2, [](const float* x) { return std::max(x[0], x[1]); }},
    Function{"minimum", 2, [](const float* x) { return std::min(x[0], x[1]); }},
    Function{"ones_like", 1, [](const float*) { return 1.0F; }},
    Function{"sign", 1, [](const float* x) { return static_cast<float>((x[0] > 0) - (x[0] < 0)); }},
    Function{"sin", 1, [](const float* x) { return std::sin(x[0]); }},
    Function{"sinh", 1, [](const float* x) { return std::sinh(x[0]); }},
    Function{"sqrt", 1, [](const float* x) { return std::sqrt(x[0]); }},
    Function{"tanh", 1, [](const float* x) { return std::tanh(x[0]); }},
    Function{"where", 3, [](const float* x) { return x[0] != 0.0F ? x[1] : x[2]; }},
};

constexpr Function add{"+", 2, [](const float* x) { return x[0] + x[1]; }};
constexpr Function subtract{"-", 2, [](const float* x) { return x[0] - x[1]; }};
constexpr Function multiply{"*", 2, [](const float* x) { return x[0] * x[1]; }};
constexpr Function divide{"/", 2, [](const float* x) { return x[0] / x[1]; }};
constexpr Function power{"**", 2, [](const float* x) { return std::pow(x[0], x[1]); }};
constexpr Function negate{"-", 1, [](const float* x) { return -x[0]; }};
constexpr Function invert{"~", 1, [](const float* x) { return x[0] == 0.0F ? 1.0F : 0.0F; }};
constexpr Function either{
    "|", 2, [](const float* x) { return x[0] != 0.0F || x[1] != 0.0F ? 1.0F : 0.0F; }};
constexpr Function both{"&", 2,
                        [](const float* x) { return x[0] != 0.0F && x[1] != 0.0F ? 1.0F : 0.0F; }};

// Longer spellings first: "<" begins "<=".
constexpr std::array comparisons{
    Function{"<=", 2, [](const float* x) { return x[0] <= x[1] ? 1.0F : 0.0F; }},
    Function{">=", 2, [](const float* x) { return x[0] >= x[1] ? 1.0F : 0.0F; }},
    Function{"==", 2, [](const float* x) { return x[0] == x[1] ? 1.0F : 0.0F; }},
    Function{"!=", 2, [](const float* x) { return x[0] != x[1] ? 1.0F : 0.0F; }},
    Function{"<", 2, [](const float* x) { return x[0] < x[1] ? 1.0F : 0.0F; }},
    Function{">", 2, [](const float* x) { return x[0] > x[1] ? 1.0F : 0.0F; }},
};

}  // namespace

struct Expression::Node {
  const Function* function = nullptr;  ///< null: a column, or a number where `column` is empty
  std::string column;
  float number = 0.0F;
  std::vector<std::shared_ptr<const Node>> arguments;
};

namespace {

using NodePtr = std::shared_ptr<const Expression::Node>;

/// Recursive descent, lowest precedence first.
class Parser {
 public:
  Parser(const std::string& text, std::vector<std::string>& names) : text_(text), names_(names) {}

  NodePtr parse() {
    constexpr std::size_t longest = 1000;  // it nests no deeper than it is long
    if (text_.size() > longest) {
      throw InputError(
          fmt::format("expression '{}...' is longer than {} characters; name parts of it",
                      text_.substr(0, 40), longest));
    }
    NodePtr root = comparison();
    skip_spaces();
    if (position_ != text_.size()) {
      fail("cannot read on");
    }
    return root;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(fmt::format(
        "expression '{}': {} at character {} ('{}'); supported are numbers, names, + - * / **, "
        "one comparison, & | ~, parentheses and {}",
        text_, what, position_ + 1, text_.substr(position_, 12), supported_functions()));
  }

  void skip_spaces() {
    while (position_ < text_.size() &&
           std::isspace(static_cast<unsigned char>(text_[position_])) != 0) {
      ++position_;
    }
  }

  bool take(std::string_view token) {
    skip_spaces();
    if (text_.compare(position_, token.size(), token) != 0) {
      return false;
    }
    position_ += token.size();
    return true;
  }

  static NodePtr call(const Function& function, std::vector<NodePtr> arguments) {
    auto node = std::make_shared<Expression::Node>();
    node->function = &function;
    node->arguments = std::move(arguments);
    return node;
  }

  const Function* take_comparison() {
    const auto* found = std::find_if(comparisons.begin(), comparisons.end(),
                                     [&](const Function& f) { return take(f.name); });
    return found == comparisons.end() ? nullptr : found;
  }

  // As in Python, & and | bind tighter than comparisons.
  NodePtr comparison() {
    NodePtr left = disjunction();
    const Function* function = take_comparison();
    if (function == nullptr) {
      return left;
    }
    // Not within a conditional expression: where the right side throws there, GCC 12 destroys more
    // than it made.
    NodePtr right = disjunction();
    return call(*function, {std::move(left), std::move(right)});
  }

  NodePtr disjunction() {
    NodePtr left = conjunction();
    while (take("|")) {
      left = call(either, {left, conjunction()});
    }
    return left;
  }

  NodePtr conjunction() {
    NodePtr left = sum();
    while (take("&")) {
      left = call(both, {left, sum()});
    }
    return left;
  }

  NodePtr sum() {
    NodePtr left = product();
    for (;;) {
      if (take("+")) {
        left = call(add, {left, product()});
      } else if (take("-")) {
        left = call(subtract, {left, product()});
      } else {
        return left;
      }
    }
  }

  NodePtr product() {
    NodePtr left = signed_power();
    for (;;) {
      if (take("*")) {
        left = call(multiply, {left, signed_power()});
      } else if (take("/")) {
        left = call(divide, {left, signed_power()});
      } else {
        return left;
      }
    }
  }

  NodePtr signed_power() {
    if (take("-")) {
      return call(negate, {signed_power()});
    }
    if (take("~")) {
      return call(invert, {signed_power()});
    }
    NodePtr base = atom();
    if (!take("**")) {
      return base;
    }
    NodePtr exponent = signed_power();
    return call(power, {std::move(base), std::move(exponent)});
  }

  NodePtr atom() {
    if (take("(")) {
      NodePtr inner = comparison();
      if (!take(")")) {
        fail("')' is missing");
      }
      return inner;
    }
    skip_spaces();
    if (position_ == text_.size()) {
      fail("ends early");
    }
    const char first = text_[position_];
    if (std::isdigit(static_cast<unsigned char>(first)) != 0 || first == '.') {
      char* end = nullptr;
      auto node = std::make_shared<Expression::Node>();
      node->number = std::strtof(text_.c_str() + position_, &end);
      position_ = static_cast<std::size_t>(end - text_.c_str());
      return node;
    }
    if (std::isalpha(static_cast<unsigned char>(first)) == 0 && first != '_') {
      fail("cannot read on");
    }
    return named();
  }

  NodePtr named() {
    const std::size_t start = position_;
    while (position_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[position_])) != 0 ||
            text_[position_] == '_' || text_[position_] == '.')) {
      ++position_;
    }
    std::string name = text_.substr(start, position_ - start);
    if (!take("(")) {
      if (name.find('.') != std::string::npos) {
        position_ = start;
        fail("'" + name + "' is not supported");
      }
      if (std::find(names_.begin(), names_.end(), name) == names_.end()) {
        names_.push_back(name);
      }
      auto node = std::make_shared<Expression::Node>();
      node->column = std::move(name);
      return node;
    }
    for (const std::string_view prefix : {"np.", "ak.", "math."}) {
      if (name.starts_with(prefix)) {
        name.erase(0, prefix.size());
        break;
      }
    }
    const auto* function = std::find_if(functions.begin(), functions.end(),
                                        [&](const Function& f) { return f.name == name; });
    if (function == functions.end()) {
      position_ = start;
      fail("'" + name + "' is not supported");
    }
    std::vector<NodePtr> arguments;
    do {
      arguments.push_back(comparison());
    } while (take(","));
    if (!take(")") || arguments.size() != function->arguments) {
      fail(fmt::format("{} takes {} argument(s) and ')'", name, function->arguments));
    }
    return call(*function, std::move(arguments));
  }

  const std::string& text_;
  std::vector<std::string>& names_;
  std::size_t position_ = 0;
};

Column evaluate_node(const Expression::Node& node,
                     const std::function<const Column&(const std::string&)>& column,
                     std::size_t size) {
  if (node.function == nullptr) {
    return node.column.empty() ? Column(size, node.number) : column(node.column);
  }
  std::vector<Column> arguments;
  for (const NodePtr& argument : node.arguments) {
    arguments.push_back(evaluate_node(*argument, column, size));
  }
  Column result(size);
  std::array<float, 3> values{};
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t a = 0; a < arguments.size(); ++a) {
      values[a] = arguments[a][i];
    }
    result[i] = node.function->apply(values.data());
  }
  return result;
}

}  // namespace

Expression::Expression(std::string text)
    : text_(std::move(text)), root_(Parser(text_, names_).parse()) {}

Column Expression::evaluate(const std::function<const Column&(const std::string&)>& column,
                            std::size_t size) const {
  return evaluate_node(*root_, column, size);
}

std::string supported_functions() {
  std::string list;
  for (const Function& function : functions) {
    list += (list.empty() ? "" : ", ") + std::string(function.name);
  }
  return list;
}

}  // namespace eebench
