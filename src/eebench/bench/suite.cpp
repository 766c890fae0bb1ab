#include "eebench/bench/suite.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include "eebench/bench/effort.hpp"
#include "eebench/bench/toml_value.hpp"
#include "eebench/core/error.hpp"
#include "eebench/exits/rule.hpp"
#include "eebench/exits/thresholds.hpp"
#include "eebench/sys/files.hpp"

namespace eebench::bench {
namespace {

/// "0.5:0.9:0.1", 0.7, [0.7, 0.9], or [[0.9, 0.7], 0.8] with a list for each early exit.
Thresholds read_thresholds(const Value& value) {
  if (value.is_text()) {
    Thresholds result;
    for (const double threshold :
         located(value.place(), [&] { return exits::parse_grid(value.text()); })) {
      result.push_back({threshold});
    }
    return result;
  }
  return list_of<std::vector<double>>(value, [](const Value& element) {
    std::vector<double> thresholds;
    for (const Value& number : element.list()) {
      thresholds.push_back(number.number());
    }
    return thresholds;
  });
}

std::filesystem::path resolve(const std::string& path, const std::filesystem::path& folder) {
  const std::filesystem::path given(path);
  return (given.is_absolute() ? given : folder / given).lexically_normal();
}

/// The same for what may be a name of what travels along, which has neither folder nor extension.
std::string resolve_file(const std::string& name, const std::filesystem::path& folder) {
  const std::filesystem::path given(name);
  return given.has_extension() || given.has_parent_path() ? resolve(name, folder).string() : name;
}

exec::Precision read_precision(const Value& value) { return exec::precision_of(value.text()); }

Engine read_engine(const Value& value) {
  return value_of(std::span<const Named<Engine>>(engine_names), "executor", value.text());
}

/// A rule, or one of the baselines.
std::string read_skipped_rule(const Value& value) {
  const std::string text = value.text();
  return text == "full" || text == "fixed"
             ? text
             : located(value.place(), [&] { return exits::parse_rule(text); });
}

Skip read_skip(const Value& value) {
  Skip skip;
  read_table(
      value.table(), value.place(),
      {{"model",
        [&](const Value& v) {
          skip.models = list_of<std::string>(v, [](const Value& e) { return e.text(); });
        }},
       {"rule", [&](const Value& v) { skip.rules = list_of<std::string>(v, &read_skipped_rule); }},
       {"precision",
        [&](const Value& v) { skip.precisions = list_of<exec::Precision>(v, &read_precision); }},
       {"executor", [&](const Value& v) { skip.engines = list_of<Engine>(v, &read_engine); }},
       {"batch",
        [&](const Value& v) {
          skip.batches = list_of<std::int64_t>(v, [](const Value& e) { return e.integer(1); });
        }},
       {"scenario", [&](const Value& v) {
          skip.scenarios =
              list_of<Scenario>(v, [](const Value& e) { return parse_scenario(e.text()); });
        }}});
  return skip;
}

Choosing read_choosing(const Value& value, const std::filesystem::path& folder) {
  Choosing choosing;
  read_table(value.table(), value.place(),
             {{"data", [&](const Value& v) { choosing.data = resolve(v.text(), folder); }},
              {"jets", [&](const Value& v) { choosing.jets = v.integer(0); }},
              {"loss", [&](const Value& v) {
                 choosing.losses = list_of<double>(v, [](const Value& e) {
                   const double loss = e.number();
                   if (!(loss >= 0.0 && loss < 1.0)) {
                     e.fail("from 0 to 1: 0.001 is a tenth of a point");
                   }
                   return loss;
                 });
               }}});
  if (choosing.data.empty() || choosing.losses.empty()) {
    throw InputError(fmt::format("{} needs both keys data and loss", value.place()));
  }
  return choosing;
}

/// Setters of the axes and of everything else that `-a` may change. Relative paths count from
/// `folder`.
Setters override_setters(Suite& suite, const std::filesystem::path& folder) {
  return {
      {"rule",
       [&](const Value& v) {
         suite.rules = list_of<std::string>(v, [](const Value& e) {
           return located(e.place(), [&] { return exits::parse_rule(e.text()); });
         });
         std::erase_if(suite.rule_thresholds, [&](const auto& own) {
           return std::find(suite.rules.begin(), suite.rules.end(), own.first) == suite.rules.end();
         });
       }},
      {"threshold",
       [&](const Value& v) {
         suite.thresholds.clear();
         suite.rule_thresholds.clear();
         if (!v.is_table()) {
           suite.thresholds = read_thresholds(v);
           return;
         }
         for (const auto& [key, node] : v.table()) {
           const Value own(node, fmt::format("{}.{}", v.place(), key.str()));
           const std::string rule =
               located(v.place(), [&, key = key.str()] { return exits::parse_rule(key); });
           if (!suite.rule_thresholds.emplace(rule, read_thresholds(own)).second) {
             own.fail("given once: blanks do not tell formulas apart");
           }
         }
       }},
      {"batch",
       [&](const Value& v) {
         suite.batches = list_of<std::int64_t>(v, [](const Value& e) { return e.integer(1); });
       }},
      {"executor", [&](const Value& v) { suite.engines = list_of<Engine>(v, &read_engine); }},
      {"scenario",
       [&](const Value& v) {
         suite.scenarios =
             list_of<Scenario>(v, [](const Value& e) { return parse_scenario(e.text()); });
       }},
      {"skip",
       [&](const Value& v) {
         suite.skip.clear();
         for (const Value& entry : v.list()) {
           suite.skip.push_back(read_skip(entry));
         }
       }},
      {"model",  // in the suite's order, in which the effective suite is written
       [&](const Value& v) {
         std::vector<std::string> known;
         for (const ModelEntry& entry : suite.models) {
           known.push_back(entry.name);
         }
         const auto chosen = list_of<std::string>(v, [&](const Value& e) {
           if (std::find(known.begin(), known.end(), e.text()) == known.end()) {
             throw_unknown("model", e.text(), e.place(), known);
           }
           return e.text();
         });
         std::erase_if(suite.models, [&](const ModelEntry& entry) {
           return std::find(chosen.begin(), chosen.end(), entry.name) == chosen.end();
         });
       }},
      {"effort", [&](const Value& v) { suite.effort = std::string(parse_effort(v.text()).name); }},
      {"seed", [&](const Value& v) { suite.seed = static_cast<std::uint64_t>(v.integer(0)); }},
      {"device", [&](const Value& v) { suite.device = v.text(); }},
      {"deterministic", [&](const Value& v) { suite.deterministic = v.boolean(); }},
      {"data", [&, folder](const Value& v) { suite.data = resolve(v.text(), folder); }},
      {"choose", [&, folder](const Value& v) { suite.choosing = read_choosing(v, folder); }},
      {"jets", [&](const Value& v) { suite.jets = v.integer(0); }},
      {"run_jets", [&](const Value& v) { suite.run_jets = v.integer(1); }},
  };
}

/// Folders and files of a campaign are called by it, and must stay inside.
std::string checked_name(const std::string& name, const std::string& place) {
  constexpr std::size_t longest = 100;
  const bool printable =
      std::none_of(name.begin(), name.end(), [](unsigned char c) { return c < ' ' || c == '/'; });
  if (name.empty() || name.front() == '.' || name.size() > longest || !printable) {
    throw InputError(fmt::format(
        "{}: '{}' names folders and files of results; take up to {} characters without '/', line "
        "breaks and a '.' in front",
        place, name, longest));
  }
  return name;
}

ModelEntry read_model(const std::string& name, const Value& value,
                      const std::filesystem::path& folder) {
  ModelEntry entry;
  entry.name = name;
  read_table(
      value.table(), value.place(),
      {{"config", [&](const Value& v) { entry.config = resolve_file(v.text(), folder); }},
       {"weights", [&](const Value& v) { entry.weights = resolve(v.text(), folder); }},
       {"features", [&](const Value& v) { entry.features = resolve_file(v.text(), folder); }},
       {"precision", [&](const Value& v) { entry.precision = read_precision(v); }}});
  if (entry.weights.empty()) {
    throw InputError(fmt::format("{} has no key weights; name a file of weights", value.place()));
  }
  return entry;
}

TrainingStage read_training(const Value& value, const std::filesystem::path& folder) {
  TrainingStage stage;
  read_table(value.table(), value.place(),
             {{"config", [&](const Value& v) { stage.config = resolve_file(v.text(), folder); }},
              {"data", [&](const Value& v) { stage.data = resolve(v.text(), folder); }},
              {"steps", [&](const Value& v) { stage.steps = v.integer(1); }},
              {"global_batch", [&](const Value& v) { stage.global_batch = v.integer(1); }}});
  return stage;
}

/// The right-hand side of an override: TOML where it is, else words: "a:b:c", "[x,y]", "x".
toml::table parse_override(const std::string& key, const std::string& text) {
  try {
    return toml::parse(fmt::format("{} = {}\n", key, text));
  } catch (const toml::parse_error&) {
  }
  toml::table table;
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') {
    table.insert(key, text);
    return table;
  }
  toml::array words;
  std::string word;
  for (const char c : text.substr(1, text.size() - 2) + ",") {
    if (c == ',') {
      words.push_back(word);
      word.clear();
    } else if (c != ' ') {
      word += c;
    }
  }
  table.insert(key, words);
  return table;
}

/// Every network in each of the precisions, and what was to be skipped of it likewise.
void multiply_models(Suite& suite, const std::vector<exec::Precision>& precisions) {
  std::vector<ModelEntry> models;
  for (const ModelEntry& given : suite.models) {
    if (given.precision != exec::Precision::fp32) {
      throw InputError(fmt::format(
          "model {} has a precision of its own; take that or [axes] precision away", given.name));
    }
    for (const exec::Precision precision : precisions) {
      ModelEntry entry = given;
      entry.precision = precision;
      if (precision != exec::Precision::fp32) {
        entry.name = fmt::format("{}@{}", given.name, exec::name(precision));
        for (Skip& skip : suite.skip) {
          if (std::find(skip.models.begin(), skip.models.end(), given.name) != skip.models.end()) {
            skip.models.push_back(entry.name);
          }
        }
      }
      models.push_back(std::move(entry));
    }
  }
  suite.models = std::move(models);
}

void check_complete(const Suite& suite, const std::string& origin) {
  const auto require = [&](bool present, std::string_view what, std::string_view remedy) {
    if (!present) {
      throw InputError(fmt::format("{}: {} is missing; {}", origin, what, remedy));
    }
  };
  constexpr std::string_view scores =
      "give numbers such as 0.9 or \"0.5:0.99:0.05\", or a table [choose]";
  require(!suite.name.empty(), "name", "give one, for reports and folders");
  require(!suite.data.empty(), "data", "name the file of jets to measure on");
  require(!suite.models.empty(), "[models.<name>]", "name weights there, a file of eebench train");
  require(!suite.rules.empty(), "[axes] rule", "give names of `eebench list rules`, or formulas");
  require(!suite.thresholds.empty() || !suite.rule_thresholds.empty() || suite.choosing,
          "[axes] threshold", scores);
  require(!suite.batches.empty(), "[axes] batch", "give jets a batch, such as [1, 64]");
  require(!suite.scenarios.empty(), "[axes] scenario",
          fmt::format("give {} or {}", scenario_names[0].name, scenario_names[1].name));
  for (const auto& [rule, thresholds] : suite.rule_thresholds) {
    require(std::find(suite.rules.begin(), suite.rules.end(), rule) != suite.rules.end(),
            fmt::format("[axes] rule {}, which has thresholds,", rule),
            "add the rule or take its thresholds away");
  }
  for (const std::string& rule : suite.rules) {
    const Thresholds& all = suite.thresholds_of(rule);
    require(!all.empty() || suite.choosing, fmt::format("[axes] threshold of rule {}", rule),
            scores);
    for (const std::vector<double>& thresholds : all) {
      located(origin, [&] { exits::check_thresholds(rule, thresholds); });
    }
  }
}

template <class T>
toml::array array_of(const std::vector<T>& values) {
  toml::array array;
  for (const T& value : values) {
    array.push_back(value);
  }
  return array;
}

toml::array to_array(const Thresholds& thresholds) {
  toml::array array;
  for (const std::vector<double>& entry : thresholds) {
    if (entry.size() == 1) {
      array.push_back(entry[0]);
    } else {
      array.push_back(array_of(entry));
    }
  }
  return array;
}

template <class T>
std::vector<std::string> names_of(const std::vector<T>& values) {
  std::vector<std::string> names;
  names.reserve(values.size());
  for (const T value : values) {
    names.emplace_back(name(value));
  }
  return names;
}

toml::table to_table(const Skip& skip) {
  toml::table table;
  const auto add = [&](const char* key, const auto& values) {
    if (!values.empty()) {
      table.insert(key, array_of(values));
    }
  };
  add("model", skip.models);
  add("rule", skip.rules);
  add("precision", names_of(skip.precisions));
  add("executor", names_of(skip.engines));
  add("batch", skip.batches);
  add("scenario", names_of(skip.scenarios));
  return table;
}

}  // namespace

