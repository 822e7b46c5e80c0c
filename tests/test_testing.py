"""What `pip_variants.testing` accepts of a vendor's provider, and what it says of the others."""

import importlib
import socket
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from pip_variants.cli import main
from pip_variants.detection import client
from pip_variants.errors import InvalidVariantMetadata
from pip_variants.testing import check_detect, check_package, choose, make_wheel, serve

GOOD = 'return [Feature("engine", ["mk2", "mk1"]), Feature("driver", ["3"])]'
ANSWER = [("engine", ("mk2", "mk1")), ("driver", ("3",))]

HOOK = """
@hookimpl
def pip_variants_providers():
    return [Provider("acme", detect, [Published("acme-variants", "1.0", "acme_variants")])]
"""
PLUGIN = "get_supported_configs = detect\n"
VALID = """
def valid():
    return {Feature("driver", ("4", "3")), Feature("engine", ("mk1", "mk2", "mk3"))}
"""
VALID_HOOK = VALID + HOOK.replace("])]", "], valid=valid)]")
VALID_PLUGIN = f"{VALID}{PLUGIN}get_all_configs = valid\n"
ENTRY = "[pip_variants]\nacme = acme_variants\n"
PLUGIN_ENTRY = "[variant_plugins]\nacme = acme_variants\n"


