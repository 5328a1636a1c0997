# The independent oracle: boto3 itself, driven over JSON lines. Each line in is one call; each line out is what boto3 returned or raised,
# printed as JSON the way a playbook would print it (datetime as isoformat, bytes as text or base64).
import base64
import json
import sys
from xml.etree import ElementTree

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

clients = {}


def plain(value):
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return base64.b64encode(value).decode("ascii")
    raise TypeError(f"not JSON: {type(value)}")


def client(call):
    key = (call["service"], call["endpoint"], call.get("attempts", 1), call.get("timeout", 60))
    if key not in clients:
        clients[key] = boto3.client(
            call["service"],
            endpoint_url=call["endpoint"],
            region_name="us-east-1",
            aws_access_key_id="AKIDORACLE0000000000",
            aws_secret_access_key="oracle",
            config=Config(
                retries={"mode": "legacy", "total_max_attempts": call.get("attempts", 1)},
                read_timeout=call.get("timeout", 60),
                connect_timeout=5,
            ),
        )
    return clients[key]


def tree(node):
    return {"name": node.tag.split("}")[-1], "text": node.text or "", "children": [tree(child) for child in node]}


def parse(text):
    # As botocore's parser does it.
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(), encoding="utf-8")
    parser.feed(text.encode("utf-8", "surrogatepass"))
    return tree(parser.close())


def run(call):
    if "xml" in call:
        return parse(call["xml"])
    api = client(call)
    name = call["method"]
    if "paginate" in call:
        return api.get_paginator(name).paginate(**call["input"], PaginationConfig=call["paginate"]).build_full_result()
    return getattr(api, name)(**call["input"])


for line in sys.stdin:
    call = json.loads(line)
    try:
        answer = {"result": run(call)}
    except (ClientError, BotoCoreError) as error:
        answer = {"error": str(error)}
    except Exception as error:
        answer = {"crash": f"{type(error).__name__}: {error}"}
    print(json.dumps({"id": call["id"], **answer}, default=plain), flush=True)
