"""`pip-variants make` and `pip-variants index`: wheels and metadata as PEP 825 wants them."""

import base64
import csv
import hashlib
import json
import zipfile
from pathlib import Path

import pytest
from support.wheels import X86_64, levels, plain_wheel, release, variant_metadata, variant_wheel

from pip_variants.cli import main
from pip_variants.errors import InvalidWheel
from pip_variants.model.metadata import PluginProvider, ProviderInfo, StaticProvider
from pip_variants.model.support import SupportedFeature
from pip_variants.publish.archive import opened, rewrite
from pip_variants.publish.wheel import make_variant_wheel, read_metadata


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return plain_wheel(tmp_path, files={"data,with comma.txt": "x", "demo_data/empty": ""})


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_make_names_the_wheel_and_describes_it(wheel: Path, tmp_path: Path, capsys) -> None:
    code = main(
        ["make", str(wheel), "--label", "x86_64_v3", "--property", "x86_64::level::v3"]
        + ["--property", "x86_64 :: aes :: on", "-o", str(tmp_path)]
    )
    made = tmp_path / "demo-1.0-py3-none-any-x86_64_v3.whl"
    assert (code, capsys.readouterr().out) == (0, f"{made}\n")
    assert json.loads(contents(made)["demo-1.0.dist-info/variant.json"]) == {
        "$schema": "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json",
        "default-priorities": {"namespace": ["x86_64"]},
        "providers": {"x86_64": {"requires": ["x86-64-variant-provider >=0.2.1,<1"]}},
        "variants": {"x86_64_v3": {"x86_64": {"aes": ["on"], "level": ["v3"]}}},
    }


def test_contents_are_carried_over_and_record_is_right(wheel: Path, tmp_path: Path) -> None:
    before = contents(wheel)
    made = make_variant_wheel(wheel, variant_metadata("v3", ["x86_64 :: level :: v3"]), tmp_path)
    after = contents(made)
    record = after.pop("demo-1.0.dist-info/RECORD")
    del before["demo-1.0.dist-info/RECORD"]
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"demo-1.0.dist-info/variant.json"}
    rows = {row[0]: row[1:] for row in csv.reader(record.decode().splitlines())}
    assert set(rows) == {*after, "demo-1.0.dist-info/RECORD"}
    for name, content in after.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        assert rows[name] == [f"sha256={digest}", str(len(content))]


def test_equal_input_gives_equal_bytes(wheel: Path, tmp_path: Path) -> None:
    metadata = variant_metadata("v3", ["x86_64 :: level :: v3"])
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    first = make_variant_wheel(wheel, metadata, one).read_bytes()
    assert make_variant_wheel(wheel, metadata, two).read_bytes() == first


def test_a_variant_wheel_can_be_made_into_another(wheel: Path, tmp_path: Path) -> None:
    v3 = make_variant_wheel(wheel, variant_metadata("v3", ["x86_64 :: level :: v3"]), tmp_path)
    v2 = make_variant_wheel(v3, variant_metadata("v2", ["x86_64 :: level :: v2"]), tmp_path)
    assert v2.name == "demo-1.0-py3-none-any-v2.whl"
    assert set(read_metadata(v2).variants) == {"v2"}


def test_the_null_variant_names_the_namespaces_of_the_release(
    wheel: Path, tmp_path, capsys
) -> None:
    assert main(["make", str(wheel), "--label", "null", "--namespaces", "x86_64"]) == 0
    metadata = read_metadata(tmp_path / "demo-1.0-py3-none-any-null.whl")
    assert metadata.namespaces == ("x86_64",)
    assert metadata.variants["null"].properties == ()


def test_a_provider_that_is_not_built_in_is_named(wheel: Path, tmp_path: Path, capsys) -> None:
    arguments = ["make", str(wheel), "--label", "mk2", "--property", "acme::engine::mk2"]
    assert main(arguments) == 1
    assert capsys.readouterr().err == (
        "pip-variants: no provider is known for acme: name one, --provider acme=...\n"
    )
    assert main([*arguments, "--provider", "acme=acme-variants>=1"]) == 0
    metadata = read_metadata(tmp_path / "demo-1.0-py3-none-any-mk2.whl")
    assert metadata.providers["acme"] == PluginProvider(("acme-variants>=1",))


