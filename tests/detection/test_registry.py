"""The registry: which provider is asked, what it may answer, and what users may force."""

import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.requirements import InvalidRequirement, Requirement
from support.vendors import broken_vendor, entry, install, install_plugin, plugin, vendor

from pip_variants.detection import Absent
from pip_variants.detection.registry import Registry, _Wanted
from pip_variants.errors import InvalidProviderAnswer, ProviderFailed
from pip_variants.model.published import Published
from pip_variants.model.target import Target

OURS = (["x86-64-variant-provider>=0.0.1"], "x86_64_variant_provider")


@pytest.fixture(autouse=True)
def _installed(site, monkeypatch):
    """What tests put into `site` is installed here, and gone afterwards."""
    monkeypatch.syspath_prepend(site)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(site)):
            del sys.modules[name]


def ask(requires: str | list[str], endpoint: str, *platforms: str):
    """The features that are supported, or the reason why there are none."""
    asked = [requires] if isinstance(requires, str) else requires
    support = Registry().supported(asked, endpoint, list(platforms), sys.prefix).support
    assert bool(support.features) != bool(support.absent)
    reason = f"{support.absent} {support.remedy}".strip()
    return {name: list(values) for name, values in support.features} or reason


def ask_acme(requires: str | list[str] = "acme-variants", *platforms: str):
    return ask(requires, "acme_variants", *platforms)


def assert_not_installed(package: str, reason) -> None:
    assert "not installed" in reason
    assert package in reason


ENGINE = {"engine": ["mk2", "mk1"]}


# Which provider is asked


numbers = st.sampled_from(
    [
        "0",
        "1",
        "0.1",
        "0.10",
        "1.0",
        "1.0.0",
        "1.1",
        "01.1",
        "2",
        "1.0.post1",
        "1.0.dev1",
        "1.*",
        "1.",
        "",
    ]
)
clauses = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", " "]),
        st.sampled_from(["<", "<=", "==", "!=", ">=", ">", "~=", "===", "=", ""]),
        st.sampled_from(["", " "]),
        numbers,
        st.sampled_from(["", " "]),
    ),
)
requirements = st.builds(
    lambda name, some: name + ",".join(some),
    st.sampled_from(
        ["acme", "Acme", "acme ", " acme", "acme-", "a_b", "a.b", "a-b ", "acme[x]", "acme;", ""]
    ),
    st.lists(clauses, max_size=3),
)


@given(
    requirements,
    numbers.filter(lambda text: text and "*" not in text and text != "1."),
    st.sampled_from(["acme", "a-b"]),
)
@example("acme >=0.1,<1", "0.10", "acme")
@example("acme>1.0", "1.0.post1", "acme")
def test_a_requirement_that_is_read_without_packaging_means_the_same(text, version, package):
    wanted = _Wanted([text], "endpoint")
    try:
        one = Requirement(text)
    except InvalidRequirement:
        with pytest.raises(Absent):
            wanted.is_for(Published(package, version, "endpoint"))
        return
    is_same = one.name.lower().replace("_", "-").replace(".", "-") == package
    expected = is_same and one.specifier.contains(version, prereleases=True)
    assert wanted.is_for(Published(package, version, "endpoint")) == expected


def test_a_plain_question_loads_no_more_than_it_needs():
    code = f"import sys; before = {{*sys.modules}}; from pip_variants.detection.registry import Registry; Registry().supported(*{OURS}, [], '/'); "
    code += "print(*{'packaging', 'pluggy', 'dataclasses', 'inspect', 'archspec.cpu', 'importlib_metadata'} & {*sys.modules} - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_of_two_that_go_by_one_name_the_same_answers_here_and_in_a_target(site, tmp_path):
    vendor(site, "acme")
    source = (site / "acme_variants.py").read_text().replace('"mk2", "mk1"', '"mk9"')
    install(site, "second-variants", source, entry_points=entry("second", "second_variants"))
    registry = Registry()
    wanted: tuple[list[str], str, list[str], str] = (
        ["acme-variants"],
        "acme_variants",
        [],
        sys.prefix,
    )
    file = tmp_path / "machine.toml"
    file.write_text(Target((registry.machine([]),)).to_toml())
    here = registry.supported(*wanted).support
    assert registry.supported(*wanted, str(file)).support.features == here.features != ()


