"""Who may import whom (docs/architecture.md: rings, by what code may know)."""

import ast
import importlib
import re
import sys
from pathlib import Path
from types import MappingProxyType

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "pip_variants"

OWN = {
    "errors": set(),
    "model": {"errors"},
    "contract": {"model"},
    "hooks": {"contract", "model"},
    "index_sets": set(),
    "remote_wheel": {"errors"},
    "reasons": {"model"},
    "wheel_metadata": {"model", "errors"},
    "providers": {"contract", "model"},
    "detection": {"model", "errors"},
    "selection": {"model", "errors"},
    "pip_adapter": {
        "selection",
        "reasons",
        "detection",
        "model",
        "remote_wheel",
        "wheel_metadata",
        "errors",
    },
    "publish": {"model", "detection", "remote_wheel", "wheel_metadata", "errors"},
    "testing": {"hooks", "model", "detection", "publish", "inventory", "errors"},
    "inventory": {"selection", "reasons", "detection", "model", "errors"},
    "cli": {
        "inventory",
        "selection",
        "reasons",
        "detection",
        "model",
        "publish",
        "testing",
        "errors",
    },
    "__init__": set(),
    "__main__": {"cli"},
}
"""Part -> parts of ours that it may import, beside itself and the package's version."""

# The child process alone knows providers and the vendors' contract.
IN_THE_CHILD = {f"detection/{name}.py" for name in ("worker", "registry", "installed", "listening")}
FOREIGN = {
    "pip_adapter": {"pip"},
    "providers": {"archspec"},
    "hooks": {"pluggy"},
    "publish/backend.py": {"build"},
    "publish/build.py": {"packaging"},
    "publish/flags.py": {"archspec"},
    "publish/verify.py": {"packaging"},
    "publish/wheel.py": {"packaging"},
    "detection/worker.py": {"packaging"},
    "detection/registry.py": {"packaging"},
    "detection/installed.py": {"packaging", "pluggy", "importlib_metadata"},
    "detection/toml.py": {"pip"},  # its tomli, on Python 3.10
}


