"""Two builds of one small project, each in a folder of its own."""

import zipfile
from pathlib import Path


def build(label: str) -> None:
    """What a compiler would do with `-march=x86-64-v3`, and without."""
    version = f"1.0+{label}"
    info = f"whichbuild-{version}.dist-info"
    contents = {
        "whichbuild.py": f"BUILD = {label!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: whichbuild\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: build.py\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    contents[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in (*contents, f"{info}/RECORD"))
    folder = Path("wheels", label)
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / f"whichbuild-{version}-py3-none-any.whl", "w") as archive:
        for name, text in contents.items():
            archive.writestr(name, text)


for label in ("v3", "baseline"):
    build(label)