def test_a_vendors_provider_is_found_by_package_and_endpoint(site):
    vendor(site, "acme")
    assert ask_acme() == ENGINE


def test_the_answer_says_who_gave_it(site):
    vendor(site, "acme")
    assert "acme" in Registry().supported(["acme-variants"], "acme_variants", [], sys.prefix).by
    assert "pip-variants" in Registry().supported(*OURS, [], sys.prefix).by


def test_features_and_values_keep_the_providers_order(site):
    vendor(site, "acme", 'return [Feature("z", ["1", "3", "2"]), Feature("a", ["x"])]')
    answer = ask_acme()
    assert list(answer.items()) == [("z", ["1", "3", "2"]), ("a", ["x"])]


@pytest.mark.parametrize("requires", ["Acme_Variants", "ACME.variants>=0.5", "acme-variants==1.0"])
def test_package_names_are_compared_normalised(requires, site):
    vendor(site, "acme")
    assert ask_acme(requires) == ENGINE


def test_an_endpoint_of_another_package_is_not_run(site):
    """The metadata of an index names both: it must not run whatever can be imported."""
    vendor(site, "acme")
    (site / "elsewhere.py").write_text("raise SystemExit('ran')")
    for endpoint in ("elsewhere", "antigravity", "sys:stdin", "os.path:join"):
        reason = ask("acme-variants", endpoint)
        where = f"its provider is acme-variants at {endpoint}, registered is acme-variants 1.0 at acme_variants"
        assert reason == where


def test_a_package_that_has_no_provider_is_not_imported(site):
    """Nor are modules beside those of one that has."""
    ran = "raise SystemExit('ran')\n"
    install(site, "other", ran, entry_points="[console_scripts]\nother = other:main\n")
    plugin(site, "acme-plugin")
    for name in ("other_sub", "beside"):
        (site / f"{name}.py").write_text(ran)
    record = site / "other-1.0.dist-info/RECORD"
    record.write_text(f"{record.read_text()}other_sub.py,,\n")
    for package, endpoint in (
        *(("other", one) for one in ("other", "other:main", "other.__main__", "other_sub:main")),
        *(("acme-plugin", one) for one in ("beside", "acme_plugin.beside", "other", "sys:stdin")),
    ):
        assert (
            ask(package, endpoint)
            == f"{package} registers no provider {endpoint} (variant_plugins)"
        )


def test_a_package_of_a_shared_name_has_its_own_modules_only(site):
    """Several distributions may have modules below one name (PEP 420)."""
    for name in ("one", "two"):
        plugin(site, f"shared-{name}")
        (site / "shared").mkdir(exist_ok=True)
        (site / f"shared_{name}.py").rename(site / "shared" / f"{name}.py")
        metadata = site / f"shared_{name}-1.0.dist-info"
        (metadata / "RECORD").write_text(f"shared/{name}.py,,\n")
        (metadata / "entry_points.txt").write_text(f"[variant_plugins]\nx = shared.{name}\n")
    assert ask("shared-one", "shared.one") == ENGINE
    assert (
        ask("shared-one", "shared.two")
        == "shared-one registers no provider shared.two (variant_plugins)"
    )


@pytest.mark.parametrize("source", ["plain", "editable"])
def test_a_plugin_without_entry_point_is_asked(site, source):
    """It should have one (PEP 850, Provider plugin API), and who installs it in development has."""
    plugin(site, "acme-plugin")
    metadata = site / "acme_plugin-1.0.dist-info"
    if source == "plain":
        (metadata / "entry_points.txt").unlink()
    else:
        (metadata / "RECORD").write_text("__editable__.pth,,\n")
        (metadata / "direct_url.json").write_text(
            '{"url": "file:///here", "dir_info": {"editable": true}}'
        )
    assert ask("acme-plugin", "acme_plugin") == ENGINE


