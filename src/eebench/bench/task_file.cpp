#include "eebench/bench/task_file.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "eebench/bench/measure.hpp"
#include "eebench/core/error.hpp"

namespace eebench::bench {
namespace {

constexpr double u1_fill = 255.0;

bool is_integer(Type type) { return type == Type::u1 || type == Type::i4 || type == Type::i8; }

double fill_of(Type type) {
  if (type == Type::u1) {
    return u1_fill;
  }
  return is_integer(type) ? -1.0 : not_available;
}

std::vector<std::int32_t> numbered(std::size_t count) {
  std::vector<std::int32_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

void set_flags(h5::Dataset& dataset, const std::vector<std::string>& names) {
  std::vector<std::uint8_t> values(names.size());
  std::iota(values.begin(), values.end(), std::uint8_t{0});
  dataset.set_attribute("flag_values", values);
  dataset.set_attribute("flag_meanings", fmt::format("{}", fmt::join(names, " ")));
}

template <class Rows>
std::vector<std::string> words(const Rows& rows) {
  std::vector<std::string> names;
  std::transform(std::begin(rows), std::end(rows), std::back_inserter(names),
                 [](const auto& row) { return std::string(row.name); });
  return names;
}

h5::Dataset create_variable(h5::File& file, const std::string& name, const VariableSpec& spec) {
  const std::vector<std::string> dimensions = dimensions_of(spec);
  h5::Storage storage;
  storage.fill = fill_of(spec.type);
  switch (spec.type) {
    case Type::u1:
      return file.create<std::uint8_t>(name, dimensions, storage);
    case Type::i4:
      return file.create<std::int32_t>(name, dimensions, storage);
    case Type::i8:
      return file.create<std::int64_t>(name, dimensions, storage);
    case Type::f4:
      return file.create<float>(name, dimensions, storage);
    case Type::f8:
      return file.create<double>(name, dimensions, storage);
    case Type::text:
      break;
  }
  return file.create_texts(name, dimensions, 16);
}

template <class T>
void write_as(h5::Dataset& dataset, const std::vector<double>& row, const h5::Extents& start,
              const h5::Extents& count) {
  std::vector<T> values;
  values.reserve(row.size());
  for (const double value : row) {
    values.push_back(static_cast<T>(value));
  }
  dataset.write(values, start, count);
}

/// Copies `values`, whose axes are as long as `given`, to the beginning of each axis of `row`.
void place(std::vector<double>& row, const std::vector<std::size_t>& shape,
           const std::vector<double>& values, const std::vector<std::size_t>& given) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::size_t rest = i;
    std::size_t target = 0;
    std::size_t stride = 1;
    for (std::size_t axis = given.size(); axis-- > 0;) {
      target += rest % given[axis] * stride;
      rest /= given[axis];
      stride *= shape[axis];
    }
    row[target] = values[i];
  }
}

}  // namespace

std::int64_t size_of(const Layout& layout) {
  const auto length = [&](Dimension dimension) -> std::int64_t {
    switch (dimension) {
      case Dimension::point:
        return static_cast<std::int64_t>(layout.points.size());
      case Dimension::exit:
        return layout.exits;
      case Dimension::class_:
        return static_cast<std::int64_t>(layout.classes.size());
      case Dimension::rank:
        return static_cast<std::int64_t>(layout.hosts.size());
      case Dimension::sample:
        return layout.samples;
      case Dimension::percentile:
        return std::size(percentiles);
      case Dimension::multiplicity:
        return std::size(multiplicity_edges);
    }
    return 1;
  };
  std::int64_t bytes = 0;
  for (const VariableSpec& spec : schema()) {
    std::int64_t values = length(Dimension::point);
    for (const Dimension dimension : spec.dimensions) {
      values *= length(dimension);
    }
    constexpr std::int64_t widest = 16;  // texts; numbers take at most 8
    bytes += values * static_cast<std::int64_t>(names_of(spec).size()) *
             (spec.type == Type::text ? widest : 8);
  }
  return bytes;
}

