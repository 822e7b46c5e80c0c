"""Every error that pip-variants raises on purpose; each says what was wrong, and where."""


def printable(text: str, limit: int = 600) -> str:
    """Text of anybody's for a terminal: one line, no control characters, `limit` characters."""
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[: limit + 1])
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def shown(value: object, limit: int = 100) -> str:
    """Any value as Python writes it, for a message; not longer than `limit` characters."""
    try:
        return printable(repr(value), limit)
    except RecursionError:
        return "something that is nested too deeply"
    except ValueError:  # Python writes no integers of more than 4,300 digits
        return "something that is too long to be shown"


class PipVariantsError(Exception):
    """Base of all errors of this package."""


class InvalidVariantLabel(PipVariantsError, ValueError):
    """A variant label outside `[0-9a-z_.]+` (PEP 825, Variant label)."""


class InvalidVariantProperty(PipVariantsError, ValueError):
    """A namespace, feature or value outside its alphabet (PEP 825, Variant properties)."""


class InvalidWheelFilename(PipVariantsError, ValueError):
    """A file name that is not that of a wheel, with or without a variant label."""


class InvalidVariantMetadata(PipVariantsError, ValueError):
    """Variant metadata that does not follow PEP 825 or PEP 850."""


class InconsistentVariantMetadata(InvalidVariantMetadata):
    """Two pieces of variant metadata of one release that contradict each other."""


class InvalidWheel(PipVariantsError, ValueError):
    """A wheel that cannot be read, or that lacks what a variant wheel must have."""


class InvalidProviderAnswer(PipVariantsError, ValueError):
    """A provider that answered with something else than features and values."""


class InvalidTarget(PipVariantsError, ValueError):
    """A target file that cannot be read, or a name that no target has."""


class InvalidIndexSet(PipVariantsError, ValueError):
    """A file of an index set that cannot be read, or a name that no set has."""


class DetectionError(PipVariantsError):
    """The detection process could not be started or broke its protocol.

    `namespace` is the one that was asked for, if that is known.
    """

    namespace = ""


class ProviderFailed(DetectionError):
    """A provider raised, exited, hung or answered nonsense (PEP 850: abort the install)."""


class BrokenInstallation(DetectionError):
    """A part of pip-variants itself cannot be loaded in the detection process."""
