"""PyTorch's indexes in small, on loopback: the layout, with wheels of a few hundred bytes.

The facts are those of the sources that `index_sets/pytorch.toml` names, written down here once more, so
that a mistake in one of the two shows. What is made up says so.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from support.server import Index, metadata_of
from support.wheels import plain_wheel

# Which release is on which index, for Linux on x86-64 (x) and aarch64 (a), Windows (w) and macOS (m).
ON = """
        torchvision  cpu   cu118  cu121  cu124  cu126  cu128  cu129  cu130  cu132  xpu
2.5.1   0.20.1       xawm  xw     xw     xaw    -      -      -      -      -      -
2.6.0   0.21.0       xawm  xw     -      xw     xaw    -      -      -      -      -
2.7.1   0.22.1       xawm  xw     -      -      xw     xaw    -      -      -      xw
2.8.0   0.23.0       xawm  -      -      -      xw     xw     xaw    -      -      xw
2.11.0  0.26.0       xawm  -      -      -      xaw    xaw    x      xaw    -      xw
2.13.0  0.28.0       xawm  -      -      -      xaw    -      xa     xaw    xaw    xw
2.14.0  0.29.0       xawm  -      -      -      xaw    -      -      xaw    xaw    xw
"""
ROCM = {  # Linux on x86-64 alone
    "2.5.1": ("6.1", "6.2"),
    "2.6.0": ("6.1", "6.2.4"),
    "2.7.1": ("6.2.4", "6.3"),
    "2.8.0": ("6.3", "6.4"),
    "2.11.0": ("7.1", "7.2"),
    "2.13.0": ("7.1", "7.2"),
    "2.14.0": ("7.2",),
}
LACKING = {("0.26.0", "cu129"), ("0.26.0", "cu130")}
"""Made up: no torchvision for this release of torch on its best indexes."""

NEWER = ("2.15.0", "0.30.0")
"""What only the user's own index has; torchvision's is made up."""

TRITON = {"2.11.0": "3.6.0", "2.13.0": "3.7.1", "2.14.0": "3.8.0"}
"""What CUDA builds for Linux require: no local part, and one file above the indexes that each lists."""

PLATFORMS = {
    "x": "manylinux_2_28_x86_64",
    "a": "manylinux_2_28_aarch64",
    "w": "win_amd64",
    "m": "macosx_11_0_arm64",
}


@dataclass
class Replica:
    pages: Index
    """The set's indexes, below `/whl/`."""
    files: Index
    """Another host, which has the files of newer releases."""
    base: Index
    """The user's own index: plain wheels, newer releases, and what only PyPI has."""

    @property
    def url(self) -> str:
        return self.pages.url.replace("/simple/", "/whl")

    def asked(self) -> list[str]:
        """The pages that were asked of the set's indexes: `cu130/torch`, in order."""
        return [
            one.removeprefix("GET /whl/").rstrip("/")
            for one in self.pages.requests
            if one.endswith("/")
        ]

    def forget(self) -> None:
        for index in (self.pages, self.files, self.base):
            index.requests.clear()


def builds() -> dict[str, tuple[str, dict[str, str]]]:
    """The release of torchvision, and the platforms by index, for each release of torch."""
    header, *rows = (line.split() for line in ON.strip().splitlines())
    found = {}
    for release, vision, *cells in rows:
        places = {
            index: cell for index, cell in zip(header[1:], cells, strict=False) if cell != "-"
        }
        found[release] = (vision, places | {f"rocm{one}": "x" for one in ROCM[release]})
    return found


@contextmanager
def replica(folder: Path) -> Iterator[Replica]:
    """Makes the wheels and serves them."""
    root, own = folder / "pytorch", folder / "own"
    with Index(root) as pages, Index(root) as files, Index(own) as base:
        files.metadata = True
        made = Replica(pages, files, base)
        for release, (vision, places) in builds().items():
            for index, platforms in places.items():
                for platform in platforms:
                    _torch(made, release, index, platform)
                    if (vision, index) not in LACKING:
                        _torchvision(made, release, vision, index, platform)
        for version in TRITON.values():
            _triton(made, version)
        _own(own)
        # Nothing of these names may be taken from a set, or asked of it.
        for index in ("cpu", "cu126", "cu130"):
            for name in ("filelock", "vllm", "cuda-bindings"):
                plain_wheel(root / "whl" / index / name, name.replace("-", "_"), "99.0")
        yield made


