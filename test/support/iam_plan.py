# Everything that is compared for one operation, as one plan: its form, its inputs, the answers to each, and what must be refused.
import copy

import boto3
from botocore import xform_name
from botocore.model import ServiceModel
from iam_answers import answers_for, broken_for, errors_for, pages_for
from iam_faults import refuse_to_send, wrong_inputs
from iam_inputs import inputs_for, is_paged, members_of

checkers = {}
# Both are made from AWS's one model, but of different days. What only boto3 knows yet cannot be equal, so plans leave it out; it is listed.
reduced = {}


def reduce_models(apis, known):
    """Drops the members that the SDK's structures of the same names do not have, and lists them."""
    dropped = []
    for service, api in apis.items():
        model = copy.deepcopy(api.meta.service_model._service_description)
        for name, shape in model["shapes"].items():
            if shape["type"] != "structure" or name not in known[service]:
                continue
            for member in [member for member in shape["members"] if member not in known[service][name]]:
                del shape["members"][member]
                shape["required"] = [other for other in shape.get("required", []) if other != member]
                dropped.append(f"{name}.{member}")
        reduced[service] = ServiceModel(model, service)
    return dropped


def operation_names(api):
    """boto3's method name of each operation of the service."""
    return {name: xform_name(name) for name in api.meta.service_model.operation_names}


def checker(service):
    """A client that checks parameters and never sends."""
    if service not in checkers:
        keys = {"aws_access_key_id": "AKIDORACLE0000000000", "aws_secret_access_key": "oracle"}
        checkers[service] = boto3.client(service, region_name="us-east-1", **keys)
        checkers[service].meta.events.register("before-call", refuse_to_send)
    return checkers[service]


def rows_of(operation):
    """The list that is the output's only member besides paging, or None."""
    output = operation.output_shape
    if output is None:
        return None
    own = [name for name in output.members if name not in ("IsTruncated", "isTruncated", "Marker")]
    return own[0] if len(own) == 1 and output.members[own[0]].type_name == "list" else None


def plan_for(api, name, seed, mixed):
    operation = reduced[api.meta.service_model.service_name].operation_model(name)
    method = xform_name(name)
    return {
        "method": method,
        "rows": rows_of(operation),
        "paged": is_paged(operation),
        "secrets": [name for name, shape in members_of(operation).items() if shape.metadata.get("sensitive")],
        "inputs": inputs_for(operation, seed),
        "answers": answers_for(operation, seed, mixed),
        "pages": pages_for(operation, seed),
        "errors": errors_for(operation, seed),
        "broken": broken_for(operation, seed),
        "wrong": wrong_inputs(operation, getattr(checker(api.meta.service_model.service_name), method), seed),
    }
