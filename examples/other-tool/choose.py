"""Choose a wheel out of a folder, as another installer would: `choose.py FOLDER PROJECT [TARGET]`.

Nothing here imports pip. A target is a file that `pip-variants target` writes, or a name such as
`x86_64_v3`; without one it is this machine.
"""

import sys
from contextlib import closing
from pathlib import Path

from packaging.tags import parse_tag, sys_tags
from packaging.utils import canonicalize_name
from packaging.version import Version

from pip_variants import reasons, wheel_metadata
from pip_variants.detection.client import Detection
from pip_variants.errors import PipVariantsError
from pip_variants.model.filename import WheelFilename, index_metadata_filename
from pip_variants.model.metadata import VariantMetadata, combine_all
from pip_variants.selection import select

Wheels = dict[str | None, tuple[int, Path]]  # by label the best tag's rank, and the wheel


def wheels_of(folder: Path, project: str) -> dict[Version, Wheels]:
    """The wheels of a project that this Python can install: by version, one for each label."""
    ranks = {tag: rank for rank, tag in enumerate(sys_tags())}
    releases: dict[Version, Wheels] = {}
    for path in folder.glob("*.whl"):
        name = WheelFilename.parse(path.name)
        fitting = [ranks[tag] for tag in parse_tag("-".join(name.tags)) if tag in ranks]
        if fitting and canonicalize_name(name.distribution) == canonicalize_name(project):
            wheels = releases.setdefault(Version(name.version), {})
            one = min(fitting), path
            wheels[name.label] = min(wheels.get(name.label, one), one)
    return releases


def metadata_of(folder: Path, project: str, version: Version, variants: Wheels) -> VariantMetadata:
    """What is known of the variants of one release: the index's file, else what the wheels say."""
    listed = folder / index_metadata_filename(project, str(version))
    if listed.is_file():
        return VariantMetadata.parse(listed.read_bytes(), listed.name)
    texts = {path.name: wheel_metadata.read(path, path.name) for _, path in variants.values()}
    return combine_all({name: VariantMetadata.parse(texts[name], name) for name in texts})


def choose(folder: Path, project: str, detection: Detection) -> Path:
    """The wheel of the newest version that fits; says why variants do not."""
    for version, wheels in sorted(wheels_of(folder, project).items(), reverse=True):
        plain = wheels.pop(None, None)
        if wheels:
            metadata = metadata_of(folder, project, version, wheels)
            ordering = select(metadata, filter(None, wheels), detection)
            for rejection in ordering.rejected:
                print(f"{rejection.label} {reasons.reason(rejection)}")
            for variant in ordering.best_first:
                print(reasons.chosen(variant, ordering))
                return wheels[variant.label][1]
        if plain:  # it is no variant, and fits everywhere
            return plain[1]
    raise PipVariantsError(f"no wheel of {project} in {folder} fits")


if __name__ == "__main__":
    folder, project, *target = sys.argv[1:]
    with closing(Detection(target="".join(target))) as detection:
        try:
            print(choose(Path(folder), project, detection).name)
        except PipVariantsError as error:
            sys.exit(str(error))
