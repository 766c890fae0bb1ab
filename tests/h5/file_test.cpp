#include "eebench/h5/file.hpp"

#include <fstream>
#include <sstream>
#include <string>

#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"
#include "tests/support/scratch_dir.hpp"

// Without MPI: every process that only reads uses files this way.
using namespace eebench;
using Catch::Matchers::Contains;

TEST_CASE("arrays of every type, with groups in their names") {
  const test::ScratchDir dir;
  const auto path = dir.path() / "arrays.h5";
  {
    h5::File file = h5::File::create(path);
    file.array<float>("weights/stem.weight", {2, 3}).write(std::vector<float>{1, 2, 3, 4, 5, 6});
    file.array<std::int64_t>("step", {}).write(std::vector<std::int64_t>{1LL << 40});
    file.array<std::int8_t>("charge", {2}).write(std::vector<std::int8_t>{-1, 1});
    file.array<std::int32_t>("count", {1}).write(std::vector<std::int32_t>{-5});
    file.array<double>("nothing", {0}, {{16}, 3, {}}).write(std::vector<double>{});
    file.array<std::int32_t>("filled", {2}, {{}, 0, 9.0});
    file.close();
  }
  const h5::File file = h5::File::open(path);
  CHECK(file.has("weights/stem.weight"));
  CHECK_FALSE(file.has("biases/stem.weight"));
  CHECK(file.datasets() ==
        std::vector<std::string>{"step", "charge", "count", "nothing", "filled"});
  CHECK(file.datasets("weights") == std::vector<std::string>{"stem.weight"});
  const h5::Dataset weights = file.dataset("weights/stem.weight");
  CHECK(weights.shape() == h5::Extents{2, 3});
  CHECK(weights.holds<float>());
  CHECK_FALSE(weights.holds<double>());
  CHECK(weights.read<float>({1, 1}, {1, 2}) == std::vector<float>{5, 6});
  CHECK(file.dataset("step").read<std::int64_t>() == std::vector<std::int64_t>{1LL << 40});
  CHECK(file.dataset("charge").read<float>() == std::vector<float>{-1, 1});
  CHECK(file.dataset("nothing").length() == 0);
  CHECK(file.dataset("filled").read<std::int32_t>() == std::vector<std::int32_t>{9, 9});
  CHECK(file.dimensions_of("charge") == std::vector<std::string>{""});
}

TEST_CASE("what cannot be read is wrong input, in one short line") {
  const test::ScratchDir dir;
  const auto path = dir.path() / "damaged.h5";
  {
    h5::File file = h5::File::create(path);
    file.array<float>("group/x", {1000}, {{1000}, 1, {}}).write(std::vector<float>(1000, 1.5F));
    file.close();
  }
  std::stringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  std::string content = bytes.str();
  const std::size_t packed = content.find("\x78\x01");  // a chunk deflated at level 1 begins so
  REQUIRE(packed != std::string::npos);
  content.replace(packed, 2, 2, '\0');
  std::ofstream(path, std::ios::binary) << content;

  const h5::File file = h5::File::open(path);
  CHECK_THROWS_AS(file.dataset("group/x").read<float>(), InputError);
  CHECK_THROWS_WITH(file.dataset("group/x").read<float>(),
                    Contains("damaged.h5: dataset 'group/x': cannot be read (") &&
                        Contains("copy the file again"));
  CHECK_THROWS_AS(file.dataset("group"), InputError);
  CHECK_THROWS_WITH(file.dataset("group"), Contains("'group' is a group"));
}