const Thresholds& Suite::thresholds_of(const std::string& rule) const {
  const auto own = rule_thresholds.find(rule);
  return own == rule_thresholds.end() ? thresholds : own->second;
}

std::string_view name(Scenario scenario) {
  return name_of(std::span<const Named<Scenario>>(scenario_names), scenario);
}

std::string_view name(Engine engine) {
  return name_of(std::span<const Named<Engine>>(engine_names), engine);
}

Scenario parse_scenario(std::string_view text) {
  return value_of(std::span<const Named<Scenario>>(scenario_names), "scenario", text);
}

Suite parse_suite(std::string_view text, const std::string& origin,
                  const std::filesystem::path& folder, std::span<const std::string> overrides) {
  toml::table table;
  try {
    table = toml::parse(text);
  } catch (const toml::parse_error& error) {
    throw InputError(fmt::format("{}, line {}: not TOML there ({}); correct that line", origin,
                                 error.source().begin.line, error.description()));
  }
  Suite suite;
  Setters axes = override_setters(suite, folder);
  Setters top;
  for (const auto* key : {"data", "choose", "skip", "effort", "seed", "device", "deterministic",
                          "jets", "run_jets"}) {
    top.insert(axes.extract(key));
  }
  axes.erase("model");
  std::vector<exec::Precision> precisions;
  const Setter read_precisions = [&](const Value& v) {
    precisions = list_of<exec::Precision>(v, &read_precision);
  };
  axes["precision"] = read_precisions;
  top["name"] = [&](const Value& v) { suite.name = checked_name(v.text(), v.place()); };
  top["sentence"] = [&](const Value& v) { suite.sentence = v.text(); };
  top["train"] = [&](const Value& v) { suite.training = read_training(v, folder); };
  top["axes"] = [&](const Value& v) { read_table(v.table(), v.place(), axes); };
  top["models"] = [&](const Value& v) {
    for (const auto& [key, node] : v.table()) {
      const std::string model = checked_name(std::string(key.str()), origin + ": [models.<name>]");
      suite.models.push_back(
          read_model(model, Value(node, fmt::format("{}: models.{}", origin, model)), folder));
    }
  };
  read_table(table, origin, top);

  Setters setters = override_setters(suite, std::filesystem::current_path());
  setters["precision"] = read_precisions;
  for (const std::string& given : overrides) {
    const std::size_t equals = given.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw InputError(fmt::format("-a {}: write key=value, for example -a batch=[1,64]", given));
    }
    const std::string key = given.substr(0, equals);
    if (setters.find(key) == setters.end()) {
      std::vector<std::string_view> known;
      for (const auto& [word, setter] : setters) {
        known.push_back(word);
      }
      throw_unknown("key", key, fmt::format("-a {}", given), known);
    }
    read_table(parse_override(key, given.substr(equals + 1)), fmt::format("-a {}", given), setters);
  }
  const std::string given =
      overrides.empty() ? origin : fmt::format("{} -a {}", origin, fmt::join(overrides, " -a "));
  if (!precisions.empty()) {
    located(given, [&] { multiply_models(suite, precisions); });
  }
  check_complete(suite, given);
  return suite;
}