def test_properties_of_a_label_are_said_once(wheel: Path, tmp_path: Path, capsys) -> None:
    table = tmp_path / "pyproject.toml"
    table.write_text("[variant.variants]\nv3.x86_64.level = ['v3']\n")
    arguments = ["make", str(wheel), "--project", str(table), "--property", "x86_64 :: level :: v4"]
    assert main([*arguments, "--label", "v3"]) == 1
    assert capsys.readouterr().err == (
        "pip-variants: [variant.variants] says what v3 is: leave out --property, "
        "or give another --label\n"
    )
    assert main([*arguments, "--label", "v4"]) == 0
    variant = read_metadata(tmp_path / "demo-1.0-py3-none-any-v4.whl").variants["v4"]
    assert list(map(str, variant.properties)) == ["x86_64 :: level :: v4"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "give a --label or a --property"),
        (["--label", "V3"], "invalid variant label (must match [a-z0-9_.]+): 'V3'"),
        (["--label", "a-b"], "invalid variant label (must match [a-z0-9_.]+): 'a-b'"),
        (
            ["--label", "v3", "--property", "x86_64 :: level"],
            "invalid variant property (must be 'namespace :: feature :: value'): 'x86_64 :: level'",
        ),
        (
            ["--label", "null", "--property", "x86_64::level::v3"],
            "variants.null is the null variant and must have no "
            "properties, not {'x86_64': {'level': ['v3']}}",
        ),
        (
            ["--label", "v3"],
            "give a --property, or --namespaces for the null variant, which has none",
        ),
        (["--label", "v3", "--provider", "x"], "--provider must be NAMESPACE=REQUIREMENT, not 'x'"),
    ],
)
def test_wrong_input_is_refused_in_one_line_and_leaves_nothing(
    wheel: Path, tmp_path: Path, capsys, arguments, complaint
) -> None:
    assert main(["make", str(wheel), *arguments]) == 1
    assert capsys.readouterr().err == f"pip-variants: {complaint}\n"
    assert list(tmp_path.iterdir()) == [wheel]


@pytest.mark.parametrize("content", [b"", b"not a zip", None], ids=["empty", "text", "missing"])
def test_something_else_than_a_wheel(tmp_path: Path, capsys, content) -> None:
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    if content is not None:
        path.write_bytes(content)
    assert main(["make", str(path), "--label", "null", "--namespaces", "x86_64"]) == 1
    assert f"pip-variants: {path} cannot be read as a wheel: " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == ([path] if content is not None else [])


def test_a_damaged_wheel_leaves_no_half_made_one(wheel: Path, tmp_path: Path) -> None:
    data = bytearray(wheel.read_bytes())
    data[32] ^= 0xFF  # in the name of the first file; contents are not looked at, see verify
    wheel.write_bytes(data)
    with pytest.raises(InvalidWheel):
        make_variant_wheel(wheel, variant_metadata("v3"), tmp_path)
    assert list(tmp_path.iterdir()) == [wheel]


def test_index_combines_the_wheels_of_each_release(tmp_path: Path, capsys) -> None:
    release(tmp_path, "1.0", {**levels("v2", "v3"), "null": (), None: ()}, index=False)
    release(tmp_path, "2.0", levels("v4"), index=False)
    plain_wheel(tmp_path, "other")
    assert main(["index", str(tmp_path)]) == 0
    names = ["demo-1.0-variants.json", "demo-2.0-variants.json"]
    assert capsys.readouterr().out == "".join(f"{tmp_path / name}\n" for name in names)
    document = json.loads((tmp_path / names[0]).read_text())
    assert document["variants"] == {
        "null": {},
        "v2": {"x86_64": {"level": ["v2"]}},
        "v3": {"x86_64": {"level": ["v3"]}},
    }
    assert sorted(path.name for path in tmp_path.glob(".*")) == []


