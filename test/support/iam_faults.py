# Wrong inputs for any operation, each one fault away from a right one (and one with a fault everywhere), with the text that boto3 refuses
# them with. `top` tells which faults stand at the first level, where the agent's inputs are templates and not parameters.
import copy

from botocore.exceptions import ParamValidationError
from iam_inputs import InputMaker, members_of, rng_for

WRONG = {
    "string": [7, -1.5, True, ["it's"], {"a": None}, {'say "it\'s"\n': ["\x00\u200b\U0001f600é\\"]}, 0.00001, 12345678901234567890],
    "boolean": [7, ["x"], {"a": 1}, 1.5],
    "integer": [1.5, ["x"], {"a": False}],
    "list": [7, {"a": 1}, True],
    "structure": [7, ["x"], True],
    "map": [7, ["x"], False],
}
WRONG["long"] = WRONG["integer"]
TEXT_TOO = ("integer", "boolean", "list", "structure", "map")


class Sent(Exception):
    """The parameters were right: the call would have been made."""


def refuse_to_send(**_event):
    raise Sent


def faults_of(shape, value, path, depth=0):
    """Path, what is wrong, and the value that is."""
    kind = shape.type_name
    nested = len(path) > 1
    for wrong in WRONG[kind][: None if depth < 2 else 3]:
        yield path, f"a wrong type {type(wrong).__name__}", wrong
    if nested:
        yield path, "nothing", None
        if kind in TEXT_TOO:
            yield path, "a text", "text"
    minimum = shape.metadata.get("min", 0)
    if kind == "string" and minimum > 1 and not shape.enum:
        yield path, "too short", "é" * (minimum - 1)
        yield path, "too short, though not for UTF-16", "\U0001f600" * (minimum - 1)
    if kind == "string" and minimum > 0 and nested:
        yield path, "empty", ""
    if kind in ("integer", "long") and minimum > 0:
        yield path, "too small", minimum - 1
        yield path, "negative", -7
    if kind == "list":
        if minimum > 0:
            yield path, "an empty list", []
        yield from faults_of(shape.member, value[0], (*path, 0), depth + 1)
    if kind == "map":
        key = next(iter(value))
        if shape.key.metadata.get("min", 0) > 0:
            yield path, "an empty key", {"": value[key]}
        yield from faults_of(shape.value, value[key], (*path, key), depth + 1)
    if kind == "structure":
        if shape.metadata.get("union"):
            whole = {name: InputMaker(rng_for(name)).value(member) for name, member in shape.members.items()}
            yield path, "all of a union", whole
            yield path, "none of a union", {}
        for name in shape.metadata.get("required", ()):
            yield path, f"{name} missing", {other: inner for other, inner in value.items() if other != name}
        yield path, "an unknown member", {**value, "Nobody": 1}
        for name, member in shape.members.items():
            if name in value:
                yield from faults_of(member, value[name], (*path, name), depth + 1)


def is_document(shape, value):
    """A policy given as what it holds, which the agent writes as JSON; also in a list of policies."""
    if shape.type_name == "list":
        return isinstance(value, list) and any(is_document(shape.member, item) for item in value)
    return shape.name == "policyDocumentType" and isinstance(value, (dict, list))


def placed(whole, path, value):
    changed = copy.deepcopy(whole)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return changed


def refusal_of(method, given):
    try:
        method(**given)
    except ParamValidationError as error:
        return str(error)
    except Sent:
        return None
    return None


def wrong_inputs(operation, method, seed):
    """Cases that boto3 refuses, with its text, and those of the same kinds that it sends (`error` null)."""
    members = members_of(operation)
    rng = rng_for(seed, operation.name, "faults")
    whole = InputMaker(rng).structure(members, ())
    required = operation.input_shape.metadata.get("required", ()) if members else ()
    cases = []

    def add(title, given, top, document=False):
        found = {"title": title, "input": given, "top": top, "document": document}
        cases.append({**found, "error": refusal_of(method, given)})

    for name in required:
        add(f"{name} missing", {other: value for other, value in whole.items() if other != name}, "missing")
    if operation.input_shape is not None:
        add("an unknown parameter", {**whole, "Nobody At All": "x"}, "unknown")
    wrong_everywhere = {}
    for name, shape in members.items():
        first = None
        for path, title, value in faults_of(shape, whole[name], (name,)):
            changed = placed(whole, path, value)
            first = changed[name] if first is None else first
            add(f"{'.'.join(str(step) for step in path)}: {title}", changed, None, is_document(shape, changed[name]))
        wrong_everywhere[name] = first
    if members:
        add("a fault everywhere", wrong_everywhere, None)
    return cases
