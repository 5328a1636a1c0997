# The independent oracle: boto3 itself, driven over JSON lines. Each line in is one question; each line out is what boto3 returned or raised,
# printed as JSON the way a playbook would print it (datetime as isoformat, bytes as text or base64).
import base64
import json
import sys
from xml.etree import ElementTree

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, PaginationError

sys.dont_write_bytecode = True
from iam_plan import operation_names, plan_for, reduce_models

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


def merged_by_hand(api, operation, call):
    """What build_full_result would give, for the operations that have a marker and no paginator in botocore."""
    method = getattr(api, call["method"])
    sized = "MaxItems" in operation.input_shape.members
    whole = {}
    paging = {"MaxItems": call["paginate"]["PageSize"]} if sized else {}
    while True:
        page = method(**call["input"], **paging)
        page.pop("ResponseMetadata")
        truncated = page.pop("IsTruncated", False) or page.pop("isTruncated", False)
        marker = page.pop("Marker", None)
        for name, value in page.items():
            if isinstance(value, list):
                whole[name] = whole.get(name, []) + value
            elif "Marker" not in paging:
                whole[name] = value
        if not truncated:
            return whole
        if marker == paging.get("Marker"):
            raise PaginationError(message=f"The same next token was received twice: {({'Marker': marker})}")
        paging["Marker"] = marker


def run(call):
    if "xml" in call:
        return parse(call["xml"])
    if "known" in call:
        apis = {service: client({**call, "service": service}) for service in call["known"]}
        names = {service: operation_names(api) for service, api in apis.items()}
        paginated = [method for method in names["iam"].values() if apis["iam"].can_paginate(method)]
        return {"names": names, "paginated": paginated, "dropped": reduce_models(apis, call["known"])}
    api = client(call)
    if "plan" in call:
        return plan_for(api, call["plan"], call["seed"], call["mixed"])
    if "arrange" in call:
        # Moto is slow to load, and few tests ask for it.
        from moto_cases import arrange, implemented

        return arrange(api, call["arrange"]) if call["arrange"] else {"operations": implemented(api)}
    name = call["method"]
    if "paginate" not in call:
        return getattr(api, name)(**call["input"])
    if not api.can_paginate(name):
        operation = api.meta.service_model.operation_model(api.meta.method_to_api_mapping[name])
        return merged_by_hand(api, operation, call)
    return api.get_paginator(name).paginate(**call["input"], PaginationConfig=call["paginate"]).build_full_result()


for line in sys.stdin:
    call = json.loads(line)
    try:
        answer = {"result": run(call)}
        text = json.dumps({"id": call["id"], **answer}, default=plain)
    except (ClientError, BotoCoreError) as error:
        text = json.dumps({"id": call["id"], "error": str(error)})
    except Exception as error:
        text = json.dumps({"id": call["id"], "crash": f"{type(error).__name__}: {error}"})
    print(text, flush=True)
