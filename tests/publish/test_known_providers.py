"""What `pip-variants make` writes without `--provider` is answered by the built-in provider."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.environments import WHEELHOUSE, Environment, dependencies, download

from pip_variants import __version__, providers
from pip_variants.detection.registry import Registry, checked_features
from pip_variants.model.index_set import KNOWN_PROVIDERS
from pip_variants.model.metadata import PluginProvider

BUILT_IN = [name.rpartition(".")[2] for name in providers.BUILT_IN]

# The packages that others have published, as the package index has them, and the names that early
# wheels have for what nobody has.
ANSWERED = {
    "x86_64": [
        ("x86-64-variant-provider", "0.2.1", "x86_64_variant_provider"),
        ("provider-variant-x86-64", "0.0.1.post2", "provider_variant_x86_64.plugin:X8664Plugin"),
    ],
    "aarch64": [
        ("aarch64-variant-provider", "0.2.0", "aarch64_variant_provider"),
        (
            "provider-variant-aarch64",
            "0.0.1.post2",
            "provider_variant_aarch64.plugin:AArch64Plugin",
        ),
    ],
    "nvidia": [
        ("nvidia-variant-provider", version, "nvidia_variant_provider.plugin:NvidiaVariantPlugin")
        for version in ("0.0.1", "0.0.2")
    ],
    "amd": [("amd-variant-provider", "0.0.2", "amd_variant_provider.plugin:AMDVariantPlugin")],
    "intel": [
        ("intel-variant-provider", version, "intel_variant_provider.plugin:IntelVariantPlugin")
        for version in ("0.0.2", "0.0.3")
    ],
    "tpu": [("tpu-variant-provider", "0.1.0", "tpu_variant_provider.plugin:TpuVariantPlugin")],
    **{
        name: [(f"{name}-variant-provider", "0.1.0", f"{name}_variant_provider")]
        for name in ("riscv64", "ppc64le", "s390x", "mpi")
    },
}
NOBODYS = ("riscv64", "ppc64le", "s390x", "mpi")


def ask(requires: str, endpoint: str):
    return Registry().supported([requires], endpoint, [], sys.prefix)


def test_every_built_in_provider_is_known() -> None:
    assert sorted(KNOWN_PROVIDERS) == sorted(BUILT_IN) == sorted(ANSWERED)


@pytest.mark.parametrize("namespace", BUILT_IN)
def test_it_is_the_one_that_recommends_the_namespace(namespace: str) -> None:
    registry, provider = Registry(), KNOWN_PROVIDERS[namespace]
    answer = registry.supported(list(provider.requires), provider.endpoint, [], sys.prefix)
    assert answer == registry.supported_in(namespace)
    assert answer.by.startswith("pip-variants ")


@pytest.mark.parametrize("namespace", BUILT_IN)
def test_every_name_of_it_is_answered(namespace: str) -> None:
    expected = Registry().supported_in(namespace)
    own = ("pip-variants", __version__, f"pip_variants.providers.{namespace}")
    for package, version, endpoint in (*ANSWERED[namespace], own):
        assert ask(f"{package}=={version}", endpoint) == expected


@pytest.mark.parametrize("namespace", BUILT_IN)
def test_wheels_name_no_package_that_nobody_has_published(namespace: str) -> None:
    provider = KNOWN_PROVIDERS[namespace]
    ours = PluginProvider(("pip-variants",), f"pip_variants.providers.{namespace}")
    assert (provider == ours) == (namespace in NOBODYS)
    assert ours.package == "pip-variants"


@pytest.mark.parametrize("namespace", BUILT_IN)
def test_no_hint_names_a_package_that_we_answer_for(namespace: str) -> None:
    """Whoever registers the name would run code where people follow the hint."""
    for package, _, endpoint in ANSWERED[namespace]:
        support = ask(f"{package}>=99", endpoint).support
        assert support.features == ()
        assert package not in support.absent + support.remedy
        assert support.remedy == "pip install --upgrade pip-variants"


def test_the_hint_for_a_newer_pip_variants_is_to_install_it() -> None:
    support = ask("pip-variants>=99", "pip_variants.providers.mpi").support
    assert support.remedy == "pip install 'pip-variants>=99'"
    assert support.absent == f"its provider needs pip-variants>=99, and {__version__} is installed"


@pytest.mark.parametrize("namespace", BUILT_IN)
def test_its_module_is_a_plugin_of_pep_850(namespace: str) -> None:
    module = importlib.import_module(f"pip_variants.providers.{namespace}")
    supported, valid = list(module.get_supported_configs()), list(module.get_all_configs())
    assert dict(checked_features(supported)) == dict(
        Registry().supported_in(namespace).support.features
    )
    kinds = {config.name: config.multi_value for config in valid}
    assert all(kinds[config.name] == config.multi_value for config in supported)


def test_variantlib_runs_the_modules(tmp_path: Path, our_wheel: Path) -> None:
    """As it runs every plugin: with its own script, in a process where the package is installed."""
    python = "{}.{}".format(*sys.version_info[:2])
    theirs = download(WHEELHOUSE / "variantlib" / python, "*.whl", "variantlib[cli]==0.2.2")
    environment = Environment(tmp_path / "venv").unpack(*theirs, *dependencies(), our_wheel)
    endpoints = [f"pip_variants.providers.{namespace}" for namespace in BUILT_IN]
    options = [option for endpoint in endpoints for option in ("--plugin-api", endpoint)]
    done = subprocess.run(
        [environment.python, "-m", "variantlib.plugins._subprocess", *options],
        input=json.dumps({"get_supported_configs": {}, "get_all_configs": {}}),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    for namespace, endpoint in zip(BUILT_IN, endpoints, strict=True):
        found = {one["name"]: one["values"] for one in answers["get_supported_configs"][endpoint]}
        support = Registry().supported_in(namespace).support
        assert found == {name: list(values) for name, values in support.features}
        assert answers["get_all_configs"][endpoint]