TEST_CASE("an array that claims more values than its file can hold is refused") {
  const test::ScratchDir dir;
  const auto path = dir.path() / "claims.h5";
  {
    h5::File file = h5::File::create(path);
    file.array<float>("huge", {hsize_t{1} << 45}, {{1024}, 1, {}});
    file.array<float>("square", {hsize_t{1} << 40, hsize_t{1} << 20}, {{1024, 1}, 1, {}});
    file.array<float>("empty", {0, hsize_t{1} << 50, hsize_t{1} << 50});
    file.array<double>("zeros", {200'000}, {{200'000}, 9, {}})
        .write(std::vector<double>(200'000, 0.0));
    file.close();
  }
  const h5::File file = h5::File::open(path);
  for (const char* name : {"huge", "square", "empty"}) {
    CHECK_THROWS_AS(file.dataset(name).read<float>(), InputError);
    CHECK_THROWS_WITH(file.dataset(name).read<float>(),
                      Contains("claims.h5: dataset '" + std::string(name) + "': claims to hold"));
  }
  CHECK(file.dataset("zeros").read<double>().size() == 200'000);  // well compressed is no claim
}

TEST_CASE("attributes keep their type and can be replaced") {
  const test::ScratchDir dir;
  const auto path = dir.path() / "attributes.h5";
  const std::string config(100'000, 'c');  // longer than HDF5's 64 kB for small attributes
  {
    h5::File file = h5::File::create(path);
    file.set_attribute("epoch", std::int64_t{3});
    file.set_attribute("epoch", std::int64_t{4});
    file.set_attribute("loss", 0.25);
    file.set_attribute("config", config);
    file.set_attribute("names", std::vector<std::string>{"a", "", "längst"});
    file.set_attribute("none", std::vector<std::int32_t>{});
    file.close();
  }
  const h5::File file = h5::File::open(path);
  CHECK(file.attribute<std::int64_t>("epoch") == 4);
  CHECK(file.attribute<double>("loss") == 0.25);
  CHECK(file.attribute<std::string>("config") == config);
  CHECK(file.attribute<std::vector<std::string>>("names") ==
        std::vector<std::string>{"a", "", "längst"});
  CHECK(file.attribute<std::vector<std::int32_t>>("none").empty());
  CHECK(file.attribute_names() ==
        std::vector<std::string>{"config", "epoch", "loss", "names", "none"});
  CHECK_THROWS_WITH(file.attribute<double>("lr"), Contains("attribute 'lr' is missing"));
  CHECK_THROWS_WITH(file.attribute<double>("config"), Contains("no numbers"));
  CHECK_THROWS_WITH(file.attribute<std::string>("loss"), Contains("numbers where text"));
  CHECK_THROWS_WITH(file.attribute<std::string>("names"), Contains("3 values where one"));
}

TEST_CASE("attributes are copied and compared whatever they hold") {
  const test::ScratchDir dir;
  h5::File from = h5::File::create(dir / "from.h5");
  h5::File to = h5::File::create(dir / "to.h5");
  from.set_attribute("text", std::string("längst"));
  from.set_attribute("values", std::vector<std::uint8_t>{0, 1, 2});
  for (const std::string& name : from.attribute_names()) {
    CHECK_FALSE(to.same_attribute(from, name));
    to.copy_attribute(from, name);
    CHECK(to.same_attribute(from, name));
  }
  CHECK(to.attribute<std::string>("text") == "längst");
  CHECK(to.attribute<std::vector<std::uint8_t>>("values") == std::vector<std::uint8_t>{0, 1, 2});
  to.set_attribute("text", std::string("anders"));
  to.set_attribute("values", std::vector<std::int32_t>{0, 1, 2});
  CHECK_FALSE(to.same_attribute(from, "text"));
  CHECK_FALSE(to.same_attribute(from, "values"));
}

TEST_CASE("rows of several files are one variable, wherever the folder is moved") {
  const test::ScratchDir dir;
  const auto root = dir / "old";
  const std::vector<std::vector<hsize_t>> rows = {{0, 2, 3}, {1, 4}};
  std::vector<h5::RowSource> sources;
  for (std::size_t part = 0; part < rows.size(); ++part) {
    const std::string name = "tasks/" + std::to_string(part) + ".h5";
    std::filesystem::create_directories(root / "tasks");
    h5::File file = h5::File::create(root / name);
    file.dimension("point", rows[part].size());
    file.dimension("exit", 2);
    file.dimension("rank", part + 1);
    h5::Storage storage;
    storage.fill = -1.0;
    h5::Storage packed = storage;
    packed.chunk = {1, 2};
    packed.deflate = 1;
    h5::Dataset values = file.create<std::int32_t>("values", {"point", "exit"}, packed);
    h5::Dataset texts = file.create_texts("texts", {"point"}, 4);
    file.create<std::int32_t>("ranks", {"point", "rank"}, storage)
        .write(std::vector<std::int32_t>(rows[part].size() * (part + 1), 7));
    std::vector<std::int32_t> numbers;
    std::vector<std::string> words;
    for (const hsize_t row : rows[part]) {
      numbers.insert(numbers.end(), {static_cast<std::int32_t>(10 * row),
                                     static_cast<std::int32_t>(10 * row + 1)});
      words.push_back("p" + std::to_string(row));
    }
    values.write(numbers);
    texts.write(words);
    sources.push_back({name, rows[part], {}});
  }
  {
    const h5::File like = h5::File::open(root / "tasks/1.h5");
    h5::File file = h5::File::create(root / "merged.h5");
    file.dimension("point", 5);
    file.dimension("exit", 2);
    file.dimension("rank", 2);
    sources[0].axes = sources[1].axes = {2};
    file.create_virtual("values", {"point", "exit"}, like.dataset("values"), sources);
    sources[0].axes = {1};
    file.create_virtual("ranks", {"point", "rank"}, like.dataset("ranks"), sources);
    sources[0].axes = sources[1].axes = {};
    file.create_virtual("texts", {"point"}, like.dataset("texts"), sources);
    file.close();
  }
  std::filesystem::rename(root, dir / "new");
  const auto path = dir / "new/merged.h5";
  {
    const h5::File file = h5::File::open(path);
    CHECK(file.dimensions_of("values") == std::vector<std::string>{"point", "exit"});
    CHECK(file.dataset("ranks").read<std::int32_t>() ==
          std::vector<std::int32_t>{7, -1, 7, 7, 7, -1, 7, -1, 7, 7});
    CHECK(file.dataset("values").read<std::int32_t>() ==
          std::vector<std::int32_t>{0, 1, 10, 11, 20, 21, 30, 31, 40, 41});
    CHECK(file.dataset("texts").read_texts() ==
          std::vector<std::string>{"p0", "p1", "p2", "p3", "p4"});
  }
  std::filesystem::remove(dir / "new/tasks/1.h5");
  const h5::File file = h5::File::open(path);
  CHECK(file.dataset("values").read<std::int32_t>() ==
        std::vector<std::int32_t>{0, 1, -1, -1, 20, 21, 30, 31, -1, -1});
}

TEST_CASE("errors name the file, the dataset and the block") {
  const test::ScratchDir dir;
  const auto path = dir.path() / "errors.h5";
  h5::File file = h5::File::create(path);
  file.dimension("jet", 4);
  h5::Dataset label = file.create<std::uint8_t>("label", {"jet"});
  CHECK_THROWS_AS(file.dataset("labels"), InputError);
  CHECK_THROWS_WITH(file.dataset("labels"), Contains(path.string()) &&
                                                Contains("'labels' is missing") &&
                                                Contains("jet, label"));
  CHECK_THROWS_AS(label.read<float>({2}, {3}), InputError);
  CHECK_THROWS_WITH(label.read<float>({2}, {3}),
                    Contains("'label'") && Contains("at [2] of size [3]") && Contains("[4]"));
  CHECK_THROWS_AS(label.read<float>({0, 0}, {1, 1}), InputError);
  CHECK_THROWS_AS(label.read_texts(), InputError);
  CHECK_THROWS_WITH(label.write(std::vector<float>(4), {0}, {4}), Contains("another type"));
  CHECK_THROWS_AS(file.create<float>("label", {"jet"}), IoError);
  CHECK_THROWS_WITH(file.create<float>("label", {"jet"}), Contains("already exists"));
  CHECK_THROWS_AS(file.create<float>("x", {"exit"}), InputError);
  CHECK_THROWS_WITH(file.close(), Contains("still open"));
}
