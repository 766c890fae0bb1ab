#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "eebench/exits/gate.hpp"
#include "eebench/exits/prototypes.hpp"
#include "eebench/exits/replay.hpp"

namespace eebench::exits {

// Everything here wants jets that the network was not trained on. Gates are fitted by Newton's
// method on the cross-entropy, with a ridge penalty of half the squared weights (the bias is free).

/// Gate of `learned`: chance that the answer is right. `logits`: [jets, classes] of this exit;
/// `labels`, `multiplicity`: [jets]. Throws InputError on sizes that do not fit, labels out of
/// range, no jets, or logits that are NaN.
Gate fit_learned(std::span<const float> logits, std::span<const std::int64_t> labels,
                 std::span<const std::int64_t> multiplicity, std::int64_t classes);

/// Gate of `lte`: chance that the answer is right, from the embedding [jets, E] alone; 1 minus the
/// u of Xin, Tang, Yu and Lin, BERxiT (EACL 2021). `right`: [jets] 1 where it is.
Gate fit_lte(std::span<const float> embedding, std::span<const std::uint8_t> right);

/// Gates of `jei`, [exits - 1] (Regol, Chataoui and Coates, arXiv:2310.09163; here after the heads,
/// not in turn with them). The best exit of a jet has the smallest loss + lambda * cost / cost of
/// the last, loss in nats; a gate tells the chance that it is this exit or one before. Jets for
/// which it is weigh as many times more than the others as they are fewer, at most 5 times.
/// `answers.cost` must be there.
std::vector<Gate> fit_jei(const Answers& answers, double lambda);

/// `embedding`: [jets, E] of this exit.
Prototypes fit_prototypes(std::span<const float> embedding, std::span<const std::int64_t> labels,
                          std::int64_t classes);

/// All of it for every early exit; `answers` with costs and embeddings. Throws InputError as
/// fit_learned does.
Fits fit_all(const Answers& answers, double lambda);

}  // namespace eebench::exits
