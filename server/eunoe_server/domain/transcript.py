"""What is stored of a dialogue, as recognising and continuing it needs it: light and in order.

A transcript is the active messages of one dialogue. Each has the fingerprint of all turns up to it,
its `chain`, so that one index look-up finds the dialogues that begin like a request. This module
reads no store; `stores/messages.py` delivers the rows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from eunoe_server.domain.turn import INSTRUCTION_ROLES, RESULT_ROLES

#: The chain before the first turn.
CHAIN_START = b""


def extend_chain(chain: bytes, digest: bytes) -> bytes:
    """The fingerprint of a transcript that is one turn longer.

    Instructions are not part of any chain; they are stored with CHAIN_START.
    """
    return hashlib.blake2b(chain + digest, digest_size=16, person=b"eunoe chain 1").digest()


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """An active message of a dialogue, without its body."""

    position: int
    role: str
    digest: bytes
    #: Fingerprint of the active turns up to this one; see extend_chain.
    chain: bytes
    #: As in Turn: the calls that it makes, or the one that it answers.
    tool_call_ids: tuple[str, ...] = ()
    token_estimate: int = 0
    #: True for an answer that broke off; the client may have seen more or less of it.
    is_interrupted: bool = False
    #: True when this server gave it as an answer; false when a request or an import brought it.
    #: Examples and greetings that applications put into every request are never answers.
    is_answer: bool = False
    #: Plain text of an interrupted answer; others are compared by digest alone.
    text: str = ""

    @property
    def is_instruction(self) -> bool:
        """True for system and developer messages."""
        return self.role in INSTRUCTION_ROLES

    @property
    def is_tool_traffic(self) -> bool:
        """True for tool calls and their results, which some clients never send again."""
        return self.role in RESULT_ROLES or (self.role == "assistant" and bool(self.tool_call_ids))
