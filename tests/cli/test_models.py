"""Every network that ships: trained alone and on three ranks, asked with a rule, cut into tiers, profiled."""

import csv
import json
import os
import tomllib
from pathlib import Path

import h5py
import numpy as np
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


def dividing(logits):
    """Thresholds of `confidence` at which about half of the jets left leave at each early exit, and the exit of each jet,
    by the answers of all exits [jets, exits, classes]. A threshold stands in the widest gap near the median, far from any
    jet."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    score = (shifted / shifted.sum(axis=-1, keepdims=True)).max(axis=-1)
    last = logits.shape[1] - 1
    thresholds, exit_index = [], np.full(len(logits), last)
    for k in range(last):
        here = np.sort(score[exit_index == last, k])
        near = slice(len(here) // 4, 3 * len(here) // 4 + 1)
        lower = here[near][np.argmax(np.diff(here[near]))]
        upper = here[np.searchsorted(here, lower, "right")]
        thresholds.append(float(lower + upper) / 2)
        exit_index[(exit_index == last) & (score[:, k] >= thresholds[-1])] = k
    return thresholds, exit_index


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

    asked = ["predict", "--weights", "three/weights.h5", "--data", jets, "--limit", "24", "--batch", "7"]
    end = eebench(*asked, "-o", "every.h5")
    assert end.code == 0, end.err
    with h5py.File(tmp_path / "every.h5") as file:
        every = file["logits"][:]
    thresholds, exit_index = dividing(every.astype(float))
    early = len(thresholds)
    if early:
        assert early == len(config["exits"]["after"])
        assert len(set(exit_index)) >= 2  # else neither compaction nor hand-over would be tried
        end = eebench(*asked, "--rule", "confidence", "--threshold", ",".join(map(repr, thresholds)), "-o", "left.h5")
        assert end.code == 0, end.err
        with h5py.File(tmp_path / "left.h5") as file:
            assert file["exit_index"][:].tolist() == exit_index.tolist()
            assert (file["logits"][:] == every[np.arange(24), exit_index]).all()
    # Three ranks: one runs the first segment, two the others, if there are any.
    plan = f'weights = "three/weights.h5"\ndata = "{jets}"\njets = 24\nbatch = 5\n'
    tiers = [(1, 1, thresholds[:1]), (early, 2, thresholds[1:])] if early else [(1, 3, [])]
    for tier, (segments, ranks, leaving) in enumerate(tiers):
        plan += f'[[tiers]]\nname = "{tier}"\nsegments = {segments}\nranks = {ranks}\nthreshold = {leaving}\n'
    (tmp_path / "plan.toml").write_text(plan)
    end = eebench("deploy", "--plan", "plan.toml", "-o", "tiers.h5", ranks=3)
    assert end.code == 0, end.err
    with h5py.File(tmp_path / "tiers.h5") as file:
        assert file["exit_index"][:].tolist() == exit_index.tolist()
        assert (file["logits"][:] == every[np.arange(24), exit_index]).all()

    end = eebench(
        *["profile", given, "--data", jets, "--batch", "8", "--limit", "16", "--repeat", "1", "--json"]
    )
    assert end.code == 0, end.err
    profile = json.loads(end.out)
    staged = profile["measured"][0]["nobody_leaves"]
    assert staged["multiply_adds"] == pytest.approx(profile["exits"][-1]["multiply_adds"], rel=1e-12)
