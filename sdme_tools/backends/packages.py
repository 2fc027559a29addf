"""Packages that belong to extras: import them, or say how to get them."""

import importlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

from sdme_tools.errors import BackendError


def require_package(module: str, *, extra: str = "extract") -> ModuleType:
    """Import a package that only an extra installs.

    Raises:
        BackendError: the package, or one that it needs, is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise _missing(module, str(error), extra) from error


@cache
def require_version(distribution: str, *, extra: str = "extract") -> str:
    """Tell the version of an installed distribution without importing it.

    Raises:
        BackendError: the distribution is not installed.
    """
    try:
        return version(distribution)
    except PackageNotFoundError as error:
        raise _missing(distribution, "it is not installed", extra) from error


def _missing(package: str, why: str, extra: str) -> BackendError:
    return BackendError(
        f"the package {package} cannot be imported: {why}", cure=f"install it: pip install 'sdme-tools[{extra}]'"
    )
