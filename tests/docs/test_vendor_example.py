"""The example of a vendor's package, and the pages about it, run as they stand."""

import re
import subprocess
from pathlib import Path

import pytest
from support.environments import ROOT, WHEELHOUSE, Environment, built, download
from support.pages import Shell, follow

from pip_variants.testing import make_wheel, serve

EXAMPLE = ROOT / "examples" / "vendor-provider"
PAGE = ROOT / "docs" / "write-a-provider.md"
MACHINE = EXAMPLE / "tests" / "machines" / "mk1-and-mk2"
LABELS = ("mk1", "mk2")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example as a wheel."""
    return built(EXAMPLE, tmp_path_factory.mktemp("vendor"))


@pytest.fixture
def root(package: Path, tmp_path: Path) -> Path:
    """The folder of an index with the example, and with demo for each label and without one."""
    root = tmp_path / "index"
    (root / "acme-variants").mkdir(parents=True)
    (root / "acme-variants" / package.name).symlink_to(package)
    make_wheel(root, "demo-1.0-py3-none-any.whl")
    for label in LABELS:
        demo(root, label, f"acme :: engine :: {label}")
    return root


def demo(root: Path, label: str, *properties: str) -> None:
    name = f"demo-1.0-py3-none-any-{label}.whl"
    make_wheel(root, name, properties, {"acme": "acme-variants>=1.0"})


def test_from_pip_install_to_the_chosen_wheel_and_back(
    root: Path, env: Environment, shell: Shell, tmp_path: Path
) -> None:
    make_wheel(tmp_path, "demo-1.0-py3-none-any.whl").parent.rename(tmp_path / "dist")
    with serve(root) as url:
        lines = follow(
            EXAMPLE / "README.md", shell, tmp_path, PIP_INDEX_URL=url, ACME_FSROOT=MACHINE
        )
    assert lines == 12
    assert env.installed() == ("1.0", None)


def test_without_the_provider_the_null_variant_and_a_hint(root: Path, env: Environment) -> None:
    demo(root, "null")
    with serve(root) as url:
        result = env.pip("install", "--index-url", url, "demo", env={"ACME_FSROOT": str(MACHINE)})
    assert env.installed() == ("1.0", "null")
    assert (
        "Hint: demo 1.0 has more variants (mk1, mk2); to let pip consider them: "
        "pip install 'acme-variants>=1.0'" in result.out
    )


def test_the_page_can_be_followed(shell: Shell, tmp_path: Path) -> None:
    """As it stands, the tests of the example among it."""
    wheels = WHEELHOUSE / "vendor"
    download(wheels, "*.whl", "--python-version", "3.10", "editables", "hatchling", "pytest")
    for name in ("pyproject.toml", "README.md", "src", "tests"):
        subprocess.run(["cp", "-r", EXAMPLE / name, tmp_path], check=True)
    assert follow(PAGE, shell, tmp_path, PIP_NO_INDEX=1, PIP_FIND_LINKS=wheels) == 8


def test_the_code_on_the_page_is_that_of_the_example() -> None:
    files = [path.read_text() for path in EXAMPLE.rglob("*") if path.suffix in (".py", ".toml")]
    blocks = re.findall(r"^```(?:python|toml)\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    assert len(blocks) == 4
    for block in blocks:
        assert any(block in file for file in files), block
