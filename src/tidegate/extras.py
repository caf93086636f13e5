"""The optional packages, as the installed package's own metadata list them."""

from __future__ import annotations

from importlib import metadata

from packaging.requirements import Requirement

_FOR_DEVELOPERS = "dev"


def missing_packages() -> dict[str, list[str]]:
    """Return for each extra, but not the developers', its packages that are not installed; none at all means ready.

    An unpacked source tree that was never installed has no extras.
    """
    try:
        found = metadata.metadata("tidegate").get_all("Provides-Extra") or []
        needs = [Requirement(each) for each in metadata.requires("tidegate") or []]
    except metadata.PackageNotFoundError:
        return {}
    return {
        extra: [need.name for need in needs if _belongs(need, extra) and not _is_installed(need.name)]
        for extra in sorted(found)
        if extra != _FOR_DEVELOPERS
    }


def _belongs(need: Requirement, extra: str) -> bool:
    marker = need.marker
    return marker is not None and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""})


def _is_installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
