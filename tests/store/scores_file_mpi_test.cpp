#include <algorithm>

#include <catch2/catch.hpp>

#include "eebench/store/scores_file.hpp"
#include "tests/support/fake_executor.hpp"
#include "tests/support/shared_dir.hpp"

using namespace eebench;

TEST_CASE("shares of all ranks make one file in the order of the data") {
  const auto comm = comm::Communicator::world();
  const test::SharedDir dir(comm);
  test::FakeExecutor executor({});
  const std::int64_t jets = 203;  // no multiple of the ranks or the batch
  const store::OfEmbeddings of_embeddings = {
      exits::embedding_rules(test::fake_fits(), 3, test::ten_classes()), true};
  const auto share = store::all_exits_pass(comm, executor, test::fake_jets, jets,
                                           test::ten_classes(), {}, of_embeddings, 16);
  const auto path = dir.path() / "scores.h5";
  const store::Origin origin = {{"weights_sha256", "w"}, {"data_sha256", "d"}};
  store::write_scores(path, dir.path() / "scores.part", comm, share, origin);
  comm.barrier();

  const auto alone = store::all_exits_pass({}, executor, test::fake_jets, jets, test::ten_classes(),
                                           {}, of_embeddings);
  REQUIRE(alone.scores.at("lte").size() == 203 * 2);
  CHECK(alone.scores.at("lte") ==
        exits::decide(of_embeddings.scored_by[0], store::answers_of(alone)).scores);
  for (const auto& all : {store::read_scores(path), store::gather(comm, share)}) {
    CHECK(all.exits == 3);
    CHECK(all.classes == test::ten_classes());
    CHECK(all.labels == alone.labels);
    CHECK(all.logits == alone.logits);
    CHECK(all.multiplicity == alone.multiplicity);
    CHECK(all.jet_pt == alone.jet_pt);
    CHECK(all.scores == alone.scores);
    CHECK(all.embeddings.empty());
  }
  const auto on_root = store::all_on_root(comm, share);
  CHECK(on_root.exits == 3);
  CHECK(on_root.labels == (comm.is_root() ? alone.labels : std::vector<std::int64_t>()));
  CHECK(on_root.logits == (comm.is_root() ? alone.logits : std::vector<float>()));
  CHECK(on_root.jet_pt == (comm.is_root() ? alone.jet_pt : std::vector<float>()));
  CHECK(on_root.embeddings ==
        (comm.is_root() ? alone.embeddings : std::vector<std::vector<float>>(2)));
  CHECK(store::find_scores(path, comm, origin).has_value());
  CHECK_FALSE(store::find_scores(path, comm, {{"weights_sha256", "other"}}).has_value());
  CHECK_FALSE(store::find_scores(dir.path() / "none.h5", comm, origin).has_value());
}
