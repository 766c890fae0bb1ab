"""Exports against `eebench predict` on the same jets, against the references' networks (weaver-core's where it is
installed), and wrong inputs."""

import importlib
import json
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import ROOT
from eebench_analysis.__main__ import main

torch = pytest.importorskip("torch", reason="export needs torch: pip install -e 'analysis[export]'")
nn = torch.nn

from eebench_analysis.export.inputs import read_inputs  # noqa: E402
from eebench_analysis.export.kinds import KINDS, kind_of, padded_network, settings_of  # noqa: E402
from eebench_analysis.export.network import decided  # noqa: E402
from eebench_analysis.export.weights import checksum, read_weights  # noqa: E402

ASSETS = ROOT / "suites" / "assets"
JETS = ROOT / "tests" / "data" / "jets_test_250.h5"
TEN_CLASSES = ASSETS / "jets_test.h5"
TWO_CLASSES = ROOT / "tests" / "data" / "toptag_200.h5"
SHIPPED = ["particlenet", "particlenet-lite", "part-small"]

# Networks whose weights are made here, at random. What a configuration leaves out is the kind's default.
RANDOM = {
    "particlenet-few-neighbours": """
        kind = "particlenet"
        features = "kinpid"
        [network]
        k = 60
        blocks = [[9, 12], [12, 12, 12], [7, 7]]
        fc = 5
        [exits]
        after = [2]
        particle_widths = [6]
        width = 4
        [train]
        exit_weights = [1.0, 1.0]
    """,
    "particlenet-defaults": """
        kind = "particlenet"
        [exits]
        after = [1]
        [train]
        exit_weights = [1.0, 1.0]
    """,
    "part-pooled": """
        kind = "part"
        features = "kin"
        [network]
        embed = [6, 12]
        pair_embed = [5]
        heads = 3
        layers = 3
        head_layout = "v05"
        [exits]
        after = [1, 2]
        [train]
        exit_weights = [1.0, 1.0, 1.0]
    """,
    "part-without-exits": """
        kind = "part"
        [network]
        embed = [10, 8]
        pair_embed = [6, 4]
        heads = 2
        layers = 2
        class_layers = 1
        ffn_ratio = 2
        [train]
        exit_weights = [1.0]
    """,
    "part-defaults": """
        kind = "part"
        [exits]
        after = [1]
        head = "class_attention"
        [train]
        exit_weights = [1.0, 1.0]
    """,
    "particlenext": """
        kind = "particlenext"
        [network]
        node = 12
        edge = 5
        message = 32
        slices = [5, 11, 23]
        layers = [16, 32]
        edge_maps = 4
        jet_maps = 1
        fc = 9
        [exits]
        after = [1]
        [train]
        exit_weights = [1.0, 1.0]
    """,
    "pfn": """
        kind = "pfn"
        features = "kin"
        [network]
        phi = [12, 9]
        f = [7, 8]
        [exits]
        after = [1]
        [train]
        exit_weights = [1.0, 1.0]
    """,
    "p-cnn": """
        kind = "p-cnn"
        features = "kinpid"
        [network]
        first = 5
        stages = [[6, 6], [6], [8, 8]]
        fc = 9
        [exits]
        after = [2]
        [train]
        exit_weights = [1.0, 1.0]
    """,
    "pelican": """
        kind = "pelican"
        features = "top_kin"
        classes = 2
        [network]
        scalar_channels = 2
        m_channels = [5, 6]
        channels_2to2 = [3, 4]
        m_out = [5, 3]
        out = 4
        [exits]
        after = [1]
        [train]
        exit_weights = [1.0, 1.0]
    """,
    "pelican-nano": """
        kind = "pelican-nano"
        features = "top_kin"
        classes = 2
        [train]
        exit_weights = [1.0]
    """,
    "pelican-nano-powers": """
        kind = "pelican-nano"
        features = "top_kin"
        classes = 2
        [network]
        n_hidden = 3
        nobj = 15
        config = "M"
        config_out = "S"
        factorize = true
        [train]
        exit_weights = [1.0]
    """,
    "pelican-nano-extremes": """
        kind = "pelican-nano"
        features = "top_kin"
        classes = 2
        [network]
        nobj = 0
        beams = false
        config = "x"
        config_out = "N"
        batchnorm = false
        [train]
        exit_weights = [1.0]
    """,
}
PADDED = [*SHIPPED, *(name for name in RANDOM if name.startswith(("part-", "particlenet-", "pelican-nano")))]


