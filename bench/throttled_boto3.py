"""One client of throttled.ts: boto3 in its adaptive mode, with threads. Writes {"failed": rows} to stdout."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

url, rows, in_flight = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
client = boto3.client(
    "iam",
    region_name="us-east-1",
    endpoint_url=url,
    aws_access_key_id="AKIDEXAMPLE000000000",
    aws_secret_access_key="example",
    config=Config(retries={"mode": "adaptive"}, max_pool_connections=in_flight),
)


def failed(index: int) -> int:
    try:
        client.list_access_keys(UserName=f"user-{index}")
        return 0
    except Exception:
        return 1


with ThreadPoolExecutor(in_flight) as pool:
    print(json.dumps({"failed": sum(pool.map(failed, range(rows)))}))
