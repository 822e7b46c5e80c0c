"""Installing, upgrading and removing pip-variants, pip and what we depend on."""

from pathlib import Path

import pytest
from support.environments import (
    FORCED,
    NEWEST_PIP,
    ROOT,
    Environment,
    dependencies,
    pip_wheel,
    pythons,
)
from support.server import Index
from support.wheels import levels, release


@pytest.fixture
def fresh(tmp_path: Path) -> Environment:
    """An environment of its own with a stock pip, which is not the newest."""
    version = next(iter(pythons()))
    return Environment(tmp_path / "fresh", pythons()[version]).unpack(pip_wheel("25.3"))


@pytest.fixture
def house(our_wheel: Path, tmp_path: Path) -> Path:
    """A folder of wheels: ours, our dependencies, and the newest pip."""
    folder = tmp_path / "house"
    folder.mkdir()
    for wheel in (our_wheel, *dependencies(), pip_wheel(NEWEST_PIP)):
        (folder / wheel.name).symlink_to(wheel)
    return folder


def files(environment: Environment) -> set[str]:
    return {
        str(path.relative_to(environment.folder))
        for path in environment.folder.rglob("*")
        if "__pycache__" not in path.parts and not path.is_dir()
    }


def test_uninstall_leaves_a_stock_pip_and_no_file(fresh, house: Path, index: Index) -> None:
    release(index.root / "demo", "1.0", {**levels("v3"), None: ()})
    offline = ("--no-index", "--find-links", house)
    names = [wheel.name.partition("-")[0] for wheel in dependencies()]
    fresh.pip("install", *offline, *names)
    before = files(fresh)
    fresh.pip("install", *offline, "pip-variants")
    added = files(fresh) - before
    assert {Path(name).name for name in added} >= {"pip_variants.pth", "pip-variants"}
    fresh.pip("install", "--index-url", index.url, "demo", env=FORCED)
    assert fresh.installed() == ("1.0", "v3")
    result = fresh.pip("uninstall", "-y", "demo", "pip-variants")
    assert result.err == ""
    assert files(fresh) == before
    assert not (fresh.site / "pip_variants").exists()
    result = fresh.pip("install", "--index-url", index.url, "demo", env=FORCED)
    assert fresh.installed() == ("1.0", None)
    assert result.err == ""


def test_upgrades_while_active(fresh, house: Path, index: Index) -> None:
    release(index.root / "demo", "1.0", {**levels("v3"), None: ()})
    offline = ("--no-index", "--find-links", house)
    fresh.pip("install", *offline, "pip-variants")
    ours = ("pip-variants", "pluggy", "archspec", "packaging", "importlib-metadata")
    result = fresh.pip("install", "-U", "--force-reinstall", "--no-deps", *offline, *ours)
    assert result.err == ""
    result = fresh.pip("install", "-U", *offline, "pip")
    assert f"Successfully installed pip-{NEWEST_PIP}" in result.out
    fresh.pip("install", "--index-url", index.url, "demo", env=FORCED)
    assert fresh.installed() == ("1.0", "v3")


def test_a_variant_and_an_upgrade_of_ours_in_one_command(fresh, house: Path, index: Index) -> None:
    release(index.root / "demo", "1.0", {**levels("v3"), None: ()})
    fresh.pip("install", "--no-index", "--find-links", house, "pip-variants")
    fresh.pip(
        "install",
        "--force-reinstall",
        "--index-url",
        index.url,
        "--find-links",
        house,
        "pip-variants",
        "pluggy",
        "archspec",
        "packaging",
        "pip",
        "demo",
        env=FORCED,
    )
    assert fresh.installed() == ("1.0", "v3")


def test_an_editable_install_works_too(fresh, house: Path, index: Index) -> None:
    release(index.root / "demo", "1.0", {**levels("v3"), None: ()})
    import hatchling

    backend = Path(hatchling.__file__).parents[1]
    names = [wheel.name.partition("-")[0] for wheel in dependencies()]
    fresh.pip("install", "--no-index", "--find-links", house, *names)
    (fresh.site / "backend.pth").write_text(f"{backend}\n")
    fresh.pip("install", "--no-index", "--find-links", house, "--no-build-isolation", "-e", ROOT)
    (fresh.site / "backend.pth").unlink()
    assert (fresh.site / "pip_variants.pth").exists()
    assert not (fresh.site / "pip_variants").exists()
    fresh.pip("install", "--index-url", index.url, "demo", env=FORCED)
    assert fresh.installed() == ("1.0", "v3")
