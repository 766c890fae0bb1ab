"""Downloads public data sets, resumable and checked, and converts them into the layout eebench reads."""

import hashlib
import http.client
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .errors import InputError
from .progress import Progress, note

BLOCK = 1 << 20
SECONDS_WITHOUT_DATA = 60
RANGE_NOT_SATISFIABLE = 416


def convert_file(download, output):
    from .convert import convert

    convert([download], output, drop_bad=True)


def convert_archive(download, output):
    """All ROOT files of a tar archive into one file, in the order of their names."""
    from .convert import convert

    folder = download.with_name(download.name + ".unpacked")
    unpack(download, folder)
    convert(sorted(folder.rglob("*.root")), output, drop_bad=True)
    shutil.rmtree(folder)


def unpack(archive, output):
    """The regular files of a tar archive; the folder appears under its name when complete."""
    part = output.with_name(output.name + ".part")
    for rest in (part, output):
        shutil.rmtree(rest, ignore_errors=True)
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                target = (part / member.name).resolve()
                if not target.is_relative_to(part.resolve()) or not (member.isfile() or member.isdir()):
                    raise InputError(
                        f"{archive}: its member {member.name} is a link, a device or outside the archive's "
                        "folder; nothing was unpacked, get the archive from its official place"
                    )
                if member.isfile():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with open(target, "wb") as file:
                        shutil.copyfileobj(tar.extractfile(member), file, BLOCK)
        part.rename(output)
    except tarfile.TarError as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{archive}: not a readable tar archive ({reason}); remove it and fetch it again") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


@dataclass(frozen=True)
class DataSet:
    """Files under one address. `finish` makes of a downloaded file the output, named like it with `suffix`."""

    address: str
    parts: dict  # name: {file: MD5 as published}
    finish: Callable
    suffix: str
    licence: str


def numbered(pattern, checksums, first=0):
    return {pattern.format(index): md5 for index, md5 in enumerate(checksums.split(), first)}


# A new data set is a row here. Checksums: JetClass as in the authors' get_datasets.py, quark-gluon as in the authors'
# EnergyFlow, CIFAR-10 as on its page, top tagging as its Zenodo record states them.
DATA_SETS = {
    "jetclass": DataSet(
        "https://zenodo.org/records/6619768/files",
        {
            "train": numbered(
                "JetClass_Pythia_train_100M_part{}.tar",
                "de4fd2dca2e68ab3c85d5cfd3bcc65c3 9722a359c5ef697bea0fbf79bf50f003 1e9f66cd1f915f9d10e90ae1d7761720 "
                "47348fc8985319fa4806da87500482fa 6b0ce16bd93b442a8d51914466990279 416e347512e716de51d392bee327b8e9 "
                "e9b9c1557b1b39bf0a16e4ab631ae451 5bfc6cb285ccb7680cefa9ac82ad1a2e 540c1a0d66dfad78d2b363c5740ccf86 "
                "668f40b3275167ff7104c48317c0ae2a",
            ),
            "val": {"JetClass_Pythia_val_5M.tar": "7235ccb577ed85023ea3ab4d5e6160cf"},
            "test": {"JetClass_Pythia_test_20M.tar": "64e5156d26d101adeb43b8388207d767"},
        },
        convert_archive,
        ".h5",
        "JetClass, H. Qu, C. Li, S. Qian; licence and citation: https://zenodo.org/records/6619768",
    ),
    "toptag": DataSet(
        "https://zenodo.org/records/2603256/files",
        {
            "train": {"train.h5": "45663819f47c13724f67eb0fd80bfa5c"},
            "val": {"val.h5": "dca4b7248027618f041f9baa86d360fc"},
            "test": {"test.h5": "13163479dee30a5fe546e4536cc3d04d"},
        },
        convert_file,
        ".h5",
        "Top tagging reference data set, G. Kasieczka et al.; CC-BY-4.0: https://zenodo.org/records/2603256",
    ),
    "quarkgluon": DataSet(
        "https://zenodo.org/records/3164691/files",
        {
            "uds": {
                "QG_jets.npz": "f5d052f10a79c6e8b9382637aca0ef52",
                **numbered(
                    "QG_jets_{}.npz",
                    "f6a1081c76a47386bc11abcf0e499552 2628367c57ba598f4473c870d1381041 "
                    "dd3ad998b0a1bd9acea2ecf029a8a921 a56d6bb98361b55382aa8c06225e05d8 266c688e9e6ff1cd20840692d45eaaf8 "
                    "95a9f7e555fb7b1073967056b9030b11 4ae72aaabe121bd489532c99a6bdde95 a2b80bd4199468fde4f302d346a8c9d8 "
                    "1157cbace488c70c9dcfc250f3345b06 4b424b553e1e7f852e47ea9904bc2dcf ccd29c9d1abb34dd7cfb48cfc57a9695 "
                    "1ed1f6f19fb8439c9811dced41d5127d af45818c361e11ca9b3adaba30db06ad 488ced3ea409d7e2b196da67f7d182ec "
                    "c5e083019de6cd6a0ef12bcec1ea566b 48605d55edff665f0c7d2f800b5a622e 8fd47760957b5fd9adec9048b50cd1a9 "
                    "d43d611484b55391e891ba31c605f792 6753508e34014cc69714a01fca20ec38",
                    first=1,
                ),
            },
            "udscb": numbered(
                "QG_jets_withbc_{}.npz",
                "e9ac4044a07f56a919a96e2b30c15fed 5e0c0a08c5de47b190b514ce49ff4e94 7c4209b14f778bb6c8cb6833a3d47854 "
                "cabbd75d4313e07bf8cd8e3479e06c18 87e793e74e5e665e40c1ece764952934 fd0ff359e1e64023b1c1f05e854c7180 "
                "fed4dfe45618598c853f8d9d24a40afd 4220bee4b081850e41b3462c06538bda a7d76ec2ab2ef6d5777de5574e289c26 "
                "40b9d803d1579ef77d6eda733e385e22 bd5871239ddadcf080e62ffea07bb122 d7731f5abdf7d3e0c17eca846c25eff3 "
                "68514a76032dddb3b9cfd38654a4d433 d3dca7cb617c66e6f58ea248a10b5ccb 625a2d19e9b3ac6907362be3cefc404c "
                "dae5923aba89ad393e1c59c63f2552e2 c611ace22f23518ae20d9e828fb5d0bc 821cff3746d2fa07ad1b9feb056dd88b "
                "5c4775a99d18ac713360d9bbc43bfb43 5fd9bcfa8baafb6b3f6efb5114420976",
            ),
        },
        convert_file,
        ".h5",
        "Quark and gluon jets, P. Komiske, E. Metodiev, J. Thaler; licence and citation: "
        "https://zenodo.org/records/3164691",
    ),
    "cifar10": DataSet(
        "https://www.cs.toronto.edu/~kriz",
        {"all": {"cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530"}},
        unpack,
        "",
        "CIFAR-10, A. Krizhevsky, V. Nair, G. Hinton; no licence stated, to be cited as "
        "https://www.cs.toronto.edu/~kriz/cifar.html says",
    ),
}


