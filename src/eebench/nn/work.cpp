#include "eebench/nn/work.hpp"

namespace eebench::nn {
namespace {
thread_local WorkScope* current = nullptr;
}

WorkScope::WorkScope() : outer_(current) { current = this; }

WorkScope::~WorkScope() {
  current = outer_;
  if (outer_ != nullptr) {
    outer_->work_ += work_;
  }
}

void count(const Work& work) {
  if (current != nullptr) {
    current->work_ += work;
  }
}

}  // namespace eebench::nn
