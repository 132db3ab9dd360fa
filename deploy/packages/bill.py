"""The bill of materials: every package of the product and of its tools, with version, licence, hashes and who needs it.

CycloneDX 1.6 in JSON. The same lock files give the same bytes: there is no time in it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from deploy.packages.locked import PRODUCT, Package

SPECIFICATION = "1.6"
OWN_LICENCE = "Apache-2.0"


def bill(listed: Iterable[tuple[Package, str]], version: str) -> Mapping[str, Any]:
    """The document, from packages with their licences and the product's own version.

    Of each package the hashes of all files that may be installed, of which an installation has one.
    """
    listed = list(listed)
    own = f"pkg:generic/{PRODUCT}@{version}"
    needed: dict[str, list[str]] = {own: [], **{package.purl: [] for package, _ in listed}}
    for package, _ in listed:
        for asking in package.asked_by:
            needed[own if asking == PRODUCT else asking].append(package.purl)
    components = [_component(package, licence) for package, licence in listed]
    content = repr((components, needed)).encode()
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "serialNumber": f"urn:uuid:{uuid.UUID(bytes=sha256(content).digest()[:16], version=4)}",
        "version": 1,
        "metadata": {
            "component": {
                "bom-ref": own,
                "type": "application",
                "name": PRODUCT,
                "version": version,
                "licenses": [{"license": {"id": OWN_LICENCE}}],
                "purl": own,
            }
        },
        "components": components,
        "dependencies": [{"ref": place, "dependsOn": sorted(set(parts))} for place, parts in sorted(needed.items())],
    }


def _component(package: Package, licence: str) -> Mapping[str, Any]:
    group, _, name = package.name.rpartition("/")
    return {
        "bom-ref": package.purl,
        "type": "library",
        **({"group": group} if group else {}),
        "name": name,
        "version": package.version,
        # What only builds and tests is no part of what is installed.
        "scope": "required" if package.runs else "excluded",
        "hashes": [{"alg": algorithm, "content": content} for algorithm, content in package.hashes],
        "licenses": [{"expression": licence}] if licence else [],
        "purl": package.purl,
    }