TaskFile::TaskFile(h5::File file, const comm::Communicator& comm, Layout layout)
    : file_(std::move(file)), comm_(comm), layout_(std::move(layout)) {}

TaskFile TaskFile::create(const std::filesystem::path& path, const comm::Communicator& comm,
                          const Layout& layout, const Attributes& attributes) {
  TaskFile task(h5::File::create(path, comm), comm, layout);
  task.file_.set_attribute("schema_version", fmt::format("{}.{}", schema_major, schema_minor));
  h5::set_attributes(task.file_, attributes);
  task.create_variables();
  for (const Point& point : layout.points) {
    Values settings = settings_of(point, layout.rules);
    settings["repeat"] = {static_cast<double>(layout.repeat)};
    settings["shard"] = {static_cast<double>(layout.shard)};
    settings["ranks"] = {static_cast<double>(layout.job.ranks)};
    settings["threads"] = {static_cast<double>(layout.job.threads)};
    settings["nodes"] = {static_cast<double>(layout.job.nodes)};
    settings["oversubscribed"] = {layout.oversubscribed ? 1.0 : 0.0};
    for (const auto& [name, values] : settings) {
      task.write_row(task.variable(name), point, values);
    }
    task.set_state(point.index, State::pending);
  }
  task.flush();
  return task;
}

void TaskFile::create_variables() {
  h5::File& file = file_;
  file.dimension("point", numbered(layout_.points.size()));
  file.dimension("exit", numbered(static_cast<std::size_t>(layout_.exits)));
  file.dimension("class", layout_.classes);
  file.dimension("rank", numbered(layout_.hosts.size()));
  file.dimension("sample", numbered(static_cast<std::size_t>(layout_.samples)));
  file.dimension("percentile", std::vector<double>(std::begin(percentiles), std::end(percentiles)));
  file.dimension("multiplicity", std::vector<std::int64_t>(std::begin(multiplicity_edges),
                                                           std::end(multiplicity_edges)));
  h5::Dataset hosts = file.create_texts("rank_host", {"rank"}, 64);
  hosts.write(layout_.hosts);
  hosts.set_attribute("long_name", std::string("host name of the rank"));
  hosts.set_attribute("units", std::string("1"));
  hosts.set_attribute("mark", std::string(bench::name(Mark::record)));
  for (const VariableSpec& spec : schema()) {
    for (const std::string& name : names_of(spec)) {
      h5::Dataset dataset = create_variable(file, name, spec);
      const bool is_end = name != spec.name;
      dataset.set_attribute("long_name",
                            is_end ? fmt::format("{}: end of the 95 % interval", spec.name)
                                   : std::string(spec.meaning));
      dataset.set_attribute("units", std::string(spec.unit));
      dataset.set_attribute("mark", std::string(bench::name(spec.mark)));
      if (name == "state") {
        set_flags(dataset, {"pending", "ok", "failed"});
      } else if (name == "model") {
        set_flags(dataset, layout_.models);
      } else if (name == "rule") {
        set_flags(dataset, layout_.rules);
      } else if (name == "scenario") {
        set_flags(dataset, words(scenario_names));
      } else if (name == "precision") {
        set_flags(dataset, words(exec::precision_names));
      } else if (name == "executor") {
        set_flags(dataset, words(engine_names));
      } else if (name == "selection") {
        set_flags(dataset, {std::begin(selection_names), std::end(selection_names)});
      } else if (name == "stop_reason") {
        set_flags(dataset, {std::begin(stop_reasons), std::end(stop_reasons)});
      } else if (name == "point_id") {
        std::vector<std::string> ids;
        for (const Point& point : layout_.points) {
          ids.push_back(point.id);
        }
        dataset.write(ids);
      }
      variables_.push_back({name, &spec, std::move(dataset)});
    }
  }
}

