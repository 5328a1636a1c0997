"""botocore's word on where a call goes and how it is signed: one JSON question on stdin, one JSON answer on stdout.

{"sign": [{method, url, headers, body, key, secret, token, region, service, at}]} gives Authorization headers.
{"addresses": [{service, region, fips, dual}]} gives {url, region, service} of a request that is not sent; null where botocore has none.
{"regions": true} gives every region of every partition that botocore knows.
"""

import datetime
import json
import sys
from unittest import mock

import botocore.auth
import botocore.session
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError

session = botocore.session.get_session()


def sign(call):
    at = datetime.datetime.fromtimestamp(call["at"], datetime.timezone.utc)
    request = AWSRequest(call["method"], call["url"], call["headers"], call["body"].encode())
    keys = Credentials(call["key"], call["secret"], call.get("token"))
    with mock.patch.object(botocore.auth, "get_current_datetime", lambda *_: at):
        botocore.auth.SigV4Auth(keys, call["service"], call["region"]).add_auth(request)
    return request.headers["Authorization"]


def address(asked):
    config = Config(use_fips_endpoint=asked["fips"], use_dualstack_endpoint=asked["dual"], retries={"max_attempts": 0})
    seen = []

    def keep(request, **_):
        scope = request.headers["Authorization"].decode().split("Credential=")[1].split(",")[0].split("/")
        seen.append({"url": request.url, "region": scope[2], "service": scope[3]})
        return AWSResponse(request.url, 500, {}, mock.Mock(stream=lambda: iter([b""])))

    try:
        client = session.create_client(
            asked["service"], asked["region"], aws_access_key_id="a", aws_secret_access_key="b", config=config
        )
        client.meta.events.register("before-send.*", keep)
        client.get_account_summary() if asked["service"] == "iam" else client.get_caller_identity()
    except (BotoCoreError, ClientError):
        pass
    return seen[0] if seen else None


question = json.load(sys.stdin)
if "sign" in question:
    answer = [sign(call) for call in question["sign"]]
elif "addresses" in question:
    answer = [address(asked) for asked in question["addresses"]]
else:
    partitions = session.get_component("data_loader").load_data("partitions")["partitions"]
    answer = [{"partition": one["id"], "regions": sorted(one["regions"])} for one in partitions]
json.dump(answer, sys.stdout)