LEFT = {
    "an empty folder": lambda site: (site / "acme_plugin-0.9.dist-info").mkdir(),
    "half of one": lambda site: left(site, "acme_plugin-0.9.dist-info", RECORD="x,,\n"),
    "half of METADATA": lambda site: left(
        site, "acme_plugin-0.9.dist-info", METADATA="Metadata-Version: 2.1\n"
    ),
    "METADATA in another encoding": lambda site: left(
        site, "acme_plugin-0.9.dist-info", METADATA=b"\xff\xfe\0N"
    ),
    "entry points that are no text": lambda site: left(
        site,
        "acme_plugin-0.9.dist-info",
        METADATA="Metadata-Version: 2.1\nName: acme-plugin\nVersion: 0.9\n",
        **{"entry_points.txt": b"\xff\xfe["},
    ),
    "what pip moved away": lambda site: left(
        site, "~cme_plugin-1.0.dist-info", METADATA="Name: acme-plugin\n"
    ),
    "a link to an egg": lambda site: (site / "acme-plugin.egg-link").write_text("/nowhere\n.\n"),
    "an empty egg": lambda site: (site / "acme_plugin-0.9.egg-info").write_text(""),
}


def left(site, folder: str, **files: str | bytes) -> None:
    (site / folder).mkdir()
    for name, text in files.items():
        (site / folder / name).write_bytes(text.encode() if isinstance(text, str) else text)


@pytest.mark.parametrize("leave", LEFT.values(), ids=LEFT)
def test_leftovers_are_as_if_nothing_were_there(site, leave):
    site.mkdir(exist_ok=True)
    leave(site)
    assert (
        ask("acme-plugin", "acme_plugin") == "its provider is not installed pip install acme-plugin"
    )
    plugin(site, "acme-plugin")
    assert ask("acme-plugin", "acme_plugin") == ENGINE


def test_a_namespace_does_not_find_a_provider(site):
    vendor(site, "x86_64")
    assert_not_installed("x86-64", ask("x86-64", "x86_64"))
    assert "level" in ask(*OURS)  # not the vendor's, whose namespace is the same


def test_a_vendor_cannot_take_the_place_of_another_by_its_namespace(site):
    vendor(site, "acme")
    vendor(site, "evil", 'return [Feature("engine", ["fake"])]', namespace="acme")
    assert ask_acme() == ENGINE
    assert ask("evil-variants", "evil_variants") == {"engine": ["fake"]}


def test_a_hardware_that_is_missing_is_absent_with_a_reason(site):
    vendor(site, "acme", "return []")
    assert "acme found nothing" in ask_acme()


def test_a_package_that_is_not_installed_is_absent_by_its_name():
    assert_not_installed("acme-variants", ask_acme("acme-variants>=1"))


@pytest.mark.parametrize("requires", ["acme-variants>=2", "acme-variants<1", "acme-variants==1.1"])
def test_another_version_than_installed_is_absent(requires, site):
    vendor(site, "acme")
    reason = ask_acme(requires)
    assert requires in reason
    assert "1.0 is installed" in reason


def test_a_prerelease_that_is_installed_counts(site):
    vendor(site, "acme", version="2.0b1")
    assert ask_acme("acme-variants>=1.5") == ENGINE


def test_a_built_in_provider_does_not_stand_for_versions_it_does_not_implement():
    assert_not_installed("pip-variants", ask("x86-64-variant-provider>=1000", OURS[1]))


def test_a_marker_that_is_true_here_changes_nothing(site):
    vendor(site, "acme")
    assert ask_acme('acme-variants; python_version >= "3"') == ENGINE


def test_a_marker_that_is_false_here_makes_the_provider_absent(site):
    vendor(site, "acme")
    assert "not for this environment" in ask_acme('acme-variants; python_version < "3"')


def test_one_package_per_platform_is_one_requirement_here(site):
    vendor(site, "acme")
    here = f'acme-variants; sys_platform == "{sys.platform}"'
    elsewhere = f'acme-other; sys_platform != "{sys.platform}"'
    assert ask_acme([elsewhere, here]) == ENGINE


