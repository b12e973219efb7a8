"""Who is calling, and which namespaces that key may touch.

Pure: minted keys' text format lives here too, because its checksum lets a mistyped key be refused
before any look-up.
"""

from __future__ import annotations

import enum
import hashlib
import re
import unicodedata
import zlib
from dataclasses import dataclass

from eunoe_server.domain.limit_table import MAX_NAMESPACE_BYTES
from eunoe_server.errors import ConflictingParameters, InvalidParameter, NotPermitted

KEY_PREFIX = "eu"
_MINTED = re.compile(rf"{KEY_PREFIX}_[0-9a-f]{{16}}_[0-9a-f]{{56}}")


class Scope(enum.StrEnum):
    """What a key may do. Each is granted by name; none implies another."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """What an accepted API key stands for."""

    key_id: str
    project_id: int
    scopes: frozenset[Scope]
    #: The one namespace this key is bound to; None: not bound to one.
    namespace: str | None = None
    #: Only namespaces that begin with this; None: any. Never together with `namespace`.
    namespace_prefix: str | None = None
    #: Calls in a calendar month (UTC) at most; 0: any number; None: the server's default.
    monthly_calls: int | None = None

    @property
    def is_bound(self) -> bool:
        """Whether it was made for some namespaces only: for one, or for those of a prefix."""
        return self.namespace is not None or self.namespace_prefix is not None

    def namespace_for(self, asked: str | None) -> str:
        """The namespace to work in: the key's own, else what was asked for, else the global one.

        Raises ConflictingParameters when a bound key is asked for another namespace, NotPermitted
        outside the key's prefix, InvalidParameter for a name that cannot be one.
        """
        if asked is not None:
            check_namespace(asked)
        if self.namespace is not None:
            if asked is not None and asked != self.namespace:
                raise ConflictingParameters.of(
                    "namespace", "this API key is bound to another namespace"
                )
            return self.namespace
        name = asked or ""
        if not self.sees(name):
            raise NotPermitted("This API key is bound to namespaces with another prefix.")
        return name

    def sees(self, namespace: str) -> bool:
        """Whether what lies in a namespace exists for this key at all."""
        if self.namespace is not None:
            return namespace == self.namespace
        return self.namespace_prefix is None or namespace.startswith(self.namespace_prefix)


def check_namespace(name: str) -> None:
    """A name is what people choose (a user id, say); its bytes are compared exactly.

    Raises InvalidParameter unless `name` has at most 256 bytes and no control characters.
    """
    if len(name.encode("utf-8", "surrogatepass")) > MAX_NAMESPACE_BYTES:
        raise InvalidParameter.of("namespace", f"must be at most {MAX_NAMESPACE_BYTES} bytes")
    if name in (".", ".."):
        # Clients take these out of a path, and the request would go to the global namespace.
        raise InvalidParameter.of("namespace", "must not be . or ..")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        # Control characters and lone surrogates; NUL cannot be stored at all.
        raise InvalidParameter.of("namespace", "must not contain control characters")


def format_key(key_id: str, secret: str) -> str:
    """`eu_<id>_<secret><checksum>`: what a person copies, shown once."""
    body = f"{KEY_PREFIX}_{key_id}_{secret}"
    return body + _checksum(body)


def key_id_of(token: str) -> str:
    """The id under which a key is stored.

    A minted key names it. Any other string (a bootstrap key) is found by a digest of itself, so
    that no secret is ever part of a look-up.
    """
    parts = token.split("_")
    if len(parts) == 3 and parts[0] == KEY_PREFIX and _checksum(token[:-8]) == token[-8:]:
        return parts[1]
    return "k" + hashlib.sha256(b"eunoe key id\0" + token.encode()).hexdigest()[:23]


def is_mistyped(token: str) -> bool:
    """Whether this has the form of a minted key and is none: its checksum is wrong."""
    return _MINTED.fullmatch(token) is not None and _checksum(token[:-8]) != token[-8:]


def hash_key(token: str) -> bytes:
    """What is stored of a key. Its secret has 192 random bits, so a slow hash would add nothing."""
    return hashlib.sha256(token.encode()).digest()


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"