Suite load_suite(const std::filesystem::path& file, std::span<const std::string> overrides) {
  sys::check_is_file(file);
  std::ifstream stream(file);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  return parse_suite(text, file.string(), std::filesystem::absolute(file).parent_path(), overrides);
}

std::string to_toml(const Suite& suite) {
  toml::table models;
  for (const ModelEntry& entry : suite.models) {
    toml::table model{{"weights", entry.weights.string()}};
    if (!entry.config.empty()) {
      model.insert("config", entry.config);
    }
    if (!entry.features.empty()) {
      model.insert("features", entry.features);
    }
    if (entry.precision != exec::Precision::fp32) {
      model.insert("precision", exec::name(entry.precision));
    }
    models.insert(entry.name, model);
  }
  toml::table axes{{"rule", array_of(suite.rules)},
                   {"batch", array_of(suite.batches)},
                   {"scenario", array_of(names_of(suite.scenarios))},
                   {"executor", array_of(names_of(suite.engines))}};
  if (!suite.thresholds.empty()) {
    axes.insert("threshold", to_array(suite.thresholds));
  }
  if (!suite.rule_thresholds.empty()) {
    toml::table by_rule;
    for (const auto& [rule, thresholds] : suite.rule_thresholds) {
      by_rule.insert(rule, to_array(thresholds));
    }
    axes.insert("threshold", by_rule);
  }
  toml::table table{{"name", suite.name},
                    {"sentence", suite.sentence},
                    {"effort", suite.effort},
                    {"seed", static_cast<std::int64_t>(suite.seed)},
                    {"device", suite.device},
                    {"deterministic", suite.deterministic},
                    {"data", suite.data.string()},
                    {"jets", suite.jets},
                    {"run_jets", suite.run_jets},
                    {"models", models},
                    {"axes", axes}};
  if (!suite.skip.empty()) {
    toml::array skip;
    for (const Skip& entry : suite.skip) {
      skip.push_back(to_table(entry));
    }
    table.insert("skip", skip);
  }
  if (suite.choosing) {
    table.insert("choose", toml::table{{"data", suite.choosing->data.string()},
                                       {"jets", suite.choosing->jets},
                                       {"loss", array_of(suite.choosing->losses)}});
  }
  if (suite.training) {
    table.insert("train", toml::table{{"config", suite.training->config},
                                      {"data", suite.training->data.string()},
                                      {"steps", suite.training->steps},
                                      {"global_batch", suite.training->global_batch}});
  }
  std::ostringstream stream;
  stream << table << '\n';
  return stream.str();
}

}  // namespace eebench::bench