def test_several_requirements_are_all_needed(site):
    plugin(site, "acme-plugin")
    plugin(site, "acme-data")
    assert ask(["acme-plugin", "acme-data>=1"], "acme_plugin") == ENGINE
    assert_not_installed("acme-more", ask(["acme-plugin", "acme-more"], "acme_plugin"))
    assert "1.0 is installed" in ask(["acme-plugin", "acme-data>=2"], "acme_plugin")


def test_several_requirements_are_more_than_a_registered_provider_has(site):
    vendor(site, "acme")
    assert_not_installed("nobody", ask_acme(["acme-variants", "nobody"]))


@pytest.mark.parametrize("requires", ["", "acme variants", "acme>=>1"])
def test_an_invalid_requirement_is_absent_with_a_reason(requires):
    assert "invalid" in ask(requires, "acme")


def test_a_marker_that_cannot_be_evaluated_is_absent_with_a_reason(site):
    vendor(site, "acme")
    assert "os_name" in ask_acme('acme-variants; os_name ~= "posix"')


# Broken packages


def hook(body: str) -> str:
    return (
        "from pip_variants.hooks import Provider, Published, hookimpl\n"
        f"@hookimpl\ndef pip_variants_providers():\n    {body}\n"
    )


def publishing(version: str) -> str:
    published = f"Published('x86-64-variant-provider', {version}, 'x86_64_variant_provider')"
    return hook(f"return [Provider('broken', list, [{published}])]")


