"""Short runs of `fuzz_http` and `fuzz_grpc`; the long ones are `make reliability`."""

from __future__ import annotations

from tests.fixtures.server import serving
from tests.reliability import fuzz_grpc, fuzz_http


def test_requests_right_and_wrong_are_answered_as_the_document_says() -> None:
    with serving() as server:
        outcome = fuzz_http.run(server, requests=300, seed=1, progress=False)
    assert outcome.server_errors == []
    assert outcome.violations == []
    assert outcome.requests > 200
    refused = sum(codes[400] for codes in outcome.statuses.values())
    done = sum(codes[200] for codes in outcome.statuses.values())
    assert refused > 50
    assert done > 50


def test_bytes_that_are_no_request_are_refused_as_such() -> None:
    with serving() as server:
        outcome = fuzz_grpc.run(server, calls=400, seed=1, progress=False)
    assert outcome.wrong == []
    assert outcome.calls == 400
    assert {"OK", "INVALID_ARGUMENT", "NOT_FOUND"} <= outcome.codes.keys()
    assert outcome.log_lines < 2 * outcome.calls
