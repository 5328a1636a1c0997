"""Renders templates with the real Jinja2: JSON lines {template, row} in, JSON lines {ok} or {error} out."""

import json
import sys

from jinja2 import Environment, StrictUndefined

env = Environment(undefined=StrictUndefined, autoescape=False)
for line in sys.stdin:
    case = json.loads(line)
    row = case["row"]
    try:
        answer = {"ok": env.from_string(case["template"]).render({"row": row, **row})}
    except Exception as error:
        answer = {"error": type(error).__name__}
    print(json.dumps(answer), flush=True)