def test_index_refuses_contradictions_and_writes_nothing(tmp_path: Path, capsys) -> None:
    variant_wheel(tmp_path, "v3", ["x86_64 :: level :: v3"])
    variant_wheel(tmp_path, "v3", ["x86_64 :: level :: v4"], build="1")
    assert main(["index", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        "pip-variants: demo-1.0-py3-none-any-v3.whl contradicts the files before it: "
        "variants.v3 differs\n"
    )
    assert not list(tmp_path.glob("*.json"))


def of_the_future(wheel: Path, folder: Path, **changes: object) -> Path:
    """The wheel with other keys in its variant.json."""
    folder.mkdir(exist_ok=True)
    name = "demo-1.0.dist-info/variant.json"
    with opened(wheel) as archive:
        content = json.dumps({**json.loads(archive.read(name)), **changes})
        rewrite(archive, folder / wheel.name, {name: content.encode()})
    return folder / wheel.name


NEWER = "https://example.org/v1.3.0.json"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"wasm": {}}, "has keys that are not known here and would be lost: wasm"),
        ({"$schema": NEWER}, "has schema 1.3.0; what is written here is at most 0.2.0"),
    ],
)
def test_index_refuses_what_it_would_drop_and_writes_nothing(
    tmp_path: Path, capsys, changes: dict, said: str
) -> None:
    """Tools MUST NOT output other keys (PEP 825); and what a publisher wrote must not be lost."""
    wheel = variant_wheel(tmp_path / "made", "v3", ["x86_64 :: level :: v3"])
    newer = of_the_future(wheel, tmp_path / "newer", **changes)
    variant_wheel(newer.parent, "v2", ["x86_64 :: level :: v2"])
    variant_wheel(newer.parent, "v2", ["x86_64 :: level :: v2"], version="0.9")
    before = sorted(newer.parent.iterdir())
    for arguments in ([], ["--add", str(newer)]):
        assert main(["index", str(newer.parent), *arguments]) == 1
        out, err = capsys.readouterr()
        assert err == f"pip-variants: variant.json of {newer.name} {said}\n"
        assert out == ""
        assert sorted(newer.parent.iterdir()) == before


def test_index_adds_nothing_to_what_it_would_drop(tmp_path: Path, capsys) -> None:
    wheel = variant_wheel(tmp_path, "v3", ["x86_64 :: level :: v3"])
    published = tmp_path / "demo-1.0-variants.json"
    document = json.dumps({**read_metadata(wheel).to_json(), "variants": {}, "wasm": 1})
    published.write_text(document)
    assert main(["index", str(tmp_path), "--add", str(wheel)]) == 1
    assert capsys.readouterr().err == (
        "pip-variants: demo-1.0-variants.json has keys that are not known here and would be lost: "
        "wasm\n"
    )
    assert published.read_text() == document


def test_a_plain_wheel_can_be_made_of_metadata_of_the_future(tmp_path: Path, capsys) -> None:
    """The wheel that is no variant has no metadata, and `make` writes its own."""
    wheel = variant_wheel(tmp_path / "made", "v3", ["x86_64 :: level :: v3"])
    newer = of_the_future(wheel, tmp_path / "newer", **{"$schema": NEWER, "wasm": {}})
    assert main(["make", "--label", "none", str(newer)]) == 0
    assert main(["make", str(newer), "--label", "v2", "--property", "x86_64::level::v2"]) == 0
    made = newer.with_name(newer.name.replace("v3", "v2"))
    assert "wasm" not in read_metadata(made).document


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.json"))


