"""What the protos say above each thing, by its place in the file."""

from __future__ import annotations

from google.protobuf import descriptor_pb2

#: As in `SourceCodeInfo.Location.path`: (4, 0, 2, 1) is the first message's second field.
Place = tuple[int, ...]


def leading_comments(file: descriptor_pb2.FileDescriptorProto) -> dict[Place, str]:
    """Each leading comment by what it stands above."""
    return {
        tuple(location.path): _dedented(location.leading_comments)
        for location in file.source_code_info.location
        if location.leading_comments
    }


def _dedented(comment: str) -> str:
    return "\n".join(line.removeprefix(" ") for line in comment.strip("\n").splitlines()).strip()
