"""The contract that the sample's gRPC server uses is the one that the policy speaks."""

import re
from pathlib import Path

import pytest
from apiproxy_policies.callout_contract import MESSAGES
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorSet

from tests.samples.sample import REPOSITORY

CALLOUT = REPOSITORY / "samples/callout"


def compiled() -> dict[str, dict[str, tuple[int, str]]]:
    (file,) = FileDescriptorSet.FromString((CALLOUT / "external_callout.binpb").read_bytes()).file
    assert file.package == "apigee"
    found = {}
    for message in file.message_type:
        entries = {f".apigee.{message.name}.{entry.name}": entry for entry in message.nested_type}
        found[message.name] = {
            field.name: (field.number, kind(field, entries.get(field.type_name))) for field in message.field
        }
    return found


def kind(field: FieldDescriptorProto, entry: DescriptorProto | None) -> str:
    if entry is not None:
        return f"map<{kind(entry.field[1], None)}>"
    name = field.type_name.rpartition(".")[2] or FieldDescriptorProto.Type.Name(field.type)[5:].lower()
    return f"repeated {name}" if field.label == FieldDescriptorProto.LABEL_REPEATED else name


def written(path: Path) -> dict[str, dict[str, tuple[int, str]]]:
    text = re.sub(r"//.*", "", path.read_text()).replace("oneof value {", "")
    messages = re.findall(r"message (\w+) \{([^}]*)\}", text)
    field = re.compile(r"((?:repeated )?\w+|map<string, \w+>) (\w+) = (\d+);")
    return {
        name: {
            field_name: (int(number), re.sub(r"map<string, (\w+)>", r"map<\1>", kind))
            for kind, field_name, number in field.findall(body)
        }
        for name, body in messages
    }


@pytest.mark.parametrize("message", MESSAGES)
def test_the_compiled_contract_has_the_fields_of_the_policy(message: str):
    assert compiled()[message] == MESSAGES[message]


@pytest.mark.parametrize("message", MESSAGES)
def test_the_proto_file_has_the_fields_of_the_policy(message: str):
    assert written(CALLOUT / "external_callout.proto")[message] == MESSAGES[message]