def test_index_names_the_project_as_wheels_are_named(tmp_path: Path, capsys) -> None:
    """PEP 825, Index-level metadata, whatever the wheels spell; and they may spell it in two ways."""
    variant_wheel(tmp_path, "v3", ["x86_64 :: level :: v3"], name="My.Demo")
    variant_wheel(tmp_path, "v2", ["x86_64 :: level :: v2"], name="my_demo")
    assert main(["index", str(tmp_path)]) == 0
    assert names(tmp_path) == ["my_demo-1.0-variants.json"]
    assert sorted(json.loads((tmp_path / names(tmp_path)[0]).read_text())["variants"]) == [
        "v2",
        "v3",
    ]


@pytest.mark.parametrize("arguments", [[], ["--add"]])
def test_a_file_that_spells_the_name_in_another_way_is_written_again(
    tmp_path: Path, capsys, arguments: list[str]
) -> None:
    """With two files for one release pip would take neither."""
    variant_wheel(tmp_path, "v3", ["x86_64 :: level :: v3"], name="My.Demo")
    assert main(["index", str(tmp_path)]) == 0
    (tmp_path / "my_demo-1.0-variants.json").rename(tmp_path / "My.Demo-1.0-variants.json")
    new = variant_wheel(tmp_path, "v2", ["x86_64 :: level :: v2"], name="My.Demo")
    assert main(["index", str(tmp_path), *arguments, *([str(new)] if arguments else [])]) == 0
    assert names(tmp_path) == ["My.Demo-1.0-variants.json"]
    assert sorted(json.loads((tmp_path / names(tmp_path)[0]).read_text())["variants"]) == [
        "v2",
        "v3",
    ]


def test_wheels_with_and_without_providers_are_one_release(tmp_path: Path, capsys) -> None:
    """Metadata of PEP 825 alone contradicts nothing, and pip takes both."""
    variant_wheel(tmp_path, "v3", ["x86_64 :: level :: v3"])
    variant_wheel(tmp_path, "v2", ["x86_64 :: level :: v2"], providers={})
    variant_wheel(tmp_path, "null", [], providers={})
    assert main(["index", str(tmp_path)]) == 0
    document = json.loads((tmp_path / "demo-1.0-variants.json").read_text())
    assert sorted(document["variants"]) == ["null", "v2", "v3"]
    assert list(document["providers"]) == ["x86_64"]


DRAFT = "https://variants-schema.wheelnext.dev/v0.0.3.json"


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"providers": {"x86_64": {"requires": ["other-provider"]}}}, "providers.x86_64"),
        ({"default-priorities": {"namespace": ["acme"]}}, "default-priorities.namespace"),
        ({"$schema": NEWER}, "schema 1.3.0"),
        ({"wasm": {}}, "wasm"),
        ({"default-priorities": {"namespace": ["x86_64"], "moods": 1}}, "default-priorities.moods"),
        (
            {
                "$schema": DRAFT,
                "providers": {"x86_64": {"requires": ["a"], "enable-if": "extra == 'b'"}},
            },
            "providers.x86_64.enable-if",
        ),
        (
            {
                "$schema": DRAFT,
                "default-priorities": {
                    "namespace": ["x86_64"],
                    "property": {"x86_64": {"level": ["v3"]}},
                },
            },
            "default-priorities.property",
        ),
    ],
)
def test_what_index_refuses_is_named_by_file_and_key(
    tmp_path: Path, capsys, changes: dict, key: str
) -> None:
    wheel = variant_wheel(tmp_path / "made", "v3", ["x86_64 :: level :: v3"])
    if "namespace" in changes.get("default-priorities", {}) and "acme" in str(changes):
        changes = {**changes, "providers": {"acme": {"requires": ["acme"]}}, "variants": {"v3": {}}}
    other = of_the_future(wheel, tmp_path / "dist", **changes)
    variant_wheel(other.parent, "v2", ["x86_64 :: level :: v2"])
    assert main(["index", str(other.parent)]) == 1
    err = capsys.readouterr().err
    assert other.name in err and key in err
    assert len(err.splitlines()) == 1
    assert names(other.parent) == []


