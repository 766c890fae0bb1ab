"""A campaign as one xarray Dataset; results/README.md says what is in it."""

import json
import os
from pathlib import Path

import numpy as np
import xarray as xr

from .errors import InputError

ENGINE = "h5netcdf"
SCHEMA_MAJOR = 1
OF_ONE_JOB = ("mpi_size", "threads_per_rank", "cores", "oversubscribed")  # the largest, as in merged.h5
OF_ONE_RUN = ("campaign", "command_line", "start_utc", "load_average", "environment", "energy_counters")  # as there
RESULTS = Path(__file__).resolve().parents[2] / "results"


def results_folder():
    """Where to look for campaigns: EEBENCH_RESULTS, else results/ of eebench, where its example is."""
    return Path(os.environ.get("EEBENCH_RESULTS", RESULTS))


def task_files(campaign):
    """Finished task files; a task still running or broken off is read from its .part file."""
    folders = sorted(path for path in Path(campaign).glob("tasks/*") if path.is_dir())
    candidates = ([folder / "task.h5", folder / "task.h5.part"] for folder in folders)
    return [path for pair in candidates for path in pair[: 1 if pair[0].exists() else 2] if path.exists()]


def newest_campaign(folder=None):
    """The campaign in `folder` (or `folder` itself) whose task file was written last."""
    folder = Path(folder) if folder is not None else results_folder()
    campaigns = [path for path in (folder, *sorted(folder.glob("*/"))) if task_files(path)]
    if not campaigns:
        raise InputError(f"{folder}: no campaign (a folder with tasks/*/task.h5); run eebench, or name one")
    return max(campaigns, key=lambda path: max(file.stat().st_mtime for file in task_files(path)))


def load(path):
    """The campaign folder or task file `path`; enumerations become names, tasks follow on `point`."""
    path = Path(path)
    files = [path] if path.is_file() else task_files(path)
    if not files:
        raise InputError(f"{path}: no tasks/*/task.h5 in it; give a campaign folder")
    parts = []
    for file in files:
        parts.append(open_task(file, sum(part.sizes["point"] for part in parts)))
    if len(parts) == 1:
        data = parts[0]
    else:
        data = xr.concat(
            parts, "point", data_vars="minimal", coords="minimal", compat="override", combine_attrs="override",
            join="outer",
        )  # fmt: skip
        for name in OF_ONE_JOB:
            data.attrs[name] = max(part.attrs.get(name, 0) for part in parts)
        differing = differences([part.attrs for part in parts])
        if differing:
            data.attrs["tasks_differ_in"] = ", ".join(differing)
    if path.is_dir():
        data.attrs["n_missing"] = planned_points(path, data.sizes["point"]) - data.sizes["point"]
    return data


def differences(attributes):
    """Names of those that `eebench merge` wants all tasks of a campaign to have in common, and that they have not."""
    names = sorted({name for own in attributes for name in own} - {*OF_ONE_JOB, *OF_ONE_RUN})
    return [name for name in names if len({str(own.get(name)) for own in attributes}) > 1]


def planned_points(campaign, unplanned):
    """Points of all tasks, those not begun included, by manifest.json; `unplanned` where there is none."""
    manifest = Path(campaign) / "manifest.json"
    if not manifest.exists():
        return unplanned
    try:
        plan = json.loads(manifest.read_text())
        return sum(len(shard["points"]) for shard in plan.get("shards", [plan]))
    except (ValueError, KeyError) as error:
        raise InputError(f"{manifest}: damaged ({error}); move it away to read what was measured") from error


def open_whole(path, kind, remedy):
    """All of a file as one Dataset; one that cannot be read is refused as no `kind`."""
    try:
        # Unmasked, integers stay integers: fill values are NaN, -1 and 255, and mean what they say.
        # phony_dims: any HDF5 file opens without a warning, to be refused by who asked.
        with xr.open_dataset(path, engine=ENGINE, mask_and_scale=False, phony_dims="sort") as file:
            return file.load()
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{path}: not a readable {kind} ({reason}); {remedy}") from error


def open_task(path, points_before=0):
    data = open_whole(path, "task file", "run it again")
    if "schema_version" not in data.attrs:
        raise InputError(f"{path}: not a task file (no attribute schema_version); give a campaign folder")
    version = str(data.attrs["schema_version"])
    if version.split(".")[0] != str(SCHEMA_MAJOR):
        raise InputError(
            f"{path}: schema_version {version}, this program reads {SCHEMA_MAJOR}.x; "
            "use the eebench_analysis that came with the eebench that wrote it"
        )
    entries = journal(path)
    return with_names(data).assign_coords(
        run_order=("point", run_order(data, entries, points_before)), error=("point", errors(data, entries))
    )


