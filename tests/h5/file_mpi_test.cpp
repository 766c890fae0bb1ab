#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"
#include "eebench/h5/file.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/shared_dir.hpp"

using namespace eebench;
using comm::Communicator;

namespace {

constexpr hsize_t points = 6;
constexpr hsize_t exits = 2;

// First point and number of points of a rank; with four ranks the last one has none.
struct Share {
  hsize_t begin, count;
};
Share share(const Communicator& comm) {
  const auto each =
      (points + static_cast<hsize_t>(comm.size()) - 1) / static_cast<hsize_t>(comm.size());
  const hsize_t begin = std::min(points, each * static_cast<hsize_t>(comm.rank()));
  return {begin, std::min(each, points - begin)};
}

void write_example(const std::filesystem::path& path, const Communicator& comm, int deflate) {
  const auto [begin, count] = share(comm);
  h5::File file = h5::File::create(path, comm);
  file.set_attribute("eebench_version", "0.1");
  file.set_attribute("remark", "");
  file.set_attribute("mpi_size", comm.size());
  file.set_attribute("grid", std::vector<double>{0.25, 0.5});
  file.set_attribute("classes", std::vector<std::string>{"QCD", "Hbb"});
  file.dimension("point", points);
  file.dimension("threshold", std::vector<double>{0.5, 0.7, 0.9}).set_attribute("units", "1");
  file.dimension("exit", exits);
  {
    const h5::Storage rows{{1, exits}, deflate, {}};
    h5::Dataset accuracy = file.create<float>("accuracy", {"point", "exit"}, rows);
    accuracy.set_attribute("units", "1");
    accuracy.set_attribute("long_name", "top-1 accuracy");
    h5::Dataset latency =
        file.create<double>("latency", {"point", "threshold"}, {{1, 100}, deflate, {}});
    h5::Dataset state = file.create<std::uint8_t>("state", {"point"});
    file.create_texts("model", {"exit"}, 8).write(std::vector<std::string>{"früh", "spät"});
    file.create<float>("unwritten", {"point", "exit"}, rows);
    std::vector<float> accuracies;
    std::vector<double> latencies;
    std::vector<std::uint8_t> states;
    for (hsize_t point = begin; point < begin + count; ++point) {
      const auto base = 10.0 * static_cast<double>(point);
      accuracies.insert(accuracies.end(), {static_cast<float>(base), static_cast<float>(base + 1)});
      latencies.insert(latencies.end(), {base + 0.5, base + 0.7, base + 0.9});
      states.push_back(static_cast<std::uint8_t>(point % 2));
    }
    accuracy.write(accuracies, {begin, 0}, {count, exits});
    latency.write(latencies, {begin, 0}, {count, 3});
    file.flush();
    state.write(states, {begin}, {count});
  }
  file.close();
}

}  // namespace

TEST_CASE("a file written by all ranks is read back by all and by one") {
  const Communicator world = Communicator::world();
  const test::SharedDir dir(world);
  const int deflate = GENERATE(0, 4);
  const auto path = dir.path() / ("deflate" + std::to_string(deflate) + ".h5");
  write_example(path, world, deflate);

  const auto [begin, count] = share(world);
  for (const Communicator& comm : {world, Communicator()}) {
    const h5::File file = h5::File::open(path, comm);
    const auto mine = file.dataset("accuracy").read<double>({begin, 0}, {count, exits});
    CHECK(mine.size() == count * exits);
    for (hsize_t i = 0; i < count; ++i) {
      CHECK(mine[i * exits + 1] == 10.0 * static_cast<double>(begin + i) + 1.0);
    }
    CHECK(file.dataset("state").read<std::uint8_t>() ==
          std::vector<std::uint8_t>{0, 1, 0, 1, 0, 1});
    CHECK(file.dataset("model").read_texts() == std::vector<std::string>{"früh", "spät"});
    for (const float value : file.dataset("unwritten").read<float>()) {
      CHECK(std::isnan(value));
    }
    CHECK(file.attribute<std::int64_t>("mpi_size") == world.size());
    CHECK(file.dimensions_of("latency") == std::vector<std::string>{"point", "threshold"});
    CHECK(file.datasets() == std::vector<std::string>{"point", "threshold", "exit", "accuracy",
                                                      "latency", "state", "model", "unwritten"});
  }
}

TEST_CASE("xarray opens the file in one line") {
  const char* python = std::getenv("EEBENCH_PYTHON");
  const Communicator world = Communicator::world();
  if (python == nullptr || !std::filesystem::exists(python)) {
    if (world.is_root()) {
      std::cerr << "SKIPPED: xarray opens the file: EEBENCH_PYTHON names no Python\n";
    }
    return;
  }
  const test::SharedDir dir(world);
  for (const int deflate : {0, 4}) {
    const auto path = dir.path() / "run.h5";
    write_example(path, world, deflate);
    int status = 0;
    if (world.is_root()) {
      const auto script = test::source_dir() / "tests" / "h5" / "read_with_xarray.py";
      const std::string command = std::string(python) + " " + script.string() + " " +
                                  path.string() + " " + std::to_string(world.size());
      status = std::system(command.c_str());
    }
    CHECK(status == 0);
    world.barrier();
  }
}

