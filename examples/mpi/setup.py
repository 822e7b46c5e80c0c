import os

from setuptools import Extension, setup

with_mpi = os.environ.get("CC") == "mpicc"
extension = Extension(
    "whichmpi._mpi",
    ["src/whichmpi/_mpi.c"],
    define_macros=[("WITH_MPI", "1")] if with_mpi else [],
    # The MPI of the environment that the wheel is installed into: three folders above, in `lib`.
    extra_link_args=["-Wl,--enable-new-dtags,-rpath,$ORIGIN/../../.."] if with_mpi else [],
)
setup(package_dir={"": "src"}, packages=["whichmpi"], ext_modules=[extension])