BROKEN = {
    "import error": ("import no_such_module", "no_such_module"),
    "exit at import": ("raise SystemExit('bye')", "bye"),
    "syntax error": ("def", "SyntaxError"),
    "no hook": ("", "pip_variants_providers"),
    "hook with arguments": (
        hook("return []").replace("providers()", "providers(manager)"),
        "manager",
    ),
    "raising hook": (hook("raise RuntimeError('boom')"), "boom"),
    "exiting hook": (hook("raise SystemExit('bye')"), "bye"),
    "hook returns None": (hook("return None"), "NoneType"),
    "hook returns a number": (hook("return 5"), "int"),
    "hook returns text": (hook("return ['acme']"), "str"),
    "ill-formed namespace": (hook("return [Provider('Acme!', list, [])]"), "Acme!"),
    "detect is not callable": (hook("return [Provider('broken', 'detect', [])]"), "detect"),
    "implements is None": (hook("return [Provider('broken', list, None)]"), "implements"),
    "implements is text": (hook("return [Provider('broken', list, ['broken'])]"), "implements"),
    "version is a number": (publishing("1.0"), "1.0"),
    "version is nonsense": (publishing("'newest'"), "newest"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_package_is_named_and_the_others_still_answer(fault, site):
    source, reason = BROKEN[fault]
    broken_vendor(site, source)
    vendor(site, "acme")
    assert ask_acme() == ENGINE
    assert "level" in ask(*OURS)
    assert_not_installed("nobody-variants", ask("nobody-variants", "nobody_variants"))
    broken = Registry().registered()["broken"]
    assert list(broken) == ["broken"]
    assert reason in broken["broken"]


@pytest.mark.parametrize(
    "value", ["no_such_module", "broken_variants:no_such_name", "not a reference!", "broken-x"]
)
def test_an_entry_point_that_cannot_be_loaded_is_named(value, site):
    broken_vendor(site, "", value)
    vendor(site, "acme")
    registry = Registry()
    assert list(registry.registered()["broken"]) == ["broken"]
    assert "acme" in registry.registered()["namespaces"]


@pytest.mark.parametrize("text", ["[pip_variants]\nbroken\n", "[pip_variants]\n= broken\n", "%&\0"])
def test_malformed_entry_points_of_one_package_do_not_take_others_down(text, site):
    install(site, "broken-variants", "", entry_points=text)
    vendor(site, "acme")
    assert ask_acme() == ENGINE


def test_a_half_removed_package_does_not_take_others_down(site):
    (site / "broken_variants-1.0.dist-info").mkdir()
    (site / "~roken_variants-1.0.dist-info").mkdir()
    vendor(site, "acme")
    assert ask_acme() == ENGINE


def test_two_packages_with_one_entry_point_name_both_work(site):
    """Each vendor may call its entry point `gpu`, and its namespace as well."""
    for name in ("acme", "zed"):
        vendor(site, name, f'return [Feature("engine", ["{name}"])]', namespace="gpu")
        metadata = site / f"{name}_variants-1.0.dist-info"
        (metadata / "entry_points.txt").write_text(entry("gpu", f"{name}_variants"))
    assert Registry().registered()["broken"] == {}
    for name in ("acme", "zed"):
        assert ask(f"{name}-variants", f"{name}_variants") == {"engine": [name]}
    assert Registry().registered()["namespaces"][-2:] == ["gpu", "gpu"]
    shown = [
        Registry().supported_in("gpu", place=place).support.values("engine") for place in (0, 1)
    ]
    assert sorted(shown) == [("acme",), ("zed",)]


def test_a_broken_one_does_not_take_its_namesake_down(site):
    vendor(site, "acme")
    install(site, "acme-copy", "raise OSError('half')", entry_points=entry("acme", "acme_copy"))
    (name,) = Registry().registered()["broken"]
    assert name in ("acme", "acme of acme-copy")
    assert ask_acme() == ENGINE


def test_one_module_under_two_names(site):
    vendor(site, "acme")
    metadata = site / "acme_variants-1.0.dist-info"
    (metadata / "entry_points.txt").write_text(entry("a", "acme_variants") + "b = acme_variants\n")
    assert (Registry().registered()["broken"], ask_acme()) == ({}, ENGINE)


# Installed PEP 850 plugins


CLASSES = """\
class Config:
    def __init__(self, name, values):
        self.name, self.values, self.multi_value = name, values, False

class ByClass:
    @classmethod
    def get_supported_configs(cls):
        return [Config("engine", ["mk2", "mk1"])]

class ByStatic:
    @staticmethod
    def get_supported_configs():
        return (Config("engine", ("mk2", "mk1")),)

class Outer:
    Inner = ByClass

instance = ByClass()

def get_supported_configs():
    yield Config("engine", iter(["mk2", "mk1"]))
"""


@pytest.mark.parametrize("attributes", ["", ":ByClass", ":ByStatic", ":Outer.Inner", ":instance"])
def test_an_installed_plugin_is_asked_at_its_endpoint(attributes, site):
    install_plugin(site, "acme-plugin", CLASSES)
    assert ask("acme-plugin", "acme_plugin" + attributes) == ENGINE


def test_a_plugin_in_a_package_is_found(site):
    entry_points = "[variant_plugins]\nacme = acme.variants.plugin:ByClass\n"
    install(site, "acme-plugin", "", entry_points=entry_points)
    (site / "acme" / "variants").mkdir(parents=True)
    (site / "acme" / "__init__.py").touch()
    (site / "acme" / "variants" / "plugin.py").write_text(CLASSES)
    assert ask("acme-plugin", "acme.variants.plugin:ByClass") == ENGINE


def test_what_a_plugin_adds_to_its_answer_is_ignored(site):
    plugin(site, "acme-plugin", 'return [Config("engine", ["mk2", "mk1"], multi_value=True)]')
    assert ask("acme-plugin", "acme_plugin") == ENGINE


def test_a_plugin_is_asked_as_it_is(site, monkeypatch):
    monkeypatch.setenv("ACME_VARIANT_PROVIDER_FORCE_ENGINE", "mk9")
    monkeypatch.setenv("ACME_PLUGIN_VARIANT_PROVIDER_FORCE_ENGINE", "mk9")
    plugin(site, "acme-plugin")
    assert ask("acme-plugin", "acme_plugin") == ENGINE


def test_the_answer_of_a_plugin_names_package_and_version(site):
    plugin(site, "acme-plugin")
    assert (
        Registry().supported(["acme-plugin"], "acme_plugin", [], sys.prefix).by == "acme-plugin 1.0"
    )


@pytest.mark.parametrize(
    "endpoint", ["acme_plugin:NoSuchClass", "acme_plugin:Config", "acme_plugin:"]
)
def test_a_plugin_without_its_endpoint_has_failed(endpoint, site):
    plugin(site, "acme-plugin", "raise OSError('no device')")
    with pytest.raises(ProviderFailed, match=r"acme-plugin 1\.0"):
        ask("acme-plugin", endpoint)


@pytest.mark.parametrize("version", ["unknown", "1.0-custom-build", ""])
def test_an_installed_version_that_is_not_one_is_absent_and_named(version, site):
    plugin(site, "acme-plugin")
    metadata = site / "acme_plugin-1.0.dist-info" / "METADATA"
    metadata.write_text(f"Metadata-Version: 2.1\nName: acme-plugin\nVersion: {version}\n")
    reason = ask("acme-plugin>=1", "acme_plugin")
    assert "acme-plugin" in reason


# What providers may answer


WRONG = {
    'return [Feature("engine", [])]': r"engine.*\[\]",
    'return [Feature("engine", ["mk1", "mk1"])]': "mk1",
    'return [Feature("engine", ["mk1"]), Feature("engine", ["mk2"])]': "engine",
    'return [Feature("Engine!", ["mk1"])]': "Engine!",
    'return [Feature("", ["mk1"])]': "''",
    'return [Feature(None, ["mk1"])]': "None",
    'return [Feature("engine", ["mk 1"])]': "mk 1",
    'return [Feature("engine", ["mk1\\n"])]': "mk1",
    'return [Feature("engine", ["MK1"])]': "MK1",
    'return [Feature("engine", ["m\\u0661"])]': "m\u0661",
    'return [Feature("engine", [""])]': "''",
    'return [Feature("engine", [1])]': "1",
    'return [Feature("engine", [None])]': "None",
    'return [Feature("engine", [["mk1"]])]': "mk1",
    'return [Feature("engine", "mk1")]': "mk1",
    'return [Feature("engine", None)]': "None",
    'return [Feature("engine", 5)]': "5",
    "return None": "None",
    "return 5": "5",
    'return "engine"': "engine",
    'return ["engine"]': "engine",
    'return {"engine": ["mk1"]}': "engine",
    "return [None]": "None",
}


@pytest.mark.parametrize("detect", WRONG)
def test_an_answer_that_breaks_the_contract_names_provider_and_value(detect, site):
    vendor(site, "acme", detect)
    with pytest.raises(InvalidProviderAnswer, match=f"(?s)acme.*{WRONG[detect]}"):
        ask_acme()


@pytest.mark.parametrize("error", ["OSError", "SystemExit", "KeyboardInterrupt", "StopIteration"])
def test_a_provider_that_raises_has_failed(error, site):
    vendor(site, "acme", f"raise {error}('no device')")
    with pytest.raises(ProviderFailed, match="acme.*no device"):
        ask_acme()


def test_a_provider_that_fails_halfway_has_failed(site):
    vendor(site, "acme", 'yield Feature("engine", ["mk1"])\nraise OSError("no device")')
    with pytest.raises(ProviderFailed, match="acme.*no device"):
        ask_acme()


@pytest.mark.parametrize(
    "detect",
    [
        'return (Feature("engine", ("mk2", "mk1")),)',
        'yield Feature("engine", ["mk2", "mk1"])',
        'return [Feature("engine", ["mk2", "mk1"], multi_value=True)]',
        'return {Feature("engine", ("mk2", "mk1")): "a dict is iterable"}',
    ],
)
def test_any_iterable_of_features_will_do(detect, site):
    vendor(site, "acme", detect)
    assert ask_acme() == ENGINE


def test_everything_of_a_namespace_is_what_its_first_provider_says(site):
    vendor(site, "acme")
    answer = Registry().supported_in("acme")
    assert dict(answer.support.features) == {"engine": ("mk2", "mk1")}
    assert answer.by == "acme"


def test_namespaces_are_those_of_the_registered_providers(site):
    vendor(site, "acme")
    vendor(site, "evil", namespace="acme")
    plugin(site, "acme-plugin")
    built_in = (
        "x86_64",
        "aarch64",
        "riscv64",
        "ppc64le",
        "s390x",
        "nvidia",
        "amd",
        "intel",
        "tpu",
        "mpi",
    )
    assert Registry().registered()["namespaces"] == [*built_in, "acme", "acme"]


# Installs for another machine


def with_baseline(site, baseline: str) -> None:
    source = hook(
        "published = Published('acme-variants', '1.0', 'acme_variants')\n"
        f"    return [Provider('acme', this_machine, [published], {baseline})]"
    )
    source += "from pip_variants.hooks import Feature\ndef this_machine(): raise SystemExit\n"
    install(site, "acme-variants", source, entry_points=entry("acme", "acme_variants"))


X86_64_PLATFORMS = ["manylinux_2_28_x86_64", "win_amd64", "macosx_10_9_x86_64", "linux_x86_64"]
OTHER_PLATFORMS = ["manylinux_2_28_aarch64", "win32", "win_arm64", "macosx_11_0_arm64", "any"]


@pytest.mark.parametrize("platform", X86_64_PLATFORMS)
def test_every_x86_64_machine_has_the_least_level(platform):
    assert ask(*OURS, platform) == {"level": ["v1"]}


@pytest.mark.parametrize("platform", [*OTHER_PLATFORMS, "macosx_11_0_universal2", "linux_i686"])
def test_nothing_is_known_of_another_architecture(platform):
    assert "not known" in ask(*OURS, platform)


def test_several_platforms_have_what_all_of_them_have():
    assert ask(*OURS, *X86_64_PLATFORMS) == {"level": ["v1"]}
    assert "not known" in ask(*OURS, *X86_64_PLATFORMS, *OTHER_PLATFORMS)


def test_another_machine_has_what_the_vendor_says_of_its_platform(site):
    with_baseline(site, "lambda platform: [Feature('engine', [platform[-3:]])]")
    assert ask_acme("acme-variants", "win_amd64") == {"engine": ["d64"]}
    assert "not known" in ask_acme("acme-variants", "win_amd64", "linux_s390x")


def test_nothing_is_known_of_another_machine_without_a_baseline(site):
    vendor(site, "acme", "raise SystemExit")
    plugin(site, "acme-plugin", "raise SystemExit")
    assert "not known" in ask_acme("acme-variants", "win_amd64")
    assert "not known" in ask("acme-plugin", "acme_plugin", "win_amd64")


def test_a_baseline_that_breaks_the_contract_names_provider_and_value(site):
    with_baseline(site, "lambda platform: [Feature('engine', ['MK1'])]")
    with pytest.raises(InvalidProviderAnswer, match="acme.*MK1"):
        ask_acme("acme-variants", "win_amd64")


# What users may force


@pytest.fixture
def force(monkeypatch):
    def set_variable(text: str, name: str = "X86_64_VARIANT_PROVIDER_FORCE_LEVEL") -> None:
        monkeypatch.setenv(name, text)

    return set_variable


def test_a_forced_feature_has_exactly_these_values(force):
    detected = ask(*OURS)
    force("v2")
    assert ask(*OURS) == {**detected, "level": ["v2"]}
    assert list(ask(*OURS)) == list(detected)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("v2,v1", ["v2", "v1"]),
        ("v1,v3,v2", ["v1", "v3", "v2"]),
        (" v2 , v1 ", ["v2", "v1"]),
        ("v9", ["v9"]),
        ("v2,v1,v2", ["v2", "v1"]),
    ],
)
def test_forced_values_keep_their_order(text, values, force):
    force(text)
    assert ask(*OURS)["level"] == values


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_variable_is_as_good_as_unset(text, force):
    detected = ask(*OURS)
    force(text)
    assert ask(*OURS) == detected


