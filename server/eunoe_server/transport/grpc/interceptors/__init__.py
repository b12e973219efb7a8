"""What every call passes through before its servicer, in this order and for these reasons:

1. `InFlight`        first, so that a call counts until the last of it is done
2. `RequestId`       so that every later line and error can name the request
3. `AccessLog`       outside of errors, so that it sees the status that really went out
4. `Errors`          outside of auth, so that a refused key is answered like any other error
5. `Authentication`  before anything reads the request's contents
6. `RequiredFields`  last, so that nobody without a key learns what a request needs
"""

from eunoe_server.transport.grpc.interceptors.access_log import AccessLog
from eunoe_server.transport.grpc.interceptors.authentication import Authentication, caller
from eunoe_server.transport.grpc.interceptors.chain import Call, Interceptor
from eunoe_server.transport.grpc.interceptors.errors import Errors
from eunoe_server.transport.grpc.interceptors.in_flight import InFlight
from eunoe_server.transport.grpc.interceptors.request_id import RequestId
from eunoe_server.transport.grpc.interceptors.required_fields import RequiredFields

__all__ = [
    "AccessLog",
    "Authentication",
    "Call",
    "Errors",
    "InFlight",
    "Interceptor",
    "RequestId",
    "RequiredFields",
    "caller",
]