TEST_CASE("a file can be opened again for writing") {
  const Communicator world = Communicator::world();
  const test::SharedDir dir(world);
  const auto path = dir.path() / "run.h5";
  write_example(path, world, 0);
  const auto [begin, count] = share(world);
  {
    h5::File file = h5::File::open_writable(path, world);
    file.set_attribute("eebench_version", "0.2");
    file.dataset("state").write(std::vector<std::uint8_t>(count, 7), {begin}, {count});
    file.close();
  }
  const h5::File file = h5::File::open(path, world);
  CHECK(file.attribute<std::string>("eebench_version") == "0.2");
  CHECK(file.dataset("state").read<std::int32_t>() == std::vector<std::int32_t>(points, 7));
}

TEST_CASE("a rank without data takes part in a collective write and changes nothing") {
  const Communicator world = Communicator::world();
  const test::SharedDir dir(world);
  const h5::Storage storage =
      GENERATE(h5::Storage{}, h5::Storage{{1, exits}, 0, {}}, h5::Storage{{1, exits}, 4, {}});
  for (int writer = 0; writer < world.size(); ++writer) {
    const auto path = dir.path() / "run.h5";
    h5::File file = h5::File::create(path, world);
    file.dimension("point", points);
    file.dimension("exit", exits);
    {
      h5::Dataset values = file.create<double>("values", {"point", "exit"}, storage);
      const hsize_t rows = world.rank() == writer ? points : 0;
      values.write(std::vector<double>(rows * exits, 1.0 + writer), {0, 0}, {rows, exits});
      CHECK(values.was_collective() == (world.size() > 1));
      // And one that nobody has anything for.
      values.write(std::vector<double>(), {points, 0}, {0, exits});
    }
    file.close();
    CHECK(h5::File::open(path, world).dataset("values").read<double>() ==
          std::vector<double>(points * exits, 1.0 + writer));
    world.barrier();
  }
}

TEST_CASE("transfers of all ranks are collective, as asked") {
  const Communicator world = Communicator::world();
  const test::SharedDir dir(world);
  const auto path = dir.path() / "run.h5";
  const auto [begin, count] = share(world);
  const bool several = world.size() > 1;
  h5::File file = h5::File::create(path, world);
  file.dimension("point", points);
  file.dimension("exit", exits);
  for (const auto& [name, storage] : {std::pair{"contiguous", h5::Storage{}},
                                      std::pair{"chunked", h5::Storage{{1, exits}, 0, {}}},
                                      std::pair{"deflated", h5::Storage{{1, exits}, 4, {}}}}) {
    CAPTURE(name);
    h5::Dataset values = file.create<float>(name, {"point", "exit"}, storage);
    CHECK_FALSE(values.was_collective());  // nothing was transferred yet
    values.write(std::vector<float>(count * exits, 1.0F), {begin, 0}, {count, exits});
    CHECK(values.was_collective() == several);
    values.write(std::vector<float>(points * exits, 2.0F));  // the root's values
    CHECK(values.was_collective() == several);
    CHECK(values.read<float>({begin, 0}, {count, exits}) ==
          std::vector<float>(count * exits, 2.0F));
    CHECK(values.was_collective() == several);
  }
  file.close();
}

TEST_CASE("a damaged file is refused on every rank alike") {
  const Communicator world = Communicator::world();
  const test::SharedDir dir(world);
  const auto good = dir.path() / "good.h5";
  const auto cut = dir.path() / "cut.h5";
  const auto text = dir.path() / "text.h5";
  write_example(good, world, 0);
  if (world.is_root()) {
    std::filesystem::copy_file(good, cut);
    std::filesystem::resize_file(cut, std::filesystem::file_size(cut) / 2);
    std::ofstream(text) << "jets";
  }
  world.barrier();
  for (const auto& path : {cut, text, dir.path() / "absent.h5"}) {
    CHECK_THROWS_AS(h5::File::open(path, world), InputError);
    CHECK_THROWS_WITH(h5::File::open(path, world), Catch::Matchers::StartsWith(path.string()));
  }
  CHECK_THROWS_WITH(h5::File::open(cut, world), Catch::Matchers::Contains("truncated file"));
  CHECK_THROWS_AS(h5::File::create(dir.path() / "absent" / "a.h5", world), IoError);
}

TEST_CASE("an error agreed on by all ranks leaves no open file in the way") {
  const Communicator world = Communicator::world();
  const test::SharedDir dir(world);
  CHECK_THROWS_AS(
      [&] {
        const h5::File file = h5::File::create(dir.path() / "lost.h5", world);
        world.agree([&] {
          if (world.rank() == world.size() - 1) {
            throw InputError("one rank dislikes its input");
          }
        });
      }(),
      InputError);
  write_example(dir.path() / "next.h5", world, 0);
  CHECK(h5::File::open(dir.path() / "next.h5", world).has("accuracy"));
}
