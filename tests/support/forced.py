"""Machines that this one is made to look like."""

from pip_variants.model.index_set import KNOWN_PROVIDERS

NAMESPACES = ("nvidia", "mpi", "x86_64")
PROVIDERS = {name: KNOWN_PROVIDERS[name] for name in NAMESPACES}


def machine(level: int, **features: str) -> dict[str, str]:
    """Variables that make this machine one of this x86-64 level with these features of nvidia and mpi."""
    nvidia = ("cuda_version_lower_bound", "cuda_version_upper_bound", "sm_arch")
    forced = {f"nvidia_{name}": "none" for name in nvidia} | {
        "x86_64_level": ",".join(f"v{number}" for number in range(level, 0, -1)),
        "mpi_abi": "none",
        **features,
    }
    variables = {}
    for name, values in forced.items():
        namespace = next(one for one in NAMESPACES if name.startswith(one))
        feature = name.removeprefix(f"{namespace}_")
        variables[f"{namespace}_VARIANT_PROVIDER_FORCE_{feature}".upper()] = values
    return variables
