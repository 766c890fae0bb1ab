"""The commands on images: VGG-19, narrower, from a folder of files to a campaign."""

import csv
import json
import os
import textwrap
from pathlib import Path

import h5py
import pytest
from images import narrower, write_cifar

SOURCE = Path(os.environ["EEBENCH_SOURCE_DIR"])
SUITE = """
name = "images"
data = "cifar/test_batch.bin"
jets = 0
[models.vgg]
weights = "vgg/weights.h5"
[axes]
rule = "confidence"
threshold = 0.5
batch = 8
scenario = "offline"
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "cifar").mkdir()
    for file in (1, 2):
        write_cifar(tmp_path / f"cifar/data_batch_{file}.bin", 60, seed=file)
    write_cifar(tmp_path / "cifar/test_batch.bin", 40, seed=3)
    text = narrower((SOURCE / "configs/models/vgg19.toml").read_text(), 16)
    (tmp_path / "vgg.toml").write_text(text.replace("lr = 1e-4", "lr = 1e-3"))
    return tmp_path


def test_from_files_of_images_to_a_campaign(eebench, folder):
    end = eebench("data", "info", "cifar", "--json", ranks=2)
    assert end.code == 0, end.err
    info = json.loads(end.out)
    assert (info["images"], info["shape"], info["bytes"]) == (120, [3, 32, 32], 120 * 3073)
    assert {entry["name"]: entry["images"] for entry in info["classes"]}["truck"] == 12
    text = eebench("data", "info", "cifar/test_batch.bin")
    assert "40 of 3 x 32 x 32 bytes" in text.out and "| 9 | truck | 4 | 0.1000 |" in text.out

    end = eebench(
        *["train", "--config", "vgg.toml", "--data-train", "cifar", "--data-val", "cifar/test_batch.bin"],
        *["--global-batch", "24", "--epochs", "4", "-o", "vgg"],
    )
    assert end.code == 0, end.err
    with open(folder / "vgg/train_log.csv") as log:
        losses = [float(row["loss"]) for row in csv.DictReader(log)]
    assert len(losses) == 20
    assert sum(losses[-5:]) < 0.95 * sum(losses[:5])

    end = eebench(
        *["predict", "--weights", "vgg/weights.h5", "--data", "cifar/test_batch.bin"],
        *["--rule", "confidence", "--threshold", "0.2", "-o", "answers.h5"],
    )
    assert end.code == 0, end.err
    with h5py.File(folder / "answers.h5") as file:
        assert file["logits"].shape == (40, 10)

    end = eebench("profile", "vgg.toml", "--data", "cifar/test_batch.bin", "--batch", "8", "--repeat", "1", "--json")
    assert end.code == 0, end.err
    exits = json.loads(end.out)["exits"]
    assert exits[0]["multiply_adds"] < exits[1]["multiply_adds"] < exits[2]["multiply_adds"]

    (folder / "suite.toml").write_text(SUITE)
    end = eebench("bench", "--suite", "suite.toml", "--effort", "quick", "-o", "results")
    assert end.code == 0, end.err


def test_the_network_of_the_page(eebench, folder):
    page = (SOURCE / "configs/models/README.md").read_text()
    begin = page.index('    kind = "sequential"')
    (folder / "tiny.toml").write_text(textwrap.dedent(page[begin : page.index("\n\nEach layer", begin)]))
    end = eebench("profile", "tiny.toml")
    assert end.code == 0 and "a jet of 1 constituents" in end.out, end.err
    end = eebench(
        *["train", "--config", "tiny.toml", "--data-train", "cifar", "--steps", "2", "--global-batch", "16"],
        *["-o", "tiny"],
    )
    assert end.code == 0, end.err


def test_a_folder_that_is_read_is_not_written_to(eebench, folder):
    before = sorted((folder / "cifar").iterdir())
    end = eebench(
        "predict", "--model", "vgg.toml", "--weights", "none.h5", "--data", "cifar", "-o", "cifar/data_batch_1.bin"
    )
    assert end.code == 2 and "may replace what is read" in end.err
    assert sorted((folder / "cifar").iterdir()) == before
    (folder / "empty.bin").mkdir()
    end = eebench("data", "info", "empty.bin")
    assert end.code == 2 and len(end.err.splitlines()) == 1, end.err


def test_damaged_files_are_one_line_and_code_2(eebench, folder):
    whole = (folder / "cifar/data_batch_2.bin").read_bytes()
    spoilt = {
        "cut off": whole[:-1],
        "image 59 has label 11": whole[:-3073] + b"\x0b" + whole[-3072:],
    }
    for words, content in spoilt.items():
        (folder / "cifar/data_batch_2.bin").write_bytes(content)
        for command in (
            ["data", "info", "cifar"],
            ["train", "--config", "vgg.toml", "--data-train", "cifar", "--global-batch", "120", "-o", "none"],
        ):
            end = eebench(*command)
            assert end.code == 2, end.err
            (line,) = end.error_lines()
            assert "cifar/data_batch_2.bin" in line and words in line and "fetch cifar10" in line
