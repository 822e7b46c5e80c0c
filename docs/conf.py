"""The pages as a site with search: `python -m sphinx -W -c docs . FOLDER`, with the extra `docs`.

The checkout is the source, so that links between README, docs and examples are the same on both.
"""

from pip_variants import __version__

project = "pip-variants"
release = __version__
root_doc = "docs/index"
include_patterns = [
    "*.md",
    "docs/**.md",
    "examples/**.md",
    "benchmarks/README.md",
    "tests/fuzz/README.md",
]
extensions = ["myst_parser"]
myst_heading_anchors = 3  # as GitHub makes them
html_theme = "furo"
html_title = f"pip-variants {release}"
html_copy_source = False
html_extra_path = ["site"]  # leads from the root to docs/
