"""Instructions of this working copy and of an earlier commit: `python benchmarks/compare.py [COMMIT]`.

Fails where they grew by more than 2 %. Without a commit, it is the one before the last.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from helpers import (
    REPOSITORY,
    can_count,
    environment,
    instructions,
    with_ours,
)

sys.path[:0] = [str(REPOSITORY / "src"), str(REPOSITORY / "tests")]

from detection import QUESTION, boot_with
from packages import LEVELS, replies
from support.server import Index

MOST = 1.02
PIP = ["-m", "pip", "download", "--no-deps", "--quiet", "--dest", "downloaded", "--index-url"]
ONE, TEN = ["project00"], [f"project{number:02}" for number in range(10)]
SELECT = """
import json
from pip_variants.model.metadata import VariantMetadata
from pip_variants.model.support import NamespaceSupport, SupportedFeature
from pip_variants.selection import select
values = tuple(f"v{number}" for number in range(1000))
text = json.dumps({
    "$schema": "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json",
    "default-priorities": {"namespace": ["a"]},
    "providers": {"a": {"requires": ["a"]}},
    "variants": {one: {"a": {"level": [one]}} for one in values},
})
class Asker:
    def supported(self, provider):
        return NamespaceSupport((SupportedFeature("level", values),))
    def listed(self, namespace, provider):
        return None
assert len(select(VariantMetadata.parse(text, "-"), values, Asker()).best_first) == 1000
"""


def main(commit: str = "HEAD~1") -> None:
    if not can_count():
        raise SystemExit(1)
    with tempfile.TemporaryDirectory(prefix="pip-variants-") as folder:
        work = Path(folder).resolve()
        earlier = work / "source"
        earlier.mkdir()
        archive = subprocess.run(
            ["git", "-C", REPOSITORY, "archive", commit], check=True, capture_output=True
        )
        subprocess.run(["tar", "-x", "-C", earlier], input=archive.stdout, check=True)
        pythons = [
            with_ours(work / name, source)
            for name, source in (("before", earlier), ("now", REPOSITORY))
        ]
        grown = []
        for what, count in cases(work):
            before, now = map(count, pythons)
            ratio = now / before
            print(f"{what:44}{before:15,}{now:15,}  {ratio:.4f}", flush=True)
            grown += [what] if ratio > MOST else []
    if grown:
        raise SystemExit(f"more than {MOST - 1:.0%} more instructions: {'; '.join(grown)}")


def cases(work: Path) -> Iterator[tuple[str, Callable[[Path], int]]]:
    """What is measured, and how for one interpreter."""
    force = {"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": ",".join(LEVELS)}
    env = environment(work, PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_CACHE_DIR="1", **force)
    question = work / "question"
    question.write_text(QUESTION + "\n")
    detection = ["-I", "-c", boot_with(question)]

    with Index(work / "empty") as index:
        index.replies = replies(len(TEN))

        def pip(release: str, names: Sequence[str]) -> Callable[[Path], int]:
            options = [*PIP, f"{index.url}{release}/", *names]
            return lambda python: instructions([python, *options], cwd=work, env=env)

        yield "python -c pass", lambda python: instructions([python, "-c", "pass"], env=env)
        yield "pip, one package without variants", pip("plain", ONE)
        yield "pip, one package with variants", pip("variants", ONE)
        yield "pip, ten packages with variants", pip("variants", TEN)
        yield (
            "the detection process, asked for x86_64",
            lambda python: instructions([python, *detection], env=env),
        )
        yield (
            "reading and choosing of 1,000 labels",
            lambda python: instructions([python, "-c", SELECT], env=env),
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
