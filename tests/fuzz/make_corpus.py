#!/usr/bin/env python3
"""Makes the small files that fuzzing begins with where none such lies in the repository:  make_corpus.py"""

import hashlib
from pathlib import Path

import h5py
import numpy as np

HERE = Path(__file__).resolve().parent
JETS = HERE.parent / "data/jets_test_250.h5"


def write_jets(path, jets=3):
    with h5py.File(JETS) as source, h5py.File(path, "w", libver=("v108", "v110")) as target:
        particles = source["offsets"][jets]
        for name, dataset in source.items():
            ends = {"offsets": jets + 1}.get(name, particles if name.startswith("part_") else jets)
            if name in {"offsets", "label", "part_px", "part_py", "part_energy", "jet_pt"}:
                target[name] = dataset[:ends]
        for name in ("format_version", "classes"):
            target.attrs[name] = source.attrs[name]


def write_checkpoint(path):
    tensors = {"fc.weight": np.ones((2, 3), "f4"), "optimiser.step": np.array([4], "i8")}
    digest = hashlib.sha256()
    for name, values in tensors.items():
        kind = {"f4": "Float", "i8": "Long"}[values.dtype.str[1:]]
        shape = ",".join(map(str, values.shape))
        digest.update(f"{name} {kind} [{shape}]\n".encode() + values.tobytes())
    state = {"step": 4, "world_size": 2, "best": 0.5, "best_epoch": 0, "validated_step": 4}
    numbers = " ".join(str(value) for value in state.values())
    texts = {"model_config": 'kind = "pfn"\n', "training": "seed=1"}
    with h5py.File(path, "w", libver=("v108", "v110"), track_order=True) as file:
        file.attrs["format_version"] = 1
        file.attrs["checkpoint_version"] = 2
        file.attrs["sha256"] = digest.hexdigest()
        text = f"{texts['model_config']}\n{texts['training']}\n{numbers}"
        file.attrs["state_sha256"] = hashlib.sha256(text.encode()).hexdigest()
        file.attrs.update(texts | state)
        group = file.create_group("weights", track_order=True)
        for name, values in tensors.items():
            group[name] = values


def main():
    for name in ("cifar", "checkpoint", "jet_file", "journal"):
        (HERE / "corpus" / name).mkdir(parents=True, exist_ok=True)
    write_jets(HERE / "corpus/jet_file/three_jets.h5")
    write_checkpoint(HERE / "corpus/checkpoint/small.h5")
    image = bytes([3]) + bytes(range(256)) * 12
    (HERE / "corpus/cifar/one_image.bin").write_bytes(image)
    (HERE / "corpus/journal/two_points.jsonl").write_text(
        '{"id":"a1","point":0,"seconds":0.5,"state":"ok"}\n'
        '{"error":"no memory","id":"b2","point":1,"seconds":null,"state":"failed"}\n'
    )


if __name__ == "__main__":
    main()
