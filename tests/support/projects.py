"""A project whose build backend is part of it, so that nothing is downloaded to build it."""

from pathlib import Path

# Writes into the wheel how it was called; waits for the file that WAIT_FOR names, prints what PRINT
# says, with the folder that it is in instead of HERE. The wheel has the tags TAG.
_BACKEND = """
import base64, hashlib, json, os, time, zipfile

def build_sdist(folder, config_settings=None):
    import tarfile
    with tarfile.open(os.path.join(folder, "demo-1.0.tar.gz"), "w:gz") as archive:
        for name in os.listdir("."):
            archive.add(name, "demo-1.0/" + name)
    return "demo-1.0.tar.gz"

def build_wheel(folder, config_settings=None, metadata_directory=None):
    if "SIGNAL" in os.environ:
        open(os.environ["SIGNAL"], "w").close()
        end = time.monotonic() + 600
        while not os.path.exists(os.environ["WAIT_FOR"]):
            assert time.monotonic() < end, "the other one was not built meanwhile"
            time.sleep(0.05)
    if "PRINT" in os.environ:
        print(os.environ["PRINT"].replace("HERE", os.getcwd()), flush=True)
    if os.environ.get("FAIL"):
        raise SystemExit("no such header: demo.h")
    try:
        from importlib.metadata import version
        tool = version("tool")
    except ImportError:
        tool = None
    tag = os.environ.get("TAG", "py3-none-any")
    seen = {"settings": config_settings, "tool": tool, "env": dict(os.environ), "where": os.getcwd()}
    files = {
        "demo.py": "",
        "seen.json": json.dumps(seen),
        "demo-1.0.dist-info/METADATA": open("METADATA").read(),
        "demo-1.0.dist-info/WHEEL": f"Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: {tag}\\n",
    }
    hashes = {name: hashlib.sha256(text.encode()).digest() for name, text in files.items()}
    hashes = {name: base64.urlsafe_b64encode(digest).decode().rstrip("=") for name, digest in hashes.items()}
    rows = "".join(f"{name},sha256={digest},\\n" for name, digest in hashes.items())
    rows += "demo-1.0.dist-info/RECORD,,\\n"
    with zipfile.ZipFile(os.path.join(folder, f"demo-1.0-{tag}.whl"), "w") as archive:
        for name, text in {**files, "demo-1.0.dist-info/RECORD": rows}.items():
            archive.writestr(name, text)
    return f"demo-1.0-{tag}.whl"
"""
_METADATA = """Metadata-Version: 2.1
Name: demo
Version: 1.0
Requires-Dist: here>=1
Requires-Dist: fast; variant_label == 'v3'
Requires-Dist: gone

Words: Requires-Dist: not-a-header
"""


def project_in(folder: Path, table: str) -> Path:
    """The project demo 1.0 with this added to its pyproject.toml."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "backend.py").write_text(_BACKEND)
    (folder / "METADATA").write_text(_METADATA)
    system = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    (folder / "pyproject.toml").write_text(system + table)
    return folder
