"""Wheel variants for pip: plain `pip install` takes the best build for this machine."""

__version__ = "0.1.0"