def journal(task_file):
    """The last entry of each point in the journal beside a task file, by point id, in the order of writing."""
    path = Path(task_file).with_name("journal.jsonl")
    entries = {}
    for line in path.read_text(errors="replace").splitlines() if path.exists() else ():
        try:
            entry = json.loads(line)
        except ValueError:
            break  # a line that was cut off while it was written is the last
        entries.pop(entry["id"], None)
        entries[entry["id"]] = entry
    return entries


def point_ids(data):
    """Unique within a task; the jobs and repeats of a campaign share them."""
    ids = data["point_id"].values if "point_id" in data else np.full(data.sizes["point"], b"")
    return [point.decode() for point in ids.tolist()]


def run_order(data, entries, first=0):
    """When each point was measured: its place in the journal, from `first`; -1 for those that are not there."""
    places = {point: place for place, point in enumerate(entries, first)}
    return np.array([places.get(point, -1) for point in point_ids(data)], dtype=int)


def errors(data, entries):
    """What the journal says of each point that failed; empty for the others."""
    return np.array([entries.get(point, {}).get("error", "") for point in point_ids(data)], dtype=object)


def with_names(data):
    """Replaces every enumeration by its names; fill values become empty names."""
    for name, variable in data.variables.items():
        if "flag_meanings" not in variable.attrs:
            continue
        values = np.atleast_1d(variable.attrs["flag_values"]).astype(int)
        meanings = dict(zip(values.tolist(), str(variable.attrs["flag_meanings"]).split()))
        codes = variable.values
        names = np.array([meanings.get(code, "") for code in codes.ravel().tolist()], dtype=object)
        attributes = {k: v for k, v in variable.attrs.items() if not k.startswith("flag_")}
        data[name] = (variable.dims, names.reshape(codes.shape), attributes)
    return data


def ok_points(data):
    """The points that were measured; the others hold fill values."""
    return data.isel(point=np.flatnonzero(data["state"].values == "ok"))


def counts(data):
    """Number of points that were measured, that failed, and that are missing, those of tasks not begun included."""
    states = data["state"].values
    measured, failed = int((states == "ok").sum()), int((states == "failed").sum())
    return measured, failed, len(states) - measured - failed + int(data.attrs.get("n_missing", 0))


def provenance(data):
    """What was run, where and how completely: lines of text for the head of a report."""
    a = data.attrs
    measured, failed, missing = counts(data)
    differing = [f"TASKS DIFFER in {a['tasks_differ_in']}: what is said here is of the first"] if "tasks_differ_in" in a else []
    return [
        *differing,
        f"campaign {a.get('campaign', '?')}, suite {a.get('suite', '?')}, {a.get('start_utc', '?')}",
        f"eebench {a.get('eebench_version', '?')} ({str(a.get('git_sha', '?'))[:10]}), "
        f"LibTorch {a.get('libtorch', '?')}, {a.get('mpi', '?')}",
        hardware(data),
        f"data {a.get('data', '?')}, seed {a.get('seed', '?')}",
        effort(data),
        f"points: {measured} measured, {failed} failed, {missing} missing",
    ]


def hardware(data):
    a = data.attrs
    sizes = ", ".join(
        job_text(size) + (" (OVERSUBSCRIBED)" if crowded else "") for size, crowded in sorted(set(crowded_jobs(data)))
    )
    return f"{a.get('cpu', 'unknown processor')}, {a.get('device', '?')}: {sizes} on {a.get('cores', '?')} core(s) a node"


def job_sizes(data):
    """(ranks, threads of a rank, nodes) of each point's job; before format 1.6 one job measured all."""
    if "ranks" in data:
        return list(zip(*(np.atleast_1d(data[name].values).tolist() for name in ("ranks", "threads", "nodes"))))
    nodes = len(np.unique(data["rank_host"].values)) if "rank_host" in data else 1
    size = (int(data.attrs.get("mpi_size", 1)), int(data.attrs.get("threads_per_rank", 1)), nodes)
    return [size] * data.sizes.get("point", 1)


def job_text(size):
    """"2 ranks × 1 thread", and the nodes where there are several."""
    texts = [f"{count} {word}{'s' * (count != 1)}" for count, word in zip(size, ("rank", "thread", "node"))]
    return " × ".join(texts[: 3 if size[2] > 1 else 2])


def crowded_jobs(data):
    """Of each point the job's size, and whether it had more threads than cores."""
    sizes = job_sizes(data)
    one = [int(data.attrs.get("oversubscribed", 0))] * len(sizes)
    return list(zip(sizes, map(bool, data["oversubscribed"].values.tolist() if "ranks" in data else one)))


def effort(data):
    level = str(data.attrs.get("effort", "?"))
    return f"effort {level}" + ("" if level == "official" else " (not official)")