def fetch(name, folder, parts=None, limit=None, address=None):
    """Writes the files of `parts` (None: all), of each at most `limit`, into `folder`; done ones are left alone.

    `address` replaces that of the table. Downloads lie in folder/source until they are converted.
    """
    data_set, folder = DATA_SETS[name], Path(folder)
    for part in parts or []:
        if part not in data_set.parts:
            raise InputError(f"--part {part}: {name} has the parts {', '.join(data_set.parts)}")
    if address is not None and "://" not in address:
        raise InputError(f"--from {address}: not an address such as https://mirror.org/jets")
    address = (address or data_set.address).rstrip("/")
    note(data_set.licence)
    source = folder / "source"
    source.mkdir(parents=True, exist_ok=True)
    for part in parts or data_set.parts:
        for file, md5 in list(data_set.parts[part].items())[:limit]:
            output = folder / (file.split(".")[0] + data_set.suffix)
            if output.exists():
                note(f"{output}: there already")
                continue
            download(f"{address}/{file}", source / file, md5)
            data_set.finish(source / file, output)
            (source / file).unlink()
    if not any(source.iterdir()):
        source.rmdir()


def download(url, path, md5):
    """The file at `url` as `path`. A call that is cut leaves `path`.part, with which the next goes on."""
    if path.exists():
        return
    part = path.with_name(path.name + ".part")
    try:
        transfer(url, part)
    except urllib.error.HTTPError as error:
        raise InputError(f"{url}: the server answers {error.code} {error.reason}; is the address right (--from)?") from None
    except (OSError, http.client.HTTPException) as error:
        raise InputError(
            f"{url}: {getattr(error, 'reason', error)}; the same command goes on with what has come ({part})"
        ) from None
    found = md5_of(part)
    if found != md5:
        part.unlink()
        raise InputError(f"{url}: came with the MD5 {found}, published is {md5}; removed, fetch it again")
    part.rename(path)


def transfer(url, part):
    """Appends to `part` what it lacks, or writes it anew where the server sends files only as a whole."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=SECONDS_WITHOUT_DATA)
    except urllib.error.HTTPError as error:
        if have and error.code == RANGE_NOT_SATISFIABLE:
            return  # nothing is lacking
        raise
    with response, open(part, "ab" if response.status == http.HTTPStatus.PARTIAL_CONTENT else "wb") as file:
        have = file.tell()
        total = have + int(response.headers.get("Content-Length", 0))
        note(f"{url}: {total / 1e6:.0f} MB" + (f", going on after {have / 1e6:.0f}" if have else ""))
        progress = Progress(total / 1e6, "MB", have / 1e6)
        while block := response.read(BLOCK):
            file.write(block)
            progress.advance(len(block) / 1e6)
        progress.close()
        if file.tell() < total:
            raise ConnectionError(f"the connection was cut after {file.tell()} of {total} bytes")


def md5_of(path):
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
