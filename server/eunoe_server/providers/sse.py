"""Server-sent events, as bytes: cuts a stream into events and leaves their data as it came.

Only `data` is kept. A chat completion's meaning is in it, and event names, ids, retry times and
comments belong to the connection they came on. Nothing is decoded and nothing is interpreted but
the closing `[DONE]`, which is remembered and not handed on.

The framing is the HTML standard's ("parsing an event stream"): lines end in LF, CR or CRLF, several
`data` lines make one event. Two differences, both what the OpenAI clients do: the last event needs
no blank line after it, and an event without data is no event.
"""

from __future__ import annotations

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventTooLarge(Exception):
    """One event is larger than the reader is willing to hold."""


class EventSplitter:
    """Feed it what arrives, however it is cut; it returns the data of each event completed."""

    def __init__(self, max_event_bytes: int) -> None:
        self.was_completed = False
        self._max_event_bytes = max_event_bytes
        self._line = bytearray()  # the line that has not ended
        self._data: list[bytes] = []  # the data lines of the event that has not ended
        self._data_bytes = 0
        self._is_at_start = True
        self._ended_in_cr = False

    def feed(self, chunk: bytes) -> list[bytes]:
        if self._ended_in_cr and chunk:
            # The LF of a CRLF that was cut in two ends no second line.
            self._ended_in_cr = False
            chunk = chunk.removeprefix(b"\n")
        end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r")) + 1
        events: list[bytes] = []
        if end:
            self._line += chunk[:end]
            lines = bytes(self._line).splitlines()
            self._line.clear()
            self._ended_in_cr = chunk[end - 1 : end] == b"\r"
            for line in lines:
                self._take(line, events)
        self._line += chunk[end:]
        if self._data_bytes + len(self._line) > self._max_event_bytes:
            raise EventTooLarge
        return events

    def finish(self) -> list[bytes]:
        """The stream has ended by itself; the event that was open, if any."""
        events: list[bytes] = []
        self._take(bytes(self._line), events)
        self._take(b"", events)
        self._line.clear()
        return events

    def _take(self, line: bytes, events: list[bytes]) -> None:
        if self._is_at_start:
            self._is_at_start = False
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if line.startswith(b"data:"):
            start = 6 if line.startswith(b"data: ") else 5
            self._data.append(line[start:])
            self._data_bytes += len(line)
        elif not line and self._data:
            event = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
            self._data = []
            self._data_bytes = 0
            if event.strip() == b"[DONE]":
                self.was_completed = True
            elif event and not self.was_completed:
                events.append(event)
