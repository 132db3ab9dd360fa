"""The OpenAPI 3.1 document of the web door, from its own routes: nothing behind the door is needed for it."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.app import create_app
from api.caller import Verifier


def openapi_document() -> dict[str, Any]:
    """The document; routes for development alone are not in it."""
    return create_app({}, Verifier(Ed25519PrivateKey.generate().public_key())).openapi()
