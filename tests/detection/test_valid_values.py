"""What exists at all, asked in the detection process: built in, of vendors, of installed plugins."""

import pytest
from support.vendors import broken_vendor, entry, install, install_plugin, plugin, vendor

from pip_variants.detection import client
from pip_variants.detection.client import Answer, Detection
from pip_variants.errors import ProviderFailed
from pip_variants.model.metadata import PluginProvider

X86_64 = PluginProvider(("x86-64-variant-provider>=0.0.1",), "x86_64_variant_provider")
ACME = PluginProvider(("acme-variants>=1.0",))
EVERYTHING = (("engine", ("mk1", "mk2", "mk9")), ("driver", ("1",)))
SINGLE = frozenset(("engine", "driver"))
CONFIGS = '[Config("engine", ["mk1", "mk2", "mk9"]), Config("driver", ["1"])]'

VENDOR = f"""\
from pip_variants.hooks import Feature as Config, Provider, Published, hookimpl

def detect():
    raise OSError("nobody asks what is here")

def valid():
    return {CONFIGS}

@hookimpl
def pip_variants_providers():
    published = Published("acme-variants", "1.1", "acme_variants")
    return [Provider("acme", detect, [published], valid=valid)]
"""

PLUGIN = f"""\
class Config:
    def __init__(self, name, values):
        self.name, self.values, self.multi_value = name, values, False

def get_supported_configs():
    raise OSError("nobody asks what is here")

def get_all_configs():
    return {CONFIGS}

class Before:
    namespace = "acme"

    def get_supported_configs(self, known_properties):
        return get_supported_configs()

    def get_all_configs(self):
        return get_all_configs()

class Build:
    is_build_plugin = True

    @classmethod
    def get_supported_configs(cls):
        return get_supported_configs()

    @classmethod
    def get_all_configs(cls):
        yield from get_all_configs()

class Ahead(Build):
    is_build_plugin, is_aot_plugin = False, True

class Always(Before):
    all_properties_compatible = True

class Property(Build):
    is_build_plugin = None

    @property
    def all_properties_compatible(self):
        return False

class Oldest:
    def get_supported_configs(self, known_properties):
        return get_supported_configs()

    def validate_property(self, variant_property):
        return True
"""


def told(answer: Answer) -> tuple:
    return answer.features, answer.always, answer.single, answer.elsewhere


def install_vendor(site, source: str = VENDOR) -> None:
    install(
        site, "acme-variants", source, version="1.1", entry_points=entry("acme", "acme_variants")
    )


def test_a_built_in_provider(detection):
    found = detection.valid(X86_64)
    assert dict(found.features)["level"] == ("v4", "v3", "v2", "v1")
    assert {*detection.supported(X86_64).features[0].values} <= {*dict(found.features)["level"]}
    assert not found.always


def test_a_vendors_provider_is_matched_as_ever(detection, site):
    install_vendor(site)
    assert told(detection.valid(ACME)) == (EVERYTHING, False, SINGLE, "")
    assert detection.valid(PluginProvider(("acme-variants>=1.2",))) is None
    found = detection.valid(PluginProvider(("acme-variants",), "acme_variants.other"))
    assert found.elsewhere.endswith("registered is acme-variants 1.1 at acme_variants")
    assert not found.features
    assert detection.valid(PluginProvider(("acme-variants; python_version < '3'",))) is None


@pytest.mark.parametrize(
    ("attributes", "always"),
    [("", False), (":Before", False), (":Build", True), (":Ahead", True), (":Always", True)]
    + [(":Property", False)],
)
def test_an_installed_plugin_of_today_or_before(attributes, always, detection, site):
    install_plugin(site, "acme-plugin", PLUGIN)
    provider = PluginProvider(("acme-plugin",), f"acme_plugin{attributes}")
    assert told(detection.valid(provider)) == (EVERYTHING, always, SINGLE, "")