def jets_of(name):
    return TWO_CLASSES if name.startswith("pelican") else JETS


def eebench(*arguments):
    done = subprocess.run(["eebench", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def randomise(path):
    """Other values for all weights, large enough that each matters."""
    random = np.random.default_rng(5)
    with h5py.File(path, "r+") as file:
        for name, dataset in file["weights"].items():
            if dataset.dtype == np.float32:
                spread = 0.1 if name.endswith("running_mean") else 0.3
                shift = 0 if name.endswith("running_var") else random.normal(0, spread, dataset.shape) * 0.3
                dataset[...] = dataset[...] * random.uniform(1 - spread, 1 + spread, dataset.shape) + shift
        tensors = {name: torch.from_numpy(dataset[()]) for name, dataset in file["weights"].items()}
        file.attrs["sha256"] = np.bytes_(checksum(tensors))


@pytest.fixture(scope="session")
def weights_of(program, tmp_path_factory):
    """Path of weights by name: shipped ones, and random ones of the networks above."""
    made = {name: ASSETS / f"{name}.h5" for name in SHIPPED}

    def find(name):
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            (folder / f"{name}.toml").write_text(RANDOM[name] + "global_batch = 10\n")
            config = ["--config", folder / f"{name}.toml", "--data-train", jets_of(name)]
            eebench("train", *config, "--steps", 2, "-o", folder / "run")
            made[name] = folder / f"{name}.h5"
            shutil.copyfile(folder / "run" / "weights.h5", made[name])
            randomise(made[name])
        return made[name]

    return find


def predict(weights, folder, *arguments, data=JETS, limit=64):
    """Logits [jets, exits, classes]."""
    eebench("predict", "--weights", weights, "--data", data, "--limit", limit, *arguments, "-o", folder / "answers.h5")
    with h5py.File(folder / "answers.h5") as file:
        return file["logits"][:]


def assert_alike(logits, expected, relative=1e-5):
    """But for float32's rounding, which is small beside what tells the jets apart."""
    rounding = relative * np.abs(expected).max()
    assert np.ptp(expected, axis=0).min() > 100 * rounding
    np.testing.assert_allclose(logits, expected, atol=rounding, rtol=0)


def comparable(network, inputs, logits, expected):
    """All jets but at most two, which differ because rounding decides between neighbours."""
    keep = np.abs(logits - expected).reshape(len(logits), -1).max(1) <= 1e-3
    if not keep.all():
        keep[~keep] = decided(network, tensors_of({name: v[~keep] for name, v in inputs.items()}), 1e-3)
    assert keep.sum() >= len(keep) - 2
    return keep


def tensors_of(inputs):
    return {name: torch.from_numpy(values) for name, values in inputs.items()}


def export(*arguments):
    return main(["export", *map(str, arguments)])


def refusal(capsys, *arguments):
    assert export(*arguments) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("eebench_analysis: ")
    return line


# ---- state_dicts -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*SHIPPED, *(name for name in RANDOM if not name.endswith("-defaults"))])
def test_state_dict_answers_bit_for_bit(weights_of, tmp_path, capsys, name):
    weights = weights_of(name)
    before = predict(weights, tmp_path, data=jets_of(name))
    assert export(weights, "--format", "pt", "-o", tmp_path / "out.pt") == 0
    read = read_weights(weights)
    early = sum(tensor.startswith("exits.") for tensor in read.tensors)
    assert f"{len(read.tensors) - early} tensors, without {early} of early heads" in capsys.readouterr().out
    model = name if name in SHIPPED else weights.with_suffix(".toml")
    options = ["--model", model, "--features", read.config["features"]]
    after = predict(tmp_path / "out.pt", tmp_path, *options, data=jets_of(name))
    assert after.shape == (64, 1, read.config["classes"])
    assert np.ptp(after[:, 0], axis=0).min() > 1e-5  # the jets differ
    np.testing.assert_array_equal(after[:, 0], before[:, -1])


def test_names_are_those_of_a_training_of_weaver(tmp_path):
    for name in ("particlenet", "part-small"):
        assert export(ASSETS / f"{name}.h5", "--format", "pt", "-o", tmp_path / f"{name}.pt") == 0
    tensors = torch.load(tmp_path / "particlenet.pt", weights_only=True)
    assert len(tensors) == 81 and all(key.startswith("mod.") for key in tensors)
    assert tensors["mod.edge_convs.0.convs.0.weight"].shape == (64, 34, 1, 1)
    assert tensors["mod.edge_convs.2.sc.weight"].shape == (256, 128, 1)
    assert tensors["mod.bn_fts.num_batches_tracked"].shape == ()
    tensors = torch.load(tmp_path / "part-small.pt", weights_only=True)
    assert tensors["mod.blocks.0.attn.in_proj.weight"].shape == (192, 64)
    assert (tensors["mod.blocks.0.c_attn"] == 1).all()  # gains on channels of the older layout: folded in


def shapes_of(tensors):
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def test_names_are_those_of_a_training_of_pelican(weights_of, tmp_path):
    for name in ("pelican", "pelican-nano"):
        assert export(weights_of(name), "--format", "pt", "-o", tmp_path / f"{name}.pt") == 0
    nano = torch.load(tmp_path / "pelican-nano.pt", weights_only=True)["model_state"]
    trained = torch.load(JETS.with_name("pelican_nano.pt"), weights_only=False)["model_state"]
    assert shapes_of(nano) == shapes_of(trained)
    shapes = shapes_of(torch.load(tmp_path / "pelican.pt", weights_only=True)["model_state"])
    assert len(shapes) == 46 and not any(name.startswith("exits.") for name in shapes)
    assert shapes["eq1to2.alphas.0"] == (1, 3, 5, 1, 1)
    assert shapes["net2to2.eq_layers.1.alphas.0"] == (1, 4, 10, 1, 1)
    assert shapes["agg_2to0.alphas.0"] == (1, 3, 2) and shapes["agg_2to0.bias"] == (1, 4)


class ParticleFlowNetwork(nn.Module):
    def __init__(self, input_dims, num_classes, Phi_sizes, F_sizes, use_bn):
        super().__init__()
        assert not use_bn
        phi, f = pairwise([input_dims, *Phi_sizes]), pairwise([Phi_sizes[-1], *F_sizes])
        self.phi = nn.Sequential(*(nn.Sequential(nn.Conv1d(a, b, 1), nn.Identity(), nn.ReLU()) for a, b in phi))
        layers = (nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in f)
        self.fc = nn.Sequential(*layers, nn.Linear(F_sizes[-1], num_classes))

    def forward(self, features, mask):
        return self.fc((self.phi(features) * mask).sum(2))


class Unit(nn.Module):
    def __init__(self, width, out, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv1d(width, out, 3, stride, 1), nn.BatchNorm1d(out)
        self.conv2, self.bn2 = nn.Conv1d(out, out, 3, 1, 1), nn.BatchNorm1d(out)
        same = (width, stride) == (out, 1)
        self.conv_sc = nn.Identity() if same else nn.Conv1d(width, out, 1, stride, bias=False)

    def forward(self, x):
        h = self.bn1(self.conv1(x)).relu()
        return self.conv_sc(x) + self.bn2(self.conv2(h)).relu()


class ResNet(nn.Module):
    def __init__(self, features_dims, num_classes, conv_params, fc_params):
        super().__init__()
        ((width,), *stages), ((hidden, _),) = conv_params, fc_params
        first = nn.Conv1d(features_dims, width, 3, padding=1)
        self.fts_conv = nn.Sequential(nn.BatchNorm1d(features_dims), first, nn.BatchNorm1d(width), nn.ReLU())
        self.resnet_units = nn.ModuleDict()
        for s, stage in enumerate(stages):
            units = (Unit(a, b, 2 if s and not u else 1) for u, (a, b) in enumerate(pairwise([width, *stage])))
            self.resnet_units[f"resnet_unit_{s}"] = nn.Sequential(*units)
            width = stage[-1]
        self.fc = nn.Sequential(nn.Sequential(nn.Linear(width, hidden), nn.ReLU()), nn.Linear(hidden, num_classes))

    def forward(self, features, mask):
        x = self.fts_conv(nn.functional.pad(features * mask, (0, 128 - mask.size(2))))
        for stage in self.resnet_units.values():
            x = stage(x)
        return self.fc(x.mean(2))


@pytest.mark.parametrize("network", [ParticleFlowNetwork, ResNet])
def test_baselines_answer_alike(weights_of, tmp_path, network):
    """Networks with the modules of particle_transformer's, under the same names."""
    weights = read_weights(weights_of("pfn" if network is ParticleFlowNetwork else "p-cnn"))
    assert kind_of(weights).reference_class == network.__name__
    assert export(weights.path, "--format", "pt", "-o", tmp_path / "out.pt") == 0
    model = network(**kind_of(weights).reference_options(settings_of(weights))).eval()
    model.load_state_dict(torch.load(tmp_path / "out.pt", weights_only=True), strict=True)
    inputs = tensors_of(read_inputs(JETS, 64, weights.config["features"]))
    with torch.inference_mode():
        logits = model(inputs["features"], inputs["mask"]).numpy()
    assert_alike(logits, predict(weights.path, tmp_path)[:, -1])


@pytest.mark.parametrize("name", [*SHIPPED, "part-pooled", "part-defaults", "particlenext"])
def test_weaver_answers_alike(weights_of, tmp_path, name):
    pytest.importorskip("weaver", reason="no weaver-core to compare with")
    weights = read_weights(weights_of(name))
    assert export(weights.path, "--format", "pt", "-o", tmp_path / "out.pt") == 0
    kind, settings = kind_of(weights), settings_of(weights)
    module = importlib.import_module(f"weaver.nn.model.{kind.reference_class}")
    model = nn.Module()  # as the networks that weaver-core trains hold it
    model.mod = getattr(module, kind.reference_class)(**kind.reference_options(settings))
    model.load_state_dict(torch.load(tmp_path / "out.pt", weights_only=True), strict=True)
    jets = read_inputs(TEN_CLASSES, 64, weights.config["features"])
    inputs = tensors_of(jets)
    with torch.inference_mode():
        if kind.reference_class == "ParticleNet":
            answers = model.eval().mod(inputs["points"], inputs["features"], inputs["mask"])
        elif kind.reference_class == "ParticleNeXt":
            answers = model.eval().mod(*(inputs[name] for name in ("points", "features", "vectors", "mask")))
        else:
            answers = model.eval().mod(inputs["features"], v=inputs["vectors"], mask=inputs["mask"])
    expected = predict(weights.path, tmp_path, data=TEN_CLASSES)[:, -1]
    logits = answers.numpy()
    keep = comparable(padded_network(weights), jets, logits, expected) if kind.padded else slice(None)
    assert np.abs(logits - expected)[keep].max() <= 1e-4


# ---- networks on padded jets -------------------------------------------------------------------


def padded_logits(network, inputs):
    with torch.inference_mode():
        return torch.stack(network.answers(tensors_of(inputs)), 1).numpy()


@pytest.mark.parametrize("name", PADDED)
def test_padded_networks_answer_as_eebench(weights_of, tmp_path, name):
    weights = read_weights(weights_of(name))
    network, inputs = padded_network(weights), read_inputs(jets_of(name), 64, weights.config["features"])
    logits = padded_logits(network, inputs)
    expected = predict(weights.path, tmp_path, data=jets_of(name))
    assert logits.shape == expected.shape
    keep = comparable(network, inputs, logits, expected)
    # The Lorentz products of PELICAN are differences of large numbers.
    assert_alike(logits[keep], expected[keep], 5e-5 if name.startswith("pelican") else 1e-5)


def test_jets_that_rounding_decides():
    """Jet 15 of the sample is one for particlenet-lite."""
    inputs = tensors_of({name: values[12:20] for name, values in read_inputs(JETS, 20, "kin").items()})
    keep = decided(padded_network(read_weights(ASSETS / "particlenet-lite.h5")), inputs, 1e-3)
    assert list(keep) == [True, True, True, False, True, True, True, True]


def few_constituents(path, counts, sample=JETS):
    """The first jets of the sample with their first so many constituents."""
    with h5py.File(sample) as jets, h5py.File(path, "w") as few:
        first = jets["offsets"][: len(counts)]
        rows = np.concatenate([np.arange(start, start + count) for start, count in zip(first, counts)])
        for name in jets:
            few[name] = jets[name][:][rows] if name.startswith("part_") else jets[name][: len(counts)]
        del few["offsets"]
        few["offsets"] = np.concatenate([[0], np.cumsum(counts)])
        few.attrs["classes"] = jets.attrs["classes"]


@pytest.mark.parametrize(
    "name", ["particlenet", "particlenet-few-neighbours", "part-small", "part-pooled", "pelican-nano-powers"]
)
def test_few_constituents(weights_of, tmp_path, name):
    counts = [1, 2, 3, 16, 17, 18]
    few_constituents(tmp_path / "few.h5", counts, jets_of(name))
    weights = read_weights(weights_of(name))
    inputs = read_inputs(tmp_path / "few.h5", 10, weights.config["features"])
    assert list(inputs["mask"].sum((1, 2))) == counts
    expected = predict(weights.path, tmp_path, data=tmp_path / "few.h5")
    assert_alike(padded_logits(padded_network(weights), inputs), expected)


def one_by_one(inputs):
    """Every jet alone, without padding."""
    for jet, count in enumerate(inputs["mask"].sum((1, 2)).astype(int)):
        yield {name: values[jet : jet + 1, :, :count] for name, values in inputs.items()}


@pytest.mark.parametrize(
    "name",
    ["particlenet-few-neighbours", "part-pooled", "part-defaults", "pelican-nano-powers", "pelican-nano-extremes"],
)
def test_padding_does_not_matter(weights_of, name):
    weights = read_weights(weights_of(name))
    network = padded_network(weights)
    inputs = read_inputs(jets_of(name), 8, weights.config["features"])
    together = padded_logits(network, inputs)
    for content in (1e4, np.nan):
        spoilt = {n: np.where(inputs["mask"] > 0, v, np.float32(content)) for n, v in inputs.items() if n != "mask"}
        np.testing.assert_array_equal(padded_logits(network, spoilt | {"mask": inputs["mask"]}), together)
    assert_alike(np.concatenate([padded_logits(network, jet) for jet in one_by_one(inputs)]), together)


# ---- ONNX --------------------------------------------------------------------------------------


@pytest.fixture
def onnxruntime():
    pytest.importorskip("onnx", reason="--format onnx needs onnx: pip install -e 'analysis[onnx]'")
    return pytest.importorskip("onnxruntime", reason="--format onnx needs onnxruntime: pip install -e 'analysis[onnx]'")


def differences(text):
    """Of full.onnx and the segments, a row an exit, as printed."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return np.array([[float(cell) for cell in row[1:]] for row in rows[1:]])


@pytest.mark.parametrize(
    "name",
    [*SHIPPED, "particlenet-few-neighbours", "part-pooled", *(name for name in PADDED if name.startswith("pelican"))],
)
def test_onnx_answers_as_eebench(weights_of, tmp_path, capsys, onnxruntime, name):
    weights = read_weights(weights_of(name))
    folder = tmp_path / "onnx"
    data = ["--data", TWO_CLASSES] if name.startswith("pelican") else []
    assert export(weights.path, "--format", "onnx", "-o", folder, *data) == 0
    printed = differences(capsys.readouterr().out)
    exits = len(settings_of(weights).exits["after"]) + 1
    assert printed.shape == (exits, 2) and (printed <= 1e-3).all() and printed.min() > 0
    segments = [f"segment_{k}.onnx" for k in range(exits)]
    assert sorted(path.name for path in folder.iterdir()) == ["export.json", "full.onnx", *segments]
    assert [path.name for path in tmp_path.iterdir()] == ["onnx"]

    facts = json.loads((folder / "export.json").read_text())
    assert facts["weights_sha256"] == weights.sha256 and facts["opset"] >= 17
    features = settings_of(weights).features
    assert 62 <= facts["compared"]["jets"] <= 64 and len(facts["features"]) == features
    shapes = {tensor["name"]: tensor["shape"] for tensor in facts["files"]["full.onnx"]["inputs"]}
    assert shapes["mask"] == ["B", 1, "N"]
    assert shapes["features"] == ["B", features, "N"] if features else list(shapes) == ["vectors", "mask"]

    # Jets of many multiplicities, together and alone, a single constituent among them.
    few_constituents(tmp_path / "few.h5", [1, 2, 20, 9], jets_of(name))
    inputs = read_inputs(tmp_path / "few.h5", 4, weights.config["features"])
    session = onnxruntime.InferenceSession(folder / "full.onnx")

    def answers(inputs):
        return np.stack(session.run(None, {t.name: inputs[t.name] for t in session.get_inputs()}), 1)

    together = answers(inputs)
    assert_alike(together, padded_logits(padded_network(weights), inputs))
    assert_alike(np.concatenate([answers(jet) for jet in one_by_one(inputs)]), together)


def test_segments_take_only_what_they_need(weights_of, tmp_path, onnxruntime):
    assert export(weights_of("part-pooled"), "--format", "onnx", "-o", tmp_path / "onnx", "--limit", 3) == 0
    files = json.loads((tmp_path / "onnx" / "export.json").read_text())["files"]
    sides = {
        name: [[tensor["name"] for tensor in file[side]] for side in ("inputs", "outputs")]
        for name, file in files.items()
    }
    assert sides == {
        "full.onnx": [["features", "vectors", "mask"], ["logits_0", "logits_1", "logits_2"]],
        "segment_0.onnx": [["features", "vectors", "mask"], ["next_x", "next_bias", "logits_0"]],
        "segment_1.onnx": [["x", "bias", "mask"], ["next_x", "logits_1"]],
        "segment_2.onnx": [["x", "bias", "mask"], ["logits_2"]],
    }


def test_other_answers_are_not_published(weights_of, tmp_path, capsys, monkeypatch, onnxruntime):
    """The configuration leaves k out; with another default the network is another."""
    weights = weights_of("particlenet-defaults")
    monkeypatch.setitem(KINDS["particlenet"].network, "k", 8)
    assert export(weights, "--format", "onnx", "-o", tmp_path / "onnx", "--limit", 5) == 3
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "ONNX differs from eebench by up to" in line and "nothing was written" in line
    assert list(tmp_path.iterdir()) == []


def test_onnx_without_its_packages(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    line = refusal(capsys, ASSETS / "part-small.h5", "--format", "onnx", "-o", tmp_path / "onnx")
    assert "--format onnx needs onnx; pip install" in line


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"--data": "none.h5"}, "none.h5: no such file"),
        ({"--data": ASSETS / "jetclass_500.h5"}, "jetclass_500.h5"),
        ({"-o": ASSETS}, "is there already; name a new folder"),
        ({"-o": "no/folder/onnx"}, "create it first"),
        ({"--limit": "0"}, "--limit"),
    ],
)
def test_wrong_input_of_onnx(program, tmp_path, capsys, monkeypatch, onnxruntime, changed, message):
    monkeypatch.chdir(tmp_path)
    options = {"--format": "onnx", "-o": "onnx"} | changed
    line = refusal(capsys, ASSETS / "part-small.h5", *(part for pair in options.items() for part in pair))
    assert message in line
    assert list(tmp_path.iterdir()) == []


def test_onnx_needs_the_program(tmp_path, capsys, monkeypatch, onnxruntime):
    monkeypatch.setenv("PATH", str(tmp_path))
    line = refusal(capsys, ASSETS / "part-small.h5", "--format", "onnx", "-o", tmp_path / "onnx")
    assert "no program eebench on PATH" in line


# ---- wrong input -------------------------------------------------------------------------------


def changed_copy(path, **attributes):
    """part-small.h5 with other attributes."""
    shutil.copyfile(ASSETS / "part-small.h5", path)
    with h5py.File(path, "r+") as file:
        for name, value in attributes.items():
            file.attrs[name] = value
    return path


def config_with(old, new):
    with h5py.File(ASSETS / "part-small.h5") as file:
        text = file.attrs["model_config"].decode()
    assert old in text
    return np.bytes_(text.replace(old, new))


def test_inputs_of_ones_own_cannot_be_compared(program, tmp_path, capsys, onnxruntime):
    weights = changed_copy(tmp_path / "own.h5", model_config=config_with("'full'", "'own.yaml'"))
    assert "its inputs are 'own.yaml'" in refusal(capsys, weights, "--format", "onnx", "-o", tmp_path / "onnx")


def test_wrong_weights(tmp_path, capsys):
    out = tmp_path / "out"

    def refused(weights):
        line = refusal(capsys, weights, "--format", "pt", "-o", out)
        assert str(weights) in line and not out.exists()
        return line

    assert "no such file" in refused(tmp_path / "none.h5")
    assert "not HDF5" in refused(ROOT / "tests" / "data" / "state_dict.pt")
    assert "holds no weights" in refused(JETS)
    assert "holds no weights" in refused(changed_copy(tmp_path / "step.h5", checkpoint_version=2))
    assert "checksum" in refused(changed_copy(tmp_path / "damaged.h5", sha256=np.bytes_("0" * 64)))
    assert "format version 7" in refused(changed_copy(tmp_path / "newer.h5", format_version=7))


@pytest.mark.parametrize("output_format", ["pt", "onnx"])
def test_networks_of_other_kinds(tmp_path, capsys, monkeypatch, output_format):
    """Whatever is installed: nobody shall install packages that do not help."""
    monkeypatch.setitem(sys.modules, "onnx", None)
    known = {"pt": "; those of kind part, particlenet, particlenext, pfn, p-cnn, pelican, pelican-nano can"}
    known["onnx"] = " as ONNX; those of kind part, particlenet, pelican-nano can"
    for kind in ("other", *(["particlenext", "pfn", "p-cnn", "pelican"] if output_format == "onnx" else [])):
        weights = changed_copy(tmp_path / f"{kind}.h5", model_config=config_with("kind = 'part'", f"kind = '{kind}'"))
        line = refusal(capsys, weights, "--format", output_format, "-o", tmp_path / "out")
        assert f"{kind}.h5: networks of kind '{kind}' cannot be exported{known[output_format]}" in line
        assert not (tmp_path / "out").exists()


def test_slices_that_weaver_does_not_know(weights_of, tmp_path, capsys):
    shutil.copyfile(weights_of("particlenext"), tmp_path / "odd.h5")
    with h5py.File(tmp_path / "odd.h5", "r+") as file:
        text = file.attrs["model_config"].decode()
        file.attrs["model_config"] = np.bytes_(text.replace("11", "12"))
    line = refusal(capsys, tmp_path / "odd.h5", "--format", "pt", "-o", tmp_path / "out.pt")
    assert "odd.h5: network.slices = [5, 12, 23]: weaver-core's are 23 // r for whole r" in line
    assert not (tmp_path / "out.pt").exists()


def test_checkpoints_hold_no_weights(program, tmp_path, capsys):
    (tmp_path / "tiny.toml").write_text(RANDOM["part-without-exits"] + "global_batch = 10\n")
    eebench(
        "train", "--config", tmp_path / "tiny.toml", "--data-train", JETS, "--steps", 1, "-o", tmp_path / "run"
    )
    (checkpoint,) = (tmp_path / "run" / "checkpoints").glob("*.h5")
    assert "holds no weights" in refusal(capsys, checkpoint, "--format", "pt", "-o", tmp_path / "out.pt")


@pytest.mark.parametrize(
    "output, message",
    [
        ("no/folder/out.pt", "create it first"),
        (".", "is a folder; name a file in it"),
        ("weights.h5", "is an input too"),
        ("/proc/out.pt", "/proc/out.pt"),
    ],
)
def test_outputs_that_cannot_be_written(tmp_path, capsys, monkeypatch, output, message):
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(ASSETS / "part-small.h5", "weights.h5")
    assert message in refusal(capsys, "weights.h5", "--format", "pt", "-o", output)
    assert [path.name for path in tmp_path.iterdir()] == ["weights.h5"]
    assert read_weights("weights.h5").config["name"] == "part-small"


def test_unknown_format_names_the_known(capsys, tmp_path):
    line = refusal(capsys, ASSETS / "part-small.h5", "--format", "onxx", "-o", tmp_path / "out")
    assert "did you mean 'onnx'" in line
