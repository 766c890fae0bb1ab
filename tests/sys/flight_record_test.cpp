#include "eebench/sys/flight_record.hpp"

#include <catch2/catch.hpp>

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using eebench::sys::FlightRecord;

TEST_CASE("A flight record tells the last calls, newest first, and which has not come back") {
  FlightRecord record;
  CHECK(record.text().empty());
  { const FlightRecord::Call call(record, "MPI_Bcast", 24); }
  for (int i = 0; i < 3; ++i) {
    const FlightRecord::Call call(record, "MPI_Allreduce", 8);
  }
  const FlightRecord::Call waits(record, "MPI_Allreduce", 8);
  const std::string text = record.text();
  CHECK_THAT(text, StartsWith("    #5 MPI_Allreduce of 8 bytes, 0.0 s ago, not finished\n"));
  CHECK_THAT(text, Contains("    #2 to #4 MPI_Allreduce of 8 bytes, 0.0 s ago\n"));
  CHECK_THAT(text, Contains("    #1 MPI_Bcast of 24 bytes"));
}

TEST_CASE("A flight record keeps the last 64 calls") {
  FlightRecord record;
  for (std::size_t i = 0; i < 100; ++i) {
    const FlightRecord::Call call(record, "MPI_Bcast", i);
  }
  CHECK_THAT(record.text(), StartsWith("    #100 MPI_Bcast of 99 bytes"));
  CHECK_THAT(record.text(), Contains("#37 MPI_Bcast of 36 bytes"));
  CHECK_THAT(record.text(), !Contains("#36 "));
}