def test_a_module_may_say_that_all_of_it_is_compatible(detection, site):
    install_plugin(site, "acme-plugin", f"{PLUGIN}\nall_properties_compatible = True\n")
    assert told(detection.valid(PluginProvider(("acme-plugin",)))) == (EVERYTHING, True, SINGLE, "")


def test_nothing_is_said_of_what_is_not_here(detection):
    assert detection.valid(PluginProvider(("nobody-variants>=1",))) is None


def test_nothing_is_said_by_those_who_cannot_say(detection, site):
    vendor(site, "acme")
    plugin(site, "acme-plugin")
    install_plugin(site, "old-plugin", PLUGIN)
    assert detection.valid(ACME) is None
    assert detection.valid(PluginProvider(("acme-plugin",))) is None
    assert detection.valid(PluginProvider(("old-plugin",), "old_plugin:Oldest")) is None


@pytest.mark.parametrize("options", [{"platforms": ["win_amd64"]}, {"target": "x86_64_v2"}])
def test_the_target_makes_no_difference(options, detection, site):
    install_vendor(site)
    install_plugin(site, "acme-plugin", PLUGIN)
    other = Detection(**options)
    try:
        for provider in (X86_64, ACME, PluginProvider(("acme-plugin",))):
            assert other.valid(provider) == detection.valid(provider) is not None
    finally:
        other.close()


def test_what_is_forced_is_no_more_valid_than_before(detection, monkeypatch):
    monkeypatch.setenv("X86_64_VARIANT_PROVIDER_FORCE_LEVEL", "v9,v1")
    assert detection.supported(X86_64).values("level") == ("v9", "v1")
    assert "v9" not in dict(detection.valid(X86_64).features)["level"]


FAULTS = {
    "raise OSError('no list')": "failed: OSError: no list",
    "raise SystemExit(3)": "failed: SystemExit: 3",
    "raise StopIteration": "failed: StopIteration",
    'return [Config("engine", [])]': "broke the contract: the values of engine must be distinct",
    'return [Config("engine", ["mk1", "mk1"])]': "broke the contract: the values of engine must be",
    'return [Config("Engine", ["mk1"])]': "broke the contract",
    "return None": "broke the contract: it must answer with features: None",
    "yield Config('engine', ['mk1']); 1 / 0": "failed: ZeroDivisionError",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_that_fails_is_named_and_the_next_one_answers(fault, detection, site):
    install_vendor(site, VENDOR.replace(f"return {CONFIGS}", fault))
    source = PLUGIN.replace(f"return {CONFIGS}", fault, 1)
    install_plugin(site, "acme-plugin", source)
    for provider in (ACME, PluginProvider(("acme-plugin",))):
        with pytest.raises(ProviderFailed) as raised:
            detection.valid(provider)
        assert str(raised.value).startswith("the provider acme")
        assert FAULTS[fault] in str(raised.value)
    assert detection.valid(X86_64)


def test_a_plugin_that_cannot_be_loaded_is_named(detection, site):
    broken_vendor(site, "raise ValueError('half installed')")
    with pytest.raises(ProviderFailed, match=r"broken-variants.*ValueError: half installed"):
        detection.valid(PluginProvider(("broken-variants",)))


def test_one_that_hangs_is_named_and_waited_for_once(detection, site, monkeypatch):
    hang = "import time; time.sleep(60)"
    install_vendor(site, VENDOR.replace(f"return {CONFIGS}", hang))
    detection.machine(["x86_64_v1"])
    with monkeypatch.context() as patch:
        patch.setattr(client, "DEADLINE", 0.4)
        with pytest.raises(ProviderFailed, match="acme-variants did not answer within 0 seconds"):
            detection.valid(ACME)
    with pytest.raises(ProviderFailed, match="acme-variants did not answer within 0 seconds"):
        detection.valid(ACME)
    assert detection.valid(X86_64)
