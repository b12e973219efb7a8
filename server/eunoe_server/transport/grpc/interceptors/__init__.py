"""What every call passes through before its servicer, in this order and for these reasons:

1. `InFlight`         outside of all that may store, so that a call counts until the last is done
2. `RequestId`        so that every later line and error can name the request
3. `Spans`            if traces are exported; outside of errors, as the next, and inside of what
                      names the request
4. `AccessLog`        outside of errors, so that it sees the status that really went out
5. `Errors`           outside of auth, so that a refused key is answered like any other error
6. `Deadline`         before the first question to the database, which is about the key
7. `Authentication`   before anything reads the request's contents
8. `RateLimit`        before the gates, so that one key that calls too often takes no place there
9. `Admission`        before anything that works
10. `Decoding`        before anything that reads the request's contents
11. `Metering`        behind all that refuses early, so that what was refused is not counted
12. `RequiredFields`  behind the key, so that nobody without one learns what a request needs
13. `IdempotencyKeys` last, so that only what would be done is looked up
"""

from eunoe_server.transport.grpc.interceptors.access_log import AccessLog
from eunoe_server.transport.grpc.interceptors.admission import (
    Admission,
    Gates,
    Shedding,
    SheddingOverHttp,
)
from eunoe_server.transport.grpc.interceptors.authentication import Authentication, caller
from eunoe_server.transport.grpc.interceptors.deadline import Deadline
from eunoe_server.transport.grpc.interceptors.decoding import Decoding
from eunoe_server.transport.grpc.interceptors.errors import Errors
from eunoe_server.transport.grpc.interceptors.idempotency import IdempotencyKeys
from eunoe_server.transport.grpc.interceptors.in_flight import InFlight
from eunoe_server.transport.grpc.interceptors.metering import Metering
from eunoe_server.transport.grpc.interceptors.rate_limit import RateLimit
from eunoe_server.transport.grpc.interceptors.request_id import RequestId
from eunoe_server.transport.grpc.interceptors.required_fields import RequiredFields
from eunoe_server.transport.grpc.interceptors.spans import Spans

__all__ = [
    "AccessLog",
    "Admission",
    "Authentication",
    "Deadline",
    "Decoding",
    "Errors",
    "Gates",
    "IdempotencyKeys",
    "InFlight",
    "Metering",
    "RateLimit",
    "RequestId",
    "RequiredFields",
    "Shedding",
    "SheddingOverHttp",
    "Spans",
    "caller",
]
