"""The other baseline: boto3 with a thread pool. `boto3_rows.py URL COUNT IN_FLIGHT` prints one line of JSON."""

import json
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

url, count, in_flight = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
client = boto3.client(
    "iam",
    endpoint_url=url,
    region_name="us-east-1",
    aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
    aws_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    config=Config(max_pool_connections=in_flight),
)


def call(number: int) -> int:
    return len(client.list_access_keys(UserName=f"user-{number}")["AccessKeyMetadata"])


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


with ThreadPoolExecutor(in_flight) as pool:
    list(pool.map(call, range(200)))
    started, cpu = time.monotonic(), cpu_seconds()
    done = sum(pool.map(call, range(count)))
    seconds, cpu = time.monotonic() - started, cpu_seconds() - cpu
print(json.dumps({"done": done, "seconds": seconds, "cpuSeconds": cpu}))
