# The scalar values of generated answers, in every spelling that AWS, a proxy or a future service could use for them, and the ways to write a
# text as XML.
import base64
import json
from urllib.parse import quote

TIMES = [
    "2021-06-09T04:17:00Z",
    "2021-06-09T04:17:00.5Z",
    "2021-06-09T04:17:00.284521Z",
    "2021-06-09T04:17:00.2845219Z",
    "2021-06-09T04:17:00.123456789012Z",
    "2021-06-09T04:17:00.000Z",
    "2021-06-09T04:17:00.000001Z",
    "2021-06-09T04:17:00.0000004Z",
    "2021-06-09T04:17:00+05:30",
    "2021-06-09T04:17:00.25-08:00",
    "2021-06-09T04:17:00+0530",
    "2021-06-09T04:17:00-00:00",
    "2021-06-09T04:17:00",
    "2021-06-09T04:17:00.75",
    "2021-06-09",
    "2021-06-09 04:17:00+00:00",
    "2021-06-09T04:17Z",
    "20210609T041700Z",
    "2020-02-29T23:59:59Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
    "Wed, 09 Jun 2021 14:16:51 GMT",
    "1623212220",
    "1623212220.5",
    "1623212220.284521",
    "0",
    "-1",
    "-1.5",
    " 2021-06-09T04:17:00Z\n",
]
NUMBERS = ["0", "1", "-1", "32", "2147483648", "-2147483649", "9007199254740991", "9007199254740993", "-9007199254740993"]
NUMBERS += ["123456789012345678901234567890", " 7 ", "\n-7\n", "+7", "007", "-0", "1_000", "9" * 4300]
BOOLEANS = ["true", "false", "TRUE", "True", "1", "0", " true ", "", "yes"]
STATEMENT = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": "arn:aws:s3:::a+b/100%/${aws:username}"}],
}
RAW = json.dumps(STATEMENT, separators=(",", ":"))
SMILE = json.dumps({"é": "😀", "big": 9007199254740993, "f": [1.5, -0.25], "n": None, "t": True}, ensure_ascii=False)
DOCUMENTS = [
    quote(RAW, safe=""),
    quote(RAW),
    quote(json.dumps(STATEMENT, indent=2), safe=""),
    RAW,
    quote(SMILE, safe=""),
    SMILE,
    quote(SMILE, safe="").lower(),
    '{"a":"50% off","b":"%4","c":"%zz%41%","d":"a+b c"}',
    "%7B%22a%22:%22%ff%e2%82%zz%%41%f0%9f%98%80%ef%bb%bf%c3%22%7D",
    "%7B%22a%22%3A%22%ED%A0%BD%C0%80%F8%88%22%7D",
    "%257B%2522a%2522%253A1%257D",
    "%7Bnot+json%7D",
    "%7B%22a%22%3A1",
    "",
    " ",
    "%20%0A%7B%7D%09",
    "%EF%BB%BF%7B%7D",
    "%7B%22a%22%3A%22%00%22%7D",
    '{"a":"two\nlines"}',
    '{"a":1,"a":2,"__proto__":{"b":1},"constructor":3,"":4}',
    '{"a":"\\ud83d\\ude00 \\ud800 \\u0000"}',
    "[]",
    "12",
    "-0.5e3",
    '"text"',
    "null",
    "true",
    "{'a': 1}",
    '{"a":01}',
    '{"a":1,}',
    "[" * 60 + "]" * 60,
    '{"z":1,"10":2,"9":3,"a":4}',
]
BLOBS = [
    base64.b64encode("user,arn\nälice,😀\n".encode()).decode(),
    base64.b64encode(b"\x89PNG\r\n\x1a\n\xff\xfe\x00").decode(),
    "",
    "YWJj\n  ZGVm",
    base64.b64encode(b"\xef\xbb\xbfbom").decode(),
    base64.b64encode(bytes(range(256))).decode(),
    base64.b64encode(b"\x00").decode(),
]
TEXTS = [
    "plain",
    " leading and trailing \t",
    "😀 \U00010348 é ß 中 \u2028\u200b\u0301\ufeff",
    "<b>&amp;</b> \"'",
    "a+b%20c %zz & ; = ? #",
    "one\ntwo\tthree",
    "]]> ]] > <!-- --> <?p?>",
    "true",
    "12",
    "2021-06-09T04:17:00Z",
    "\U0010ffff\ud7ff\ue000\ufffd\u0085\u007f",
    "null",
    "__proto__",
]


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def as_xml(rng, text):
    """The same text, written in one of the ways that XML has; a part of it in each."""
    out = []
    for char in text:
        way = rng.random()
        if char == "\r":
            out.append("&#13;")
        elif way < 0.12:
            out.append(f"&#{ord(char)};")
        elif way < 0.24:
            out.append(f"&#x{ord(char):{rng.choice('xX')}};")
        elif way < 0.32 and char not in "]>":
            out.append(f"<![CDATA[{char}]]>")
        elif way < 0.36:
            out.append(escaped(char) + rng.choice(["<!-- & <x> -->", "<?p q?>", "<![CDATA[]]>"]))
        elif char == '"' and way < 0.7:
            out.append("&quot;")
        elif char == "'" and way < 0.7:
            out.append("&apos;")
        elif char == "\n" and way < 0.8:
            out.append(rng.choice(["\r\n", "\r", "\n"]))
        else:
            out.append(escaped(char))
    return "".join(out)
