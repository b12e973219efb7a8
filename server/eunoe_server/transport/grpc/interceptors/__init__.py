"""What every call passes through before its servicer, in this order and for these reasons:

1. `Shedding`        first, so that a refusal for overload costs next to nothing
2. `InFlight`        outside of all that may store, so that a call counts until the last is done
3. `RequestId`       so that every later line and error can name the request
4. `AccessLog`       outside of errors, so that it sees the status that really went out
5. `Errors`          outside of auth, so that a refused key is answered like any other error
6. `Authentication`  before anything reads the request's contents
7. `RateLimit`       before the gates, so that one key that calls too often takes no place there
8. `Admission`       before anything that works
9. `Metering`        behind both, so that what was refused is not counted
10. `RequiredFields` behind the key, so that nobody without one learns what a request needs
11. `IdempotencyKeys` last, so that only what would be done is looked up
"""

from eunoe_server.transport.grpc.interceptors.access_log import AccessLog
from eunoe_server.transport.grpc.interceptors.admission import Admission, Gates, Shedding
from eunoe_server.transport.grpc.interceptors.authentication import Authentication, caller
from eunoe_server.transport.grpc.interceptors.chain import Call, Interceptor
from eunoe_server.transport.grpc.interceptors.errors import Errors
from eunoe_server.transport.grpc.interceptors.idempotency import IdempotencyKeys
from eunoe_server.transport.grpc.interceptors.in_flight import InFlight
from eunoe_server.transport.grpc.interceptors.metering import Metering
from eunoe_server.transport.grpc.interceptors.rate_limit import RateLimit
from eunoe_server.transport.grpc.interceptors.request_id import RequestId
from eunoe_server.transport.grpc.interceptors.required_fields import RequiredFields

__all__ = [
    "AccessLog",
    "Admission",
    "Authentication",
    "Call",
    "Errors",
    "Gates",
    "IdempotencyKeys",
    "InFlight",
    "Interceptor",
    "Metering",
    "RateLimit",
    "RequestId",
    "RequiredFields",
    "Shedding",
    "caller",
]
