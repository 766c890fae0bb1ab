"""Points of a campaign as a table for other programs, with the columns of summary.csv."""

import os
from pathlib import Path

from .errors import InputError
from .load import load, ok_points
from .outputs import check_output_file

ALONG = ("exit", "class", "percentile")


def points_table(data):
    """pandas.DataFrame, one row a measured point: `name`, and `name[coordinate]` of what has an exit, class or
    percentile. Fill values are those of the file: NaN, -1, 255."""
    import pandas

    points = ok_points(data)
    columns = {}
    for name, variable in points.data_vars.items():
        if variable.dims == ("point",):
            columns[name] = text(variable.values)
        elif len(variable.dims) == 2 and variable.dims[0] == "point" and variable.dims[1] in ALONG:
            for place, label in enumerate(text(points[variable.dims[1]].values)):
                label = f"{label:g}" if isinstance(label, float) else label
                columns[f"{name}[{label}]"] = variable.values[:, place]
    return pandas.DataFrame(columns)


def text(values):
    """Bytes, which texts of HDF5 are, as str."""
    return values.astype(str) if values.dtype.kind == "S" else values


def write_parquet(campaign, output):
    """Writes the table of a campaign folder or result file to `output`, a file."""
    output = Path(output)
    check_output_file(output, [campaign])
    try:
        import pyarrow  # noqa: F401  pandas writes with it
    except ModuleNotFoundError as missing:
        raise InputError(f"--format parquet needs {missing.name}; pip install -e 'analysis[convert]'") from missing
    table = points_table(load(campaign))
    part = output.with_name(output.name + ".part")
    try:
        table.to_parquet(part)
        os.replace(part, output)
    finally:
        part.unlink(missing_ok=True)
    print(f"{output}: {len(table)} points, {len(table.columns)} columns")
