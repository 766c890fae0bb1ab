#include "eebench/comm/communicator.hpp"

#include <algorithm>
#include <exception>
#include <numeric>

#include "eebench/comm/transport.hpp"
#include "eebench/core/error.hpp"
#include "eebench/core/first_line.hpp"

namespace eebench::comm {
namespace {

std::vector<std::int64_t> gather_lengths(const Transport& transport, std::size_t bytes) {
  std::vector<std::int64_t> lengths(static_cast<std::size_t>(transport.size()));
  transport.all_gather(static_cast<std::int64_t>(bytes), lengths);
  return lengths;
}

template <class T>
std::vector<T> gather(const Transport* transport, std::span<const T> values) {
  if (transport == nullptr) {
    return {values.begin(), values.end()};
  }
  const auto lengths = gather_lengths(*transport, values.size_bytes());
  const std::int64_t total = std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
  std::vector<T> all(static_cast<std::size_t>(total) / sizeof(T));
  transport->all_gather(std::as_bytes(values), lengths, std::as_writable_bytes(std::span(all)));
  return all;
}

[[noreturn]] void throw_error(ExitCode code, const std::string& message) {
  switch (code) {
    case ExitCode::usage:
      throw InputError(message);
    case ExitCode::environment:
      throw EnvironmentError(message);
    case ExitCode::io:
      throw IoError(message);
    default:
      throw Error(code, message);
  }
}

}  // namespace

int Communicator::rank() const { return transport_ ? transport_->rank() : 0; }
int Communicator::size() const { return transport_ ? transport_->size() : 1; }
int Communicator::local_rank() const { return transport_ ? transport_->local_rank() : 0; }
int Communicator::local_size() const { return transport_ ? transport_->local_size() : 1; }
const void* Communicator::native() const { return transport_ ? transport_->native() : nullptr; }

const sys::FlightRecord* Communicator::flight_record() const {
  return transport_ ? transport_->flight_record() : nullptr;
}

Communicator Communicator::first(int ranks) const {
  Communicator group;
  if (transport_) {
    group.transport_ = transport_->first(ranks);
  }
  return group;
}

void Communicator::barrier() const {
  if (transport_) {
    transport_->barrier();
  }
}

void Communicator::all_reduce(std::span<double> values, Reduce op) const {
  if (transport_) {
    transport_->all_reduce(values, op);
  }
}

void Communicator::all_reduce(std::span<float> values, Reduce op) const {
  if (transport_) {
    transport_->all_reduce(values, op);
  }
}

void Communicator::all_reduce(std::span<std::int64_t> values, Reduce op) const {
  if (transport_) {
    transport_->all_reduce(values, op);
  }
}

double Communicator::all_reduce(double value, Reduce op) const {
  all_reduce(std::span(&value, 1), op);
  return value;
}

std::int64_t Communicator::all_reduce(std::int64_t value, Reduce op) const {
  all_reduce(std::span(&value, 1), op);
  return value;
}

bool Communicator::all(bool value) const {
  return all_reduce(std::int64_t{value ? 1 : 0}, Reduce::min) == 1;
}

void Communicator::broadcast(std::span<std::byte> bytes, int root) const {
  if (transport_) {
    transport_->broadcast(bytes, root);
  }
}

std::string Communicator::broadcast(const std::string& text, int root) const {
  auto length = static_cast<std::int64_t>(text.size());
  broadcast(std::as_writable_bytes(std::span(&length, 1)), root);
  std::string result = text;
  result.resize(static_cast<std::size_t>(length));
  broadcast(std::as_writable_bytes(std::span(result)), root);
  return result;
}

std::vector<std::string> Communicator::all_gather(const std::string& text) const {
  if (!transport_) {
    return {text};
  }
  const auto lengths = gather_lengths(*transport_, text.size());
  const std::vector<char> all = gather(transport_.get(), std::span<const char>(text));
  std::vector<std::string> texts;
  auto at = all.begin();
  for (const std::int64_t length : lengths) {
    texts.emplace_back(at, at + length);
    at += length;
  }
  return texts;
}

std::vector<double> Communicator::all_gather(double value) const {
  return all_gather(std::span<const double>(&value, 1));
}

std::vector<std::int64_t> Communicator::all_gather(std::int64_t value) const {
  return all_gather(std::span<const std::int64_t>(&value, 1));
}

std::vector<double> Communicator::all_gather(std::span<const double> values) const {
  return gather(transport_.get(), values);
}

std::vector<float> Communicator::all_gather(std::span<const float> values) const {
  return gather(transport_.get(), values);
}

std::vector<std::int64_t> Communicator::all_gather(std::span<const std::int64_t> values) const {
  return gather(transport_.get(), values);
}

void Communicator::agree(const std::function<void()>& action) const {
  constexpr std::int64_t fine = -1;
  std::int64_t outcome = fine;
  std::string message;
  try {
    action();
  } catch (const Error& error) {
    outcome = static_cast<std::int64_t>(error.code());
    message = error.what();
  } catch (const std::exception& error) {
    outcome = static_cast<std::int64_t>(ExitCode::internal);
    message = first_line(error.what());
  } catch (...) {
    outcome = static_cast<std::int64_t>(ExitCode::internal);
    message = "unknown exception";
  }
  const std::vector<std::int64_t> outcomes = all_gather(outcome);
  const auto failed = std::find_if(outcomes.begin(), outcomes.end(),
                                   [](std::int64_t other) { return other != fine; });
  if (failed != outcomes.end()) {
    const int root = static_cast<int>(failed - outcomes.begin());
    throw_error(static_cast<ExitCode>(*failed), broadcast(message, root));
  }
}

}  // namespace eebench::comm
