"""What the user chooses by pip's options: which providers may speak, and what is preferred."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from support.environments import FORCED
from support.server import Index
from support.wheels import levels, plain_wheel, release, sdist, variant_wheel

from pip_variants.model.metadata import PluginProvider, StaticProvider
from pip_variants.model.support import SupportedFeature

ENGINE = "acme :: engine :: {}".format
PLUGIN = """
import os
from types import SimpleNamespace
import helper

def get_supported_configs():
    seen = [name for name in ("MY_TOKEN", "PIP_INDEX_URL", "ACME_HOME") if name in os.environ]
    {}
    values = ["mk2", "mk1", *(name.lower() for name in seen), helper.__name__]
    return [SimpleNamespace(name="engine", values=values, multi_value=False)]
"""


def demo(index: Index, requires: tuple[str, ...] = ("acme-plugin>=1",), label: str = "mk1") -> None:
    providers = {"acme": PluginProvider(requires, "acme_plugin")}
    labels = {label: (ENGINE(label),), None: ()}
    release(index.root / "demo", "1.0", labels, namespaces=("acme",), providers=providers)


def plugin(index: Index, code: str = "", **more) -> None:
    metadata = ["Requires-Dist: helper"]
    files = {
        "acme_plugin.py": PLUGIN.format(code),
        "acme_plugin-1.0.dist-info/entry_points.txt": "[variant_plugins]\nacme = acme_plugin\n",
    }
    plain_wheel(
        index.root / "acme-plugin", "acme_plugin", "1.0", files=files, metadata=metadata, **more
    )
    plain_wheel(index.root / "helper", "helper")


def install(env, index: Index, *arguments, more=None, **options):
    command = ("install", "--index-url", index.url, *arguments, "demo")
    return env.pip(*command, env={**FORCED, **(more or {})}, **options)


TRUST = ("--variant-trust", "acme-plugin")


def test_a_provider_that_is_not_installed_is_hinted_at(env, index: Index) -> None:
    demo(index)
    plugin(index)
    result = install(env, index)
    assert env.installed() == ("1.0", None)
    assert (
        "Using the wheel without variant: no variant fits this machine; mk1 needs acme :: engine :: mk1 "
        "(its provider is not installed: pip install 'acme-plugin>=1')\n" in result.out
    )
    env.pip("install", "--index-url", index.url, "acme-plugin>=1")
    result = install(env, index, "--force-reinstall")
    assert env.installed() == ("1.0", "mk1")
    assert "pip install" not in result.out


def test_the_hint_comes_once_where_another_variant_fits(env, index: Index) -> None:
    for name in ("demo", "other"):
        acme = {"acme": PluginProvider(("acme-plugin",))}
        labels = {label: (ENGINE(label),) for label in ("mk1", "mk2", "mk3", "mk4")}
        options: dict[str, Any] = {"namespaces": ("acme",), "providers": acme}
        release(index.root / name, "1.0", {**labels, "null": ()}, name, **options)
    result = install(env, index, "other")
    assert env.installed() == ("1.0", "null")
    hint = (
        "has more variants (mk1, mk2, mk3 ...); to let pip consider them: pip install acme-plugin\n"
    )
    assert result.out.count("Hint: ") == result.out.count(hint) == 1


@pytest.mark.parametrize(
    "way", [{}, {"PIP_VARIANT_TRUST": "other acme_plugin"}], ids=["option", "variable"]
)
def test_a_trusted_provider_is_asked_in_an_environment_of_its_own(
    env, index, tmp_path, way
) -> None:
    demo(index)
    plugin(index)
    trust = () if way else TRUST
    cache = {"PIP_NO_CACHE_DIR": "", "PIP_CACHE_DIR": str(tmp_path / "cache")}
    result = install(env, index, *trust, more={**way, **cache})
    assert env.installed() == ("1.0", "mk1"), result.all
    assert "Installing the trusted provider acme-plugin>=1" in result.out
    assert env.installed("acme_plugin") is env.installed("helper") is None
    index.requests.clear()
    result = install(env, index, *trust, "--force-reinstall", more={**way, **cache})
    assert env.installed() == ("1.0", "mk1")
    assert not [one for one in index.requests if "acme" in one]
    assert "Installing the trusted" not in result.out


def test_a_trusted_provider_gets_no_credentials(env, index: Index) -> None:
    plugin(index)
    more = {"MY_TOKEN": "secret", "PIP_INDEX_URL": index.url, "ACME_HOME": "/acme"}
    for label, expected in (
        ("my_token", None),
        ("pip_index_url", None),
        ("acme_home", "acme_home"),
    ):
        demo(index, label=label)
        install(env, index, *TRUST, "--force-reinstall", more=more)
        assert env.installed() == ("1.0", expected)


def test_only_wheels_of_a_trusted_provider_are_installed(env, index: Index) -> None:
    demo(index)
    sdist(index.root / "acme-plugin", "acme_plugin")
    result = install(env, index, *TRUST, code=1)
    assert env.installed() is None
    assert (
        "Could not tell which variant of demo 1.0 fits: the provider acme-plugin>=1 could not be "
        in result.err
    )
    assert "Use --variant-disable acme or --no-variants to go on." in result.err


def test_the_wheels_of_a_trusted_provider_are_no_variants(env, index: Index) -> None:
    demo(index)
    plugin(index)
    variant_wheel(index.root / "helper", "v1", ["x86_64 :: level :: v1"], "helper", "2.0")
    install(env, index, *TRUST)
    assert env.installed() == ("1.0", "mk1")
    assert not [one for one in index.requests if "helper-2.0" in one]


def test_no_provider_is_trusted_where_hashes_are_required(
    env, index: Index, tmp_path: Path
) -> None:
    import hashlib

    demo(index)
    plugin(index)
    wheels = (index.root / "demo").glob("*.whl")
    hashes = " ".join(
        f"--hash=sha256:{hashlib.sha256(one.read_bytes()).hexdigest()}" for one in wheels
    )
    (tmp_path / "requirements.txt").write_text(f"demo==1.0 {hashes}\n")
    arguments = ("install", "--index-url", index.url, *TRUST, "-r", tmp_path / "requirements.txt")
    result = env.pip(*arguments, env=FORCED, code=1)
    assert (
        "ERROR: --variant-trust acme-plugin cannot be used where hashes are required" in result.err
    )
    assert env.installed() is None


@pytest.mark.parametrize(
    "requires",
    [("acme-plugin", "evil"), ("acme-plugin @ http://127.0.0.1:1/acme_plugin-1-py3-none-any.whl",)],
)
def test_only_the_names_that_the_user_gave_are_trusted(env, index: Index, requires) -> None:
    demo(index, requires)
    plugin(index)
    plain_wheel(index.root / "evil", "evil")
    install(env, index, *TRUST)
    assert env.installed() == ("1.0", None)
    assert not [one for one in index.requests if "evil" in one or "acme" in one]


@pytest.mark.parametrize(
    "fault", ["raise OSError('no device')", "os._exit(3)", "import nothing_of_it"]
)
def test_a_trusted_provider_that_fails_stops_the_install(env, index: Index, fault: str) -> None:
    demo(index)
    plugin(index, fault)
    result = install(env, index, *TRUST, code=1)
    assert env.installed() is None
    assert "acme-plugin" in result.err
    assert "Use --variant-disable acme or --no-variants to go on." in result.err


# Optional providers, preferences


def blas(index: Index, *, optional: bool = False) -> None:
    provider = StaticProvider(
        (SupportedFeature("library", ("openblas", "mkl")),), optional=optional
    )
    labels = {name: (f"blas :: library :: {name}",) for name in ("openblas", "mkl")}
    options: dict[str, Any] = {"namespaces": ("blas",), "providers": {"blas": provider}}
    release(index.root / "demo", "1.0", {**labels, None: ()}, **options)


def test_an_optional_provider_has_to_be_enabled(env, index: Index) -> None:
    blas(index, optional=True)
    result = install(env, index)
    assert env.installed() == ("1.0", None)
    assert "its provider is optional and not enabled, see --variant-enable blas" in result.out
    install(env, index, "--force-reinstall", "--variant-enable", "blas")
    assert env.installed() == ("1.0", "openblas")


def test_preferring_and_disabling(env, index: Index, tmp_path: Path) -> None:
    blas(index)
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nvariant-prefer = blas::library::mkl\n")
    for arguments, more, expected in (
        ((), {}, "openblas"),
        (("--variant-prefer", "blas :: library :: mkl"), {}, "mkl"),
        ((), {"PIP_VARIANT_PREFER": "x86_64 blas::library::mkl"}, "mkl"),
        ((), {"PIP_CONFIG_FILE": str(config)}, "mkl"),
        (("--variant-disable", "blas"), {}, None),
        ((), {"PIP_VARIANT_DISABLE": "blas"}, None),
    ):
        env.reset()
        install(env, index, *arguments, more=more)
        assert env.installed() == ("1.0", expected), (arguments, more)


ALL = {**levels("v1", "v2", "v3", "v4"), "null": (), None: ()}
RESOLVERS = [(), ("--use-deprecated", "legacy-resolver")]


@pytest.mark.parametrize("resolver", RESOLVERS, ids=["resolver", "legacy resolver"])
def test_taking_exactly_that_build(env, index: Index, resolver) -> None:
    release(index.root / "demo", "1.0", ALL)
    for text, label in (
        ("demo=v2", "v2"),
        ("DEMO=null", "null"),
        ("demo=none", None),
        ("other=v1", "v3"),
    ):
        env.reset()
        install(env, index, *resolver, "--variant", text)
        assert env.installed() == ("1.0", label), text
        assert (
            install(env, index, "--variant", text, more={"PIP_QUIET": "1"}).all.count(
                "installed as"
            )
            == 0
        )
    env.reset()
    install(env, index, *resolver, more={"PIP_VARIANT": "other=v2 demo=v1"})
    assert env.installed() == ("1.0", "v1")


def test_a_build_that_does_not_fit_cannot_be_taken(env, index: Index) -> None:
    release(index.root / "demo", "1.0", ALL)
    result = install(env, index, "--variant", "demo=v4", code=1)
    assert env.installed() is None
    assert (
        "Skipping demo 1.0: its variant v4 needs x86_64 :: level :: v4 (supported: v3, v2, v1); "
        "for other machines there is --variant-target\n" in result.out
    )
    install(env, index, "--variant", "demo=v4", "--variant-target", "x86_64_v4")
    assert env.installed() == ("1.0", "v4")


def test_an_unknown_label_is_said(env, index: Index) -> None:
    release(index.root / "demo", "1.0", {**levels("v3"), None: ()})
    release(index.root / "demo", "2.0", {None: ()})
    result = install(env, index, "--variant", "demo=v2", code=1)
    assert (
        "Skipping 2 versions of demo (2.0 to 1.0, each with its reason at -v): it has no variant v2\n"
        in result.out
    )
    assert env.installed() is None
    result = install(env, index, "--variant", "demo=v2", "demo<2", code=1)
    assert "Skipping demo 1.0: it has no variant v2; there is v3\n" in result.out
    install(env, index, "--variant", "demo=v3")
    assert env.installed() == ("1.0", "v3")


def test_another_build_than_the_installed_one_needs_force(env, index: Index) -> None:
    release(index.root / "demo", "1.0", ALL)
    install(env, index)
    result = install(env, index, "--variant", "demo=v2")
    assert env.installed() == ("1.0", "v3")
    assert "WARNING: demo 1.0 is installed as v3, not v2; " in result.err
    install(env, index, "--variant", "demo=v2", "--force-reinstall")
    assert env.installed() == ("1.0", "v2")


def test_metadata_of_pep_825_alone_needs_enabling(env, index: Index) -> None:
    folder = release(index.root / "demo", "1.0", {**levels("v3"), None: ()})
    file = folder / "demo-1.0-variants.json"
    document = json.loads(file.read_text())
    document["$schema"] = "https://variants-schema.wheelnext.dev/peps/825/v0.1.1.json"
    del document["providers"]
    file.write_text(json.dumps(document))
    result = install(env, index)
    assert env.installed() == ("1.0", None)
    assert "(its metadata names no provider: --variant-enable x86_64)" in result.out


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("--variant-enable", "Blas!", "invalid variant namespace"),
        ("--variant-enable", "blas::library", "too many '::'"),
        ("--variant-disable", "", "invalid variant namespace"),
        ("--variant-prefer", "blas::library::mkl::x", "too many '::'"),
        ("--variant-prefer", "blas::LIBRARY", "invalid variant feature"),
        ("--variant", "demo", "must be PACKAGE=LABEL, not 'demo'"),
        ("--variant", "demo=V3", "must be PACKAGE=LABEL"),
        ("--variant", "=v3", "must be PACKAGE=LABEL"),
    ],
)
def test_a_mistyped_value_is_an_error(env, option: str, value: str, complaint: str) -> None:
    result = env.pip("install", option, value, "demo", code=2)
    assert f"option {option}: " in result.err
    assert complaint in result.err
    variable = {"PIP_" + option.strip("-").upper().replace("-", "_"): value}
    if value:  # an empty variable is none
        assert (
            complaint in env.pip("install", "demo", env=variable, code=3).err
        )  # as for any of pip


def test_the_options_are_in_the_help(env) -> None:
    for command in ("install", "download", "wheel", "lock", "list"):
        out = env.pip(command, "--help").out
        group = out[out.index("Wheel Variant Options:") :]
        for option in ("--no-variants", "enable", "disable", "prefer", "trust"):
            assert option in group


def test_that_another_build_is_installed_is_said_once(env, index: Index) -> None:
    release(index.root / "demo", "1.0", {**levels("v2", "v3"), None: ()})
    for name in "opq":
        plain_wheel(index.root / name, name, metadata=["Requires-Dist: demo"])
    install(env, index)
    result = install(env, index, "--variant", "demo=v2", "o", "p", "q")
    assert result.err.count("is installed as v3, not v2") == 1


def test_versions_are_listed_that_have_the_build_that_the_user_wants(env, index: Index) -> None:
    release(index.root / "demo", "1.0", {**levels("v2"), None: ()})
    release(index.root / "demo", "2.0", {**levels("v3"), "null": (), None: ()})
    for wanted, newest in (("v2", "1.0"), ("null", "2.0"), ("none", "2.0")):
        more = ("--index-url", index.url, "--variant", f"demo={wanted}", "demo")
        assert env.pip("index", "versions", *more, env=FORCED).out.startswith(f"demo ({newest})")


def test_hashes_that_the_index_does_not_give_are_the_reason(
    env, index: Index, tmp_path: Path
) -> None:
    """Only the content could tell: pip takes what it would have taken without variants."""
    folder = release(index.root / "demo", "1.0", {**levels("v2", "v3"), None: ()})
    digests = [sha256(wheel.read_bytes()).hexdigest() for wheel in folder.glob("*.whl")]
    hashes = " ".join(f"--hash=sha256:{one}" for one in digests)
    (tmp_path / "requirements.txt").write_text(f"demo==1.0 {hashes}\n")
    env.reset()
    arguments = ("--no-index", "--find-links", folder, "-r", tmp_path / "requirements.txt")
    result = env.pip("install", *arguments, env=FORCED)
    assert env.installed() == ("1.0", None)
    assert (
        "Using the wheel without variant: hashes are required, and those of the variants that fit"
        in result.out
    )