@pytest.fixture(autouse=True)
def site(tmp_path, monkeypatch) -> Iterator[Path]:
    """A site-packages folder of this process and of the detection process."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    # Folders after the code are added as the user's site-packages folder is.
    command = [*client.command(), str(site)]
    monkeypatch.setattr(client, "command", lambda: command)
    yield site
    sys.modules.pop("acme_variants", None)


def write(site: Path, body: str = GOOD, more: str = "") -> Path:
    """Write the module acme_variants, whose `detect` has this body."""
    head = "from pip_variants.hooks import Feature, Provider, Published, hookimpl\n"
    indented = "\n    ".join(body.splitlines())
    module = site / "acme_variants.py"
    module.write_text(f"{head}def detect(root='/'):\n    {indented}\n{more}")
    importlib.invalidate_caches()
    return module


def check(site: Path, body: str = GOOD, **options: float):
    write(site, body)
    return check_detect(importlib.import_module("acme_variants").detect, **options)


# One provider


def test_an_answer_is_given_back_as_it_is_ordered(site):
    assert check(site) == ANSWER
    assert check_detect(partial(importlib.import_module("acme_variants").detect, "/x")) == ANSWER


def test_no_hardware_is_no_breach(site):
    assert check(site, "return []") == []


def test_logging_is_no_output(site):
    assert (
        check(site, f"import logging\nlogging.getLogger('acme').warning('old')\n{GOOD}") == ANSWER
    )


def test_sockets_of_this_machine_are_no_network(site, tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "daemon"))
        server.listen()
        ask = f"import socket\nsocket.socket(socket.AF_UNIX).connect({str(tmp_path / 'daemon')!r})"
        assert check(site, f"{ask}\n{GOOD}") == ANSWER


@pytest.mark.parametrize(
    ("body", "breach"),
    [
        ("return [Feature('Engine', ['mk1'])]", "invalid variant feature"),
        ("return [Feature('engine', ['mk-1'])]", "invalid variant value"),
        ("return [Feature('engine', [])]", "the values of engine must be distinct and at least"),
        ("return [Feature('engine', ['a', 'a'])]", "the values of engine must be distinct"),
        ("return [Feature('e', ['a']), Feature('e', ['b'])]", "the feature e occurs twice"),
        ("return None", "it must answer with features: None"),
        (f"print('looking')\n{GOOD}", "it prints 'looking'"),
        (f"import os\nos.system('echo a tool >&2')\n{GOOD}", "it prints 'a tool'"),
        (
            f"import os\nos.environ['ACME'] = 'x'\n{GOOD}",
            "it changes the environment variables ACME",
        ),
        (f"import os\nos.chdir('/')\n{GOOD}", "it changes the working directory to /"),
        ("raise OSError('no driver')", "it raises OSError: no driver ({module}, line 3)"),
        ("raise SystemExit(0)", "it raises SystemExit: 0 ({module}, line 3)"),
        (
            "import socket\nsocket.create_connection(('acme.example', 443))",
            "it uses the network: socket.getaddrinfo('acme.example', 443, 0, 1, 0)",
        ),
    ],
)
def test_a_breach_is_told_in_one_line(site, body, breach):
    expected = f"detect: {breach.format(module=site / 'acme_variants.py')}"
    with pytest.raises(AssertionError) as raised:
        check(site, body)
    assert str(raised.value).startswith(expected)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "call",
    ["connect(('127.0.0.1', 9))", "connect_ex(('127.0.0.1', 9))", "sendto(b'', ('127.0.0.1', 9))"],
)
def test_what_is_caught_has_used_the_network_nevertheless(site, call):
    body = f"import socket\ntry:\n    socket.socket(type=socket.SOCK_DGRAM).{call}\nexcept OSError: pass"
    with pytest.raises(AssertionError, match=r"^detect: it uses the network: .*'127.0.0.1', 9"):
        check(site, f"{body}\n{GOOD}")


def test_several_breaches_are_several_lines(site):
    with pytest.raises(AssertionError) as raised:
        check(site, "import os\nprint('looking')\nos.environ['ACME'] = 'x'\nreturn 1")
    assert [line.split()[1:3] for line in str(raised.value).splitlines()] == [
        ["it", "must"],
        ["it", "changes"],
        ["it", "prints"],
    ]


def test_an_order_by_chance(site):
    with pytest.raises(AssertionError, match="detect answers differently in the next process"):
        check(site, "return [Feature('engine', {f'mk{number}' for number in range(20)})]")


def test_no_answer_in_time_and_where_it_hangs(site):
    with pytest.raises(AssertionError) as raised:
        check(site, "import time\ntime.sleep(60)", seconds=3)
    first, *others = str(raised.value).splitlines()
    assert first.startswith("detect did not answer and end within 3 seconds")
    assert f'  File "{site / "acme_variants.py"}", line 4 in detect' in others


def test_the_end_of_the_process(site):
    with pytest.raises(AssertionError, match=r"detect did not answer .* \(exit status 3\)"):
        check(site, "import os\nos._exit(3)")


def test_what_another_process_cannot_import():
    with pytest.raises(AssertionError, match="must be a function of a module"):
        check_detect(lambda: [])


# A package


def install(site: Path, entries: str, more: str, body: str = GOOD, version: str = "1.0") -> None:
    write(site, body, more)
    info = site / f"acme_variants-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: acme-variants\nVersion: {version}\n"
    )
    (info / "RECORD").write_text("acme_variants.py,,\n")
    (info / "entry_points.txt").write_text(entries)


@pytest.mark.parametrize(
    ("entries", "more", "body"),
    [
        (ENTRY, HOOK, GOOD),
        (PLUGIN_ENTRY, PLUGIN, GOOD),
        (ENTRY + PLUGIN_ENTRY, HOOK + PLUGIN, GOOD),
        (ENTRY, HOOK, "return []"),
        (ENTRY + PLUGIN_ENTRY, VALID_HOOK + VALID_PLUGIN, GOOD),
        (ENTRY, VALID_HOOK, "return []"),
    ],
    ids=["hook", "plugin", "both", "no hardware", "valid", "valid, no hardware"],
)
def test_a_good_package(site, entries, more, body):
    install(site, entries, more, body)
    check_package("Acme_Variants")


@pytest.mark.parametrize(
    ("entries", "more", "breach"),
    [
        ("", HOOK, "acme-variants has no entry point in the groups pip_variants or"),
        (
            ENTRY,
            HOOK.replace("@hookimpl", ""),
            "acme_variants: it does not implement pip_variants_prov",
        ),
        (ENTRY, HOOK.replace("1.0", "0.9"), "acme-variants==1.0 is installed, acme implements "),
        (ENTRY, HOOK.replace("acme-var", "acne-var"), "acme-variants==1.0 is installed, acme impl"),
        (ENTRY, HOOK.replace('"acme"', '"Acme"'), "invalid variant namespace"),
        (
            ENTRY + PLUGIN_ENTRY,
            f"{HOOK}def get_supported_configs(): return detect()[:1]\n",
            "the provider answers [",
        ),
        (
            f"{ENTRY}[variant_plugins]\nacme = acme_variants:Plugin\n",
            f"{HOOK}class Plugin:\n    get_supported_configs = detect\n",
            "acme_variants:Plugin is in variant_plugins, and no provider implements it",
        ),
    ],
    ids=["entry", "hookimpl", "version", "package", "namespace", "answer", "endpoint"],
)
def test_a_package_that_wheels_do_not_find(site, entries, more, breach):
    install(site, entries, more)
    with pytest.raises(AssertionError) as raised:
        check_package("acme-variants")
    assert breach in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_package_whose_provider_breaks_the_contract(site):
    install(site, ENTRY, HOOK, "return [Feature('engine', [])]")
    with pytest.raises(AssertionError, match="detect: the values of engine must be distinct"):
        check_package("acme-variants")


@pytest.mark.parametrize(
    ("entries", "more"), [(ENTRY, VALID_HOOK), (PLUGIN_ENTRY, VALID_PLUGIN)], ids=["hook", "plugin"]
)
def test_a_package_that_answers_what_is_not_valid(site, entries, more):
    body = 'return [Feature("engine", ["mk9", "mk2", "mk0"]), Feature("colour", ["red"])]'
    install(site, entries, more, body)
    with pytest.raises(AssertionError) as raised:
        check_package("acme-variants")
    assert str(raised.value).splitlines() == [
        f"detect answers {one}, which valid does not have"
        for one in ("engine :: mk9", "engine :: mk0", "colour :: red")
    ]


def test_a_package_whose_valid_breaks_the_contract(site):
    install(site, ENTRY, VALID_HOOK.replace('"mk3"', '"mk 3"'))
    with pytest.raises(AssertionError, match="valid: invalid variant value"):
        check_package("acme-variants")


# pip


@pytest.fixture
def index(tmp_path, monkeypatch):
    monkeypatch.setenv("X86_64_VARIANT_PROVIDER_FORCE_LEVEL", "v2,v1")
    provider = {"x86_64": "x86-64-variant-provider>=0.2.1,<1"}
    for level in ("v1", "v2", "v3"):
        name = f"my_demo-1.0-py3-none-any-{level}.whl"
        make_wheel(tmp_path / "index", name, [f"x86_64 :: level :: {level}"], provider)
    make_wheel(tmp_path / "index", "my_demo-1.0-py3-none-any.whl")
    with serve(tmp_path / "index") as url:
        yield url


def test_pip_chooses_and_says_so(index, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # settings of pip do not matter
    label, output = choose(index, "my-demo")
    assert label == "v2"
    assert "Using the variant v2 (x86_64 :: level :: v2)" in output


def test_pip_gets_options_and_sees_the_environment(index, monkeypatch):
    assert choose(index, "my-demo==1.0", "--no-variants").label is None
    monkeypatch.setenv("X86_64_VARIANT_PROVIDER_FORCE_LEVEL", "v1")
    assert choose(index, "my-demo").label == "v1"


def test_pip_finds_nothing(index):
    with pytest.raises(AssertionError, match="No matching distribution found for my-demo>=2"):
        choose(index, "my-demo>=2")


def test_a_variant_wheel_says_who_provides_its_properties(tmp_path):
    name = "demo-1.0-py3-none-any-mk1.whl"
    with pytest.raises(InvalidVariantMetadata):
        make_wheel(tmp_path, name, ["acme :: engine :: mk1"])
    assert list(tmp_path.rglob("*.whl")) == []


def test_wheels_have_no_mistakes(tmp_path, capsys):
    """What a vendor starts from is what `pip-variants verify` asks of everybody."""
    said = {"providers": {"acme": "acme-variants"}}
    for tags in ("py2.py3-none-any", "cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64"):
        make_wheel(tmp_path, f"Acme.Demo-1.0-{tags}.whl")
        make_wheel(tmp_path, f"Acme.Demo-1.0-{tags}-null.whl", **said)
        make_wheel(tmp_path, f"Acme.Demo-1.0-{tags}-mk2.whl", ["acme :: engine :: mk2"], **said)
    with serve(tmp_path):
        assert main(["verify", str(tmp_path / "acme-demo")]) == 0
    assert capsys.readouterr().out.endswith("OK\n")
