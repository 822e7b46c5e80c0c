"""Several targets at once: `pip lock` and `pip download` resolve for each in turn."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from logging import INFO, WARNING
from typing import Any

from pip._internal.exceptions import DistributionNotFound, InstallationError

from pip_variants.errors import printable
from pip_variants.model.filename import index_metadata_filename
from pip_variants.pip_adapter.hook.run import Run, current, entered
from pip_variants.pip_adapter.variants.locking import NextTarget
from pip_variants.pip_adapter.variants.sources import url_of_source


def lock(self: Any, _: Any, args: Any, *, original: Any) -> Any:
    """`LockCommand.run`: each target gets all that the lock holds, until no one needs more."""
    run = current()
    names = cycle(run.targets)
    while True:
        name = next(names)
        with _part_for(name) as part:
            try:
                return original(self, part.options, list(args))
            except NextTarget:
                continue
            except DistributionNotFound as error:
                others = ", ".join(sorted(run.fitting))
                if not others:
                    raise
                text = f"{name} cannot get what the lock holds for {others}: {error}. "
                text += "Make a lock for each of the targets, or name this one first."
                raise InstallationError(printable(text)) from None


def download(self: Any, _: Any, args: Any, *, original: Any) -> Any:
    """`DownloadCommand.run`; with the metadata of releases, as nobody else has it in a folder."""
    for name in current().targets:
        with _part_for(name) as part:
            status = original(self, part.options, list(args))
            _save_metadata(part)
    return status


@contextmanager
def _part_for(name: str) -> Iterator[Run]:
    """The part of the run that is for one target; the whole knows in the end what it saw."""
    run = current()
    with entered(run.for_target(name)) as part:
        part.say(INFO, printable(f"For the target {name}:"))
        yield part
    run.problem, run.requirements, run.releases = part.problem, part.requirements, part.releases


def _save_metadata(run: Run) -> None:
    """Put what a release's variants were chosen by next to its wheels, as it was read."""
    for requirement in run.resolved.requirements.values() if run.resolved else ():
        release = run.release_of_url.get(requirement.link.url)
        metadata = release.read_from(url_of_source(requirement.link)) if release else None
        if release and release.builds:
            text = f"A folder does not say for whom the builds of {release.name} are; "
            run.say(WARNING, f"{text}download those of an index set for one target at a time.")
        elif release and metadata:
            name = index_metadata_filename(release.name, release.version)
            path = os.path.join(run.options.download_dir, name)
            with open(path, "w", encoding="utf-8") as file:
                json.dump(metadata.table(), file, indent=2)
            run.say(INFO, f"Saved {name}", once=True)
