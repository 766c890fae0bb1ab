"""eebench for Spack, from a checkout; slurm/README.md has the commands."""

from pathlib import Path

from spack.package import *
from spack_repo.builtin.build_systems.cmake import CMakePackage


class Eebench(CMakePackage):
    """Trains jet taggers with early exits and measures what the exits buy."""

    license("MIT")
    version("main")

    variant("cuda", default=False, description="LibTorch for GPUs")
    variant("nccl", default=False, description="all-reduces between GPUs by NCCL")
    conflicts("+nccl", when="~cuda", msg="NCCL is for GPUs: ask for +cuda too")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("ninja", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("mpi")
    depends_on("hdf5@1.10: +mpi +hl")
    depends_on("py-torch@2.11:")
    depends_on("py-torch +cuda", when="+cuda")
    depends_on("py-torch ~cuda", when="~cuda")
    depends_on("cuda", when="+nccl")
    depends_on("nccl", when="+nccl")
    depends_on("cli11@2.1:2")
    depends_on("fmt@9:")
    depends_on("highway@1:")
    depends_on("jemalloc")
    depends_on("nlohmann-json@3.11:")
    depends_on("openssl")
    depends_on("tomlplusplus@3.3:")
    depends_on("yaml-cpp@0.7:")
    depends_on("zlib-api")

    generator("ninja")

    def cmake_args(self):
        # share/cmake of LibTorch, two folders below it.
        torch = Path(self.spec["py-torch"].package.cmake_prefix_paths[0]).parents[1]
        return [
            self.define("EEBENCH_TORCH_ROOT", str(torch)),
            self.define("EEBENCH_TESTS", False),
            self.define_from_variant("EEBENCH_NCCL", "nccl"),
        ]
