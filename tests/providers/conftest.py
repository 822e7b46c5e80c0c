"""Fixtures of the tests of providers."""

import pytest

from pip_variants.providers import cpuinfo


@pytest.fixture
def be(monkeypatch, tmp_path):
    """Become another machine: its architecture and /proc/cpuinfo."""

    def become(machine: str, text: str | None = None) -> None:
        monkeypatch.setattr("pip_variants.providers.machine.architecture", lambda: machine)
        monkeypatch.setattr(cpuinfo, "PATH", str(tmp_path / "cpuinfo"))
        if text is not None:
            (tmp_path / "cpuinfo").write_text(text)

    return become
