"""One wheel by a project's own backend (PEP 517); run as a module with one JSON object."""

import json
import sys
from subprocess import CalledProcessError
from typing import Any

import build
from build.env import DefaultIsolatedEnv


def main(arguments: dict[str, Any]) -> None:
    """Build a wheel or sdist as `publish.build` asks. Raises what backends and `build` raise."""
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
    except CalledProcessError as error:  # of pip; `build` keeps what it said
        sys.exit((error.stderr or b"").decode(errors="replace") or str(error))
    except (build.BuildException, build.BuildBackendException) as error:
        sys.exit(str(error))
