from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor
JSON_FIELD_NUMBER: _ClassVar[int]
json: _descriptor.FieldDescriptor
MAY_BE_EMPTY_FIELD_NUMBER: _ClassVar[int]
may_be_empty: _descriptor.FieldDescriptor
UNTAGGED_FIELD_NUMBER: _ClassVar[int]
untagged: _descriptor.FieldDescriptor
