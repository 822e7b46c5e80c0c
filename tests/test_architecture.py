"""Who may import whom (DESIGN: rings, by what code may know)."""

import ast
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "pip_variants"

OWN = {
    "errors": set(),
    "model": {"errors"},
    "hooks": set(),
    "remote_wheel": {"errors"},
    "providers": {"hooks", "model"},
    "detection": {"model", "errors"},
    "selection": {"model"},
    "pip_adapter": {"selection", "detection", "model", "remote_wheel", "errors"},
    "publish": {"model", "detection", "remote_wheel", "errors"},
    "testing": {"hooks", "model", "detection", "publish", "errors"},
    "inventory": {"selection", "reasons", "detection", "model", "errors"},
    "cli": {"inventory", "selection", "reasons", "detection", "model", "publish", "testing", "errors"},
    "__init__": set(),
    "__main__": {"cli"},
}
"""Part -> parts of ours that it may import, beside itself and the package's version."""

# The child process alone knows providers and the vendors' contract.
IN_THE_CHILD = {"detection/worker.py", "detection/registry.py", "detection/installed.py"}
FOREIGN = {
    "pip_adapter": {"pip"},
    "providers": {"archspec"},
    "hooks": {"pluggy"},
    "testing": {"pluggy"},
    "publish/backend.py": {"build"},
    "publish/flags.py": {"archspec"},
    "publish/verify.py": {"packaging"},
    "detection/worker.py": {"packaging"},
    "detection/registry.py": {"packaging", "pluggy"},
    "detection/installed.py": {"packaging", "importlib_metadata"},
    "detection/targets.py": {"pip"},  # its tomli, on Python 3.10
}


def modules() -> list[str]:
    return sorted(str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py"))


def imported(module: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse((SOURCE / module).read_text())):
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
    own = OWN[part] | {part} | ({"providers", "hooks"} if module in IN_THE_CHILD else set())
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
        "functools",
        "itertools",
        "json",
        "operator",
        "pip_variants",
        "re",
        "typing",
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
    assert not [module for module in seen if part_of(module) in ("providers", "hooks", "cli")]
