"""Downloads from a server of this process: whole, gone on with, cut, wrong; what they are converted into."""

import dataclasses
import hashlib
import http.server
import io
import re
import tarfile
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest
from eebench_analysis import convert, fetch
from eebench_analysis.__main__ import main
from jet_files import make_jets, write_jetclass_root

TABLE = (Path(__file__).parent / "data" / "top_tagging_table.h5").read_bytes()


class Server(http.server.ThreadingHTTPServer):
    """Serves `files` by name; a test may take away Range and cut answers after some bytes."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.files = {}
        self.ranges = True
        self.cut_after = None
        self.asked = []  # (file, Range) of each request


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name, wanted = self.path.removeprefix("/"), self.headers.get("Range")
        self.server.asked.append((name, wanted))
        if name not in self.server.files:
            self.send_error(404)
            return
        content = self.server.files[name]
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and self.server.ranges else 0
        if start and start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        self.wfile.write(content[start : self.server.cut_after])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    server = Server()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def offer(server, monkeypatch, name, **parts):
    """Puts files on the server, and them with their checksums in the place of what the set has."""
    listed = {}
    for part, files in parts.items():
        server.files |= files
        listed[part] = {file: hashlib.md5(content).hexdigest() for file, content in files.items()}
    monkeypatch.setitem(fetch.DATA_SETS, name, dataclasses.replace(fetch.DATA_SETS[name], parts=listed))


def get(server, name, folder, *more):
    return main(["fetch", name, "-o", str(folder), "--from", server.address, *more])


def refusal(capsys):
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("eebench_analysis: ")
    return message


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def labels(path):
    with h5py.File(path) as file:
        return list(file["label"])


def test_the_table_is_complete():
    sets = fetch.DATA_SETS
    assert {name: [len(part) for part in sets[name].parts.values()] for name in sets} == {
        "jetclass": [10, 1, 1],
        "toptag": [1, 1, 1],
        "quarkgluon": [20, 20],
        "cifar10": [1],
    }
    assert list(sets["quarkgluon"].parts["uds"])[:2] == ["QG_jets.npz", "QG_jets_1.npz"]
    assert list(sets["quarkgluon"].parts["udscb"])[-1] == "QG_jets_withbc_19.npz"
    sums = [md5 for s in sets.values() for part in s.parts.values() for md5 in part.values()]
    assert all(re.fullmatch("[0-9a-f]{32}", md5) for md5 in sums) and len(set(sums)) == len(sums)


def test_whole(server, monkeypatch, tmp_path, capsys):
    offer(server, monkeypatch, "toptag", train={"train.h5": TABLE}, val={"val.h5": TABLE})
    assert get(server, "toptag", tmp_path / "jets", "--part", "val") == 0
    assert names(tmp_path / "jets") == ["val.h5"]
    assert labels(tmp_path / "jets/val.h5") == [0, 0, 1] * 4
    err = capsys.readouterr().err
    assert "CC-BY-4.0" in err and "MB  " in err and "12 jets" in err
    assert server.asked == [("val.h5", None)]

    assert get(server, "toptag", tmp_path / "jets") == 0
    assert names(tmp_path / "jets") == ["train.h5", "val.h5"]
    assert "val.h5: there already" in capsys.readouterr().err
    assert [name for name, _ in server.asked] == ["val.h5", "train.h5"]


def test_a_cut_download_is_gone_on_with(server, monkeypatch, tmp_path, capsys):
    offer(server, monkeypatch, "toptag", val={"val.h5": TABLE})
    server.cut_after = 5000
    assert get(server, "toptag", tmp_path) == 2
    message = refusal(capsys)
    assert f"cut after 5000 of {len(TABLE)} bytes" in message and "the same command goes on" in message
    assert (tmp_path / "source/val.h5.part").read_bytes() == TABLE[:5000]

    server.cut_after = None
    assert get(server, "toptag", tmp_path) == 0
    assert server.asked[1:] == [("val.h5", "bytes=5000-")]
    assert names(tmp_path) == ["val.h5"]
    assert labels(tmp_path / "val.h5") == [0, 0, 1] * 4


def test_a_server_without_ranges_starts_anew(server, monkeypatch, tmp_path):
    offer(server, monkeypatch, "toptag", val={"val.h5": TABLE})
    (tmp_path / "source").mkdir()
    (tmp_path / "source/val.h5.part").write_bytes(TABLE[:5000])
    server.ranges = False
    assert get(server, "toptag", tmp_path) == 0
    assert server.asked == [("val.h5", "bytes=5000-")]
    assert labels(tmp_path / "val.h5") == [0, 0, 1] * 4


def test_a_download_that_only_lacks_its_name(server, monkeypatch, tmp_path):
    offer(server, monkeypatch, "toptag", val={"val.h5": TABLE})
    (tmp_path / "source").mkdir()
    (tmp_path / "source/val.h5.part").write_bytes(TABLE)
    assert get(server, "toptag", tmp_path) == 0
    assert names(tmp_path) == ["val.h5"]


def test_a_wrong_checksum_is_refused_and_the_file_removed(server, tmp_path, capsys):
    server.files["val.h5"] = TABLE  # not the published one
    assert get(server, "toptag", tmp_path, "--part", "val") == 2
    message = refusal(capsys)
    assert hashlib.md5(TABLE).hexdigest() in message and "dca4b7248027618f041f9baa86d360fc" in message
    assert "removed, fetch it again" in message
    assert names(tmp_path) == ["source"]


def test_a_part_of_another_file_is_refused_and_removed(server, monkeypatch, tmp_path, capsys):
    offer(server, monkeypatch, "toptag", val={"val.h5": TABLE})
    (tmp_path / "source").mkdir()
    (tmp_path / "source/val.h5.part").write_bytes(b"x" * 5000)
    assert get(server, "toptag", tmp_path) == 2
    assert "published is" in refusal(capsys)
    assert get(server, "toptag", tmp_path) == 0


def test_a_missing_file(server, tmp_path, capsys):
    assert get(server, "toptag", tmp_path, "--part", "val") == 2
    message = refusal(capsys)
    assert f"{server.address}/val.h5: the server answers 404" in message and "--from" in message


def test_no_server(server, tmp_path, capsys):
    assert get(server, "toptag", tmp_path, "--from", "http://127.0.0.1:1") == 2
    assert "refused" in refusal(capsys)


@pytest.mark.parametrize(
    "more, words",
    [
        (["--part", "nope"], "--part nope: toptag has the parts train, val, test"),
        (["--from", "here"], "--from here: not an address"),
        (["--limit-files", "0"], "--limit-files"),
    ],
)
def test_wrong_usage(server, tmp_path, capsys, more, words):
    assert get(server, "toptag", tmp_path / "out", *more) == 2
    assert words in refusal(capsys)
    assert not (tmp_path / "out").exists()


def archive(**members):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return content.getvalue()


def jetclass_archive(folder, *seeds):
    members = {}
    for seed in seeds:
        write_jetclass_root(folder / "jets.root", make_jets(seed=seed))
        members[f"val_5M/jets_{seed}.root"] = (folder / "jets.root").read_bytes()
    return archive(**members)


def test_jetclass_becomes_a_file_an_archive(server, monkeypatch, tmp_path):
    first, second = jetclass_archive(tmp_path, 2, 1), jetclass_archive(tmp_path, 3)
    files = {"part0.tar": first, "part1.tar": second, "part2.tar": b""}
    offer(server, monkeypatch, "jetclass", train=files)
    assert get(server, "jetclass", tmp_path / "jets", "--limit-files", "2") == 0
    assert names(tmp_path / "jets") == ["part0.h5", "part1.h5"]
    expected = [make_jets(seed=seed)["label"].tolist() for seed in (1, 2, 3)]
    assert labels(tmp_path / "jets/part0.h5") == expected[0] + expected[1]
    assert labels(tmp_path / "jets/part1.h5") == expected[2]
    with h5py.File(tmp_path / "jets/part0.h5") as file:
        assert len(file.attrs["classes"]) == 10 and file["part_charge"].dtype == np.int8


def test_an_interrupted_conversion_begins_again(server, monkeypatch, tmp_path, capsys):
    offer(server, monkeypatch, "jetclass", val={"val.tar": jetclass_archive(tmp_path, 1, 2)})

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(convert, "check_labels", interrupt)
        assert get(server, "jetclass", tmp_path / "jets") == 130
    assert "interrupted" in refusal(capsys)
    assert not (tmp_path / "jets/val.h5").exists()
    assert (tmp_path / "jets/source/val.tar").exists()

    (tmp_path / "jets/val.h5.part").write_bytes(b"left by a kill")
    assert get(server, "jetclass", tmp_path / "jets") == 0
    assert len(server.asked) == 1  # not downloaded again
    assert names(tmp_path / "jets") == ["val.h5"]
    assert len(labels(tmp_path / "jets/val.h5")) == 14


def test_cifar10_is_unpacked(server, monkeypatch, tmp_path):
    batches = {f"cifar-10-batches-bin/{name}.bin": name.encode() * 9 for name in ("data_batch_1", "test_batch")}
    offer(server, monkeypatch, "cifar10", all={"cifar-10-binary.tar.gz": archive(**batches)})
    assert get(server, "cifar10", tmp_path) == 0
    folder = tmp_path / "cifar-10-binary"
    assert {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.bin")} == batches
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


@pytest.mark.parametrize("name", ["../evil.bin", "/tmp/evil.bin", "a/../../evil.bin"])
def test_members_outside_the_archive_are_refused(server, monkeypatch, tmp_path, capsys, name):
    offer(server, monkeypatch, "cifar10", all={"c.tar.gz": archive(**{"fine.bin": b"1", name: b"2"})})
    assert get(server, "cifar10", tmp_path / "out") == 2
    assert name in refusal(capsys)
    assert names(tmp_path) == ["out", "out/source", "out/source/c.tar.gz"]


def test_links_are_refused(server, monkeypatch, tmp_path, capsys):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(link)
    offer(server, monkeypatch, "cifar10", all={"c.tar": content.getvalue()})
    assert get(server, "cifar10", tmp_path) == 2
    assert "member link is a link" in refusal(capsys)


def test_an_archive_that_is_none(server, monkeypatch, tmp_path, capsys):
    offer(server, monkeypatch, "jetclass", val={"val.tar": b"no archive"})
    assert get(server, "jetclass", tmp_path) == 2
    assert "not a readable tar archive" in refusal(capsys)


def quark_gluon(**changes):
    """Two jets in three slots: a quark's pi+, e-, K- and a gluon's photon and anti-neutron."""
    x = np.zeros((2, 3, 4))
    x[0] = [[3, 0.5, 1, 211], [9, -0.5, 2, 11], [5, 0, 3, -321]]
    x[1, :2] = [[2, 1.5, -1, 22], [1, 1.4, -1, -2112]]
    content = io.BytesIO()
    np.savez_compressed(content, **{"X": x, "y": np.array([1.0, 0.0])} | changes)
    return x, content.getvalue()


def test_quark_gluon_jets(server, monkeypatch, tmp_path):
    x, content = quark_gluon()
    offer(server, monkeypatch, "quarkgluon", uds={"QG_jets.npz": content})
    assert get(server, "quarkgluon", tmp_path) == 0
    with h5py.File(tmp_path / "QG_jets.h5") as file:
        columns = {name: dataset[:] for name, dataset in file.items()}
        assert list(file.attrs["classes"]) == [b"gluon", b"quark"]
    assert columns["label"].tolist() == [1, 0] and columns["offsets"].tolist() == [0, 3, 5]
    pt = np.hypot(columns["part_px"], columns["part_py"])
    np.testing.assert_allclose(pt, [9, 5, 3, 2, 1], rtol=1e-6)
    np.testing.assert_allclose(np.arcsinh(columns["part_pz"] / pt), [-0.5, 0, 0.5, 1.5, 1.4], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(np.arctan2(columns["part_py"], columns["part_px"]), [2, 3, 1, -1, -1], rtol=1e-6)
    np.testing.assert_allclose(columns["part_energy"], np.hypot(pt, columns["part_pz"]), rtol=1e-6)
    assert columns["part_charge"].tolist() == [-1, -1, 1, 0, 0]
    kinds = ("ChargedHadron", "NeutralHadron", "Photon", "Electron", "Muon")
    found = [kinds[k] for k in np.argmax([columns[f"part_is{kind}"] for kind in kinds], axis=0)]
    assert found == ["Electron", "ChargedHadron", "ChargedHadron", "Photon", "NeutralHadron"]
    assert sum(columns[f"part_is{kind}"].sum() for kind in kinds) == 5


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"X": np.full((2, 3, 4), 7.0)}, "jet 0 has the PDG number 7"),
        ({"X": np.zeros((3, 3, 4))}, "X has the shape (3, 3, 4) for 2 labels"),
        ({"y": np.array([1.0, 2.0])}, "jet 1 has the label 2"),
    ],
)
def test_wrong_quark_gluon_jets(tmp_path, capsys, changes, words):
    (tmp_path / "in.npz").write_bytes(quark_gluon(**changes)[1])
    assert main(["convert", str(tmp_path / "in.npz"), "-o", str(tmp_path / "out.h5")]) == 2
    assert words in refusal(capsys)


def test_another_npz_is_refused(tmp_path, capsys):
    np.savez(tmp_path / "in.npz", X=np.zeros(3))
    assert main(["convert", str(tmp_path / "in.npz"), "-o", str(tmp_path / "out.h5")]) == 2
    assert "no array y" in refusal(capsys)
