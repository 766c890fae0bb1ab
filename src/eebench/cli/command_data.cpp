#include <filesystem>
#include <memory>
#include <optional>
#include <variant>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "eebench/cli/command.hpp"
#include "eebench/data/data_info.hpp"

namespace eebench::cli {
namespace {

struct Options {
  std::filesystem::path file;
  bool json = false;
};

double share(std::int64_t part, std::int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

void print_json(const data::DataInfo& info, const std::filesystem::path& file) {
  nlohmann::ordered_json out;
  out["file"] = file.string();
  out["bytes"] = info.bytes;
  out["sha256"] = info.sha256;
  out["source"] = info.source;
  out["jets"] = info.jets;
  out["particles"] = info.particles;
  out["classes"] = nlohmann::ordered_json::array();
  for (const data::ClassCount& entry : info.classes) {
    out["classes"].push_back({{"name", entry.name}, {"jets", entry.jets}});
  }
  out["multiplicity"]["mean"] = info.mean_multiplicity;
  out["multiplicity"]["quantiles"] = nlohmann::ordered_json::array();
  for (const data::MultiplicityQuantile& quantile : info.multiplicity) {
    out["multiplicity"]["quantiles"].push_back(
        {{"level", quantile.level}, {"particles", quantile.particles}});
  }
  out["limit"] = info.limit;
  out["jets_above_limit"] = info.above_limit;
  out["share_above_limit"] = share(info.above_limit, info.jets);
  out["first_jet_unsorted"] = info.first_unsorted < 0 ? nlohmann::ordered_json()
                                                      : nlohmann::ordered_json(info.first_unsorted);
  out["particle_columns"] = info.particle_columns;
  out["jet_columns"] = info.jet_columns;
  fmt::print("{}\n", out.dump(2));
}

void print_classes(const std::vector<data::ClassCount>& classes, const char* counted,
                   std::int64_t all) {
  fmt::print("| label | class | {} | share |\n|---|---|---|---|\n", counted);
  for (std::size_t label = 0; label < classes.size(); ++label) {
    const data::ClassCount& entry = classes[label];
    fmt::print("| {} | {} | {} | {:.4f} |\n", label, entry.name, entry.jets,
               share(entry.jets, all));
  }
}

void print_text(const data::DataInfo& info, const std::filesystem::path& file) {
  fmt::print("file          {} ({:.2f} MB)\n", file.string(),
             static_cast<double>(info.bytes) / 1e6);
  fmt::print("sha256        {}\n", info.sha256);
  if (!info.source.empty()) {
    fmt::print("source        {}\n", info.source);
  }
  fmt::print("jets          {}\n", info.jets);
  fmt::print("particles     {}, mean {:.1f} a jet\n", info.particles, info.mean_multiplicity);
  fmt::print("multiplicity ");
  for (const data::MultiplicityQuantile& quantile : info.multiplicity) {
    fmt::print(" {:g} %: {} ", 100.0 * quantile.level, quantile.particles);
  }
  fmt::print("\nabove {:<7} {} jets ({:.3g} %); networks keep the first {} constituents\n",
             info.limit, info.above_limit, 100.0 * share(info.above_limit, info.jets), info.limit);
  fmt::print(
      "constituents in falling pT: {}\n",
      info.first_unsorted < 0 ? "yes" : fmt::format("no, first jet {}", info.first_unsorted));
  fmt::print("per particle  {}\n", fmt::join(info.particle_columns, " "));
  fmt::print("per jet       {}\n\n", fmt::join(info.jet_columns, " "));
  print_classes(info.classes, "jets", info.jets);
}

void print_json(const data::ImageInfo& info, const std::filesystem::path& file) {
  nlohmann::ordered_json out;
  out["file"] = file.string();
  out["bytes"] = info.bytes;
  out["sha256"] = info.sha256;
  out["images"] = info.images;
  out["shape"] = data::CifarFiles::shape;
  out["classes"] = nlohmann::ordered_json::array();
  for (const data::ClassCount& entry : info.classes) {
    out["classes"].push_back({{"name", entry.name}, {"images", entry.jets}});
  }
  fmt::print("{}\n", out.dump(2));
}

void print_text(const data::ImageInfo& info, const std::filesystem::path& file) {
  fmt::print("file          {} ({:.2f} MB)\n", file.string(),
             static_cast<double>(info.bytes) / 1e6);
  fmt::print("sha256        {}\n", info.sha256);
  fmt::print("images        {} of {} bytes\n\n", info.images,
             fmt::join(data::CifarFiles::shape, " x "));
  print_classes(info.classes, "images", info.images);
}

}  // namespace

Runner setup_data(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  app.require_subcommand(1);
  CLI::App* info =
      app.add_subcommand("info", "Check a file of jets or images and say what it holds");
  info->add_option("file", options->file,
                   "Jet file (HDF5), or binary files of CIFAR-10 (.bin, or the folder of them)")
      ->required();
  info->add_flag("--json", options->json, "As one JSON object");
  return [options](Context& context) {
    std::optional<std::variant<data::DataInfo, data::ImageInfo>> found;
    context.comm.agree([&] {
      if (!context.comm.is_root()) {
        return;
      }
      if (data::CifarFiles::match(options->file)) {
        found = data::describe(data::CifarFiles(options->file));
      } else {
        found = data::describe(data::JetFile(options->file));
      }
    });
    if (found) {
      std::visit(
          [&](const auto& info_of_file) {
            options->json ? print_json(info_of_file, options->file)
                          : print_text(info_of_file, options->file);
          },
          *found);
    }
    return ExitCode::ok;
  };
}

}  // namespace eebench::cli
