"""Every network that ships: trained alone and on three ranks, asked with a rule, cut into tiers, profiled."""

import csv
import json
import os
import tomllib
from pathlib import Path

import h5py
import pytest
from images import narrower, write_cifar

SOURCE = Path(os.environ["EEBENCH_SOURCE_DIR"])
CONFIGS = SOURCE / "configs/models"


def losses(folder):
    with open(folder / "train_log.csv") as log:
        return [float(row["loss"]) for row in csv.DictReader(log)]


def samples(config, folder):
    if config["features"] != "cifar10":
        return SOURCE / "tests/data" / ("toptag_200.h5" if config["classes"] == 2 else "jets_test_250.h5")
    write_cifar(folder / "images.bin", 50)
    return "images.bin"


@pytest.mark.parametrize("model", sorted(path.stem for path in CONFIGS.glob("*.toml")))
def test_it_trains_answers_is_deployed_and_profiled(eebench, tmp_path, model):
    text = (CONFIGS / f"{model}.toml").read_text()
    config = tomllib.loads(text)
    jets = samples(config, tmp_path)
    given = model
    if model == "vgg19":  # 20 million parameters are for larger machines
        given = "narrow.toml"
        (tmp_path / given).write_text(narrower(text, 16))
    for folder, ranks in (("alone", 0), ("three", 3)):
        end = eebench(
            *["train", "--config", given, "--data-train", jets, "--steps", "3"],
            *["--global-batch", "12", "-o", folder],
            ranks=ranks,
        )
        assert end.code == 0, end.err
    # Neither BatchNorm nor dropout knows of the ranks: sums in another order, which steps magnify.
    alone, three = losses(tmp_path / "alone"), losses(tmp_path / "three")
    assert three[0] == pytest.approx(alone[0], rel=2e-6)
    assert three == pytest.approx(alone, rel=2e-3)

    rule = ["--rule", "confidence", "--threshold", "0.3"] if "exits" in config else []
    end = eebench(
        *["predict", "--weights", "three/weights.h5", "--data", jets, "--limit", "24", *rule, "-o", "out.h5"]
    )
    assert end.code == 0, end.err
    # Three ranks: one runs the first segment, two the others, if there are any.
    early = len(config["exits"]["after"]) if "exits" in config else 0
    plan = f'weights = "three/weights.h5"\ndata = "{jets}"\njets = 24\nbatch = 5\n'
    for tier, (segments, ranks, exits) in enumerate([(1, 1, 1), (early, 2, early - 1)] if early else [(1, 3, 0)]):
        plan += f'[[tiers]]\nname = "{tier}"\nsegments = {segments}\nranks = {ranks}\nthreshold = {[0.3] * exits}\n'
    (tmp_path / "plan.toml").write_text(plan)
    end = eebench("deploy", "--plan", "plan.toml", "-o", "tiers.h5", ranks=3)
    assert end.code == 0, end.err
    with h5py.File(tmp_path / "out.h5") as file, h5py.File(tmp_path / "tiers.h5") as tiers:
        assert file["exit_index"].shape == (24,)
        assert (tiers["exit_index"][:] == file["exit_index"][:]).all()
        assert (tiers["logits"][:] == (file["logits"][:] if rule else file["logits"][:, 0])).all()

    end = eebench(
        *["profile", given, "--data", jets, "--batch", "8", "--limit", "16", "--repeat", "1", "--json"]
    )
    assert end.code == 0, end.err
    profile = json.loads(end.out)
    staged = profile["measured"][0]["nobody_leaves"]
    assert staged["multiply_adds"] == pytest.approx(profile["exits"][-1]["multiply_adds"], rel=1e-12)
