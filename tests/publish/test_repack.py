"""`make`: a wheel and back again, other versions, other dependencies."""

import shutil
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.wheels import plain_wheel, variant_metadata

from pip_variants.cli import main
from pip_variants.errors import InvalidWheel
from pip_variants.model.filename import WheelFilename
from pip_variants.publish.archive import record_row
from pip_variants.publish.wheel import Changes, make_variant_wheel

V3 = variant_metadata("v3", ["x86_64 :: level :: v3"])
INFO = "demo-1.0.dist-info"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("repack")


def contents(wheel: Path) -> dict[str, tuple[bytes, int, int]]:
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        return {
            one.filename: (archive.read(one), one.external_attr, one.compress_type)
            for one in archive.infolist()
        }


# What is awkward in an archive, in a row of RECORD, or between its rows.
names = (
    st.text(
        st.sampled_from("abc/.,\"' ;é漢\u2028\x85\x0c-")
        | st.characters(codec="utf-8", exclude_characters="\0\r\n\\"),
        min_size=1,
        max_size=12,
    )
    .filter(lambda name: name.isprintable() or name.strip())
    .map(lambda name: f"demo/{name}.py")
)
files = st.dictionaries(names, st.binary(max_size=300), max_size=5)


def write(path: Path, files: dict[str, bytes], draw: st.DrawFn, canonical: bool) -> None:
    """A wheel as Python's `zipfile` writes it with its defaults, or one as only other tools do."""
    end = "\n" if canonical else draw(st.sampled_from(("\n", "\r\n")))
    rows = []
    for name, content in files.items():
        row = list(record_row(name, content))
        if '"' in name or "," in name or not canonical:
            row[0] = '"' + name.replace('"', '""') + '"'
        rows.append(",".join(row))
    order = [*files]
    record = f"{INFO}/RECORD"
    place = len(order) if canonical else draw(st.integers(0, len(order)))
    order.insert(place, record)
    rows.insert(place, f"{record},,")
    text = end.join(rows) + (end if canonical else draw(st.sampled_from((end, ""))))
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(path, "w") as archive:
        for name in order:
            info = zipfile.ZipInfo(name, (draw(st.integers(1980, 2100)), 2, 3, 4, 5, 6))
            info.external_attr = draw(st.sampled_from((0, 0o100755 << 16, 0o100644 << 16)))
            info.compress_type = draw(st.sampled_from(methods))
            content = text.encode() if name == record else files[name]
            if canonical:
                archive.writestr(info, content)
            else:
                # Sizes behind the data, other levels, further fields, comments.
                info.extra = draw(st.sampled_from((b"", b"\x99\x99\x02\x00ab")))
                info.comment = draw(st.sampled_from((b"", b"hello")))
                info._compresslevel = draw(st.integers(0, 9))  # type: ignore[attr-defined]
                with archive.open(info, "w", force_zip64=draw(st.booleans())) as file:
                    file.write(content)
        if not canonical:
            archive.comment = draw(st.sampled_from((b"", b"of the archive")))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(files, st.booleans(), st.data())
