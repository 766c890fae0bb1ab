"""Defaults that pages name are those of the program: left out or written down they make the same training."""

import csv
import os
import re
import tomllib
from pathlib import Path

import pytest

SOURCE = Path(os.environ["EEBENCH_SOURCE_DIR"])
JETS = SOURCE / "tests/data"
MODELS = (SOURCE / "configs/models/README.md").read_text()
RECIPES = (SOURCE / "configs/recipes/README.md").read_text()

LITERAL = r'\[[\d\[\], ]*\]|"[^"]*"|true|false|[\d.]+'
# What a key is followed by: words without another key, then a bracket that begins with a value.
WITH_DEFAULT = rf"`(\w+)`[^`(]*\(({LITERAL})"
TABLE = MODELS.split("| `[network]` |")[1].split("## Any list of layers")[0]
ROWS = re.findall(r"^\| `([\w-]+)` \| (`.*) \|$", TABLE, re.MULTILINE)


def losses(eebench, folder, model, jets):
    (folder / "model.toml").write_text(model)
    end = eebench(
        *["train", "--config", "model.toml", "--data-train", jets, "--steps", "2", "--global-batch", "4", "-o", "run"]
    )
    assert end.code == 0, end.err
    with open(folder / "run/train_log.csv") as log:
        found = [row["loss"] for row in csv.DictReader(log)]
    (folder / "run").rename(folder / f"done-{len(list(folder.glob('done-*')))}")
    return found


@pytest.mark.parametrize("kind, keys", ROWS, ids=[kind for kind, _ in ROWS])
def test_settings_of_networks(eebench, tmp_path, kind, keys):
    values = re.findall(WITH_DEFAULT, keys)
    assert len(values) == keys.count("` ") + keys.count("`:")  # every key has its value
    features, classes, jets = ("top_kin", 2, "toptag_200.h5") if "pelican" in kind else ("kin", 10, "jets_test_250.h5")
    model = f'kind = "{kind}"\nfeatures = "{features}"\nclasses = {classes}\n[train]\nexit_weights = [1.0]\n'
    written = model + "[network]\n" + "".join(f"{key} = {value}\n" for key, value in values)
    assert losses(eebench, tmp_path, model, JETS / jets) == losses(eebench, tmp_path, written, JETS / jets)


def test_settings_of_early_heads(eebench, tmp_path):
    (width,) = re.findall(r"`width` of a pooled head's hidden layer \((\d+)\)", MODELS)
    (head,) = re.findall(r'`head` \(("\w+")', MODELS)
    small = 'kind = "part"\nfeatures = "kin"\nclasses = 10\n[network]\nlayers = 2\n[exits]\nafter = [1]\n'
    train = "[train]\nexit_weights = [1.0, 1.0]\n"
    jets = JETS / "jets_test_250.h5"
    left_out = losses(eebench, tmp_path, small + train, jets)
    assert left_out == losses(eebench, tmp_path, f"{small}head = {head}\nwidth = {width}\n{train}", jets)
    assert left_out != losses(eebench, tmp_path, f"{small}width = 64\n{train}", jets)


def test_settings_of_trainings(eebench, tmp_path):
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| ([^|]+) \|", RECIPES.split("## Keys of [train]")[1], re.MULTILINE)
    said = {}
    for keys, values in rows:
        names = re.findall(r"\w+", keys)
        values = values.split(", ")
        assert len(values) == len(names), keys
        said |= dict(zip(names, values))

    (tmp_path / "model.toml").write_text('kind = "pfn"\nfeatures = "kin"\nclasses = 10\n[train]\nexit_weights = [1.0]\n')
    jets = SOURCE / "suites/assets/jets_test.h5"
    end = eebench("train", "--config", "model.toml", "--data-train", jets, "--steps", "1", "-o", "run")
    assert end.code == 0, end.err
    used = tomllib.loads((tmp_path / "run/config.toml").read_text())["train"]
    assert used.keys() == said.keys()
    used["steps"] = 0
    in_words = {"exit_weights": "to be given", "class_weights": "all 1", "best": "mean accuracy by exit weights"}
    for key, value in said.items():
        if key in in_words:
            assert value == in_words[key]
        elif value == "none":
            assert used[key] in ("none", "", [], {}), key
        else:
            assert type(used[key])(value) == used[key], key
