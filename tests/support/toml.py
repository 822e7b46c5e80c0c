"""`tomllib`, which Python 3.10 does not have yet; pip has the same library."""

import sys

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib

__all__ = ["tomllib"]