def test_index_names_a_wheel_without_metadata(tmp_path: Path, capsys) -> None:
    plain_wheel(tmp_path / "p").rename(tmp_path / "demo-1.0-py3-none-any-v3.whl")
    assert main(["index", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        "pip-variants: demo-1.0-py3-none-any-v3.whl has no variant.json\n"
    )


def test_index_refuses_what_pip_would_refuse(tmp_path: Path, capsys) -> None:
    """A second variant.json, which would be installed over the first one."""
    second = "demo-1.0.data/purelib/demo-1.0.dist-info/variant.json"
    wheel = variant_wheel(tmp_path / "made", "v3", ["x86_64 :: level :: v3"], files={second: "{}"})
    assert main(["index", str(wheel.parent)]) == 1
    assert (
        capsys.readouterr().err
        == f"pip-variants: {wheel.name} brings a second variant.json ({second})\n"
    )


def test_index_names_what_it_leaves_out(tmp_path: Path, capsys) -> None:
    """No installer takes such a wheel for a variant, and the others of the release are fine."""
    variant_wheel(tmp_path, "v3", ["x86_64 :: level :: v3"])
    plain_wheel(tmp_path / "p").rename(tmp_path / "demo-1.0-py3-none-any-V4.whl")
    assert main(["index", str(tmp_path)]) == 0
    assert capsys.readouterr().err == (
        "pip-variants: left out: invalid variant label (must match [a-z0-9_.]+): "
        "'V4' in 'demo-1.0-py3-none-any-V4.whl'\n"
    )
    assert '"v3"' in (tmp_path / "demo-1.0-variants.json").read_text()


def test_make_creates_the_folder_that_it_writes_to(wheel: Path, tmp_path: Path, capsys) -> None:
    folder = tmp_path / "not" / "there"
    arguments = ["make", str(wheel), "--label", "null", "--namespaces", "x86_64"]
    assert main([*arguments, "-o", str(folder)]) == 0
    assert [path.name for path in folder.iterdir()] == ["demo-1.0-py3-none-any-null.whl"]


def test_index_of_a_folder_without_variants(tmp_path: Path, capsys) -> None:
    plain_wheel(tmp_path)
    assert main(["index", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out == f"There are no variant wheels in {tmp_path}: no metadata was written.\n"


def test_index_of_no_folder(tmp_path: Path, capsys) -> None:
    assert main(["index", str(tmp_path / "not-there")]) == 1
    assert capsys.readouterr().err == f"pip-variants: {tmp_path / 'not-there'} is not a folder\n"


def test_show_says_what_a_wheel_is(wheel: Path, tmp_path: Path, capsys) -> None:
    static: dict[str, ProviderInfo] = {
        "blas": StaticProvider((SupportedFeature("library", ("mkl",)),)),
        "x86_64": X86_64,
    }
    names = ["x86_64 :: level :: v3", "blas :: library :: mkl"]
    metadata = variant_metadata("v3", names, namespaces=("x86_64", "blas"), providers=static)
    made = make_variant_wheel(wheel, metadata, tmp_path)
    assert main(["show", str(made), str(wheel)]) == 0
    assert capsys.readouterr().out == (
        "demo-1.0-py3-none-any-v3.whl: the variant v3\n"
        "  blas :: library :: mkl\n"
        "  x86_64 :: level :: v3\n"
        "  x86_64: says x86-64-variant-provider >=0.2.1,<1\n"
        "  blas: says the metadata\n"
        "demo-1.0-py3-none-any.whl: no variant\n"
    )
    assert main(["show", str(tmp_path / "nothing-1.0-py3-none-any-v3.whl")]) == 1
    assert "cannot be read as a wheel" in capsys.readouterr().err


def test_show_says_what_there_is(capsys) -> None:
    assert main(["show", "--valid", "x86_64"]) == 0
    properties = capsys.readouterr().out.splitlines()
    assert {"x86_64 :: level :: v4", "x86_64 :: microarchitecture :: zen4"} <= set(properties)
    assert main(["show", "--valid", "acme"]) == 1
    assert (
        "no provider of acme is installed that says what there is; known are x86_64, "
        in capsys.readouterr().err
    )
