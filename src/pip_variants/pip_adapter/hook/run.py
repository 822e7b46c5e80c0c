"""The run: one call of pip's main, in one thread, and all that is known in it.

A program that uses pip's modules without its main has one in each thread, until it parses options.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from typing import TYPE_CHECKING, Any

from pip_variants.pip_adapter.hook import attach

if TYPE_CHECKING:
    from pip_variants.model.filename import WheelFilename
    from pip_variants.pip_adapter.indexes.builds import Indexes
    from pip_variants.pip_adapter.variants.early import Early
    from pip_variants.pip_adapter.variants.locking import Package
    from pip_variants.pip_adapter.variants.locks import Lock
    from pip_variants.pip_adapter.variants.release import Release
    from pip_variants.pip_adapter.variants.sources import Source
    from pip_variants.pip_adapter.variants.target import Target

VERBOSE = 15  # pip's level for `-v` (pip._internal.utils._log)


class Run:
    """One call of pip. Until a variant is seen there is nothing in it but pip's options.

    While it is `is_off` or `is_shut`, pip refuses the names of variant wheels by itself, and no
    seam has anything to do: stock behaviour.
    """

    def __init__(self) -> None:
        """What pip is told and does."""
        self.options: Any = None
        self.command = ""
        self.finder: Any = None  # pip's, which knows what files of requirements say of indexes
        self.requirements: list[Any] = []  # those that pip was given, constraints among them
        self.pip = ""  # the script or archive with which pip starts another pip
        self.is_off = False  # by --no-variants, given or in pip.conf
        self.is_building = False  # what is chosen runs here, whatever the target is
        self.is_shut = False  # no label is accepted for the moment
        self.is_listing = False  # pip lists files for its resolver, and its best one is not used
        self.looked_up: list[str] = []  # the projects, as they were asked for
        self.hashes: Any = None  # those that are allowed for the one that was looked up last
        # Why labels are not accepted; empty if they are, None while nobody has looked.
        self.problem: str | None = None
        self.said: set[str] = set()
        # What is known of variants.
        self.labels: dict[str, str] = {}  # by the names of the files
        self.wheel_filename: type[WheelFilename] | None = None  # takes names apart
        self.sources: dict[str, Source] = {}  # by address, in pip's order
        self.locks: list[Lock] = []  # those that are read
        self.resolved: Any = None  # pip's set of what was resolved last
        self.locked: dict[str, Package] = {}  # of the lock that is written
        self.fitting: set[str] = set()  # targets that need nothing else than what it holds
        self.builds: dict[str, str] = {}  # of index sets, by project: what others are built against
        self._forget()

    def _forget(self) -> None:
        self.releases: dict[tuple[str, str], Release] = {}  # by normalised name and version
        self.release_of_url: dict[str, Release] = {}  # by the addresses of what can be used
        self.skipped: dict[str, list[Release]] = {}  # by name; which is not said yet
        self.target: Target | None = None
        self.early: Early | None = None
        self.indexes: Indexes | None = None

    def for_build(self, builds: dict[str, str]) -> "Run":
        """The part of this run that builds something, for this very machine, against `builds`."""
        run = copy(self)
        run.builds = builds
        run.is_building = True
        run._forget()
        return run

    def for_target(self, name: str) -> "Run":
        """The part of this run that is for one of several targets."""
        run = copy(self)
        run.options = copy(self.options)
        run.options.variant_target = name
        run._forget()
        return run

    def values(self, option: str) -> list[str]:
        """The values of one of our options, from the command line, the environment or pip.conf."""
        values = getattr(self.options, option, None)
        return values if isinstance(values, list) else []  # others hand over what they like

    @property
    def chosen(self) -> list[str]:
        """Those of our options by which the user chose, and that have several values."""
        options = getattr(self.options, "__dict__", {})
        return [name for name in options if name.startswith("variant") and self.values(name)]

    def typed(self, option: str) -> list[str]:
        """Those of the values of one of our options that were typed, which come last."""
        typed: dict[str, list[str]] = getattr(self.options, "variant_typed", {})
        return typed.get(option, [])

    def label_for(self, package: str) -> str:
        """The label that the user wants of a package; empty if any will do."""
        wanted = dict(text.split("=", 1) for text in self.values("variant"))
        return wanted.get(package, self.builds.get(package, ""))

    @property
    def target_name(self) -> str:
        """The target that the user named, a file or names; empty for the machine at hand."""
        named = getattr(self.options, "variant_target", None)
        is_here = self.is_building or named == "here"
        return named if isinstance(named, str) and not is_here else ""

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets that were typed, of which `pip lock` and `pip download` take several."""
        return tuple(dict.fromkeys(self.typed("variant_target")))

    @property
    def requires_hashes(self) -> bool:
        """Whether all that is installed must have a known hash; of a lock pip says so too late."""
        return bool(self.locks) or bool(getattr(self.options, "require_hashes", False))

    def accepts_labels(self) -> bool:
        """Called for every labelled file name; the first call verifies the seams."""
        if self.is_off or self.is_shut:
            return False
        if self.problem is None:
            self._verify()
        return not self.problem

    @property
    def seen(self) -> bool:
        """Whether a label was accepted: until then there is nothing to do."""
        return self.problem == "" or bool(self.labels)

    def label_of(self, filename: str) -> str | None:
        """The label of a wheel that pip accepted; None for anything else."""
        return self.labels.get(filename)

    def say(self, level: int, text: str, *, once: bool = False) -> None:
        """Say a line in pip's output: INFO to standard output, WARNING to standard error."""
        if not once or text not in self.said:
            self.said.add(text)
            if not logging.getLogger().handlers:  # pip puts a word before it, once it has begun
                text = f"{logging.getLevelName(level)}: {text}"
            logging.getLogger("pip_variants").log(level, "%s", text)

    def ignore_variants(self, why: str) -> None:
        """Accept no label any more, and say so."""
        self.problem = why
        self.say(logging.WARNING, f"Wheel variants are ignored: {why}.", once=True)

    def warn_of_missing_seams(self) -> None:
        """Say that this command does not know variants, if this pip lacks what it takes."""
        if lacking := attach.missing(self.command):
            self.say(
                logging.WARNING,
                f"pip {self.command} does not know all of wheel variants: pip-variants does not "
                f"know this pip ({lacking[0].where} is not as expected). See pip-variants doctor.",
                once=True,
            )

    def _verify(self) -> None:
        self.problem = ""  # what is loaded now may have names of wheels, too
        try:
            problems = attach.verify(self.chosen, self.command)
        except attach.Unloadable as error:
            self.ignore_variants(f"pip-variants is broken ({error})")
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, pip must go on
            problems = [repr(error)]
        if problems:
            self.ignore_variants(f"pip-variants does not know this pip ({problems[0]})")
        else:
            self.warn_of_missing_seams()

    def close(self) -> None:
        """End what was started for this run."""
        if self.target is not None:
            self.target.close()


_run: ContextVar[Run] = ContextVar("pip_variants_run")


def current() -> Run:
    """The run that this thread is in."""
    run = _run.get(None)
    if run is None:
        run = Run()
        _run.set(run)
    return run


@contextmanager
def entered(run: Run) -> Iterator[Run]:
    """The run is the current one within this, and closed at its end."""
    token = _run.set(run)
    try:
        yield run
    finally:
        _run.reset(token)
        run.close()


class during:  # noqa: N801 - contextlib's way would cost plain installs a quarter of a percent
    """`with during("is_shut"):` makes it true of the current run, and what it was at the end."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        self._run = current()
        self._before = getattr(self._run, self._name)
        setattr(self._run, self._name, True)

    def __exit__(self, *_: object) -> None:
        setattr(self._run, self._name, self._before)


def parsed(options: Any, command: str, *, is_off: bool) -> None:
    """Note the options of the run; a program that parses again without pip's main starts anew."""
    run = current()
    if run.options is not None:
        run.close()
        run = Run()
        _run.set(run)
    run.options, run.command, run.is_off = options, command, is_off