def test_none_removes_a_feature(force):
    detected = ask(*OURS)
    force("none")
    assert ask(*OURS) == {name: detected[name] for name in detected if name != "level"}


def test_a_provider_of_which_everything_is_removed_is_absent(site, force):
    vendor(site, "acme")
    force("none", "ACME_VARIANT_PROVIDER_FORCE_ENGINE")
    assert "acme" in ask_acme()


def test_a_forced_feature_that_was_not_detected_comes_last(site, force):
    vendor(site, "acme")
    force("9.0", "ACME_VARIANT_PROVIDER_FORCE_DRIVER")
    assert list(ask_acme().items()) == [("engine", ["mk2", "mk1"]), ("driver", ["9.0"])]


def test_a_feature_can_be_forced_without_the_hardware(site, force):
    vendor(site, "acme", "return []")
    force("mk3", "ACME_VARIANT_PROVIDER_FORCE_ENGINE")
    assert ask_acme() == {"engine": ["mk3"]}


@pytest.mark.parametrize(
    "name",
    ["x86_64_variant_provider_force_level", "X86_64_VARIANT_PROVIDER_FORCE_level"],
)
def test_the_case_of_a_variable_does_not_matter(name, force):
    force("v2", name)
    assert ask(*OURS)["level"] == ["v2"]


