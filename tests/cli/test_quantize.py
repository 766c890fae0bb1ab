"""eebench quantize: ranges over ranks, integers beside grids, training on grids, wrong input."""

import os
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray

SOURCE = Path(os.environ["EEBENCH_SOURCE_DIR"])
JETS = SOURCE / "tests/data/jets_test_250.h5"
ASSETS = SOURCE / "suites/assets"
SMALL = ASSETS / "part-small.h5"


def quantize(eebench, weights, *arguments, ranks=0, output="q.h5"):
    end = eebench("quantize", "--weights", weights, "--calibration", JETS, *arguments, "-o", output, ranks=ranks)
    assert end.code == 0, end.err
    return end


def tensors(path):
    """Everything in a file of weights, by name."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def logits(eebench, folder, weights, precision):
    end = eebench("predict", "--weights", weights, "--data", JETS, "--precision", precision, "-o", f"{precision}.h5")
    assert end.code == 0, end.err
    with xarray.open_dataset(folder / f"{precision}.h5", engine="h5netcdf") as file:
        return file["logits"].values


@pytest.mark.parametrize("model", ["part-small", "particlenet"])
def test_eight_bits_answer_nearly_as_float_and_integers_as_their_values(eebench, tmp_path, model):
    weights = ASSETS / f"{model}.h5"
    end = quantize(eebench, weights)
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in end.out.splitlines() if line.startswith("| ")]
    assert [row[0] for row in rows[1:]] == ["0", "1", "2"]
    for _, whole, quantized, loss, others, real, flips in rows[1:]:
        assert float(loss.split()[0]) == pytest.approx(100 * (float(whole) - float(quantized)), abs=0.011)
        assert float(others) < 6 and float(flips) < 1 and abs(float(real) - float(quantized)) < 0.01
    assert "eebench gates" in end.out and "some of which gave the ranges" in end.out

    plain, on_grids = (logits(eebench, tmp_path, path, "fp32") for path in (weights, "q.h5"))
    integers = logits(eebench, tmp_path, "q.h5", "int8")
    assert (integers.argmax(-1) == on_grids.argmax(-1)).mean() > 0.99
    apart = np.abs(integers - on_grids)
    # A difference by rounding lives on only where the next grid does not swallow it.
    assert 0 < apart.max() and apart.mean() < 0.1 * np.abs(on_grids - plain).mean()
    told = float(re.search(r"differ by ([\d.e+-]+) at most", end.out)[1])
    assert told == pytest.approx(apart.max(), rel=0.06)


@pytest.mark.parametrize("kind", ["mse", "ema"])
def test_ranges_do_not_depend_on_the_number_of_ranks(eebench, tmp_path, kind):
    quantize(eebench, SMALL, "--range", kind)
    quantize(eebench, SMALL, "--range", kind, ranks=3, output="three.h5")
    one, three = tensors(tmp_path / "q.h5"), tensors(tmp_path / "three.h5")
    assert one.keys() == three.keys() and any("input_quantizer" in name for name in one)
    for name, values in one.items():
        np.testing.assert_array_equal(values, three[name], err_msg=name)


def test_each_segment_may_have_its_own_bits(eebench, tmp_path):
    quantize(eebench, SMALL, "--bits", "4,8,8", "--end-bits", "8")
    with h5py.File(tmp_path / "q.h5") as file:
        config = file.attrs["model_config"].decode()
    assert config.count("int4-per-channel") == 1 and "segments = [ 0 ]" in config
    coarse = logits(eebench, tmp_path, "q.h5", "fp32")
    quantize(eebench, SMALL, "--end-bits", "8", output="fine.h5")
    fine = logits(eebench, tmp_path, "fine.h5", "fp32")
    plain = logits(eebench, tmp_path, SMALL, "fp32")
    assert np.abs(coarse - plain)[:, 0].mean() > 2 * np.abs(fine - plain)[:, 0].mean()


def test_more_bits_than_integers_have_are_grids_alone(eebench, tmp_path):
    end = quantize(eebench, SMALL, "--bits", "12")
    assert "No layer has at most 8 bits on both sides" in end.out and "int8" not in end.out.splitlines()[2]
    assert np.abs(logits(eebench, tmp_path, "q.h5", "fp32") - logits(eebench, tmp_path, SMALL, "fp32")).max() < 0.5


def test_jets_really_leave_a_quantized_network(eebench, tmp_path):
    quantize(eebench, SMALL)
    arguments = ["--weights", "q.h5", "--data", JETS, "--precision", "int8"]
    assert eebench("predict", *arguments, "-o", "all.h5").code == 0
    assert eebench("predict", *arguments, "--rule", "confidence", "--threshold", "0.8", "-o", "run.h5").code == 0
    with xarray.open_dataset(tmp_path / "all.h5", engine="h5netcdf") as every, xarray.open_dataset(
        tmp_path / "run.h5", engine="h5netcdf"
    ) as run:
        taken = run["exit_index"].values
        assert len(set(taken)) == 3 and run.attrs["precision"] == "int8"
        np.testing.assert_array_equal(run["logits"].values, every["logits"].values[np.arange(len(taken)), taken])


def test_training_goes_on_on_the_grids(eebench, tmp_path):
    quantize(eebench, ASSETS / "particlenet.h5")
    losses = {}
    for ranks in (1, 3):
        end = eebench(
            "train", "--weights", "q.h5", "--data-train", JETS, "--global-batch", "50", "--steps", "3", "--lr", "1e-3",
            "--precision", "fp64", "-o", f"out{ranks}", ranks=ranks,
        )  # fmt: skip
        assert end.code == 0, end.err
        rows = (tmp_path / f"out{ranks}/train_log.csv").read_text().splitlines()
        losses[ranks] = [float(row.split(",")[rows[0].split(",").index("loss")]) for row in rows[1:]]
    assert losses[3] == pytest.approx(losses[1], rel=1e-9)
    before, after = tensors(tmp_path / "q.h5"), tensors(tmp_path / "out1/weights.h5")
    changed = {name for name in before if name in after and not np.array_equal(before[name], after[name])}
    assert any("edge_convs.0.convs.0.weight" in name for name in changed)
    assert not any("running" in name or "observer" in name for name in changed)


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"--bits": "8,8"}, "--bits: 2 numbers for 3 segments; give one, or one for each"),
        ({"--bits": "1"}, "--bits: Value 1 not in range 2 to 16"),
        ({"--range": "widest"}, "--range: widest not in {asymmetric,absmax,ema,percentile,mse}"),
        ({"--weights": "none.h5"}, "none.h5"),
        ({"--calibration": ASSETS / "jetclass_500.h5"}, "jetclass_500.h5"),
        ({"--test": "none.h5"}, "none.h5"),
        ({"-o": "no/q.h5"}, "there is no folder"),
        ({"-o": SMALL}, "may replace what is read"),
    ],
)
def test_wrong_input_is_one_line_and_2(eebench, tmp_path, changed, message):
    sound = {"--weights": SMALL, "--calibration": JETS, "-o": "q.h5"}
    end = eebench("quantize", *[part for pair in (sound | changed).items() for part in pair])
    assert end.code == 2 and end.out == ""
    assert message in end.err and len(end.err.splitlines()) == 1
    assert not (tmp_path / "q.h5").exists()


def test_what_is_not_quantized_has_no_integers(eebench, tmp_path):
    end = eebench("predict", "--weights", SMALL, "--data", JETS, "--precision", "int8", "-o", "out.h5")
    assert end.code == 2
    assert "0 are quantized" in end.err and "eebench quantize makes such weights" in end.err
    quantize(eebench, SMALL)
    end = eebench("quantize", "--weights", "q.h5", "--calibration", JETS, "-o", "again.h5")
    assert end.code == 2 and "q.h5 is quantized already" in end.err
