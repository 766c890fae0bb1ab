#pragma once

#include <memory>

#include "eebench/nn/quantization/spec.hpp"
#include "eebench/nn/quantizer.hpp"

namespace eebench::nn::quantization {

// Rows of the table in quantizer.cpp: each reads its words and arguments from a spec.

std::shared_ptr<Quantizer> make_fixed(QuantizerSpec& spec, const Operand& operand);
std::shared_ptr<Quantizer> make_unsigned_fixed(QuantizerSpec& spec, const Operand& operand);
std::shared_ptr<Quantizer> make_kif(QuantizerSpec& spec, const Operand& operand);
std::shared_ptr<Quantizer> make_quantized_bits(QuantizerSpec& spec, const Operand& operand);
std::shared_ptr<Quantizer> make_quantized_relu(QuantizerSpec& spec, const Operand& operand);
std::shared_ptr<Quantizer> make_integer(QuantizerSpec& spec, const Operand& operand);
std::shared_ptr<Quantizer> make_unsigned_integer(QuantizerSpec& spec, const Operand& operand);
std::shared_ptr<Quantizer> make_ternary(QuantizerSpec& spec, const Operand& operand);

/// float32 holds every integer of that many bits and a sign.
inline constexpr int most_bits = 24;

}  // namespace eebench::nn::quantization
