"""The contract: its generated code is current, its style is kept, and it says what it must.

Nothing here starts a server. What is checked of the protos is what protoc and buf cannot know: our
own conventions (options.proto), the names that the seeds fix, and that the protos and the code
have the same error reasons.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api import annotations_pb2, field_behavior_pb2, http_pb2
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor

from eunoe.v1 import (
    admin_pb2,
    chat_pb2,
    dialogue_pb2,
    error_reason_pb2,
    memory_pb2,
    options_pb2,
    search_pb2,
)
from eunoe_server.errors import Reason
from eunoe_server.transport.grpc.status import STATUS
from proto import generate, lint

FILES = [
    module.DESCRIPTOR
    for module in (
        admin_pb2,
        chat_pb2,
        dialogue_pb2,
        error_reason_pb2,
        memory_pb2,
        options_pb2,
        search_pb2,
    )
]

MESSAGES: dict[str, Descriptor] = {
    name: message for file in FILES for name, message in file.message_types_by_name.items()
}


def methods() -> Iterator[MethodDescriptor]:
    for file in FILES:
        for service in file.services_by_name.values():
            yield from service.methods


def fields() -> Iterator[FieldDescriptor]:
    for message in MESSAGES.values():
        yield from message.fields


def json_names(message: str) -> set[str]:
    return {field.json_name for field in MESSAGES[message].fields}


def option(descriptor: FieldDescriptor | MethodDescriptor, extension: Any) -> Any:
    # protoc's type stubs call an extension a plain FieldDescriptor, which options do not take.
    return descriptor.GetOptions().Extensions[extension]


def http_rules(method: MethodDescriptor) -> list[http_pb2.HttpRule]:
    rule = option(method, annotations_pb2.http)
    return [each for each in (rule, *rule.additional_bindings) if each.WhichOneof("pattern")]


def verb_and_path(rule: http_pb2.HttpRule) -> tuple[str, str]:
    verb = rule.WhichOneof("pattern")
    assert verb is not None
    return verb, getattr(rule, verb)


def is_required(field: FieldDescriptor) -> bool:
    return field_behavior_pb2.REQUIRED in option(field, field_behavior_pb2.field_behavior)


@pytest.fixture(scope="module")
def comments() -> dict[str, str]:
    """The comment of each RPC and each enum value, by its full name."""
    found = {}
    everything = descriptor_pb2.FileDescriptorSet.FromString(generate.descriptor_set())
    for file in everything.file:
        # A location names what it is at by field numbers: service 6, its methods 2; enum 5, its
        # values 2 (descriptor.proto).
        names: dict[tuple[int, ...], str] = {}
        for s, service in enumerate(file.service):
            for m, method in enumerate(service.method):
                names[6, s, 2, m] = f"{file.package}.{service.name}.{method.name}"
        for e, enum in enumerate(file.enum_type):
            for v, value in enumerate(enum.value):
                names[5, e, 2, v] = f"{file.package}.{value.name}"
        for location in file.source_code_info.location:
            if name := names.get(tuple(location.path)):
                found[name] = " ".join(location.leading_comments.split())
    return found


@pytest.fixture
def changed_protos(tmp_path: Path) -> Path:
    """A copy of the contract, to be spoilt."""
    folder = tmp_path / "proto"
    shutil.copytree(generate.PROTO_FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def replace_in(proto_folder: Path, file: str, old: str, new: str) -> None:
    path = proto_folder / generate.PACKAGE_PATH / file
    text = path.read_text()
    assert text.count(old) == 1, f"{file} must hold {old!r} once, for this test to spoil it"
    path.write_text(text.replace(old, new))


class TestGeneratedCode:
    def test_generating_it_again_changes_nothing(self) -> None:
        assert generate.differences(generate.generated_code()) == []

    def test_a_change_of_the_protos_shows_as_drift(self, changed_protos: Path) -> None:
        replace_in(changed_protos, "chat.proto", "bool is_truncated = 4;", "bool is_cut = 4;")
        assert generate.differences(generate.generated_code(changed_protos)) == [
            "chat_pb2.py is out of date",
            "chat_pb2.pyi is out of date",
        ]

    def test_missing_and_leftover_files_show_as_drift(self, tmp_path: Path) -> None:
        generate.write({"old_pb2.py": b"", "chat_pb2.py": b""}, tmp_path)
        assert generate.differences({"chat_pb2.py": b"", "new_pb2.py": b""}, tmp_path) == [
            "new_pb2.py is missing",
            "old_pb2.py is not generated any more",
        ]

    def test_writing_leaves_just_the_generated_files(self, tmp_path: Path) -> None:
        generate.write({"old_pb2.py": b""}, tmp_path)
        generate.write({"new_pb2.py": b"new"}, tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["new_pb2.py"]


class TestBuf:
    def test_finds_nothing_against_its_style_rules(self) -> None:
        assert lint.style_complaints() == ""

    def test_finds_a_field_without_a_comment(self, changed_protos: Path) -> None:
        replace_in(changed_protos, "chat.proto", "  // The body was longer.\n", "")
        assert "is_truncated" in lint.style_complaints(changed_protos)

    def test_finds_every_file_in_its_format(self) -> None:
        assert lint.format_complaints() == ""

    def test_finds_a_file_out_of_format(self, changed_protos: Path) -> None:
        replace_in(changed_protos, "chat.proto", "bool is_truncated = 4;", "bool is_truncated=4;")
        assert "is_truncated" in lint.format_complaints(changed_protos)

    def test_finds_nothing_that_breaks_callers_of_the_last_contract_on_main(
        self, tmp_path: Path
    ) -> None:
        commit = lint.last_contract_on_main()
        if commit is None or not lint.committed_protos(commit, tmp_path):
            pytest.skip("no commit holds the contract yet, so there is nothing to break")
        assert lint.breaking_changes(tmp_path) == ""

    def test_allows_a_new_field(self, changed_protos: Path) -> None:
        replace_in(
            changed_protos,
            "chat.proto",
            "  bool is_truncated = 4;\n",
            "  bool is_truncated = 4;\n  // New.\n  bool is_new = 5;\n",
        )
        assert lint.breaking_changes(generate.PROTO_FOLDER, changed_protos) == ""

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            pytest.param('[json_name = "chat_id"]', '[json_name = "chat"]', id="JSON name"),
            pytest.param("int32 http_status = 1;", "int32 http_status = 9;", id="number"),
            pytest.param("bool is_truncated = 4;", "string is_truncated = 4;", id="type"),
        ],
    )
    def test_finds_a_field_whose_public_face_changed(
        self, changed_protos: Path, old: str, new: str
    ) -> None:
        path = changed_protos / generate.PACKAGE_PATH / "chat.proto"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        assert lint.breaking_changes(generate.PROTO_FOLDER, changed_protos) != ""


class TestErrorReasons:
    def test_are_those_of_the_code(self) -> None:
        names = set(error_reason_pb2.ErrorReason.keys()) - {"ERROR_REASON_UNSPECIFIED"}
        assert names == {f"ERROR_REASON_{reason.value}" for reason in Reason}

    def test_have_an_example_each(self, comments: dict[str, str]) -> None:
        for reason in Reason:
            example = re.search(r"\{ \"reason\".*\}", comments[f"eunoe.v1.ERROR_REASON_{reason}"])
            assert example, reason
            info = json.loads(example[0])
            assert info["reason"] == reason
            assert info["domain"] == "eunoe"

    def test_tell_the_status_that_they_are_sent_with(self, comments: dict[str, str]) -> None:
        for reason in Reason:
            assert STATUS[reason].name in comments[f"eunoe.v1.ERROR_REASON_{reason}"], reason


class TestJsonDocuments:
    def test_are_marked_wherever_the_name_says_so(self) -> None:
        for field in fields():
            is_document = option(field, options_pb2.json)
            assert not field.name.endswith("_json") or is_document, field.full_name

    def test_are_strings_for_people_and_bytes_for_bodies(self) -> None:
        for field in fields():
            if not option(field, options_pb2.json):
                continue
            wanted = (
                FieldDescriptor.TYPE_BYTES if field.name == "body" else FieldDescriptor.TYPE_STRING
            )
            assert field.type == wanted, field.full_name
            assert not field.is_repeated, field.full_name

    def test_never_are_google_structs(self) -> None:
        imported = {dependency.name for file in FILES for dependency in file.dependencies}
        assert imported.isdisjoint({"google/protobuf/struct.proto", "google/protobuf/any.proto"})


class TestHttpRules:
    def test_every_rpc_has_one_or_says_why_not(self, comments: dict[str, str]) -> None:
        for method in methods():
            if not http_rules(method):
                assert "It has no HTTP rule because" in comments[method.full_name]

    def test_no_two_rpcs_answer_the_same_request(self) -> None:
        seen: dict[tuple[str, str], str] = {}
        for method in methods():
            for rule in http_rules(method):
                verb, path = verb_and_path(rule)
                place = verb, re.sub(r"\{[^}]*\}", "{}", path)
                assert seen.setdefault(place, method.full_name) == method.full_name, place

    def test_name_fields_that_exist(self) -> None:
        for method in methods():
            request, response = method.input_type, method.output_type
            for rule in http_rules(method):
                for variable in re.findall(r"\{(\w+)", verb_and_path(rule)[1]):
                    assert variable in request.fields_by_name, (method.full_name, variable)
                assert rule.body in {"", "*", *request.fields_by_name}, method.full_name
                assert rule.response_body in {"", *response.fields_by_name}, method.full_name

    def test_serve_the_routes_of_the_design(self) -> None:
        served = {
            (verb.upper(), re.sub(r"\{(\w+)[^}]*\}", "{}", path))
            for method in methods()
            for verb, path in map(verb_and_path, http_rules(method))
        }
        assert served >= {
            *(("POST", path) for path in ("/memory", "/dialogue", "/search")),
            *(("GET", path) for path in ("/memory", "/dialogue")),
            *((verb, "/memory/{}") for verb in ("GET", "PUT", "DELETE")),
            *((verb, "/dialogue/{}") for verb in ("GET", "PUT", "DELETE")),
            ("POST", "/dialogue/{}/end"),
            *((verb, "/dialogue/{}/messages") for verb in ("POST", "GET")),
            *((verb, "/dialogue/{}/messages/{}") for verb in ("GET", "PUT", "DELETE")),
            *((verb, "/dialogue/{}/state") for verb in ("GET", "PUT", "PATCH")),
            ("POST", "/v1/memory/chat/completions"),
            ("POST", "/v1/memory/ns/{}/chat/completions"),
            ("POST", "/v1/chat/completions"),
            ("POST", "/api/publicLLM/chat/completions"),
            ("POST", "/api/publicLLM"),
            *(
                ("GET", f"{base}/models{model}")
                for base in ("/v1/memory", "/v1/memory/ns/{}", "/v1", "/api/publicLLM")
                for model in ("", "/{}")
            ),
        }


class TestConventions:
    def test_what_changes_anything_takes_an_idempotency_key(self) -> None:
        for method in methods():
            if method.name.startswith(("Get", "List", "Search")):
                continue
            field = method.input_type.fields_by_name.get("request_id")
            assert field is not None, method.full_name
            assert field.type == FieldDescriptor.TYPE_STRING, method.full_name

    def test_lists_are_paged_by_the_names_of_seed_002(self) -> None:
        for method in methods():
            if not method.name.startswith("List") or method.name == "ListModels":
                continue
            assert json_names(method.input_type.name) >= {"limit", "next"}, method.full_name
            assert json_names(method.output_type.name) == {"items", "next"}, method.full_name

    def test_enums_never_meet_json(self) -> None:
        # Their JSON would be CHAT_VIEW_RAW; where the words are public, a string holds them.
        enums = {field.full_name for field in fields() if field.enum_type is not None}
        assert enums == {
            "eunoe.v1.CompleteChatRequest.view",
            "eunoe.v1.StreamChatRequest.view",
        }

    def test_only_required_lists_are_marked_as_possibly_empty(self) -> None:
        marked = [field for field in fields() if option(field, options_pb2.may_be_empty)]
        assert {field.full_name for field in marked} == {
            "eunoe.v1.UpdateMemoryRequest.tags",
            "eunoe.v1.UpdateMessageRequest.tags",
        }
        assert all(field.is_repeated and is_required(field) for field in marked)


class TestSeedNames:
    def test_of_a_memory_are_those_of_seed_002(self) -> None:
        # `fact` is ours, and absent from memories that were created explicitly.
        assert json_names("Memory") - {"fact"} == {
            "id", "namespace", "label", "description", "value", "tags", "metadata",
            "created", "modified",
        }  # fmt: skip

    def test_of_a_new_memory_are_those_of_seed_002(self) -> None:
        assert json_names("CreateMemoryRequest") - {"requestId"} == {
            "value", "id", "namespace", "label", "description", "tags", "metadata",
        }  # fmt: skip

    def test_of_a_memory_list_are_those_of_seed_002(self) -> None:
        assert json_names("ListMemoriesRequest") >= {
            "namespace", "limit", "order", "next", "created", "startDate", "endDate",
        }  # fmt: skip

    def test_of_a_deleted_memory_are_those_of_seed_002(self) -> None:
        assert json_names("DeleteMemoryResponse") == {"success", "id"}

    def test_of_an_absent_field_can_be_left_out(self) -> None:
        for name in ("namespace", "label", "description", "fact"):
            assert MESSAGES["Memory"].fields_by_name[name].has_presence, name

    def test_of_chat_parameters_are_those_of_seed_000(self) -> None:
        assert json_names("CompleteChatRequest") >= {
            "namespace",
            "chat_id",
            "commit_after",
        }

    def test_of_a_message_are_those_of_openai_where_it_has_them(self) -> None:
        openai = {"role", "content", "name", "tool_calls", "tool_call_id"}
        assert json_names("Message") >= openai
        assert json_names("NewMessage") >= openai


class TestChat:
    def test_a_stream_takes_what_a_whole_answer_takes(self) -> None:
        whole, stream = (
            [
                (field.name, field.number, field.type, field.json_name, field.has_presence)
                for field in MESSAGES[message].fields
            ]
            for message in ("CompleteChatRequest", "StreamChatRequest")
        )
        assert stream == whole