def modules() -> list[str]:
    return sorted(str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py"))


def imported(module: str, *, for_types: bool = True) -> set[str]:
    names = set()
    tree = ast.parse((SOURCE / module).read_text())
    unused = {
        inner
        for node in ast.walk(tree)
        if not for_types and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in unused:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def part_of(module: str) -> str:
    return module.removesuffix(".py").partition("/")[0]


@pytest.mark.parametrize("module", modules())
def test_imports_only_what_its_ring_may_know(module: str) -> None:
    part = part_of(module)
    own = (
        OWN[part]
        | {part}
        | ({"providers", "index_sets", "hooks", "contract"} if module in IN_THE_CHILD else set())
    )
    foreign = FOREIGN.get(module, set()) | FOREIGN.get(part, set())
    for name in imported(module):
        top, _, rest = name.partition(".")
        if top == "pip_variants":
            first = rest.partition(".")[0]  # or a name of the package itself, its version
            assert first in own or first not in OWN, f"{module} imports {name}"
        else:
            assert top in sys.stdlib_module_names or top in foreign, f"{module} imports {name}"


@pytest.mark.parametrize("module", [m for m in modules() if part_of(m) == "model"])
def test_the_model_knows_nothing_of_the_world(module: str) -> None:
    tops = {name.partition(".")[0] for name in imported(module)}
    assert tops <= {
        "collections",
        "dataclasses",
        "difflib",
        "functools",
        "itertools",
        "json",
        "operator",
        "pip_variants",
        "re",
        "typing",
        "urllib",
    }


def test_what_pip_loads_loads_nothing_of_the_child() -> None:
    """From the adapter on, following imports, neither the providers nor the worker are reached."""
    seen: set[str] = set()
    waiting = [module for module in modules() if part_of(module) == "pip_adapter"]
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        for name in imported(module):
            path = name.removeprefix("pip_variants.").replace(".", "/")
            waiting += [
                found
                for found in (f"{path}.py", f"{path.rpartition('/')[0]}.py")
                if name.startswith("pip_variants.") and (SOURCE / found).is_file()
            ]
    assert "detection/client.py" in seen
    assert not seen & IN_THE_CHILD
    assert not [
        module
        for module in seen
        if part_of(module) in ("providers", "index_sets", "hooks", "contract", "cli")
    ]


def test_imports_form_no_circle() -> None:
    """Those within functions count; those for type checkers do not, since nothing runs them."""
    known = {
        module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for module in modules()
    }
    edges = {}
    for module in modules():
        name = module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        found = {one.removeprefix("pip_variants.") for one in imported(module, for_types=False)}
        found = {one if one in known else one.rpartition(".")[0] for one in found}
        edges[name] = (found & known) - {name}
    while leaves := [name for name, others in edges.items() if not others & edges.keys()]:
        for name in leaves:
            del edges[name]
    assert not edges


def test_what_is_always_loaded_loads_nothing_of_variants() -> None:
    """At import time; what runs once a variant is seen may."""
    for module in modules():
        if module.startswith("pip_adapter/hook/"):
            tree = ast.parse((SOURCE / module).read_text())
            names = [node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom)]
            assert not [name for name in names if re.search("[.](variants|indexes|model)", name)]


def is_fixed(value: object) -> bool:
    if isinstance(value, (tuple, frozenset)):
        return all(map(is_fixed, value))
    kinds = (str, bytes, int, float, type(None), re.Pattern, MappingProxyType)
    is_frozen = getattr(getattr(type(value), "__dataclass_params__", None), "frozen", False)
    is_type = isinstance(value, type) or type(value).__module__ in (
        "typing",
        "types",
        "_collections",
        "collections",
    )
    return isinstance(value, kinds) or is_frozen or is_type


def state_in(body: list[ast.stmt], owner: object) -> list[str]:
    """Names of a module or class, given as its code and as what it is, whose value can change."""
    found = []
    for node in body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            found += [name for name in names if not is_fixed(vars(owner).get(name))]
        elif isinstance(node, ast.ClassDef):
            found += [f"{node.name}.{one}" for one in state_in(node.body, vars(owner)[node.name])]
        elif isinstance(node, ast.FunctionDef) and hasattr(vars(owner)[node.name], "cache_info"):
            found.append(node.name)
    return [name for name in found if not name.endswith(("__slots__", "__eq__", "__hash__"))]


def module_state(module: str, file: Path | None = None) -> list[str]:
    """Objects at module or class level that can change."""
    tree = ast.parse((file or SOURCE / module).read_text())
    name = module.removesuffix(".py").replace("/", ".")
    return state_in(tree.body, importlib.import_module(f"pip_variants.{name}"))


ADAPTER = [m for m in modules() if part_of(m) == "pip_adapter" and not m.endswith("__init__.py")]
ALLOWED = {
    "pip_adapter/hook/attach.py": ["attached"],  # the table of what is attached
    "pip_adapter/hook/run.py": ["_run"],  # the context variable that holds the run
}


@pytest.mark.parametrize("module", ADAPTER)
def test_nothing_outlives_a_run_of_pip(module: str) -> None:
    assert module_state(module) == ALLOWED.get(module, [])


def test_the_test_of_state_sees_state(tmp_path: Path, monkeypatch) -> None:
    text = "import functools, weakref\nA = {}\nB = weakref.WeakKeyDictionary()\n@functools.cache\ndef c(): ...\n"
    text += "class D:\n    e = []\n    f = 1\nG = D()\nH = (1, 'a')\ndef i(): ...\n"
    package = importlib.import_module("pip_variants")
    (tmp_path / "stateful.py").write_text(text)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    try:
        found = module_state("stateful.py", tmp_path / "stateful.py")
    finally:
        sys.modules.pop("pip_variants.stateful", None)
    assert found == ["A", "B", "c", "D.e", "G"]