def test_the_label_none_gives_back_what_make_got(
    scratch: Path, files, canonical: bool, data
) -> None:
    shutil.rmtree(scratch)
    (scratch / "back").mkdir(parents=True)
    wheel = scratch / "demo-1.0-py3-none-any.whl"
    metadata = data.draw(
        st.sampled_from((b"", b"\n\nRequires-Dist: no", b"\r\nX: 1\r\n\r\nbody\r\n"))
    )
    files = {
        **files,
        f"{INFO}/METADATA": b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0" + metadata,
        f"{INFO}/WHEEL": b"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    write(wheel, files, data.draw, canonical)
    before = contents(wheel)
    made = make_variant_wheel(wheel, V3, scratch, force=True)
    assert made.name == "demo-1.0-py3-none-any-v3.whl"
    after = contents(made)
    assert {name: after[name] for name in files} == {name: before[name] for name in files}
    back = make_variant_wheel(made, None, scratch / "back", force=True)
    assert contents(back) == before
    assert list(contents(back)) == list(before)
    if canonical:
        assert back.read_bytes() == wheel.read_bytes()
    assert main(["verify", "--target", "here", str(back)]) == 0


def metadata_of(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        return archive.read(name).decode().splitlines()[3:]


MARKERS = [
    "Requires-Dist: numpy>=2",
    "Requires-Dist: cuda-runtime ; 'nvidia' in variant_namespaces",
    "Requires-Dist: mkl; variant_label == 'mkl' or sys_platform == 'win32'",
    "Requires-Dist: openblas; variant_label != 'mkl'",
    "Requires-Dist: plain; variant_label == ''",
    "Requires-Dist: url @ https://example.org/x;y.whl ; 'x86_64 :: level :: v3' not in variant_properties",
    "Requires-Dist: extra ; extra == 'all' and 'x86_64::level' not in variant_features",
    "Provides-Extra: all",
]


def make(wheel: Path, *arguments: str) -> Path:
    assert main(["make", str(wheel), "--label", "null", "--namespaces", "x86_64", *arguments]) == 0
    (made,) = wheel.parent.glob("*-null.whl")
    return made


def test_variant_markers_stay_in_variants_and_are_decided_in_the_plain_wheel(
    tmp_path: Path, capsys
) -> None:
    wheel = plain_wheel(tmp_path, metadata=MARKERS)
    made = make(wheel)
    assert metadata_of(made) == MARKERS
    assert main(["make", "--label", "none", str(made), "-o", str(tmp_path / "back")]) == 0
    (back,) = (tmp_path / "back").iterdir()
    assert metadata_of(back) == [
        "Requires-Dist: numpy>=2",
        "Requires-Dist: mkl; sys_platform == 'win32'",
        "Requires-Dist: openblas",
        "Requires-Dist: plain",
        "Requires-Dist: url @ https://example.org/x;y.whl",
        "Requires-Dist: extra; extra == 'all'",
        "Provides-Extra: all",
    ]
    assert main(["verify", str(made), str(back)]) == 0


def test_a_marker_that_cannot_be_read(tmp_path: Path, capsys) -> None:
    made = make(plain_wheel(tmp_path, metadata=["Requires-Dist: cuda; variant_label"]))
    capsys.readouterr()
    assert main(["make", "--label", "none", str(made), "-o", str(tmp_path / "back")]) == 1
    assert capsys.readouterr().err == (
        "pip-variants: its dependency 'cuda; variant_label' cannot be read: invalid environment "
        "marker: 'variant_label'\n"
    )
    assert not list((tmp_path / "back").iterdir())


def test_dependencies_are_added_and_dropped(tmp_path: Path, capsys) -> None:
    metadata = [
        "Requires-Dist: CUDA_Runtime[x]>=12 ; sys_platform == 'linux'",
        "Requires-Dist: cuda-runtime-extra",
        "Requires-Dist: numpy",
        "requires-dist: cuda.runtime",
        "Summary: Requires-Dist: cuda-runtime",
    ]
    wheel = plain_wheel(tmp_path, metadata=metadata)
    added = ["--add-dependency", "one>1", "--add-dependency", " two ; extra == 'x' "]
    made = make(wheel, "--drop-dependency", "cuda_runtime", *added)
    assert metadata_of(made) == [
        "Requires-Dist: cuda-runtime-extra",
        "Requires-Dist: numpy",
        "Requires-Dist: one>1",
        "Requires-Dist: two ; extra == 'x'",
        "Summary: Requires-Dist: cuda-runtime",
    ]
    assert main(["verify", str(wheel), str(made)]) == 0
    # Back, with the dependencies as they were.
    arguments = ["--drop-dependency", "one", "--drop-dependency", "two"]
    arguments += ["--add-dependency", "cuda-runtime"]
    assert (
        main(["make", "--label", "none", str(made), "-o", str(tmp_path / "back"), *arguments]) == 0
    )
    (back,) = (tmp_path / "back").iterdir()
    assert metadata_of(back)[:3] == [
        "Requires-Dist: cuda-runtime-extra",
        "Requires-Dist: numpy",
        "Requires-Dist: cuda-runtime",
    ]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ("Name: a", "Name: a\nRequires-Dist: new\n"),
        ("Name: a\n", "Name: a\nRequires-Dist: new\n"),
        (
            "Name: a\n\nRequires-Dist: text\n",
            "Name: a\nRequires-Dist: new\n\nRequires-Dist: text\n",
        ),
        ("Name: a\r\n\r\nText\r\n", "Name: a\r\nRequires-Dist: new\n\r\nText\r\n"),
        # As setuptools writes a license of several paragraphs.
        (
            "Name: a\nLicense: MIT\n        \n        Requires-Dist: gone\nRequires-Dist: gone\nX: 1\n\n",
            "Name: a\nLicense: MIT\n        \n        Requires-Dist: gone\nX: 1\nRequires-Dist: new\n\n",
        ),
        (
            "Name: a\nRequires-Dist: b;\n  variant_label == ''\nRequires-Dist: gone;\n\tpython_version < '3'\n",
            "Name: a\nRequires-Dist: b\nRequires-Dist: new\n",
        ),
        (
            "Name: a\u2028\nSummary: \x0c\x85\n",
            "Name: a\u2028\nSummary: \x0c\x85\nRequires-Dist: new\n",
        ),
    ],
)
def test_the_rest_of_the_metadata_stays(metadata: str, expected: str) -> None:
    changes = Changes(dropped=("gone",), added=("new",))
    name = WheelFilename.parse("a-1-py3-none-any.whl")
    assert changes.apply(metadata.encode(), name, is_variant=False).decode() == expected