@pytest.mark.parametrize("text", ["v3,", "v3,,v2", "V3", "v3 v2", "v3;v2", "../v3", "v\u0663"])
def test_a_forced_value_outside_the_alphabet_names_the_variable(text, force):
    force(text)
    with pytest.raises(ProviderFailed, match="X86_64_VARIANT_PROVIDER_FORCE_LEVEL"):
        ask(*OURS)


@pytest.mark.parametrize("feature", ["", "A-B"])
def test_a_forced_feature_outside_the_alphabet_names_the_variable(feature, force):
    force("v2", "X86_64_VARIANT_PROVIDER_FORCE_" + feature)
    with pytest.raises(ProviderFailed, match=f"X86_64_VARIANT_PROVIDER_FORCE_{feature}"):
        ask(*OURS)


def test_a_variable_of_another_namespace_changes_nothing(site, force):
    vendor(site, "acme")
    force("mk9", "X86_64_VARIANT_PROVIDER_FORCE_ENGINE")
    assert ask_acme() == ENGINE


def test_a_namespace_that_begins_like_another_is_another(site, force):
    vendor(site, "acme")
    force("mk9", "ACME_2_VARIANT_PROVIDER_FORCE_ENGINE")
    assert ask_acme() == ENGINE


def test_the_level_can_be_forced_on_another_architecture(force, monkeypatch):
    monkeypatch.setattr("pip_variants.providers.machine.architecture", lambda: "aarch64")
    force("v2")
    assert ask(*OURS) == {"level": ["v2"]}


