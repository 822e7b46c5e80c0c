"""Asking providers what a target supports, in a process of its own."""

COMMAND_VARIABLE = "_PIP_VARIANTS_DETECTION"
"""Holds `client.command()` as JSON, where pip runs in an interpreter without pip-variants."""

RUN_MODULE = (
    "import sys; sys.path[0] or sys.path.pop(0); import runpy; "
    "runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
)
"""What `python -c` runs a module with as `-m` does, but without the working directory's modules."""

FOLDER_VARIABLE = "_PIP_VARIANTS_FOLDER"
"""Names the folder in which the detection process is to look for packages first."""

DEADLINE = 10.0
"""Seconds that a provider has to answer."""

START_DEADLINE = 60.0
"""Seconds that the process has to start, which on a cold network drive takes a while."""

ANSWER = "pip-variants-answer:"
"""What a line of the detection process starts with; other lines are noise of its start."""