@pytest.mark.parametrize("name", ["", "==1", "two\nlines"])
def test_what_is_no_dependency(tmp_path: Path, capsys, name: str) -> None:
    wheel = plain_wheel(tmp_path)
    arguments = ["make", str(wheel), "--label", "null", "--namespaces", "x86_64"]
    assert main([*arguments, f"--add-dependency={name}"]) == 1
    complaint = f"a dependency must begin with a package name, not {name!r}"
    assert capsys.readouterr().err == f"pip-variants: {complaint}\n"
    assert list(tmp_path.iterdir()) == [wheel]


@pytest.mark.parametrize("version", ["1.0+cu128", "2!1.0rc1+cu.12_8"])
def test_a_local_version_is_dropped_everywhere(tmp_path: Path, capsys, version: str) -> None:
    public = version.partition("+")[0]
    files = {
        f"demo-{version}.data/scripts/run": "#!python\n",
        f"demo-{version}.data/purelib/a,b\u2028.py": "",
        f"demo/demo-{version}.data/x": "",
        f"demo/version-{version}.txt": "",
        f"demo-{version}.dist-info/licenses/LICENSE": "",
    }
    wheel = plain_wheel(tmp_path / "built", "demo", version, files=files)
    folder = tmp_path / "dist"
    arguments = ["--drop-local-version", "--label", "cu128", "-o", str(folder)]
    properties = ["--property", "nvidia :: cuda_version_lower_bound :: 12.8"]
    assert main(["make", str(wheel), *arguments, *properties]) == 0
    plain_wheel(folder, "demo", public)
    assert main(["index", str(folder)]) == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        f"demo-{public}-py3-none-any-cu128.whl",
        f"demo-{public}-py3-none-any.whl",
        f"demo-{public}-variants.json",
    ]
    assert main(["verify", str(folder)]) == 0
    with zipfile.ZipFile(folder / f"demo-{public}-py3-none-any-cu128.whl") as archive:
        assert {
            f"demo-{public}.data/scripts/run",
            f"demo-{public}.data/purelib/a,b\u2028.py",
            f"demo/demo-{version}.data/x",
            f"demo/version-{version}.txt",
            f"demo-{public}.dist-info/licenses/LICENSE",
        } < {*archive.namelist()}
        assert f"Version: {public}" in archive.read(f"demo-{public}.dist-info/METADATA").decode()


def test_a_wheel_without_local_version_stays_as_it_is(tmp_path: Path, capsys) -> None:
    wheel = plain_wheel(tmp_path)
    made = make(wheel, "--drop-local-version")
    assert (
        main(
            [
                "make",
                "--label",
                "none",
                str(made),
                "--drop-local-version",
                "-o",
                str(tmp_path / "back"),
            ]
        )
        == 0
    )
    assert (tmp_path / "back" / wheel.name).read_bytes() == wheel.read_bytes()


def test_only_a_variant_can_have_the_label_none(tmp_path: Path, capsys) -> None:
    wheel = plain_wheel(tmp_path)
    made = make(wheel)
    takes = "--label none takes a variant wheel, whose name has a label, and no properties"
    for arguments in ([str(wheel)], [str(made), "--property", "x86_64 :: level :: v3"]):
        assert main(["make", "--label", "none", *arguments]) == 1
        complaint = f"{takes}: {Path(arguments[0]).name}"
        assert capsys.readouterr().err == f"pip-variants: {complaint}\n"
    assert main(["make", "--label", "none", str(made), "--namespaces", "x86_64"]) == 1
    assert "leave out --namespaces, --provider and --plugin-api" in capsys.readouterr().err


def test_the_label_none_of_a_project(tmp_path: Path) -> None:
    wheel = plain_wheel(tmp_path, metadata=["Requires-Dist: gone"])
    table = "[variant.variants.a]\nx86_64.level = ['v3']\n[tool.pip-variants.variants.none]\n"
    (tmp_path / "pyproject.toml").write_text(f"{table}drop-dependencies = ['gone']\n")
    arguments = ["--label", "none", "--project", str(tmp_path), "-o", str(tmp_path / "out")]
    assert main(["make", str(wheel), *arguments]) == 0
    with zipfile.ZipFile(tmp_path / "out" / wheel.name) as archive:
        assert b"gone" not in archive.read(f"{INFO}/METADATA")
    assert main(["make", str(wheel), *arguments, "--property", "x86_64 :: level :: v3"]) == 1


@pytest.mark.parametrize("file", ["METADATA", "RECORD"])
def test_a_wheel_that_lacks_what_is_written_again(tmp_path: Path, file: str) -> None:
    wheel = plain_wheel(tmp_path)
    bare = tmp_path / "demo-2.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(bare, "w") as new:
        for name in old.namelist():
            if not name.endswith(file):
                new.writestr(name, old.read(name))
    with pytest.raises(InvalidWheel, match=f"demo-2.0-py3-none-any(-v3)?.whl has no {INFO}/{file}"):
        make_variant_wheel(bare, V3, tmp_path)
    assert sorted(tmp_path.iterdir()) == [wheel, bare]