def _local(project: str, release: str, index: str, platform: str) -> str:
    """The local part of a version: macOS never had one, and aarch64 only of late."""
    late = {"torch": "2.6.0", "torchvision": "2.11.0"}[project]
    releases = [*builds()]
    early = platform == "a" and releases.index(release) < releases.index(late)
    return "" if platform == "m" or early else f"+{index}"


def _tag(release: str, index: str, platform: str) -> str:
    """Builds for CUDA did not name the manylinux that they follow."""
    if release == "2.5.1" and platform in "xa" and index != "cpu":
        return "py3-none-" + {"x": "linux_x86_64", "a": "linux_aarch64"}[platform]
    return f"py3-none-{PLATFORMS[platform]}"


def _torch(made: Replica, release: str, index: str, platform: str) -> None:
    requires = ["Requires-Dist: filelock"]
    if index.startswith("cu") and platform in "xa" and release in TRITON:
        requires.append(f"Requires-Dist: triton=={TRITON[release]}")
        if index >= "cu130":
            requires.append("Requires-Dist: cuda-bindings<14,>=13")
    version = release + _local("torch", release, index, platform)
    folder = made.pages.root / "whl" / index / "torch"
    wheel = plain_wheel(
        folder, "torch", version, tag=_tag(release, index, platform), metadata=requires
    )
    _published(made, wheel, release)


def _torchvision(made: Replica, release: str, vision: str, index: str, platform: str) -> None:
    version = vision + _local("torchvision", release, index, platform)
    requires = ["Requires-Dist: numpy", f"Requires-Dist: torch=={release}"]
    folder = made.pages.root / "whl" / index / "torchvision"
    wheel = plain_wheel(
        folder, "torchvision", version, tag=_tag(release, index, platform), metadata=requires
    )
    _published(made, wheel, release)


def _triton(made: Replica, version: str) -> None:
    top = made.pages.root / "whl"
    indexes = [folder for folder in top.iterdir() if folder.is_dir()]
    for platform in "xa":
        wheel = plain_wheel(top, "triton", version, tag=f"py3-none-{PLATFORMS[platform]}")
        made.pages.attributes[wheel.name] = {"url": _elsewhere(made, wheel)}
        for index in indexes:
            (index / "triton").mkdir(exist_ok=True)
            (index / "triton" / wheel.name).write_bytes(wheel.read_bytes())


def _published(made: Replica, wheel: Path, release: str) -> None:
    """Newer files with a local part lie on the other host, and their metadata beside them."""
    if "+" in wheel.name and release not in ("2.5.1", "2.6.0"):
        digest = hashlib.sha256(metadata_of(wheel)).hexdigest()
        entry = {"url": _elsewhere(made, wheel), "core-metadata": {"sha256": digest}}
        made.pages.attributes[wheel.name] = entry


def _elsewhere(made: Replica, wheel: Path) -> str:
    path = quote(str(wheel.relative_to(made.files.root)))
    return made.files.url.replace("127.0.0.1", "localhost").replace("simple/", path)


def _own(root: Path) -> None:
    """What is on the user's own index."""
    for release, vision in [(release, vision) for release, (vision, _) in builds().items()] + [
        NEWER
    ]:
        for platform in PLATFORMS.values():
            tag = f"py3-none-{platform}"
            plain_wheel(
                root / "torch", "torch", release, tag=tag, metadata=["Requires-Dist: filelock"]
            )
            requires = ["Requires-Dist: numpy", f"Requires-Dist: torch=={release}"]
            plain_wheel(root / "torchvision", "torchvision", vision, tag=tag, metadata=requires)
    for version in ("3.6.0", "3.9.0"):
        plain_wheel(root / "triton", "triton", version, tag="py3-none-manylinux_2_28_x86_64")
    for name, version in (("filelock", "3.0"), ("numpy", "2.0"), ("cuda_bindings", "13.0")):
        plain_wheel(root / name.replace("_", "-"), name, version)
    plain_wheel(
        root / "vllm",
        "vllm",
        "0.20.0",
        metadata=["Requires-Dist: numpy", "Requires-Dist: torch==2.11.0"],
    )
