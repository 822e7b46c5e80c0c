"""Where no project has variants, pip says and asks for exactly what stock pip does."""

import json
from pathlib import Path

import pytest
from support.popular import popular
from support.server import Index


@pytest.mark.parametrize(
    ("count", "pages"),
    [(30, "html"), (30, "json"), pytest.param(200, "json", marks=pytest.mark.long)],
)
def test_a_resolution_is_that_of_stock_pip(
    env, stock, index: Index, tmp_path: Path, count: int, pages: str
) -> None:
    made = popular(count)
    index.replies = made.replies(pages)
    (tmp_path / "requirements.txt").write_text("\n".join(made.requirements))
    (tmp_path / "constraints.txt").write_text("\n".join(made.constraints))
    files = ("-r", "requirements.txt", "-c", "constraints.txt")
    runs = []
    for environment in (stock, env):
        index.requests.clear()
        command = ("install", "--dry-run", "--report", "-", "--index-url", index.url, *files)
        runs.append((environment.pip(*command, cwd=tmp_path), tuple(index.requests)))
    theirs, ours = runs
    assert ours == theirs

    # It was worth comparing: extras, and more candidates than projects.
    result, requests = ours
    report = json.JSONDecoder().raw_decode(result.out[result.out.index("\n{\n") :].lstrip())[0]
    names = {one["metadata"]["name"] for one in report["install"]}
    assert names == {project.name for project in made.projects}
    assert any("requested_extras" in one for one in report["install"])
    assert "pip is looking at multiple versions" in result.out
    assert len(requests) > 2 * len(names)  # a page and the metadata of one version for each
