"""Asks the real Jinja2. JSON lines in, JSON lines out: {template, row} gives {ok} or {error}, {names} gives its filters, tests, functions and tags.

A template that takes more than two seconds or a gigabyte is an error, so that a generated one cannot stop the comparison.
"""

import json
import resource
import signal
import sys

from jinja2 import Environment, StrictUndefined, defaults, parser

if sys.platform == "linux":
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))


def too_slow(_signal, _frame):
    raise TimeoutError


signal.signal(signal.SIGALRM, too_slow)
env = Environment(undefined=StrictUndefined, autoescape=False)
for line in sys.stdin:
    case = json.loads(line)
    if "names" in case:
        # The parser knows these three tags besides its list of keywords.
        tags = [*parser._statement_keywords, "call", "filter", "raw"]
        answer = {
            "filters": sorted(defaults.DEFAULT_FILTERS),
            "tests": sorted(defaults.DEFAULT_TESTS),
            "functions": sorted(defaults.DEFAULT_NAMESPACE),
            "tags": sorted(tags),
        }
    else:
        row = case["row"]
        signal.alarm(2)
        try:
            answer = {"ok": env.from_string(case["template"]).render({"row": row, **row})}
        except Exception as error:
            answer = {"error": type(error).__name__}
        signal.alarm(0)
    print(json.dumps(answer), flush=True)
