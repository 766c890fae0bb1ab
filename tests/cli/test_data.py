"""eebench data info on sound files and on spoilt ones."""

import json
import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

SLICES = Path(os.environ["EEBENCH_SOURCE_DIR"]) / "tests" / "data"


def test_info_as_text_and_json(eebench):
    text = eebench("data", "info", SLICES / "toptag_200.h5")
    assert text.code == 0
    assert "| 1 | top |" in text.out
    assert "\nconstituents in falling pT: yes\n" in text.out
    end = eebench("data", "info", SLICES / "toptag_200.h5", "--json")
    assert end.code == 0
    info = json.loads(end.out)
    assert info["jets"] == 200
    assert [entry["name"] for entry in info["classes"]] == ["QCD", "top"]
    assert sum(entry["jets"] for entry in info["classes"]) == 200
    assert len(info["sha256"]) == 64
    assert info["share_above_limit"] == 0.0
    assert info["first_jet_unsorted"] is None


def test_the_first_jet_that_is_not_in_falling_pt_is_named(eebench, tmp_path):
    shutil.copy(SLICES / "toptag_200.h5", tmp_path / "jets.h5")
    with h5py.File(tmp_path / "jets.h5", "r+") as file:
        last = file["offsets"][18] - 1  # of jet 17
        file["part_px"][last], file["part_energy"][last] = 900, 950
    assert "\nconstituents in falling pT: no, first jet 17\n" in eebench("data", "info", "jets.h5").out
    assert json.loads(eebench("data", "info", "jets.h5", "--json").out)["first_jet_unsorted"] == 17


def test_info_is_printed_once_on_several_ranks(eebench):
    end = eebench("data", "info", SLICES / "qg_200.h5", "--json", ranks=2)
    assert end.code == 0
    assert json.loads(end.out)["jets"] == 200


def test_a_spoilt_file_ends_with_one_line_and_code_2(eebench, tmp_path):
    whole = (SLICES / "qg_200.h5").read_bytes()
    (tmp_path / "short.h5").write_bytes(whole[: len(whole) // 2])
    for arguments in (["short.h5"], ["none.h5"]):
        for ranks in (0, 2):
            end = eebench("data", "info", *arguments, ranks=ranks)
            assert end.code == 2
            assert end.out == ""
            assert [arguments[0] in line for line in end.error_lines()] == [True]


def spoil_number(file):
    file["part_py"][40] = np.nan


def lose_transverse_momentum(file):
    file["part_px"][9000] = file["part_py"][9000] = 0.0


def spoil_jet_number(file):
    file["jet_pt"][3] = np.inf


def empty_a_jet(file):
    file["offsets"][5] = file["offsets"][4]


def disorder_offsets(file):
    file["offsets"][7] = file["offsets"][5] - 1


def remove_column(file):
    del file["part_pz"]


def remove_labels(file):
    del file["label"]


def mislabel(file):
    file["label"][9] = 99


def halve_a_label(file):
    label = file["label"][:].astype(np.float32)
    label[2] = 0.5
    del file["label"]
    file["label"] = label


def make_offsets_a_group(file):
    del file["offsets"]
    file.create_group("offsets")


def make_an_optional_column_a_group(file):
    file.create_group("part_d0val")


def make_a_column_a_table(file):
    pt = file["jet_pt"][:]
    del file["jet_pt"]
    file["jet_pt"] = pt[:, None]


def number_the_classes(file):
    file.attrs["classes"] = [0, 1]


def raise_the_version(file):
    file.attrs["format_version"] = 2


def make_a_column_complex(file):
    px = file["part_px"][:]
    del file["part_px"]
    file["part_px"] = px.astype(np.complex64)


def lose_the_jet(file):
    del file["jet_phi"]


def lose_energy(file):
    file["part_energy"][12] = 0


def repeat_a_class(file):
    file.attrs["classes"] = [b"QCD", b"QCD"]


@pytest.mark.parametrize(
    "spoil, place, remedy",
    [
        (spoil_number, "dataset 'part_py', index 40: nan", "remove or repair this jet"),
        (lose_transverse_momentum, "dataset 'part_px', index 9000: 0 like part_py", "remove it or the jet"),
        (spoil_jet_number, "dataset 'jet_pt', index 3: inf", "remove or repair this jet"),
        (empty_a_jet, "dataset 'offsets', index 5: jet 4 has 0 particles", "drop empty jets"),
        (disorder_offsets, "dataset 'offsets', index 7: jet 6 has -", "make the file again"),
        (remove_column, "no dataset 'part_pz'", "add the column"),
        (remove_labels, "no dataset 'label'", "convert it"),
        (halve_a_label, "dataset 'label', index 2: 0.5", "correct the label"),
        (make_offsets_a_group, "'offsets' is a group", "make the file again"),
        (make_an_optional_column_a_group, "'part_d0val' is a group", "make the file again"),
        (make_a_column_complex, "dataset 'part_px': holds no plain numbers", "make the file again"),
        (make_a_column_a_table, "dataset 'jet_pt': has 2 axes", "make the file again"),
        (number_the_classes, "attribute 'classes': holds numbers", "make the file again"),
        (raise_the_version, "attribute 'format_version' is 2", "make the file again"),
        (lose_the_jet, "no dataset 'jet_phi'", "add the column"),
        (lose_energy, "dataset 'part_energy', index 12: 0 is not above 0", "remove or repair this jet"),
        (repeat_a_class, "attribute 'classes' names 'QCD' twice", "a name of its own"),
        (mislabel, "dataset 'label', index 9: 99", "correct the label"),
    ],
)
def test_bad_content_is_refused_with_place_and_remedy(eebench, tmp_path, spoil, place, remedy):
    shutil.copy(SLICES / "toptag_200.h5", tmp_path / "jets.h5")
    with h5py.File(tmp_path / "jets.h5", "r+") as file:
        spoil(file)
    for ranks in (0, 2):
        end = eebench("data", "info", "jets.h5", ranks=ranks)
        assert end.code == 2 and end.out == ""
        (line,) = end.error_lines()
        assert "jets.h5: " + place in line and remedy in line


def test_a_damaged_chunk_is_wrong_input(eebench, tmp_path):
    with h5py.File(SLICES / "toptag_200.h5") as file:
        chunk = file["part_pz"].id.get_chunk_info(0)
    content = bytearray((SLICES / "toptag_200.h5").read_bytes())
    content[chunk.byte_offset : chunk.byte_offset + 40] = bytes(40)
    (tmp_path / "jets.h5").write_bytes(content)
    end = eebench("data", "info", "jets.h5")
    assert end.code == 2 and len(end.err.splitlines()) == 1
    assert "jets.h5: dataset 'part_pz': cannot be read (" in end.err and "copy the file again" in end.err
    assert len(end.err) < 250


def test_a_config_is_not_a_jet_file(eebench, tmp_path):
    shutil.copy(SLICES / "state_dict.pt", tmp_path / "weights.h5")
    end = eebench("data", "info", "weights.h5")
    assert end.code == 2
    assert "weights.h5" in end.err


def test_data_alone_asks_for_a_subcommand(eebench):
    assert eebench("data").code == 2