def test_a_provider_may_read_a_forced_variable_itself(site, force) -> None:
    source = """
import os
from pip_variants.hooks import Feature, Provider, Published, hookimpl

def detect():
    known = int(os.environ.get("ACME_VARIANT_PROVIDER_FORCE_CORES", "2"))
    return [Feature("cores", [str(number) for number in range(known, 0, -1)])]

@hookimpl
def pip_variants_providers():
    return [Provider("acme", detect, [Published("acme-variants", "1.0", "acme_variants")], forced=["cores"])]
"""
    install(site, "acme-variants", source, entry_points=entry("acme", "acme_variants"))
    force("3", "ACME_VARIANT_PROVIDER_FORCE_CORES")
    force("on", "ACME_VARIANT_PROVIDER_FORCE_FAST")
    assert ask_acme() == {"cores": ["3", "2", "1"], "fast": ["on"]}


def test_a_provider_knows_the_environment_that_is_installed_into(site) -> None:
    vendor(
        site,
        "acme",
        'from pip_variants.hooks import target_prefix\nreturn [Feature("at", [target_prefix()[-3:]])]',
    )
    support = Registry().supported(["acme-variants"], "acme_variants", [], "/there/env").support
    assert support.values("at") == ("env",)


# Index sets of vendors

_SETS = """\
from pip_variants.hooks import hookimpl

@hookimpl
def pip_variants_index_sets():
    {body}
"""


def test_the_index_sets_of_vendors_come_after_ours(site):
    install(
        site,
        "acme-sets",
        _SETS.format(body="return ['name = 1']"),
        entry_points=entry("acme", "acme_sets"),
    )
    source = _SETS.format(body="raise OSError('no file')")
    install(site, "bad-sets", source, entry_points=entry("bad", "bad_sets"))
    registry = Registry()
    first, *others = registry.index_sets()
    assert 'name = "pytorch"' in first
    assert others == ["name = 1"]
    assert registry.registered()["broken"] == {"bad": "OSError: no file"}
