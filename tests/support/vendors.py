"""Vendor packages as pip would have installed them, tiny but real: a module and its metadata."""

from pathlib import Path

DETECT = 'return [Feature("engine", ["mk2", "mk1"])]'

_VENDOR = """\
from pip_variants.hooks import Feature, Provider, Published, hookimpl

def detect():
    {detect}

@hookimpl
def pip_variants_providers():
    published = Published("{name}-variants", "{version}", "{name}_variants")
    return [Provider("{namespace}", detect, [published])]
"""

_PLUGIN = """\
class Config:
    def __init__(self, name, values, multi_value=False):
        self.name, self.values, self.multi_value = name, values, multi_value
        self.colour = "unknown attributes are ignored"

def get_supported_configs():
    {answer}
"""


def install(
    site: Path, package: str, source: str, *, version: str = "1.0", entry_points: str = ""
) -> None:
    """Install the module of `package`, which has the same name, into a site-packages folder."""
    module = package.replace("-", "_")
    site.mkdir(exist_ok=True)
    (site / f"{module}.py").write_text(source)
    metadata = site / f"{module}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
    )
    (metadata / "RECORD").write_text(f"{module}.py,,\n{metadata.name}/METADATA,,\n")
    if entry_points:
        (metadata / "entry_points.txt").write_text(entry_points)


def entry(name: str, value: str) -> str:
    """entry_points.txt of a package that registers `value`."""
    return f"[pip_variants]\n{name} = {value}\n"


def vendor(
    site: Path, name: str, detect: str = DETECT, *, version: str = "1.0", namespace: str = ""
) -> None:
    """Install `<name>-variants`, a vendor of the namespace `name`, whose provider does `detect`."""
    source = _VENDOR.format(
        name=name,
        namespace=namespace or name,
        version=version,
        detect="\n    ".join(detect.splitlines()),
    )
    module = f"{name}_variants"
    install(site, f"{name}-variants", source, version=version, entry_points=entry(name, module))


def broken_vendor(site: Path, source: str, value: str = "broken_variants") -> None:
    """Install `broken-variants`, whose module is `source`."""
    install(site, "broken-variants", source, entry_points=entry("broken", value))


def plugin(
    site: Path, package: str, answer: str = 'return [Config("engine", ["mk2", "mk1"])]'
) -> None:
    """Install a PEP 850 plugin that knows nothing of pip-variants."""
    install_plugin(site, package, _PLUGIN.format(answer=answer))


def install_plugin(site: Path, package: str, source: str) -> None:
    """The same with this source of its module."""
    module = package.replace("-", "_")
    install(site, package, source, entry_points=f"[variant_plugins]\nacme = {module}\n")
