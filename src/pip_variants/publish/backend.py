"""One wheel by a project's own backend, in a process and an environment of its own (PEP 517).

Run as a module; the arguments are one JSON object.
"""

import json
import sys
from typing import Any

import build
from build.env import DefaultIsolatedEnv


def main(arguments: dict[str, Any]) -> None:
    """Build `kind`, wheel or sdist, of the folder `source` into `folder`.

    `requires` is installed beside what the project itself needs, `settings` go to the backend.
    Raises what the backend and `build` raise.
    """
    kind, settings = arguments["kind"], arguments["settings"]
    with DefaultIsolatedEnv() as environment:
        builder = build.ProjectBuilder.from_isolated_env(environment, arguments["source"])
        environment.install(builder.build_system_requires)
        environment.install(builder.get_requires_for_build(kind, settings))
        if arguments["requires"]:
            environment.install(arguments["requires"])
        builder.build(kind, arguments["folder"], settings)


if __name__ == "__main__":
    try:
        main(json.loads(sys.argv[1]))
    except build.BuildException as error:
        sys.exit(str(error))