TaskFile TaskFile::reopen(const std::filesystem::path& path, const comm::Communicator& comm,
                          const Layout& layout) {
  TaskFile task(h5::File::open_writable(path, comm), comm, layout);
  task.open_variables();
  return task;
}

void TaskFile::open_variables() {
  for (const VariableSpec& spec : schema()) {
    for (const std::string& name : names_of(spec)) {
      variables_.push_back({name, &spec, file_.dataset(name)});
    }
  }
  const std::vector<std::string> ids = variable("point_id").dataset.read_texts();
  const bool same =
      std::equal(ids.begin(), ids.end(), layout_.points.begin(), layout_.points.end(),
                 [](const std::string& id, const Point& point) { return id == point.id; });
  if (!same) {
    throw InputError(fmt::format("{} holds other points than the suite asks for; give another -o",
                                 file_.where()));
  }
}

TaskFile::Variable& TaskFile::variable(std::string_view name) {
  return *std::find_if(variables_.begin(), variables_.end(),
                       [&](const Variable& v) { return v.name == name; });
}

void TaskFile::write_row(Variable& variable, const Point& point,
                         const std::vector<double>& values) {
  h5::Extents start(variable.dataset.shape().size(), 0);
  h5::Extents count = variable.dataset.shape();
  start[0] = static_cast<hsize_t>(point.index);
  count[0] = comm_.is_root() ? 1 : 0;

  std::vector<double> row;
  if (comm_.is_root()) {
    std::vector<std::size_t> shape(count.begin() + 1, count.end());
    std::vector<std::size_t> given = shape;
    std::size_t others = 1;
    std::size_t* samples = nullptr;
    for (std::size_t axis = 0; axis < given.size(); ++axis) {
      if (variable.spec->dimensions[axis] == Dimension::exit) {
        given[axis] = static_cast<std::size_t>(point.exits);
      }
      if (variable.spec->dimensions[axis] == Dimension::sample) {
        samples = &given[axis];
      } else {
        others *= given[axis];
      }
    }
    if (samples != nullptr) {
      *samples = values.size() / others;
    }
    const double fill = fill_of(variable.spec->type);
    row.assign(std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>()),
               fill);
    const std::size_t expected =
        std::accumulate(given.begin(), given.end(), std::size_t{1}, std::multiplies<>());
    if (!values.empty() && values.size() != expected) {
      throw Error(ExitCode::internal,
                  fmt::format("{}: {} values instead of {}", variable.dataset.where(),
                              values.size(), expected));
    }
    place(row, shape, values, given);
    if (is_integer(variable.spec->type)) {
      std::replace_if(
          row.begin(), row.end(), [](double value) { return std::isnan(value); }, fill);
    }
  }
  switch (variable.spec->type) {
    case Type::u1:
      return write_as<std::uint8_t>(variable.dataset, row, start, count);
    case Type::i4:
      return write_as<std::int32_t>(variable.dataset, row, start, count);
    case Type::i8:
      return write_as<std::int64_t>(variable.dataset, row, start, count);
    case Type::f4:
      return write_as<float>(variable.dataset, row, start, count);
    case Type::f8:
      return write_as<double>(variable.dataset, row, start, count);
    case Type::text:
      return;
  }
}

void TaskFile::write(const Point& point, const Values& values) {
  static const std::vector<double> absent;
  for (Variable& variable : variables_) {
    if (variable.spec->mark == Mark::setting || variable.name == "state" ||
        variable.name == "point_id") {
      continue;
    }
    const auto found = values.find(variable.name);
    write_row(variable, point, found == values.end() ? absent : found->second);
  }
}

void TaskFile::set_state(std::int64_t point, State state) {
  write_row(variable("state"), layout_.points[static_cast<std::size_t>(point)],
            {static_cast<double>(state)});
}

void TaskFile::close() {
  variables_.clear();
  file_.close();
}

}  // namespace eebench::bench
