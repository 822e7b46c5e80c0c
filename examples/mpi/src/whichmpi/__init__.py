"""Says which MPI this build uses."""

from whichmpi._mpi import version as version
