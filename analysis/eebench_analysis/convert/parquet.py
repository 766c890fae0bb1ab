"""Parquet files with a row a jet and list columns part_*."""

from ..errors import InputError
from .columns import assemble, choose_columns
from .source import Source

CHUNK = 20_000


def open_parquet(path, classes):
    try:
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError:
        raise InputError(f"{path}: reading parquet needs pyarrow; pip install pyarrow") from None

    file = pyarrow.parquet.ParquetFile(path)
    columns = choose_columns(file.schema_arrow.names, path, classes)

    def chunks():
        first = 0
        for rows in file.iter_batches(batch_size=CHUNK, columns=list(columns.all)):
            rows = {name: rows.column(name) for name in columns.all}
            for name, column in rows.items():
                if column.null_count:
                    raise InputError(f"{path}: {name} has missing values; fill or drop those jets")
            lengths = {
                name: pyarrow.compute.list_value_length(rows[name]).to_numpy() for name in columns.particles
            }
            flat = {name: rows[name].flatten().to_numpy(zero_copy_only=False) for name in columns.particles}
            per_jet = {
                name: column.to_numpy(zero_copy_only=False)
                for name, column in rows.items()
                if name not in lengths
            }
            yield assemble(columns, path, first, lengths, flat, per_jet)
            first += len(lengths["part_px"])

    return Source(path, file.metadata.num_rows, columns.classes, chunks, columns.class_count)
