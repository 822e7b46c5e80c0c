"""Provider packages from the package index, run as they are."""

import json
import platform
from pathlib import Path

import pytest
from support.environments import WHEELHOUSE, Environment, dependencies, download

# pip-variants has implementations of its own; a wheel that needs two packages gets the real one.
PACKAGES = ("provider-variant-x86-64==0.0.1.post2", "provider-variant-aarch64==0.0.1.post2")
ENDPOINTS = {
    "x86_64": "provider_variant_x86_64.plugin:X8664Plugin",
    "aarch64": "provider_variant_aarch64.plugin:AArch64Plugin",
}
ASK = """
import json
from pip_variants.detection.client import Detection
from pip_variants.model.metadata import PluginProvider
detection = Detection()
asked = [detection.supported(PluginProvider({packages}, endpoint)) for endpoint in {endpoints}]
known = [detection.supported_in(namespace) for namespace in {namespaces}]
valid = [detection.valid(PluginProvider({packages}, endpoint)) for endpoint in {endpoints}]
answers = [[dict(one.features) for one in answers] for answers in (asked, known)]
print(json.dumps([*answers, valid]))
"""


@pytest.fixture
def plugins(tmp_path: Path, our_wheel: Path) -> Environment:
    wheels = download(WHEELHOUSE / "plugins", "*.whl", "--no-deps", *PACKAGES)
    return Environment(tmp_path / "venv").unpack(our_wheel, *dependencies(), *wheels)


def test_installed_plugins_are_asked(plugins: Environment) -> None:
    namespaces, endpoints = list(ENDPOINTS), list(ENDPOINTS.values())
    code = ASK.format(packages=PACKAGES, endpoints=endpoints, namespaces=namespaces)
    found, known, valid = json.loads(plugins.evaluate(code))
    assert valid == [None, None]  # these are of a draft that had no get_all_configs yet
    assert [bool(answer) for answer in found] == [platform.machine() == one for one in namespaces]
    for answer, ours in zip(found, known, strict=True):
        if "level" in answer:
            assert answer["level"] == ours["level"]
        # What it calls supported we call supported as well, but for what archspec does not know.
        assert set(answer) - set(ours) <= {"cppc", "ibrs_enhanced"}
