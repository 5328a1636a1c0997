# Inputs for any operation, made from botocore's own model: with all members, with the required ones, and with empty lists. Texts hold what
# a form body, XML and a shell could each trip over. Everything follows from the seed.
import random

PAGING = ("Marker", "MaxItems")
ODD = (
    " + % & = < > \" ' / \\ ~ # ? ; * $ @ : , ! ( ) [ ] { } | ^ ` %41 %zz +%2B &amp; é ß 中 \u00a0 \u2028 \u200b \u0301 \ufeff \U0001f600 "
    "\U0001f1e9\U0001f1ea \U00010348 \t \n \r\n a Z 0 . - _ <b> ]]> ${x} {{"
).split(" ") + [" ", "  "]


def rng_for(*parts):
    return random.Random("/".join(str(part) for part in parts))


def odd_text(rng, minimum):
    """At least `minimum` characters as Python counts them, never blank: a blank input is left out by design."""
    text = rng.choice("abcXYZ09")
    while len(text) < minimum or rng.random() < 0.8:
        text += rng.choice(ODD) if rng.random() < 0.7 else rng.choice("abcdefgh")
    return text


def is_paged(operation):
    output = operation.output_shape
    return output is not None and "Marker" in output.members


def members_of(operation):
    """The members that a caller gives: paging is what the two sides do by themselves."""
    if operation.input_shape is None:
        return {}
    skipped = PAGING if is_paged(operation) else ()
    return {name: shape for name, shape in operation.input_shape.members.items() if name not in skipped}


class InputMaker:
    def __init__(self, rng, members="all", lists="some"):
        self.rng = rng
        self.members = members
        self.lists = lists

    def structure(self, members, required, union=False):
        names = list(members)
        if union:
            names = [self.rng.choice(names)]
        elif self.members == "required":
            names = [name for name in names if name in required]
        return {name: self.value(members[name]) for name in names}

    def count(self, shape):
        minimum = shape.metadata.get("min", 0)
        if self.lists == "empty":
            return minimum
        return max(minimum, 1 if self.members == "required" else self.rng.randint(1, 3))

    def value(self, shape):
        kind = shape.type_name
        if kind == "structure":
            union = shape.metadata.get("union", False)
            return self.structure(shape.members, shape.metadata.get("required", ()), union)
        if kind == "list":
            return [self.value(shape.member) for _ in range(self.count(shape))]
        if kind == "map":
            return {odd_text(self.rng, shape.key.metadata.get("min", 1)): self.value(shape.value) for _ in range(self.count(shape))}
        if kind == "boolean":
            return self.rng.random() < 0.5
        if kind in ("integer", "long"):
            minimum = shape.metadata.get("min", 1)
            return self.rng.choice([minimum, minimum + 1, 2147483647])
        if kind == "string":
            if shape.enum:
                return self.rng.choice(shape.enum)
            return odd_text(self.rng, max(1, shape.metadata.get("min", 0)))
        raise ValueError(f"no input is made for {kind}")


def make_input(operation, rng, members="all", lists="some"):
    given = members_of(operation)
    required = operation.input_shape.metadata.get("required", ()) if given else ()
    return InputMaker(rng, members, lists).structure(given, required)


def inputs_for(operation, seed):
    """Title and input, each different from those before it."""
    found = []
    for title, members, lists in (
        ("all members", "all", "some"),
        ("required members", "required", "some"),
        ("all members again", "all", "some"),
        ("empty lists", "all", "empty"),
    ):
        made = make_input(operation, rng_for(seed, operation.name, title), members, lists)
        if made not in [other["input"] for other in found]:
            found.append({"title": title, "input": made})
    return found
