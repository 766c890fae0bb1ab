"""Opens the file that file_mpi_test.cpp wrote as a stranger would: one line of xarray."""

import sys

import numpy as np
import xarray as xr

points, ranks = 6, int(sys.argv[2])
data = xr.open_dataset(sys.argv[1], engine="h5netcdf")

assert dict(data.sizes) == {"point": points, "threshold": 3, "exit": 2}, data.sizes
assert list(data.data_vars) == ["accuracy", "latency", "state", "model", "unwritten"], data.data_vars
assert list(data.coords) == ["threshold"], data.coords
np.testing.assert_array_equal(data.threshold, [0.5, 0.7, 0.9])
assert data.threshold.attrs == {"units": "1"}, data.threshold.attrs

expected = np.arange(points)[:, None] * 10.0 + np.arange(2)
assert data.accuracy.dims == ("point", "exit") and data.accuracy.dtype == np.float32
np.testing.assert_array_equal(data.accuracy, expected)
assert data.latency.dtype == np.float64
np.testing.assert_array_equal(data.latency, expected[:, :1] + np.array([0.5, 0.7, 0.9]))
np.testing.assert_array_equal(data.state, np.arange(points) % 2)
assert [text.decode() for text in data.model.values] == ["früh", "spät"], data.model.values
assert np.isnan(data.unwritten).all()

assert data.accuracy.attrs["units"] == "1" and data.accuracy.attrs["long_name"] == "top-1 accuracy"
assert data.attrs["eebench_version"] == "0.1" and data.attrs["remark"] == ""
assert data.attrs["mpi_size"] == ranks
np.testing.assert_array_equal(data.attrs["grid"], [0.25, 0.5])
assert list(data.attrs["classes"]) == ["QCD", "Hbb"]
