#include "eebench/exits/gate.hpp"

namespace eebench::exits {

std::vector<double> pack(const Gate& gate) {
  std::vector<double> numbers(gate.mean.begin(), gate.mean.end());
  numbers.insert(numbers.end(), gate.scale.begin(), gate.scale.end());
  numbers.insert(numbers.end(), gate.weights.begin(), gate.weights.end());
  numbers.push_back(gate.bias);
  numbers.insert(numbers.end(), gate.answer_bias.begin(), gate.answer_bias.end());
  return numbers;
}

Gate unpack_gate(std::span<const double> numbers, std::size_t features) {
  const auto part = [&](std::size_t first, std::size_t count) {
    const auto own = numbers.subspan(first, count);
    return std::vector<double>(own.begin(), own.end());
  };
  const std::size_t fixed = 3 * features + 1;
  return {part(0, features), part(features, features), part(2 * features, features),
          numbers[fixed - 1], part(fixed, numbers.size() - fixed)};
}

}  // namespace eebench::exits
