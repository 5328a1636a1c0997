# Answers of AWS for any operation, made from botocore's own model of its output: XML with all members, none, the required ones; lists of
# nothing, one and many; every scalar in odd spellings; members that nobody knows; pages; errors; and answers that are none.
from iam_inputs import is_paged, rng_for
from iam_texts import BLOBS, BOOLEANS, DOCUMENTS, NUMBERS, TEXTS, TIMES, as_xml, escaped

NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"
HEADERS = ["x-amzn-RequestId", "from-the-header", "Content-Type", "text/xml", "Date", "Wed, 09 Jun 2021 14:16:51 GMT"]
STYLES = {
    "one of each": {},
    "empty lists": {"lists": "empty"},
    "many": {"lists": "many"},
    "nothing": {"members": "none"},
    "required members": {"members": "required"},
    "odd texts": {"texts": "odd"},
    "blank texts": {"texts": "blank"},
    "odd dates": {"times": "odd", "lists": "many"},
    "odd numbers": {"numbers": "odd", "booleans": "odd", "lists": "many"},
    "odd policies": {"documents": "odd", "lists": "many"},
    "odd blobs": {"blobs": "odd", "lists": "many"},
    "unknown members": {"extras": "once"},
    "unknown members, twice": {"extras": "twice"},
}
MIXED = {"members": "some", "lists": "any", "texts": "odd", "times": "odd", "numbers": "odd"}
MIXED |= {"booleans": "odd", "documents": "odd", "blobs": "odd", "extras": "once"}


BROKEN = [
    ("a date that is none", "times", "soon"),
    ("a day that is none", "times", "2021-02-29T00:00:00Z"),
    ("a number that is none", "numbers", "1.5"),
    ("no number", "numbers", ""),
    ("a number longer than Python reads", "numbers", "9" * 4301),
    ("a blob that is none", "blobs", "A"),
]


class AnswerWriter:
    def __init__(self, rng, style, paging=None):
        self.rng = rng
        self.style = style
        self.paging = {} if paging is None else paging
        self.extras = 0
        # A member that the model requires is missing or empty, outside of any list.
        self.lacking = False
        # Secrets, outside of any list, that are there.
        self.secrets = 0

    def chosen(self, kind, values):
        if kind in self.style.get("broken", {}):
            return self.style["broken"][kind]
        return self.rng.choice(values) if self.style.get(kind) == "odd" else values[0]

    def is_there(self, required):
        members = self.style.get("members", "all")
        if members == "some":
            return self.rng.random() < 0.85
        return members == "all" or (members == "required" and required)

    def count(self):
        lists = self.style.get("lists", "one")
        if lists == "any":
            lists = self.rng.choice(["empty", "one", "many"])
        return {"empty": 0, "one": 1, "many": self.rng.randint(2, 4)}[lists]

    def extra(self):
        if not self.style.get("extras"):
            return ""
        self.extras += 1
        name = f"Future{self.extras}"
        future = f'<{name} a="b"><member><Deep>&#x1F600;</Deep></member></{name}>'
        if self.style["extras"] == "twice":
            future += f"<{name}/>"
        return self.rng.choice(["", future, f"<{name}/>", "<!-- c -->", "\n  "])

    def structure(self, shape, top, inside):
        parts = []
        required = shape.metadata.get("required", ())
        for name, member in shape.members.items():
            here = member.serialization.get("name", name)
            if top and name in ("IsTruncated", "isTruncated", "Marker"):
                # Nobody goes on with a listing unless the pages of a test say so.
                known = self.paging.get("Marker" if name == "Marker" else "IsTruncated")
                if known is not None:
                    parts.append(f"<{here}>{as_xml(self.rng, known)}</{here}>")
                continue
            if not self.is_there(name in required):
                self.lacking = self.lacking or (name in required and not inside)
                continue
            inner = self.value(member, inside)
            if inner == "" and name in required and not inside and member.type_name in ("string", "blob"):
                self.lacking = True
            if inner != "" and not inside and member.metadata.get("sensitive"):
                self.secrets += 1
            parts.append(f"<{here}>{inner}</{here}>{self.extra()}")
        return self.extra() + "".join(parts)

    def value(self, shape, inside=False, top=False):
        kind = shape.type_name
        if kind == "structure":
            return self.structure(shape, top, inside)
        if kind == "list":
            item = shape.member.serialization.get("name", "member")
            return "".join(f"<{item}>{self.value(shape.member, True)}</{item}>" for _ in range(self.count()))
        if kind == "map":
            pairs = {self.text(shape.key) + str(index): self.value(shape.value, True) for index in range(self.count())}
            entry = "<entry><key>{}</key><value>{}</value></entry>"
            return "".join(entry.format(as_xml(self.rng, key), value) for key, value in pairs.items())
        if kind == "timestamp":
            return escaped(self.chosen("times", TIMES))
        if kind == "boolean":
            return escaped(self.chosen("booleans", BOOLEANS))
        if kind in ("integer", "long"):
            return self.chosen("numbers", NUMBERS)
        if kind == "blob":
            return self.chosen("blobs", BLOBS)
        if shape.name == "policyDocumentType":
            return self.written(self.chosen("documents", DOCUMENTS))
        return self.written(self.text(shape))

    def written(self, text):
        return as_xml(self.rng, text) if self.style.get("texts") == "odd" else escaped(text)

    def text(self, shape):
        texts = self.style.get("texts", "plain")
        if texts == "blank":
            return self.rng.choice(["", "", " ", "\n\t"])
        if texts == "odd":
            return self.rng.choice(TEXTS)
        return self.rng.choice(shape.enum) if shape.enum else f"text {self.rng.randint(1, 99999)}"


