"""Prints, as JSON, what botocore's IAM and STS models say of inputs and the SDK's schemas do not: order of members, minimums, values and texts."""

import html
import json
import re
import sys

import botocore
import botocore.session
from botocore import xform_name


def first_sentence(text):
    plain = html.unescape(re.sub(r"<[^>]*>", " ", text or ""))
    plain = re.sub(r"\s+", " ", plain).strip()
    plain = re.sub(r" ([.,;:)])", r"\1", re.sub(r"\( ", "(", plain))
    # Not at the point of "e.g." or of a number.
    end = re.search(r"(?<!e\.g)(?<!i\.e)(?<! vs)\.(?= [A-Z]|$)", plain)
    return plain[: end.end()] if end else plain


def shape_facts(shape, seen=()):
    kind = shape.type_name
    facts = {"type": {"string": "text", "long": "integer"}.get(kind, kind)}
    if shape.metadata.get("min", 0) > 0:
        facts["min"] = shape.metadata["min"]
    if kind == "string":
        if shape.name == "policyDocumentType":
            facts["json"] = True
        if shape.enum:
            facts["values"] = list(shape.enum)
    if shape.name in seen:
        raise ValueError(f"the shape {shape.name} contains itself")
    inner = (*seen, shape.name)
    if kind == "list":
        facts["item"] = shape_facts(shape.member, inner)
    if kind == "map":
        facts["key"] = shape_facts(shape.key, inner)
        facts["value"] = shape_facts(shape.value, inner)
    if kind == "structure":
        if shape.is_tagged_union:
            facts["union"] = True
        facts["required"] = list(shape.required_members)
        facts["members"] = {name: shape_facts(member, inner) for name, member in shape.members.items()}
    return facts


def operation_facts(operation):
    shape = operation.input_shape
    members = shape.members if shape else {}
    return {
        "method": xform_name(operation.name),
        "text": first_sentence(operation.documentation),
        "input": shape_facts(shape) if shape else None,
        "texts": {name: first_sentence(member.documentation) for name, member in members.items()},
    }


session = botocore.session.get_session()
facts = {"version": botocore.__version__}
for service in ("iam", "sts"):
    model = session.get_service_model(service)
    facts[service] = {name: operation_facts(model.operation_model(name)) for name in model.operation_names}
json.dump(facts, sys.stdout)
