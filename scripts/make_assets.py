#!/usr/bin/env python3
"""Makes the small jet files that travel with eebench from the full samples.

    PYTHONPATH=analysis python3 scripts/make_assets.py SAMPLES

SAMPLES holds generated/jets_test.h5 and the .npy sets jetclass/mixed10_500,
toptag/landscape_test_2000 and quarkgluon/qg_2000 (sources: suites/assets/README.md). The same
samples give the same bytes. Needs h5py and numpy.
"""

import hashlib
import sys
from pathlib import Path

import h5py
import numpy as np
from eebench_analysis.convert.jets import JETCLASS, normalise
from eebench_analysis.convert.npy import open_npy

ROOT = Path(__file__).resolve().parent.parent
REPOSITORY = "tim-legge/ParT_Interpretability, commit 81a563c6ed668e8c7dec1b54b2fd94e60e48b934, MIT licence"


def write(path, columns, attributes):
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            file.create_dataset(
                name, data=values, chunks=values.shape, compression=9, shuffle=True, track_times=False
            )
        for name, value in attributes.items():
            file.attrs[name] = value
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    print(f"| `{path.relative_to(ROOT)}` | {path.stat().st_size:,} | `{digest}` |")


def attributes(classes, source):
    return {
        "classes": np.array([name.encode() for name in classes]),
        "format": "eebench-jets",
        "format_version": 1,
        "units": "GeV, mm",
        "source": source,
    }


def slice_generated(samples, path, jets):
    """The first jets of the generated test sample, every column."""
    with h5py.File(samples / "generated" / "jets_test.h5") as file:
        offsets = file["offsets"][: jets + 1]
        columns = {"offsets": offsets}
        for name in file:
            if name != "offsets":
                columns[name] = file[name][: offsets[-1] if name.startswith("part_") else jets]
        source = f"jets 0 to {jets - 1} of jets_test.h5. {file.attrs['source']}"
        classes = [name.decode() for name in file.attrs["classes"]]
    write(path, columns, attributes(classes, source))


def slice_npy(samples, folder, path, jets, classes, title, angles=False):
    """The first jets of an .npy set; `angles` keeps its own part_deta and part_dphi as well."""
    chunk, dropped = normalise(next(open_npy(samples / folder, None).chunks()), folder, 0)
    assert dropped == 0 and len(chunk) >= jets
    particles = chunk.offsets[jets]
    columns = {"offsets": chunk.offsets[: jets + 1], "label": chunk.label[:jets].astype(np.uint8)}
    columns |= {name: column[:particles].astype(np.float32) for name, column in chunk.particles.items()}
    columns |= {name: column[:jets] for name, column in chunk.jets.items()}
    if angles:
        real = np.load(samples / folder / "pf_mask.npy")[:jets, 0] > 0.5
        points = np.load(samples / folder / "pf_points.npy")[:jets]
        columns |= {"part_deta": points[:, 0][real], "part_dphi": points[:, 1][real]}
    source = f"{title}, jets 0 to {jets - 1} of {Path(folder).name}, from {REPOSITORY}"
    write(path, columns, attributes(classes, source))


def main(samples):
    assets, slices = ROOT / "suites" / "assets", ROOT / "tests" / "data"
    mixed = ("jetclass/mixed10_500", "JetClass (H. Qu, C. Li, S. Qian, 2022)")
    slice_generated(samples, assets / "jets_test.h5", 2500)
    slice_npy(samples, mixed[0], assets / "jetclass_500.h5", 500, JETCLASS, mixed[1])
    slice_generated(samples, slices / "jets_test_250.h5", 250)
    slice_npy(samples, mixed[0], slices / "jetclass_150.h5", 150, JETCLASS, mixed[1], angles=True)
    title = "Top tagging reference data set (G. Kasieczka et al., CC-BY-4.0)"
    slice_npy(samples, "toptag/landscape_test_2000", slices / "toptag_200.h5", 200, ("QCD", "top"), title)
    title = "EnergyFlow quark and gluon jets (P. Komiske, E. Metodiev, J. Thaler)"
    slice_npy(samples, "quarkgluon/qg_2000", slices / "qg_200.h5", 200, ("gluon", "quark"), title)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