def answer(title, body, status=200, **more):
    return {"title": title, "status": status, "headers": HEADERS, "body": body, **more}


def wrapped(operation, inner, extras=False):
    name = operation.name
    result = "" if inner is None else f"<{name}Result>{inner}</{name}Result>"
    request = "<RequestId>00000000-0000-4000-8000-00000000000a</RequestId>"
    metadata = f"<ResponseMetadata>{request}{'<Future>1</Future><Empty/>' if extras else ''}</ResponseMetadata>"
    start = '\ufeff<?xml version="1.0" encoding="UTF-8"?>\n' if extras else ""
    return f'{start}<{name}Response xmlns="{NAMESPACE}">{result}{metadata}</{name}Response>'


def has_secrets(shape):
    if shape.type_name != "structure":
        return False
    return any(member.metadata.get("sensitive") or has_secrets(member) for member in shape.members.values())


def success(operation, title, style, seed, paging=None):
    writer = AnswerWriter(rng_for(seed, operation.name, title), style, paging)
    shape = operation.output_shape
    inner = None if shape is None else writer.value(shape, top=True)
    # Of what holds secrets at least one is to be there: AWS fills one or the other.
    lost = shape is not None and has_secrets(shape) and writer.secrets == 0
    return answer(title, wrapped(operation, inner, "extras" in style), lacking=writer.lacking or lost)


def answers_for(operation, seed, mixed):
    """Successes; the same bytes never twice."""
    styles = dict(STYLES)
    if operation.output_shape is None:
        styles = {"one of each": {}, "unknown members": {"extras": "once"}}
        mixed = 0
    found = [success(operation, title, style, seed) for title, style in styles.items()]
    found += [success(operation, f"mixed {index}", MIXED, seed) for index in range(mixed)]
    seen = set()
    return [made for made in found if made["body"] not in seen and not seen.add(made["body"])]


def pages_for(operation, seed):
    if not is_paged(operation):
        return []

    def page(index, style, truncated, marker):
        paging = {"IsTruncated": truncated, "Marker": marker}
        return success(operation, f"page {index}", style, f"{seed}/{truncated}/{marker}", paging)

    many, none, gone, mixed = {"lists": "many"}, {"lists": "empty"}, {"members": "none"}, MIXED | {"members": "all"}
    error = error_answer("Throttled later", 400, "ValidationError", "the marker has expired")
    last = page(3, {}, "false", "ignored")
    first, second = "m+1/=%&é \U0001f600<'\"", "2"
    return [
        {"title": "three pages", "steps": [page(1, many, "true", first), page(2, many, "true", second), last]},
        {"title": "an empty page", "steps": [page(1, many, "true", first), page(2, none, "true", second), page(3, many, None, None)]},
        {"title": "a page without lists", "steps": [page(1, gone, "true", first), page(2, {}, "true", second), last]},
        {"title": "mixed pages", "steps": [page(1, mixed, "true", second), page(2, mixed, "true", first), page(3, mixed, "FALSE", "x")]},
        {"title": "an error on the second page", "steps": [page(1, many, "true", first), error]},
        {"title": "a marker twice", "steps": [page(1, many, "true", first), page(2, {}, "true", first)]},
    ]


def error_answer(title, status, code, message):
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    body = f'<ErrorResponse xmlns="{NAMESPACE}">{error}<RequestId>err-1</RequestId></ErrorResponse>'
    return answer(title, body, status)


def errors_for(operation, seed):
    """Every error that the model names for the operation, and three that it does not."""
    rng = rng_for(seed, operation.name, "errors")
    found = []
    for shape in operation.error_shapes:
        facts = shape.metadata.get("error", {})
        code = facts.get("code", shape.name)
        message = as_xml(rng, f"The {code} of {rng.choice(TEXTS)}")
        found.append(error_answer(code, facts.get("httpStatusCode", 400), code, message))
    found.append(error_answer("AccessDenied", 403, "AccessDenied", "User: arn:aws:iam::1:user/a is not authorized"))
    found.append(error_answer("no words", 400, "ValidationError", ""))
    found.append(answer("no block", '<?xml version="1.0"?><Unknown><a/></Unknown>', 409))
    return found


def broken_for(operation, seed):
    """Successes that are none; both sides must say so."""
    whole = success(operation, "one of each", {}, seed)["body"]
    found = [answer("an empty body", ""), answer("cut off", whole[: len(whole) * 2 // 3]), answer("HTML", "<html><br></html>")]
    if operation.output_shape is None:
        return found[:2]
    found.append(answer("no result", wrapped(operation, None)))
    for title, kind, text in BROKEN:
        broken = success(operation, "one of each", {"broken": {kind: text}}, seed)["body"]
        if broken != whole:
            found.append(answer(title, broken))
    return found
